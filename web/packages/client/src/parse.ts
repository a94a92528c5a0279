/** What is typed, pasted or dropped into the box that adds people: names, numbers, addresses, `To:` lines, whole e-mails. */

/** Most people taken out of one text. */
const ENTRIES_MAX = 500;
/** Largest text that is looked at, in UTF-16 units. */
const TEXT_MAX = 200_000;

/** One that is named in a text. */
export interface Entry {
  /** As it was written. */
  readonly text: string;
  readonly name?: string;
  /** `bob@example.org`. */
  readonly address?: string;
  /** `+4930123456`, or as one dials it at home. */
  readonly number?: string;
}

export interface Parsed {
  readonly entries: readonly Entry[];
  readonly recognised?: 'addresses' | 'email';
}

/** The number in a text that is nothing but one, without what only makes it readable. */
export function numberOf(text: string): string | undefined {
  const bare = text.trim().replace(/^tel:/i, '');
  const digits = bare.replace(/[^+0-9]/g, '');
  return /^[+0-9(][0-9 .()/-]{2,39}$/.test(bare) && /[0-9]{3}/.test(digits) ? digits : undefined;
}

/** Takes a text apart. */
export function parsePeople(text: string): Parsed {
  const cut = text.slice(0, TEXT_MAX).trim();
  const email = addressHeaders(cut);
  if (email) return { entries: unique(email.flatMap(splitList).map(entryOf)), recognised: 'email' };
  const list = cut.replace(/^(?:to|cc|bcc|from|an|von)\s*:/i, '');
  const entries = unique(splitList(list.replace(/\r?\n/g, ', ')).map(entryOf));
  const addresses = entries.filter((entry) => entry.address).length;
  return { entries, recognised: addresses > 1 || (addresses > 0 && list !== cut) ? 'addresses' : undefined };
}

/** From, To and Cc of an e-mail (RFC 5322); undefined where the text is none. */
function addressHeaders(text: string): string[] | undefined {
  const head = text.split(/\r?\n\r?\n/)[0]?.replace(/\r?\n[ \t]+/g, ' ') ?? '';
  const lines = head.split(/\r?\n/);
  const fields = lines.filter((one) => /^[!-9;-~]+:/.test(one));
  const hasFrom = fields.some((one) => /^from:/i.test(one));
  if (!hasFrom || fields.length < 3 || fields.length < lines.length) return undefined;
  return fields.filter((one) => /^(from|to|cc):/i.test(one)).map((one) => one.slice(one.indexOf(':') + 1));
}

/** Splits at commas and semicolons outside of quotes, brackets and comments. */
function splitList(text: string): string[] {
  const parts: string[] = [];
  let [part, quoted, deep] = ['', false, 0];
  for (let at = 0; at < text.length; at++) {
    const c = text[at] as string;
    if (c === '\\' && quoted) {
      part += c + (text[++at] ?? '');
      continue;
    }
    if (c === '"') quoted = !quoted;
    else if (!quoted && (c === '<' || c === '(')) deep++;
    else if (!quoted && (c === '>' || c === ')')) deep = Math.max(0, deep - 1);
    // A semicolon also begins the parameters of a URI.
    const ends = c === ',' || (c === ';' && !/^;[\w.-]+=/.test(text.slice(at, at + 32)));
    if (ends && !quoted && deep === 0) {
      parts.push(part);
      part = '';
    } else {
      part += c;
    }
  }
  return [...parts, part].map((one) => one.trim()).filter(Boolean);
}

function entryOf(written: string): Entry {
  const text = written.replace(/^[^<>"]*:(?=\s*\S+@)/, '').trim();
  const bracketed = /^(.*?)<\s*([^<>\s]+)\s*>/s.exec(text);
  const target = (bracketed?.[2] ?? text).replace(/^(?:mailto|sips?|im|pres):/i, '').split(/[?;]/)[0] ?? '';
  const name = decodeWords(unquote(bracketed?.[1] ?? '')).trim();
  const number = numberOf(bracketed?.[2] ?? text);
  if (number) return { text: written, name: name || undefined, number };
  if (/^[^\s@<>"]+@[^\s@<>"]+$/.test(target)) return { text: written, name: name || undefined, address: target.toLowerCase() };
  return { text: written, name: decodeWords(unquote(text)).trim() || written };
}

function unquote(text: string): string {
  return text
    .trim()
    .replace(/^"(.*)"$/s, '$1')
    .replace(/\\(.)/g, '$1');
}

/** Encoded words of e-mails (RFC 2047), in UTF-8 and Latin 1. */
function decodeWords(text: string): string {
  return text
    .replace(/\?=\s+=\?/g, '?==?')
    .replace(/=\?(utf-8|iso-8859-1|us-ascii)(?:\*[^?]*)?\?([bq])\?([^?]*)\?=/gi, (whole, charset: string, kind: string, data: string) => {
      const escaped = kind.toLowerCase() === 'q' ? quotedBytes(data) : base64Bytes(data);
      try {
        return charset.toLowerCase() === 'utf-8' ? decodeURIComponent(percent(escaped)) : String.fromCharCode(...escaped);
      } catch {
        return whole;
      }
    });
}

const percent = (bytes: readonly number[]) => bytes.map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');

function quotedBytes(text: string): number[] {
  const bytes: number[] = [];
  for (let at = 0; at < text.length; at++) {
    const hex = text[at] === '=' ? /^[0-9a-f]{2}/i.exec(text.slice(at + 1))?.[0] : undefined;
    if (hex) at += 2;
    bytes.push(hex ? Number.parseInt(hex, 16) : text[at] === '_' ? 0x20 : text.charCodeAt(at) & 0xff);
  }
  return bytes;
}

const BASE64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

function base64Bytes(text: string): number[] {
  const bytes: number[] = [];
  let [bits, held] = [0, 0];
  for (const character of text.replace(/=+$/, '')) {
    const value = BASE64.indexOf(character);
    if (value < 0) return [];
    bits = ((bits << 6) | value) & 0xffff;
    held += 6;
    if (held >= 8) {
      held -= 8;
      bytes.push((bits >> held) & 0xff);
    }
  }
  return bytes;
}

function unique(entries: Entry[]): Entry[] {
  const seen = new Set<string>();
  return entries
    .filter((entry) => {
      const key = entry.address ?? entry.number ?? entry.name?.toLowerCase() ?? '';
      const fresh = key !== '' && !seen.has(key);
      seen.add(key);
      return fresh;
    })
    .slice(0, ENTRIES_MAX);
}
