/**
 * Controls share columns from group to group: on the board a control of one kind begins at the same place in every row, be they waiting to speak, in the
 * call, called, not reached or gone.
 */
import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { pages as table } from '../src/fixtures/table.ts';
import { settled } from './browser.ts';
import { usePages } from './pages.ts';
import { WIDTHS } from './screens/desks.ts';

const pages = usePages();

/** What stands in columns, and how it is found in a row. */
const KINDS = {
  place: '.place',
  state: '.st > .chip',
  floor: '.acts .floor',
  meter: '.gauge',
  microphone: '.acts .still',
  text: '.acts .text',
  dial: '.acts .btn:has(.calls)',
  disconnect: '.acts .hang',
  menu: '.acts [aria-haspopup=menu]',
};
type Kind = keyof typeof KINDS;

/** Where each of a kind begins, and in which group: `in 336`. */
async function begins(page: Page): Promise<Record<Kind, { group: string; x: number }[]>> {
  await page.waitForFunction(() => document.querySelector('.board h2') && !document.querySelector('.app [aria-busy=true]'));
  // Pressed whatever lies over it.
  const fold = page.locator('.grp.fold[aria-expanded=false]');
  if ((await fold.count()) > 0) await fold.evaluate((one: HTMLElement) => one.click());
  await settled(page);
  return page.evaluate((kinds) => {
    const rows = [...document.querySelectorAll<HTMLElement>('.board li.row[data-row]')];
    const of = (selector: string) =>
      rows.flatMap((row) =>
        [...row.querySelectorAll(selector)]
          .filter((one) => one.getBoundingClientRect().width > 0)
          .map((one) => ({ group: row.dataset.group ?? '', x: one.getBoundingClientRect().x })),
      );
    return Object.fromEntries(Object.entries(kinds).map(([kind, selector]) => [kind, of(selector)])) as never;
  }, KINDS);
}

/** The kinds that do not stand in one column, and where they stand. */
function astray(found: Record<Kind, { group: string; x: number }[]>): string[] {
  return Object.entries(found).flatMap(([kind, all]) => {
    const edges = all.map(({ x }) => x);
    if (Math.max(...edges) - Math.min(...edges) <= 1) return [];
    return `${kind}: ${[...new Set(all.map(({ group, x }) => `${group} ${Math.round(x)}`))].join(', ')}`;
  });
}

/** The texts of states of which a part is not seen. */
const cut = (page: Page) =>
  page
    .locator('.board .row .chip .word > .cut')
    .evaluateAll((all) => all.filter((one) => one.scrollWidth > one.clientWidth).map((one) => one.textContent));

const states = Object.keys(table.board ?? {});

describe('the controls of the board', () => {
  it('stand in the same columns in all groups, in every state at every width', async () => {
    const page = await pages.page({ reducedMotion: 'reduce' });
    const wrong: string[] = [];
    for (const state of states) {
      await pages.show(page, 'board', state);
      for (const width of WIDTHS) {
        await page.setViewportSize({ width, height: 900 });
        wrong.push(...astray(await begins(page)).map((words) => `${state}, ${width} px: ${words}`));
      }
    }
    expect(wrong).toEqual([]);
  });
});

describe.each(WIDTHS)('the controls of the board at %s px', (width) => {
  it.each(['en', 'de'])('are all there, and every state of a person is read whole: %s', async (language) => {
    const page = await pages.page({ viewport: { width, height: 900 }, reducedMotion: 'reduce' });
    await pages.show(page, 'board', 'every-state', `&lang=${language}`);
    const found = await begins(page);
    expect(astray(found)).toEqual([]);
    const narrow = width < 720;
    const there = (kind: Kind) => [...new Set(found[kind].map(({ group }) => group))];
    const groups = ['hands', 'in', 'calling', 'notReached', 'left'];
    expect(there('state')).toEqual(groups);
    expect(there('menu')).toEqual(narrow ? [] : groups);
    expect(there('microphone')).toEqual(narrow ? ['in'] : ['hands', 'in']);
    expect(there('disconnect')).toEqual(narrow ? ['calling'] : ['hands', 'in', 'calling']);
    expect(there('dial')).toEqual(['notReached', 'left']);
    expect(there('floor')).toEqual(['hands']);
    expect(await cut(page)).toEqual([]);
  });
});

describe('the controls of a board in its own window', () => {
  // As wide as people make it: where buttons have their short words or none, and where they have all.
  it.each([440, 441, 520, 521, 719, 720, 900])('stand in the same columns in all groups: %s px', async (width) => {
    const page = await pages.page({ viewport: { width, height: 900 }, reducedMotion: 'reduce' });
    for (const language of ['en', 'de']) {
      await pages.show(page, 'board', 'every-state', `&lang=${language}`);
      await page.evaluate(() => {
        const board = document.querySelector<HTMLElement>('.boardside');
        if (board) Object.assign(board.style, { position: 'fixed', inset: '0', width: '100vw' });
      });
      expect(astray(await begins(page)), language).toEqual([]);
      expect(await cut(page), language).toEqual([]);
    }
  });
});
