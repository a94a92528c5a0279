import type { Locator } from 'playwright-core';
import { beforeEach, describe, expect, it } from 'vitest';
import { Window } from './pages/window.ts';
import { ALICE, BOB, CAROL, silent } from './telephones.ts';
import { PEOPLE, useWorld } from './world.ts';

const world = useWorld();
/** What has the focus, if it is this. */
const withFocus = (element: Locator) => element.and(element.page().locator(':focus'));
/** So many times Tab is pressed at most until the control that is wanted has the focus. */
const TABS_MAX = 80;

describe('the keyboard alone', () => {
  beforeEach(() => world.telephones.behave({ [ALICE]: silent(), [BOB]: silent(), [CAROL]: silent() }));

  it('signs in, calls several, mutes, raises a hand, and ends', async () => {
    const { page, palette, board, composer } = new Window(await world.open());
    const keys = page.keyboard;
    /** Goes on with Tab to what has this name. */
    const tabTo = async (name: RegExp) => {
      for (let n = 0; n < TABS_MAX; n += 1) {
        await keys.press('Tab');
        const focused = await page.evaluate(() => {
          const element = document.activeElement as HTMLElement | null;
          return element?.getAttribute('aria-label') ?? element?.textContent ?? '';
        });
        if (name.test(focused)) return;
      }
      throw new Error(`Tab never came to ${name}`);
    };
    await withFocus(page.getByLabel('Name', { exact: true })).waitFor();
    await keys.type('alice');
    await keys.press('Tab');
    await keys.type('demo');
    await keys.press('Enter');
    await new Window(page).ready();

    await palette.open();
    await keys.type('bob');
    await palette.option(/Bob Keller/).waitFor();
    await keys.press('Tab');
    await keys.type('carol');
    await palette.option(/Carol Diaz/).waitFor();
    await keys.press('Control+Enter');
    // The microphone was never tried here, so the list waits for a decision: a telephone of mine.
    await composer.row(PEOPLE.carol).waitFor();
    await tabTo(/Call me at/);
    await keys.press('Enter');
    // Keys go to what has the focus, which comes to an open menu, and in it, a moment after it is seen.
    await withFocus(page.getByRole('menuitemradio')).waitFor();
    await keys.press('w');
    await withFocus(page.getByRole('menuitemradio', { name: /^Work/ })).waitFor();
    await keys.press('Enter');
    await composer.me.getByText('Work').waitFor();
    await tabTo(/^Call 2 people/);
    await keys.press('Enter');
    await board.says(PEOPLE.bob, 'In the call').waitFor();
    await board.says(PEOPLE.carol, 'In the call').waitFor();

    await keys.press('Control+Shift+M');
    await board.pane.getByRole('button', { name: 'Mute', exact: true, pressed: true }).waitFor();
    await keys.press('Control+Shift+H');
    await board.pane.getByRole('button', { name: /Hand/, pressed: true }).waitFor();
    await keys.press('Control+Shift+H');
    await tabTo(/^End for all/);
    await keys.press('Enter');
    await page.getByRole('alertdialog', { name: 'End for all?' }).waitFor();
    await tabTo(/^End for all/);
    await keys.press('Enter');
    await board.pane.getByText(/ ended it\.$/).waitFor();
  });
});

describe('the command palette', () => {
  it('opens a chat with Enter', async () => {
    const alice = await world.window('alice');
    await alice.palette.open();
    await alice.palette.field.fill('carol');
    await alice.palette.option(/Carol Diaz/).waitFor();
    await alice.page.keyboard.press('Enter');
    await alice.page.getByRole('heading', { level: 1, name: PEOPLE.carol }).waitFor();
  });

  it('calls several with Ctrl Enter at once, where a telephone of mine was chosen before', async () => {
    await world.telephones.behave({ [ALICE]: silent(), [BOB]: silent(), [CAROL]: silent() });
    const alice = await world.window('alice');
    await alice.reload('/call?to=bob');
    await alice.composer.callMeAt(/^Work/);
    await alice.reload();
    await alice.palette.open();
    await alice.palette.pick('bob', PEOPLE.bob);
    await alice.palette.pick('carol', PEOPLE.carol);
    await alice.page.keyboard.press('Control+Enter');
    await world.telephones.isIn(BOB);
    await world.telephones.isIn(CAROL);
    await alice.board.says(PEOPLE.carol, 'In the call').waitFor();
  });

  it('does what the window can do', async () => {
    const alice = await world.window('alice');
    const { page, palette } = alice;
    await palette.open();
    await palette.field.fill('dark');
    await page.keyboard.press('Enter');
    await page.waitForFunction(() => document.documentElement.dataset.theme === 'dark');
    await palette.open();
    await palette.field.fill('telephones');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { level: 1, name: 'My telephones' }).waitFor();
    expect(new URL(page.url()).pathname).toBe('/settings/telephones');
  });
});
