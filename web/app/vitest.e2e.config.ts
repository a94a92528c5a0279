import { defineConfig } from 'vitest/config';

/** The window in Chromium at a real server: CONVOKE_URL, with the demo's people and telephones. */
export default defineConfig({
  test: { include: ['e2e/**/*.test.ts'], testTimeout: 60_000, hookTimeout: 60_000, fileParallelism: false, reporters: ['verbose'] },
});
