import { beforeEach, describe, expect, it } from 'vitest';
import { callFrom } from '../calling.ts';
import { choose } from '../pages/menu.ts';
import { Window } from '../pages/window.ts';
import { ALICE, BOB, byHand, silent } from '../telephones.ts';
import { PEOPLE, useWorld } from '../world.ts';

const world = useWorld();

describe('two windows of one person in one browser', () => {
  let one: Window;
  let other: Window;
  beforeEach(async () => {
    one = await world.newWindow('bob');
    const page = await one.page.context().newPage();
    await page.goto(world.server.url);
    other = new Window(page);
    await other.ready();
  });

  it('show the same messages, and agree on what is read', async () => {
    const alice = await world.window('alice');
    const hers = await alice.chatWith(PEOPLE.bob);
    await hers.send(`First ${Date.now()}`);
    for (const window of [one, other]) await window.lineOf(PEOPLE.alice).filter({ hasText: 'unread' }).waitFor();
    const here = await one.chatWith(PEOPLE.alice);
    for (const window of [one, other]) {
      await window.lineOf(PEOPLE.alice).filter({ hasText: 'unread' }).waitFor({ state: 'detached' });
    }
    const there = await other.chatWith(PEOPLE.alice);
    const words = `From one of two ${Date.now()}`;
    await here.send(words);
    await there.message(words).waitFor();
    await hers.message(words).waitFor();
    await here.mark(words, 'Read').waitFor();
    await there.mark(words, 'Read').waitFor();
    for (const chat of [here, there, hers]) expect(await chat.message(words).count()).toBe(1);
  });

  it('are not called twice, and not joined twice', async () => {
    const { telephones } = world;
    await telephones.behave({ [ALICE]: silent(), [BOB]: byHand });
    const alice = await world.window('alice');
    const began = Date.now();
    await callFrom(alice, 'bob');
    await telephones.rings(BOB);
    await one.ringing.waitFor();
    await other.ringing.waitFor();
    await one.ringing.getByRole('button', { name: 'Join here' }).click();
    await other.ringing.waitFor({ state: 'detached' });
    await alice.board.says(PEOPLE.bob, 'In the call').waitFor();
    await telephones.isIdle(BOB);
    expect(telephones.log.filter((line) => line.number === BOB && line.what === 'ringing' && line.at >= began)).toHaveLength(1);
    expect(await alice.board.row(PEOPLE.bob).count()).toBe(1);
    await alice.board.pane.getByText('2 in the call').waitFor();
  });

  it('say the same of their person, and neither rings who is not to be disturbed', async () => {
    const { telephones } = world;
    await telephones.behave({ [ALICE]: silent(), [BOB]: byHand });
    const alice = await world.window('alice');
    const status = (window: Window) => window.list.getByRole('button', { name: /Your status/ });
    await choose(status(one), 'Do not disturb');
    await other.status('Do not disturb').waitFor();
    await alice.lineOf(PEOPLE.bob).filter({ hasText: 'Do not disturb' }).first().waitFor();
    await callFrom(alice, 'bob');
    await telephones.rings(BOB);
    await alice.board.says(PEOPLE.bob, 'Ringing').waitFor();
    // The call has come to both, where it can be answered.
    for (const window of [one, other]) {
      const { log } = await window.chatWith(PEOPLE.alice);
      await log.getByRole('button', { name: 'Join here' }).last().waitFor();
    }
    for (const window of [one, other]) expect(await window.ringing.count()).toBe(0);
    // From the other one as well.
    await choose(status(other), 'Available');
    await one.status('Available').waitFor();
    for (const window of [one, other]) await window.ringing.waitFor();
    await alice.board.endForAll();
  });

  it('are signed out together', async () => {
    await one.signOut();
    await one.page.getByRole('heading', { name: 'Sign in to Convoke' }).waitFor();
    await other.page.getByText('Your session has ended.').waitFor();
    await other.page.getByRole('heading', { name: 'Sign in to Convoke' }).waitFor();
  });
});
