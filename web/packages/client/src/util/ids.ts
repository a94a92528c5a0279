/** Names that nobody can guess. */
import type { Platform } from '../platform.js';

const hex = (byte: number) => byte.toString(16).padStart(2, '0');

/** A UUID of version 4 (RFC 9562 §5.4). */
export function uuid(platform: Platform): string {
  const bytes = [...platform.random(16)].map((byte, at) => (at === 6 ? (byte & 0x0f) | 0x40 : at === 8 ? (byte & 0x3f) | 0x80 : byte));
  const text = bytes.map(hex).join('');
  return [text.slice(0, 8), text.slice(8, 12), text.slice(12, 16), text.slice(16, 20), text.slice(20)].join('-');
}

/** Hexadecimal digits, two a byte. */
export function token(platform: Platform, bytes = 8): string {
  return [...platform.random(bytes)].map(hex).join('');
}
