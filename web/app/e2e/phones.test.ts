import type { Page, WebSocket } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { callFrom } from './calling.ts';
import { ALICE, BOB, byHand, silent, talks } from './telephones.ts';
import { PEOPLE, useWorld } from './world.ts';

const world = useWorld();
/** Louder than this is no silence, in samples of 16 bits. */
const LOUD = 1_000;

/** The telephone that is tried, on its page. */
const telephoneOf = (page: Page) => page.getByRole('region', { name: 'Telephone of Bob Keller, mobile' });

/** Sound as it goes over the wire: 16 bits a sample, the lower byte first. */
function isLoud({ payload }: { payload: string | Buffer }): boolean {
  if (typeof payload === 'string') return false;
  for (let at = 0; at + 1 < payload.length; at += 2) if (Math.abs(payload.readInt16LE(at)) > LOUD) return true;
  return false;
}

describe('the telephones to play with', () => {
  it('ring, are answered, press keys and hang up, and each shows what the board says of it', async () => {
    await world.telephones.behave({ [ALICE]: silent() });
    const page = await world.open('/phones');
    const bobs = telephoneOf(page);
    await bobs.getByLabel('When called').selectOption({ label: 'Rings' });
    await world.telephones.until('it waits', () => world.telephones.phone(BOB).behaviour.does === 'by-hand');

    const alice = await world.window('alice');
    await callFrom(alice, 'bob');
    await bobs.getByText('Alice Martin calls').waitFor();
    const board = bobs.getByRole('paragraph').filter({ hasText: 'Board shows' });
    await board.getByText('Ringing').waitFor();
    const title = await alice.board.pane.getByRole('heading', { level: 2 }).textContent();
    await bobs.getByText(title ?? '', { exact: true }).waitFor();

    await bobs.getByRole('button', { name: 'Answer' }).click();
    await board.getByText('In the call').waitFor();
    await alice.board.says(PEOPLE.bob, 'In the call').waitFor();
    const keypad = bobs.getByRole('group', { name: 'Keypad' });
    await keypad.getByRole('button', { name: '*', exact: true }).click();
    await keypad.getByRole('button', { name: '5 *5 hand' }).click();
    await alice.board.says(PEOPLE.bob, 'Hand 1').waitFor();
    await board.getByText('Hand').waitFor();

    await bobs.getByRole('button', { name: 'Hang up' }).click();
    await bobs.getByText('Ready').waitFor();
    await board.getByText('Left').waitFor();
    await page.getByRole('region', { name: 'What happened' }).getByText('hung up').first().waitFor();
    await alice.board.group('Left').waitFor();
  });

  it('are talked and listened through in the browser', async () => {
    await world.telephones.behave({ [ALICE]: talks('alice'), [BOB]: byHand });
    const page = await world.open('/phones');
    const bobs = telephoneOf(page);
    const alice = await world.window('alice');
    await callFrom(alice, 'bob');
    await bobs.getByRole('button', { name: 'Answer' }).click();
    await alice.board.says(PEOPLE.bob, 'In the call').waitFor();
    await bobs.getByText('Hears the conference').waitFor();
    // Who only holds it says nothing.
    const row = alice.board.row(PEOPLE.bob);
    await row.getByRole('img', { name: 'silent' }).waitFor();

    const opened = page.waitForEvent('websocket', (socket: WebSocket) => socket.url().endsWith('/audio'));
    await bobs.getByRole('button', { name: 'Talk and listen here' }).click();
    const socket = await opened;
    const heard = socket.waitForEvent('framereceived', isLoud);
    const said = socket.waitForEvent('framesent', isLoud);
    await bobs.getByRole('button', { name: 'You talk and listen here', pressed: true }).waitFor();
    // Alice's voice comes out of the page, and what its microphone hears comes to the board as Bob's voice.
    await Promise.all([heard, said]);
    await row.getByRole('img', { name: 'talks' }).waitFor();
    expect(await bobs.getByText('The microphone is not available').count()).toBe(0);

    const closed = socket.waitForEvent('close');
    await bobs.getByRole('button', { name: 'Hang up' }).click();
    await closed;
    await bobs.getByText('Ready').waitFor();
    await alice.board.group('Left').waitFor();
  });

  it('are declined by hand', async () => {
    await world.telephones.behave({ [ALICE]: silent(), [BOB]: byHand });
    const page = await world.open('/phones');
    const bobs = telephoneOf(page);
    const alice = await world.window('alice');
    await callFrom(alice, 'bob');
    await bobs.getByRole('button', { name: 'Decline' }).click();
    await bobs.getByText('Ready').waitFor();
    await alice.board.says(PEOPLE.bob, 'Declined').waitFor();
    await alice.board.group('Not reached').waitFor();
    await bobs.getByRole('paragraph').filter({ hasText: 'Board shows' }).getByText('Declined').waitFor();
    await page.getByRole('region', { name: 'What happened' }).getByText('declined').first().waitFor();
  });

  it('do from the next call on what is chosen for them', async () => {
    await world.telephones.behave({ [ALICE]: silent() });
    const page = await world.open('/phones');
    const bobs = telephoneOf(page);
    const alice = await world.window('alice');
    for (const [choice, word] of [
      ['Busy', 'Busy'],
      ['Unreachable', 'Unreachable'],
      ['Answers', 'In the call'],
    ] as const) {
      const chosen = page.waitForResponse((response) => response.url().endsWith('/behaviour'));
      await bobs.getByLabel('When called').selectOption({ label: choice });
      await chosen;
      await callFrom(alice, 'bob');
      await alice.board.says(PEOPLE.bob, word).waitFor();
      await alice.board.endForAll();
      await world.telephones.allIdle();
    }
  });
});
