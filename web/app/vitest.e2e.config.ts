import { defineConfig } from 'vitest/config';
import { PATIENCE_MS } from './e2e/patience.ts';

/** The window in Chromium at a real server: CONVOKE_URL, with the demo's people and telephones. */
export default defineConfig({
  test: {
    include: ['e2e/**/*.test.ts'],
    globalSetup: ['e2e/browser.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // As long as for whatever else is waited for; by itself it would be a second, which a busy machine may need for anything.
    expect: { poll: { timeout: PATIENCE_MS } },
    // One demo, whose three people cannot be in two calls at once.
    fileParallelism: false,
    reporters: ['verbose'],
  },
});
