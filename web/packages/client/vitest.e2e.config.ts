import { defineConfig } from 'vitest/config';

/** Against a real server: CONVOKE_URL, and CONVOKE_USERS as `user:password,user:password,…` (the demo's three people). */
export default defineConfig({
  test: { include: ['test/e2e/**/*.e2e.ts'], testTimeout: 60_000, hookTimeout: 60_000, fileParallelism: false, reporters: ['verbose'] },
});
