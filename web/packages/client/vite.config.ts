import { defineConfig } from 'vite';

export default defineConfig({
  build: {
    target: 'es2022',
    lib: { entry: 'src/index.ts', formats: ['es'], fileName: () => 'convoke.js' },
    // One file, small: pages of other programs load it as it is.
    minify: 'oxc',
    rolldownOptions: { output: { minify: { compress: true, mangle: true, codegen: { removeWhitespace: true, legalComments: 'none' } } } },
    sourcemap: true,
  },
  test: { include: ['test/**/*.test.ts'] },
} as Parameters<typeof defineConfig>[0]);
