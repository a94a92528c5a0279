/** The order of one's ways to take part, by keyboard and by pointer, and the list as a video call: on the pages with made-up data. */
import type { Page } from 'playwright-core';
import { beforeEach, describe, expect, it } from 'vitest';
import { usePages } from './pages.ts';

const pages = usePages();
let page: Page;

beforeEach(async () => {
  page = await pages.page();
});

const open = async (name: string, state: string) => {
  await pages.show(page, name, state);
  await page.waitForSelector(`[data-screen="${name}"]`);
};
const order = () => page.locator('.modes .tel b').allTextContents();
const focused = () => page.evaluate(() => document.activeElement?.getAttribute('aria-label') ?? '');

describe('my ways to take part', () => {
  it('are ordered by the arrow keys on their handles, which keep the focus, and it is announced', async () => {
    await open('modes', 'list');
    const first = await order();
    await page.getByRole('button', { name: /^Move Computer/ }).focus();
    for (const at of [2, 3]) {
      await page.keyboard.press('ArrowDown');
      await page.getByRole('button', { name: `Move Computer, ${at} of 5` }).waitFor();
      expect(await focused()).toBe(`Move Computer, ${at} of 5`);
    }
    expect(await order()).toEqual([first[1], first[2], first[0], first[3], first[4]]);
    await page.getByText('Computer is now 3 of 5').waitFor({ state: 'attached' });
    await page.keyboard.press('ArrowUp');
    expect(await focused()).toBe('Move Computer, 2 of 5');
  });

  it('stay where they are at the ends', async () => {
    await open('modes', 'list');
    const before = await order();
    await page.getByRole('button', { name: /^Move Computer/ }).focus();
    await page.keyboard.press('ArrowUp');
    await page.getByRole('button', { name: /^Move H.323/ }).focus();
    await page.keyboard.press('ArrowDown');
    expect(await order()).toEqual(before);
  });

  it('are dragged by their handles, and are back where they were when that is broken off', async () => {
    await open('modes', 'list');
    const before = await order();
    const handle = page.getByRole('button', { name: /^Move H.323/ });
    const from = await handle.boundingBox();
    const to = await page.locator('.modes .tel').first().boundingBox();
    if (!from || !to) throw new Error('nothing to drag');
    await page.mouse.move(from.x + 8, from.y + 8);
    await page.mouse.down();
    await page.mouse.move(to.x + 8, to.y + 4, { steps: 6 });
    expect((await order())[0]).toBe('H.323');
    await handle.dispatchEvent('pointercancel');
    expect(await order()).toEqual(before);
    await page.mouse.up();
    await page.mouse.move(from.x + 8, from.y + 8);
    await page.mouse.down();
    await page.mouse.move(to.x + 8, to.y + 4, { steps: 6 });
    await page.mouse.up();
    expect(await order()).toEqual([before[4], ...before.slice(0, 4)]);
  });

  it('are removed and brought back where they stood', async () => {
    await open('modes', 'list');
    const before = await order();
    await page.getByRole('button', { name: /^More about ISDN/ }).click();
    await page.getByRole('menuitem', { name: 'Remove' }).click();
    expect(await order()).toEqual(before.filter((name) => name !== 'ISDN (H.320)'));
    await page.getByRole('button', { name: 'Undo' }).click();
    expect(await order()).toEqual(before);
  });
});

describe('the list as a video call', () => {
  it('says of each in which way they are asked, and of who has none why', async () => {
    await open('composer', 'people');
    const pane = page.getByRole('complementary', { name: /before the call/ });
    expect(await pane.getByRole('button', { name: /^Where to call Bob/ }).count()).toBe(1);
    await pane.getByRole('switch', { name: 'As a video call' }).click();
    // Where the allocator does not answer the switch says so, and the call can be made all the same.
    await pane.getByText('Their way in is seen when you call').first().waitFor();
    expect(await pane.getByRole('button', { name: 'Video call with 4 people' }).isEnabled()).toBe(true);
    await open('composer', 'video');
    await pane.getByRole('switch', { name: 'As a video call' }).click();
    const row = (name: string) => pane.getByRole('listitem').filter({ hasText: name });
    await row('Bob Keller').getByText('In their own window, with picture').waitFor();
    await row('Carol Diaz').getByText('By ISDN (H.320), with picture').waitFor();
    await row('Dave Osei').getByText('No way in').waitFor();
    await row('Dave Osei').getByText('none of their clients is there').waitFor();
    await pane.getByRole('switch', { name: 'As a video call' }).click();
    await pane.getByRole('button', { name: 'Call 4 people' }).waitFor();
  });
});
