import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const css = readFileSync(new URL('./tokens.css', import.meta.url), 'utf8');
const tokens = new Map<string, readonly [string, string]>();
for (const match of css.matchAll(/--([\w-]+):\s*light-dark\((#[0-9a-f]{6}),\s*(#[0-9a-f]{6})\)/gi)) {
  tokens.set(match[1] as string, [match[2] as string, match[3] as string]);
}

const channel = (value: number) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
function luminance(hex: string): number {
  const [r = 0, g = 0, b = 0] = [1, 3, 5].map((at) => channel(Number.parseInt(hex.slice(at, at + 2), 16) / 255));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
function ratio(a: string, b: string): number {
  const [high = 0, low = 0] = [luminance(a), luminance(b)].sort((x, y) => y - x);
  return (high + 0.05) / (low + 0.05);
}

const pairs: [string, string, number][] = [];
for (const text of ['text', 'text-2', 'text-3', 'accent-text', 'ok-text', 'warn-text', 'bad-text']) {
  for (const ground of ['canvas', 'surface', 'inset', 'raised', 'hover']) pairs.push([text, ground, 4.5]);
}
for (const state of ['ok', 'warn', 'bad', 'idle']) pairs.push([`${state}-text`, `${state}-soft`, 4.5], [`${state}-solid`, 'surface', 3]);
for (const n of [0, 1, 2, 3, 4, 5]) pairs.push([`av${n}-text`, `av${n}`, 4.5]);
for (const text of ['text', 'text-2', 'text-3', 'accent-text']) pairs.push([text, 'accent-soft', 4.5]);
for (const text of ['text', 'text-2']) pairs.push([text, 'bad-soft', 4.5], [text, 'warn-soft', 4.5], [text, 'pressed', 4.5]);
pairs.push(['text', 'thumb', 4.5], ['on-tip', 'tip', 4.5]);
pairs.push(['on-accent', 'accent', 4.5], ['on-accent', 'accent-hover', 4.5], ['on-bad', 'bad-solid', 4.5], ['on-bad', 'bad-hover', 4.5]);
for (const ground of ['canvas', 'surface', 'inset']) pairs.push(['line-strong', ground, 3], ['accent-text', ground, 3]);

it.each(pairs)('%s on %s has at least %d:1 in both themes', (text, ground, least) => {
  const [front, back] = [tokens.get(text), tokens.get(ground)];
  for (const theme of [0, 1] as const) expect(ratio(front?.[theme] ?? '', back?.[theme] ?? '')).toBeGreaterThanOrEqual(least);
});

it('is the only place where colours are named', () => {
  const faults: string[] = [];
  const look = (folder: string) => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) look(path);
      else if (entry.name.endsWith('.css') && entry.name !== 'tokens.css') {
        for (const match of readFileSync(path, 'utf8').matchAll(/#[0-9a-f]{3,8}\b|rgba?\(|hsl\(|light-dark\(/gi))
          faults.push(`${path}: ${match[0]}`);
      }
    }
  };
  look(new URL('..', import.meta.url).pathname);
  expect(faults).toEqual([]);
});
