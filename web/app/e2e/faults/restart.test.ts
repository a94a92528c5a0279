import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startDemo } from '../../../tools/demo.mjs';
import { PEOPLE, useWorld } from '../world.ts';
import { Relay } from './relay.ts';

const world = useWorld();

describe('a server that restarts in a chat', () => {
  const binary = process.env.CONVOKE_BIN ?? '';
  const data = mkdtempSync(join(tmpdir(), 'convoke-restart-'));
  let demo: Awaited<ReturnType<typeof startDemo>>;
  let relay: Relay;

  beforeAll(async () => {
    demo = await startDemo(binary, data);
    relay = await Relay.open(demo.url);
  });
  afterAll(async () => {
    relay.close();
    await demo.stop();
    rmSync(data, { recursive: true, force: true });
  });

  it('is given what was written meanwhile once and in order', async () => {
    const alice = await world.newWindow('alice', { at: relay.url });
    const bob = await world.newWindow('bob', { at: relay.url });
    const mine = await alice.chatWith(PEOPLE.bob);
    const theirs = await bob.chatWith(PEOPLE.alice);
    await mine.send('before');
    await theirs.message('before').waitFor();

    await demo.stop();
    await alice.page.getByText('No connection').first().waitFor();
    for (const word of ['one', 'two', 'three']) await mine.send(`meanwhile ${word}`);
    await mine.mark('meanwhile three', 'Sending').waitFor();

    demo = await startDemo(binary, data);
    relay.aim(demo.url);
    await mine.mark('meanwhile three', 'Delivered').or(mine.mark('meanwhile three', 'Read')).waitFor({ timeout: 40_000 });
    await mine.send('meanwhile, the last');
    await theirs.message('meanwhile, the last').waitFor();
    const all = ['meanwhile one', 'meanwhile two', 'meanwhile three', 'meanwhile, the last'];
    expect(await theirs.texts('meanwhile')).toEqual(all);
    await bob.page.reload();
    await theirs.message('meanwhile, the last').waitFor();
    expect(await theirs.texts('meanwhile')).toEqual(all);
    expect(await mine.texts('meanwhile')).toEqual(all);
  });
});
