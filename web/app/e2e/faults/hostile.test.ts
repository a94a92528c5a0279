import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { callFrom } from '../calling.ts';
import type { Window } from '../pages/window.ts';
import { PASSWORD } from '../server.ts';
import { ALICE, BOB, byHand, silent } from '../telephones.ts';
import { useWorld } from '../world.ts';

const world = useWorld();

const NAMES: Readonly<Record<string, string>> = {
  mal1: '<img src=x onerror=alert(1)>',
  mal2: '"><script>alert(document.domain)</script>',
  mal3: 'invoice\u202egnp.exe\u2066',
  mal4: 'W'.repeat(60),
};
const TEXTS = [
  '<script>alert(1)</script>',
  '<svg/onload=alert(1)> javascript:alert(1) https://example.org/"onmouseover="alert(1)',
  '\u202eeman ruoy\u202c \u0000 \u2028 &amp; &lt;b&gt;',
  'x'.repeat(4_000),
  '\u{1f469}\u200d\u{1f469}\u200d\u{1f467}'.repeat(200),
];

/** Nothing sticks out, and nothing that somebody wrote became an element. */
async function isWhole({ page }: Window): Promise<void> {
  const found = await page.evaluate(() => ({
    wide: document.documentElement.scrollWidth - innerWidth,
    // What the window itself never draws, and a name or text might.
    made: document.querySelectorAll('img[src=x], svg[onload], [onerror], [onmouseover], body script, a[href^="javascript"]').length,
  }));
  expect(found).toEqual({ wide: 0, made: 0 });
}

describe('hostile names and messages', () => {
  beforeAll(async () => {
    for (const [user, name] of Object.entries(NAMES)) {
      await world.server.person(user, name);
      await world.server.ask('alice', 'PUT', `me/contacts/${user}@localhost`, { name: '', favourite: false, numbers: [] });
    }
  });
  afterAll(async () => {
    for (const user of Object.keys(NAMES)) await world.server.ask('alice', 'DELETE', `me/contacts/${user}@localhost`);
  });

  it.each([1440, 360])('run no script and break no layout at %i px', async (width) => {
    await world.telephones.behave({ [ALICE]: silent(), [BOB]: silent() });
    const alice = await world.newWindow('alice', { viewport: { width, height: 800 } });
    await alice.list
      .getByText(NAMES.mal1 as string)
      .first()
      .waitFor();
    await alice.list
      .getByText(NAMES.mal2 as string)
      .first()
      .waitFor();
    await isWhole(alice);
    const mallory = await world.newWindow('mal1', { password: PASSWORD });
    await mallory.reload('/chat/alice@localhost');
    const theirs = mallory.page.getByRole('textbox', { name: /^Write to/ });
    for (const text of TEXTS) {
      await theirs.fill(text);
      await mallory.page.keyboard.press('Enter');
    }
    const last = `the last ${Date.now()}`;
    await theirs.fill(last);
    await mallory.page.keyboard.press('Enter');
    await alice.visit('/chat/mal1@localhost');
    await alice.page.getByText(last).first().waitFor();
    await alice.page.getByText('<script>alert(1)</script>', { exact: true }).first().waitFor();
    await isWhole(alice);
    await isWhole(mallory);

    await callFrom(alice, `mal1@localhost,mal2@localhost,mal3@localhost,mal4@localhost,bob`);
    await alice.board.says('Bob Keller', 'In the call').waitFor();
    await isWhole(alice);
  });

  it('in the title of a conference are a title', async () => {
    await world.telephones.behave({ [ALICE]: silent(), [BOB]: byHand });
    const alice = await world.window('alice');
    const bob = await world.newWindow('bob', { viewport: { width: 360, height: 740 } });
    await alice.reload('/call?to=bob');
    const { composer, page } = alice;
    await composer.row('Bob Keller').waitFor();
    await composer.callMeAt(/^Work/);
    await composer.pane.getByRole('button', { name: 'Change the title' }).click();
    const title = '<img src=x onerror=alert(1)>\u202e LONG';
    await page.getByRole('textbox', { name: 'Title' }).fill(title);
    await page.keyboard.press('Enter');
    await composer.call.click();
    await bob.ringing.getByText('<img src=x onerror=alert(1)>').waitFor();
    await isWhole(bob);
    await world.telephones.act(BOB, 'answer');
    await alice.board.says('Bob Keller', 'In the call').waitFor();
    await alice.board.pane.getByRole('heading', { level: 2 }).filter({ hasText: '<img src=x onerror=alert(1)>' }).waitFor();
    await isWhole(alice);
  });
});
