import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PEOPLE, useWorld } from '../world.ts';
import { Relay } from './relay.ts';

const world = useWorld();
const SECOND_MS = 1_000;
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
    // The pauses between its attempts grow up to half a minute.
    const patience = { timeout: 40_000 };
    await theirs.message(`${mark} three`).waitFor(patience);
    await mine.message(`${mark} five`).waitFor(patience);
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
});
