import react from '@vitejs/plugin-react';
import { defineConfig, type Plugin } from 'vite';
import { compress } from './tools/codings.mjs';

/** The server that `npm run dev` stands in front of. */
const server = process.env.CONVOKE_URL ?? 'http://127.0.0.1:8080';

/** What the server sends compressed is compressed once, here. */
const codings: Plugin = {
  name: 'convoke:codings',
  apply: 'build',
  writeBundle({ dir }) {
    if (dir) compress(dir);
  },
};

export default defineConfig({
  plugins: [react(), codings],
  // The client library from its source: one build, nothing stale.
  resolve: { conditions: ['source', 'module', 'browser', 'development|production'] },
  ssr: { resolve: { conditions: ['source', 'module', 'node', 'development|production'] } },
  build: {
    outDir: '../dist',
    emptyOutDir: true,
    target: 'es2022',
    // A small asset inside a data: URL would be refused by the Content-Security-Policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    manifest: true,
    chunkSizeWarningLimit: 700,
  },
  server: {
    proxy: {
      '/api': server,
      '/phones/api': { target: server, ws: true },
      '/sip': { target: server, ws: true },
    },
  },
  test: { include: ['src/**/*.test.ts', 'src/**/*.test.tsx'] },
} as Parameters<typeof defineConfig>[0]);
