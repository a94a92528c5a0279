import { defineConfig, type UserConfig } from 'vite';

// Each of one file, small: pages of other programs load them as they are; what pictures need besides comes when they are wanted. `--mode call` builds the
// one that only calls people.
export default defineConfig(({ mode }) => {
  const name = mode === 'call' ? 'call' : 'convoke';
  return {
    build: {
      target: 'es2022',
      emptyOutDir: name === 'convoke',
      lib: { entry: name === 'call' ? 'src/call.ts' : 'src/index.ts', formats: ['es'], fileName: () => `${name}.js` },
      minify: 'oxc',
      rolldownOptions: {
        // The pictures take what they share with the rest from it: no third file.
        preserveEntrySignatures: 'allow-extension',
        output: {
          chunkFileNames: 'pictures.js',
          minify: { compress: true, mangle: true, codegen: { removeWhitespace: true, legalComments: 'none' } },
        },
      },
      sourcemap: true,
    },
    test: { include: ['test/**/*.test.ts'] },
  } as UserConfig;
});
