/**
 * Every page in every state. As a rule each once, with widths and themes in turn, so that all are covered; with `WHOLE=1` each at every width
 * in both themes. `PAGE=board STATE=live WIDTH=1440 THEME=dark` draw only some; the table is not judged as a whole then. Pictures go into the
 * folder that `SCREENS` names, if it does. `SITE=http://127.0.0.1:5173` takes them from `npm run dev` instead of a build.
 */
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Drawable, drawable } from '../src/fixtures/drawable.ts';
import { pages } from '../src/fixtures/table.ts';
import { launch, settled, take } from './browser.ts';
import { Desks, THEMES, type Theme, WIDTHS, type Width } from './screens/desks.ts';
import { drawn, judge, measure } from './screens/judge.ts';
import { serve } from './serve.ts';

const OUT = process.env.SCREENS;
const only = { page: process.env.PAGE, state: process.env.STATE, width: process.env.WIDTH, theme: process.env.THEME };
const partly = Object.values(only).some(Boolean);
const looks = THEMES.flatMap((theme) => WIDTHS.map((width) => ({ theme, width }))).filter(
  ({ theme, width }) => (!only.theme || only.theme === theme) && (!only.width || only.width === String(width)),
);

const rows = Object.entries(pages).flatMap(([page, states]) =>
  Object.entries(states)
    .filter(([state]) => (!only.page || only.page === page) && (!only.state || only.state === state))
    .map(([state, row]) => ({ page, state, row })),
);
/** The looks of one row: all, or the one whose turn it is. A page that needs room has its turn where there is room. */
function looksOf(index: number, from = 0): { theme: Theme; width: Width }[] {
  if (process.env.WHOLE === '1' || partly) return looks;
  const roomy = looks.filter(({ width }) => width >= from);
  const look = roomy[index % roomy.length];
  return look ? [look] : [];
}
const pictures = rows
  .flatMap((one, index) => looksOf(index, one.row.from).map((look) => ({ ...one, ...look })))
  .map((one) => [`${one.page} ${one.state}, ${one.width} px, ${one.theme}`, one] as const);

let browser: Browser;
let desks: Desks;
let site: { origin: string; close: () => Promise<void> };
const kinds = Object.keys(drawable) as Drawable[];
const all = ['screen', ...kinds] as const;
const seen = Object.fromEntries(all.map((kind) => [kind, new Set<string>()])) as Record<(typeof all)[number], Set<string>>;

beforeAll(async () => {
  browser = await launch();
  desks = new Desks(browser);
  const dev = process.env.SITE;
  site = dev ? { origin: dev, close: async () => {} } : await serve('dist-fixtures', 'fixtures.html');
  if (OUT) mkdirSync(OUT, { recursive: true });
});
afterAll(async () => {
  await browser?.close();
  await site?.close();
});

describe('every page and state', () => {
  it.concurrent.each(pictures)('%s', async (_, { page: name, state, row, width, theme }) => {
    await desks.use(width, theme, async ({ page, faults }) => {
      await page.goto(`${site.origin}/fixtures.html?page=${name}&state=${state}&theme=${theme}`);
      const there = !row.from || width >= row.from;
      await page.waitForSelector(row.steps || !there ? '[data-screen]' : `[data-screen="${name}"]`, { timeout: 5_000, state: 'attached' });
      await page.waitForFunction(() => document.querySelector('.app [aria-busy=true]') === null);
      await take(page, row.steps ?? [], width);
      await page.mouse.move(0, 0);
      await settled(page);
      if (OUT) await page.screenshot({ path: join(OUT, `${name}.${state}.${width}.${theme}.png`) });
      const shown = await drawn(page, all);
      for (const kind of all) for (const one of shown[kind]) seen[kind].add(one);
      if (there) expect(shown.screen, 'the page that the table names is drawn').toContain(name);
      for (const screen of shown.screen) expect(Object.keys(pages), 'what is drawn is in the table').toContain(screen);
      expect(await page.evaluate(() => document.documentElement.dataset.violation), 'the policy holds').toBeUndefined();
      expect(await judge(page), 'axe').toEqual([]);
      expect(await measure(page, width), 'measures').toEqual([]);
      expect(faults).toEqual([]);
    });
  });
});

describe('the table', () => {
  it('names every page that the code can draw', () => {
    const named = new Set<string>();
    const look = (folder: string) => {
      for (const entry of readdirSync(folder, { withFileTypes: true })) {
        const path = join(folder, entry.name);
        if (entry.isDirectory()) look(path);
        else if (/\.tsx$/.test(entry.name)) {
          const source = readFileSync(path, 'utf8');
          for (const match of source.matchAll(/(?:data-screen|screen)="([\w-]+)"/g)) named.add(match[1] as string);
          for (const match of source.matchAll(/data-screen=\{[^}]*?'([\w-]+)' : '([\w-]+)'\}/g)) {
            named.add(match[1] as string);
            named.add(match[2] as string);
          }
        }
      }
    };
    look('src');
    for (const name of named) expect(Object.keys(pages)).toContain(name);
  });
  it.skipIf(partly).each(kinds)('shows every state that can be drawn, and no other: %s', (kind) => {
    expect([...seen[kind]].sort()).toEqual([...drawable[kind]].sort());
  });
  it.skipIf(partly)('has every page drawn', () => {
    expect([...seen.screen].sort()).toEqual(Object.keys(pages).sort());
  });
});
