import { defineConfig } from 'vitest/config';

/** What people see, with made-up data and without a server. */
export default defineConfig({
  test: {
    include: ['tests/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // By itself it would be a second, which a page may need to be drawn on a busy machine.
    expect: { poll: { timeout: 20_000 } },
    // One browser with a few pages at a time: the machine that runs this may be small.
    fileParallelism: false,
    maxConcurrency: 3,
    reporters: ['verbose'],
  },
});
