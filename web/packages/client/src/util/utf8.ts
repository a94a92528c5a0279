/** UTF-8 without the DOM's `TextDecoder`. */

/** How many bytes a text takes. */
export function utf8Length(text: string): number {
  let bytes = text.length;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit > 0x7f) bytes += unit > 0x7ff ? 2 : 1;
    // The two halves of a pair make four bytes together.
    if (unit >= 0xd800 && unit <= 0xdbff && (text.charCodeAt(at + 1) & 0xfc00) === 0xdc00) at++;
  }
  return bytes;
}

/** Bytes to text; what is no UTF-8 becomes U+FFFD. */
export function decodeUtf8(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; ) {
    const first = bytes[at++] ?? 0;
    const more =
      first < 0x80 ? 0 : first >= 0xc2 && first < 0xe0 ? 1 : first >= 0xe0 && first < 0xf0 ? 2 : first >= 0xf0 && first < 0xf5 ? 3 : -1;
    let code = more === 0 ? first : first & (0x3f >> Math.max(more, 0));
    let good = more >= 0;
    const begin = at;
    for (let left = more; good && left > 0; left--) {
      const next = bytes[at] ?? 0;
      good = (next & 0xc0) === 0x80;
      if (good) {
        code = (code << 6) | (next & 0x3f);
        at++;
      }
    }
    const least = [0, 0x80, 0x800, 0x10000][more] ?? 0;
    if (!good || code < least || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) {
      text += '\ufffd';
      if (good) at = begin;
    } else {
      text += String.fromCodePoint(code);
    }
  }
  return text;
}

/** The first `bytes` bytes of a text; a character that is cut goes whole. */
export function utf8Prefix(text: string, bytes: number): string {
  let [at, used] = [0, 0];
  for (const character of text) {
    used += utf8Length(character);
    if (used > bytes) break;
    at += character.length;
  }
  return text.slice(0, at);
}
