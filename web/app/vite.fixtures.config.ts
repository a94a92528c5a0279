import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

/** The pages with made-up data, for the pictures and the tests; never part of what the server serves. */
export default defineConfig({
  plugins: [react()],
  // The client library from its source: one build, nothing stale.
  resolve: { conditions: ['source', 'module', 'browser', 'development|production'] },
  build: {
    outDir: 'dist-fixtures',
    emptyOutDir: true,
    target: 'es2022',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rollupOptions: { input: 'fixtures.html' },
  },
});
