// How much a page loads of the library, compressed; fails above the bound.
import { readFileSync } from 'node:fs';
import { brotliCompressSync, gzipSync } from 'node:zlib';

const MOST = 40 * 1024;
const code = readFileSync(new URL('../dist/convoke.js', import.meta.url));
const gzip = gzipSync(code, { level: 9 }).length;
console.log(`convoke.js: ${code.length} bytes, ${gzip} gzip, ${brotliCompressSync(code).length} brotli (at most ${MOST} gzip)`);
if (gzip > MOST) process.exitCode = 1;
