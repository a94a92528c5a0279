// The built files once more as the server sends them: `x.br` and `x.gz` beside `x`, from where `crates/api/build.rs` takes them.
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

/** What must be loaded until the list of chats answers weighs no more, in each coding. */
export const FIRST_LOAD_MAX_BYTES = 250_000;
/** The codings of HTTP (RFC 9110 §8.4.1) that there are files in, by the ending that each gives them. */
export const ENDINGS = { br: '.br', gzip: '.gz' };
/** What is shorter gains nothing that anybody notices. */
const WORTH_BYTES = 1_024;
/** Pictures and sounds are compressed already. */
const TEXTS = new Set(['.html', '.js', '.mjs', '.css', '.svg', '.json', '.webmanifest', '.wasm']);

const most = {
  br: (bytes) =>
    brotliCompressSync(bytes, {
      params: { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length },
    }),
  gzip: (bytes) => gzipSync(bytes, { level: constants.Z_BEST_COMPRESSION }),
};

/** The files below a folder that are worth to be compressed. */
export function worthy(folder) {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => {
    // Of Vite's own folder nobody asks for anything.
    if (name.startsWith('.') || !TEXTS.has(extname(name))) return false;
    return statSync(join(folder, name)).size > WORTH_BYTES;
  });
}

/** Leaves each of them in each coding beside it. */
export function compress(folder) {
  for (const name of worthy(folder)) {
    const path = join(folder, name);
    const bytes = readFileSync(path);
    for (const [coding, ending] of Object.entries(ENDINGS)) writeFileSync(path + ending, most[coding](bytes));
  }
}

/** How many bytes of content a browser that takes this coding gets for a file, as the build left it. */
export function bytesSent(folder, name, coding) {
  const path = join(folder, name);
  const coded = path + ENDINGS[coding];
  return statSync(existsSync(coded) ? coded : path).size;
}
