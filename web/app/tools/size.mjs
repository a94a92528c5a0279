// What must be loaded until the list of chats answers: the entry, what it imports, and its styles. Compressed as the server sends it.
import { readFileSync } from 'node:fs';
import { brotliCompressSync, gzipSync } from 'node:zlib';

const LIMIT_BYTES = 250_000;
const dist = new URL('../../dist/', import.meta.url);
const manifest = JSON.parse(readFileSync(new URL('.vite/manifest.json', dist), 'utf8'));

const files = new Set(['index.html', 'icon.svg']);
const walk = (key) => {
  const entry = manifest[key];
  if (!entry || files.has(entry.file)) return;
  files.add(entry.file);
  for (const css of entry.css ?? []) files.add(css);
  for (const other of entry.imports ?? []) walk(other);
};
walk('index.html');

let gzip = 0;
let brotli = 0;
for (const file of files) {
  const bytes = readFileSync(new URL(file, dist));
  const small = gzipSync(bytes, { level: 9 }).length;
  gzip += small;
  brotli += brotliCompressSync(bytes).length;
  console.log(`${String(small).padStart(8)}  ${file}`);
}
console.log(`first load: ${gzip} bytes with gzip, ${brotli} with brotli; the limit is ${LIMIT_BYTES}`);
process.exit(gzip > LIMIT_BYTES ? 1 : 0);
