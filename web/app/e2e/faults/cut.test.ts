import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { callFrom } from '../calling.ts';
import { ALICE, BOB, byHand, CAROL, talks } from '../telephones.ts';
import { PEOPLE, useWorld } from '../world.ts';
import { Relay } from './relay.ts';

const world = useWorld();
const SECOND_MS = 1_000;
/** The pauses between attempts to connect grow up to half a minute. */
const CONNECTS = { timeout: 40_000 };
const CUTS_S = [1, 30, ...(process.env.CONVOKE_LONG === '1' ? [600] : [])];

describe('a connection that is cut', () => {
  let relay: Relay;
  beforeAll(async () => {
    relay = await Relay.open(world.server.url);
  });
  afterAll(() => relay.close());

  it.each(CUTS_S)('for %i s loses nothing and sends nothing twice, each way', { timeout: 700_000 }, async (seconds) => {
    const alice = await world.newWindow('alice', { at: relay.url });
    const bob = await world.newWindow('bob');
    const mine = await alice.chatWith(PEOPLE.bob);
    const theirs = await bob.chatWith(PEOPLE.alice);
    const mark = `cut ${Date.now()}`;
    relay.cut();
    for (const word of ['one', 'two', 'three']) await mine.send(`${mark} ${word}`);
    for (const word of ['four', 'five']) await theirs.send(`${mark} ${word}`);
    await pause(seconds * SECOND_MS);
    relay.mend();
    await theirs.message(`${mark} three`).waitFor(CONNECTS);
    await mine.message(`${mark} five`).waitFor(CONNECTS);
    await mine.send(`${mark} six`);
    await theirs.message(`${mark} six`).waitFor();
    // Each window has everything once, and of each of the two in the order in which they wrote it.
    for (const texts of [await theirs.texts(mark), await mine.texts(mark)]) {
      const words = texts.map((text) => text.slice(mark.length + 1));
      const bobs = ['four', 'five'];
      expect(words.filter((word) => bobs.includes(word))).toEqual(bobs);
      expect(words.filter((word) => !bobs.includes(word))).toEqual(['one', 'two', 'three', 'six']);
    }
    await alice.page.getByText('No connection').waitFor({ state: 'detached' });
  });

  it('leaves open what became of a conference whose roster one was taken off meanwhile', { timeout: 120_000 }, async () => {
    await world.telephones.behave({ [ALICE]: talks('alice'), [BOB]: byHand, [CAROL]: talks('carol') });
    const [alice, bob] = [await world.window('alice'), await world.newWindow('bob', { at: relay.url })];
    await callFrom(alice, 'bob,carol');
    await bob.ringing.getByRole('button', { name: 'Join here' }).click();
    await bob.board.says(PEOPLE.carol, 'In the call').waitFor();
    relay.cut();
    await alice.board.tell(PEOPLE.bob, 'Remove from the conference');
    await alice.board.row(PEOPLE.bob).waitFor({ state: 'detached' });
    await alice.page.getByRole('button', { name: 'Undo' }).waitFor();
    relay.mend();
    await bob.board.pane.getByText('It ended, or you are no longer in it.').waitFor(CONNECTS);
    await bob.board.pane.getByText('No longer in it', { exact: true }).waitFor();
    // Of the others nothing is said, least of all that they left.
    const spoken = bob.page.locator('.sr[role=log]');
    await spoken.getByText(`${PEOPLE.alice}, ${PEOPLE.carol} ended, or you are no longer in it`).waitFor({ state: 'attached' });
    expect(await spoken.getByText(/has ended|Left/).count()).toBe(0);
    expect(await bob.board.pane.getByRole('listitem').count()).toBe(0);
    await alice.board.says(PEOPLE.carol, 'In the call').waitFor();
  });
});
