import { beforeEach, describe, expect, it } from 'vitest';
import { callFrom } from './calling.ts';
import { Board } from './pages/board.ts';
import { choose } from './pages/menu.ts';
import { Window } from './pages/window.ts';
import { ALICE, BOB, silent } from './telephones.ts';
import { PEOPLE, useWorld } from './world.ts';

const world = useWorld();

describe('the board', () => {
  beforeEach(() => world.telephones.behave({ [ALICE]: silent(), [BOB]: silent() }));

  it('goes into a window of its own and comes back, with the call going on', async () => {
    const alice = await world.window('alice');
    await callFrom(alice, 'bob');
    await alice.board.says(PEOPLE.bob, 'In the call').waitFor();
    const opened = alice.page.context().waitForEvent('page');
    await alice.board.button('Open in its own window').click();
    const own = new Board(await opened);
    await own.says(PEOPLE.bob, 'In the call').waitFor();
    await own.button(`Mute: ${PEOPLE.bob}`).click();
    await own.says(PEOPLE.bob, 'Muted').waitFor();
    await alice.page.getByText('The board is in its own window').waitFor();
    await own.page.close();
    await alice.board.says(PEOPLE.bob, 'Muted').waitFor();
    await world.telephones.isIn(BOB);
  });

  it('shrinks to a bar beside the chat and grows again', async () => {
    const alice = await world.window('alice');
    await callFrom(alice, 'bob');
    await alice.board.says(PEOPLE.bob, 'In the call').waitFor();
    await alice.board.button('Shrink to a bar').click();
    await alice.board.pane.waitFor({ state: 'detached' });
    const bar = alice.page.getByRole('region', { name: 'Call', exact: true });
    const chat = await alice.chatWith(PEOPLE.bob);
    const words = `While we talk ${Date.now()}`;
    await chat.send(words);
    await chat.message(words).waitFor();
    await bar.getByRole('button', { name: 'Mute' }).click();
    await bar.getByRole('button', { name: /Show the board/ }).click();
    await alice.board.pane.getByRole('button', { name: 'Mute', exact: true, pressed: true }).waitFor();
  });

  it('makes room for a new list while the call stays at hand', async () => {
    const alice = await world.window('alice');
    await callFrom(alice, 'bob');
    await alice.board.says(PEOPLE.bob, 'In the call').waitFor();
    await alice.list.getByRole('button', { name: 'New conference' }).click();
    await alice.composer.type('carol');
    await alice.composer.row(PEOPLE.carol).waitFor();
    const bar = alice.page.getByRole('region', { name: 'Call', exact: true });
    await bar.getByRole('button', { name: 'Leave' }).waitFor();
    await bar.getByRole('button', { name: /Show the board/ }).click();
    await alice.board.says(PEOPLE.bob, 'In the call').waitFor();
    await alice.composer.pane.waitFor({ state: 'detached' });
  });

  it('does everything on a telephone screen of 360 px', async () => {
    const page = await world.open('/', { viewport: { width: 360, height: 740 }, hasTouch: true });
    const alice = new Window(page);
    await alice.signIn('alice');
    const chat = await alice.chatWith(PEOPLE.bob);
    const words = `From a small screen ${Date.now()}`;
    await chat.send(words);
    await chat.message(words).waitFor();
    await choose(page.getByRole('button', { name: 'More ways to call' }), 'Choose people and places first');
    await alice.composer.callMeAt(/^Work/);
    await alice.composer.call.click();
    await alice.board.says(PEOPLE.bob, 'In the call').waitFor();
    await choose(alice.board.row(PEOPLE.bob).getByRole('button', { name: PEOPLE.bob, exact: true }), 'Mute');
    await alice.board.says(PEOPLE.bob, 'Muted').waitFor();
    await page.getByRole('group', { name: 'Panes' }).getByRole('button', { name: 'Chat' }).click();
    await chat.field.waitFor();
    await page
      .getByRole('region', { name: 'Call', exact: true })
      .getByRole('button', { name: /Show the board/ })
      .click();
    await choose(alice.board.button('More').first(), 'End for all');
    await page.getByRole('alertdialog', { name: 'End for all?' }).getByRole('button', { name: 'End for all' }).click();
    await alice.board.pane.getByText(/ ended it\.$/).waitFor();
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360);
  });
});
