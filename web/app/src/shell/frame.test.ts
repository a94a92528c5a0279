import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const css = (path: string) => readFileSync(new URL(path, import.meta.url), 'utf8');
/** What a style sheet says of the board's frame itself. */
const frame = (text: string) => [...text.matchAll(/^\s*\.board \{([^}]*)\}/gm)].map(([, rules]) => rules).join();

it('draws the empty column without the code of the board, which comes later', () => {
  expect(frame(css('./shell.css'))).toMatch(/display: flex.*border-left/s);
  expect(frame(css('../board/board.css'))).toBe('');
});
