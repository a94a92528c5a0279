// How much a page loads of the library, compressed; fails above the bounds.
import { readFileSync } from 'node:fs';
import { brotliCompressSync, gzipSync } from 'node:zlib';

/** `convoke.js` is everything of a window but `pictures.js`, which it loads when it needs it; `call.js` is what a page needs that calls people. */
const MOST = { 'convoke.js': 50 * 1024, 'pictures.js': 6 * 1024, 'call.js': 20 * 1024 };
for (const [name, most] of Object.entries(MOST)) {
  const code = readFileSync(new URL(`../dist/${name}`, import.meta.url));
  const gzip = gzipSync(code, { level: 9 }).length;
  console.log(`${name}: ${code.length} bytes, ${gzip} gzip, ${brotliCompressSync(code).length} brotli (at most ${most} gzip)`);
  if (gzip > most) process.exitCode = 1;
}
