import { defineConfig } from 'vitest/config';

/** The window in Chromium at a real server: CONVOKE_URL, with the demo's people and telephones. */
export default defineConfig({
  test: {
    include: ['e2e/**/*.test.ts'],
    globalSetup: ['e2e/browser.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // One demo, whose three people cannot be in two calls at once.
    fileParallelism: false,
    reporters: ['verbose'],
  },
});
