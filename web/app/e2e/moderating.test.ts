import { beforeEach, describe, it } from 'vitest';
import { callFrom } from './calling.ts';
import type { Board } from './pages/board.ts';
import { ALICE, BOB, CAROL, silent } from './telephones.ts';
import { PEOPLE, useWorld } from './world.ts';

const world = useWorld();

describe('a moderator', () => {
  beforeEach(() => world.telephones.behave({ [ALICE]: silent(), [BOB]: silent(), [CAROL]: silent() }));

  /** A call of three, all in. */
  async function threeIn(): Promise<Board> {
    const alice = await world.window('alice');
    await callFrom(alice, 'bob,carol');
    for (const name of [PEOPLE.bob, PEOPLE.carol]) await alice.board.says(name, 'In the call').waitFor();
    return alice.board;
  }

  it('mutes and unmutes somebody, who may do so at the telephone too', async () => {
    const board = await threeIn();
    const mute = board.button(`Mute: ${PEOPLE.bob}`);
    await mute.click();
    await board.says(PEOPLE.bob, 'Muted').waitFor();
    await mute.and(board.page.locator('[aria-pressed=true]')).click();
    await board.says(PEOPLE.bob, 'In the call').waitFor();
    await world.telephones.press(CAROL, '*6');
    await board.says(PEOPLE.carol, 'Muted').waitFor();
    await world.telephones.press(CAROL, '*6');
    await board.says(PEOPLE.carol, 'In the call').waitFor();
  });

  it('is offered no way to unmute who muted themselves, and lifts only what a moderator did', async () => {
    const board = await threeIn();
    const pressed = board.page.locator('[aria-pressed=true]');
    const [bob, carol] = [board.button(`Mute: ${PEOPLE.bob}`), board.button(`Mute: ${PEOPLE.carol}`)];
    await world.telephones.press(CAROL, '*6');
    await board.says(PEOPLE.carol, 'Muted themselves').waitFor();
    await carol.waitFor({ state: 'detached' });
    // Bob is still to be heard.
    await board.button('Mute all').waitFor();
    await bob.and(board.page.locator('[aria-pressed=false]')).waitFor();
    await world.telephones.press(BOB, '*6');
    await bob.waitFor({ state: 'detached' });
    for (const all of ['Mute all', 'Unmute all']) await board.button(all).waitFor({ state: 'detached' });
    await world.telephones.press(BOB, '*6');
    // Muted by both, Carol has hers left when a moderator lifts theirs.
    await board.button('Mute all').click();
    await carol.and(pressed).click();
    await board.says(PEOPLE.carol, 'Muted themselves').waitFor();
    await bob.and(pressed).waitFor();
    await board.button('Unmute all').click();
    await board.says(PEOPLE.bob, 'In the call').waitFor();
    await board.says(PEOPLE.carol, 'Muted themselves').waitFor();
    await world.telephones.press(CAROL, '*6');
    await board.says(PEOPLE.carol, 'In the call').waitFor();
  });

  it('sees the queue of hands from telephones and window, and gives the floor', async () => {
    const board = await threeIn();
    await world.telephones.press(CAROL, '*5');
    await board.says(PEOPLE.carol, 'Hand 1').waitFor();
    await world.telephones.press(BOB, '*5');
    await board.says(PEOPLE.bob, 'Hand 2').waitFor();
    const own = board.button(/^(\d )?Hand$/);
    await own.click();
    await own.filter({ hasText: '3' }).waitFor();
    await own.click();
    await board.group('Hands').filter({ hasText: '2' }).waitFor();
    await board.button(`Give floor: ${PEOPLE.carol}`).click();
    await board.says(PEOPLE.carol, 'In the call').waitFor();
    await board.says(PEOPLE.bob, 'Hand 1').waitFor();
    await world.telephones.press(BOB, '*5');
    await board.group('Hands').waitFor({ state: 'detached' });
  });

  it('makes another a moderator, mutes all others, and disconnects all', async () => {
    const board = await threeIn();
    await board.tell(PEOPLE.bob, 'Make moderator');
    await board.says(PEOPLE.bob, 'Moderator').waitFor();
    await board.button('Mute all').click();
    await board.says(PEOPLE.carol, 'Muted').waitFor();
    await board.says(PEOPLE.bob, 'In the call').waitFor();
    await board.button('Unmute all').click();
    await board.says(PEOPLE.carol, 'In the call').waitFor();
    await board.button('Disconnect all').click();
    await board.page.getByText('Everybody else was disconnected and stays on the list.').waitFor();
    await board.group('Left').filter({ hasText: '2' }).waitFor();
    await world.telephones.isIdle(BOB);
    await world.telephones.isIdle(CAROL);
    await board.button('Call all').first().click();
    await board.says(PEOPLE.bob, 'In the call').waitFor();
    await board.says(PEOPLE.carol, 'In the call').waitFor();
  });

  it('locks the conference, and hands it over', async () => {
    const board = await threeIn();
    await board.button('Lock the conference').click();
    await board.pane.getByText('Locked: nobody else comes in').waitFor();
    await board.button('Lock the conference').click();
    await board.pane.getByText('Locked: nobody else comes in').waitFor({ state: 'detached' });
    await board.tell(PEOPLE.bob, 'Make owner in my place');
    await board.says(PEOPLE.bob, 'Owner').waitFor();
    await world.telephones.act(ALICE, 'hangup');
    await board.button('Join here').waitFor();
    await world.telephones.isIn(BOB);
    await world.telephones.act(BOB, 'hangup');
  });

  it('is asked before ending for all', async () => {
    const board = await threeIn();
    await board.button('End for all').click();
    const question = board.page.getByRole('alertdialog', { name: 'End for all?' });
    await question.getByText('All 3 in the call are disconnected, you last.').waitFor();
    await question.getByRole('button', { name: 'Keep it going' }).click();
    await question.waitFor({ state: 'detached' });
    await board.says(PEOPLE.bob, 'In the call').waitFor();
    await board.endForAll();
    await board.pane.getByText(/ ended it\.$/).waitFor();
    await world.telephones.allIdle();
  });
});
