// What must be loaded until the list of chats answers: the entry, what it imports, and its styles, in the files that the server sends.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bytesSent, ENDINGS, FIRST_LOAD_MAX_BYTES } from './codings.mjs';

const dist = fileURLToPath(new URL('../../dist/', import.meta.url));
const manifest = JSON.parse(readFileSync(join(dist, '.vite/manifest.json'), 'utf8'));

const files = new Set(['index.html', 'icon.svg']);
const walk = (key) => {
  const entry = manifest[key];
  if (!entry || files.has(entry.file)) return;
  files.add(entry.file);
  for (const css of entry.css ?? []) files.add(css);
  for (const other of entry.imports ?? []) walk(other);
};
walk('index.html');

for (const file of files) console.log(`${String(bytesSent(dist, file, 'br')).padStart(8)}  ${file}`);
const sums = Object.keys(ENDINGS).map((coding) => {
  const bytes = [...files].reduce((sum, file) => sum + bytesSent(dist, file, coding), 0);
  return { coding, bytes };
});
console.log(
  `first load: ${sums.map(({ coding, bytes }) => `${bytes} bytes with ${coding}`).join(', ')}; the limit is ${FIRST_LOAD_MAX_BYTES}`,
);
process.exit(sums.some(({ bytes }) => bytes > FIRST_LOAD_MAX_BYTES) ? 1 : 0);
