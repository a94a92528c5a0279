import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Focus } from './focus.js';
import { ALICE, BOB, board, ready } from './scene.js';
import { settle, World } from './world.js';

beforeEach(() => {
  vi.useFakeTimers({ now: Date.parse('2026-11-26T10:00:00Z') });
});
afterEach(() => {
  vi.useRealTimers();
});

const NUMBER = '+15550107';
const parties = (world: World, operation: string) =>
  world.peer
    .requests('MESSAGE')
    .filter((one) => one.body.includes(`<c:${operation}>`))
    .map((one) => [...one.body.matchAll(/<c:participant>(.*?)<\/c:participant>/g)].map(([, party]) => party));

/** A call to Bob and a number, as it stands when both are in. */
async function called(): Promise<{ world: World; focus: Focus }> {
  const { world, focus } = await ready();
  const composer = world.convoke.conferences.compose([NUMBER, BOB]);
  await settle();
  const calling = composer.call();
  await settle(100);
  expect(await calling).toBe(true);
  focus.phase = 'running';
  // As a roster tells it: the name that was given, and of the number its end.
  focus.set(NUMBER, { state: 'joined', place: 'number …07' });
  focus.set('bob', { state: 'joined' });
  focus.set('alice', { state: 'joined' });
  await settle(100);
  return { world, focus };
}

describe('a number that was called', () => {
  it('is called again after the end', async () => {
    const { world, focus } = await called();
    const { conferences } = world.convoke;
    const open = board(world);
    expect(open.get().groups.in[0]).toMatchObject({ person: { name: NUMBER, id: `number:${NUMBER}` }, place: { number: NUMBER } });
    focus.over('by-command', 'Alice ended it');
    await settle(3_000);
    const composer = conferences.compose(open.get().groups.left.map((row) => row.person));
    await settle(100);
    expect(composer.get().rows.map((row) => [row.person.name, row.place.number, row.onlyInvite])).toEqual([
      [NUMBER, NUMBER, false],
      ['Bob Keller', undefined, false],
    ]);
    const calling = composer.call();
    await settle(100);
    expect(await calling).toBe(true);
    expect(parties(world, 'create').at(-1)).toEqual([
      `<c:number>${NUMBER}</c:number><c:name>${NUMBER}</c:name>`,
      `<c:person>${BOB}</c:person><c:place>mobile</c:place>`,
    ]);
  });

  it('is put back when it was removed', async () => {
    const { world } = await called();
    const open = board(world);
    const removing = open.remove(open.get().groups.in[0]?.participant ?? '');
    await settle(100);
    expect(await removing).toBe(true);
    const undoing = open.undo();
    await settle(100);
    expect(await undoing).toBe(true);
    expect(parties(world, 'add')).toEqual([[`<c:number>${NUMBER}</c:number><c:name>${NUMBER}</c:name>`]]);
  });

  it('is known after a reload, and forgotten when one signs out', async () => {
    const { world, focus } = await called();
    const tab = world.tab;
    world.convoke.close();
    await settle();
    const again = new World({ platform: { tab } });
    const there = new Focus(again.peer, 'c1');
    Object.assign(there, { people: focus.people, phase: 'running', exists: true });
    await again.signIn();
    await settle(1_000);
    expect(board(again).get().groups.in[0]).toMatchObject({ person: { id: `number:${NUMBER}` }, place: { number: NUMBER } });
    const leaving = again.convoke.session.signOut();
    await settle(500);
    await leaving;
    expect([...tab.values.values()].join()).not.toContain('5550107');
  });

  it('of somebody else is left out in words, and can be called while it is on the roster', async () => {
    const { world, focus } = await ready({
      before: (_, focus) => {
        focus.phase = 'running';
        focus.add({ name: 'alice', user: ALICE, role: 'owner', state: 'joined' });
        focus.add({ name: 'A driver', place: 'number …07', state: 'left' });
      },
    });
    const { conferences } = world.convoke;
    const open = conferences.openBoard('c1');
    await settle(1_000);
    const connecting = open.connect('p2');
    await settle(100);
    expect(await connecting).toBe(true);
    expect(focus.asked).toEqual(['call p2']);
    const removing = open.remove('p2');
    await settle(100);
    await removing;
    expect(await open.undo()).toBe(false);
    expect(open.get().notice).toMatchObject({ added: [], leftOut: [{ text: 'A driver', why: 'no-number' }] });
    focus.add({ name: 'Gate', place: 'number …08', state: 'left' });
    focus.tell();
    await settle(100);
    const gate = open.get().groups.left.map((row) => row.person);
    focus.over('empty', 'everybody left');
    await settle(3_000);
    const composer = conferences.compose([...gate, BOB]);
    await settle(100);
    expect(composer.get().rows.map((row) => row.key)).toEqual([BOB]);
    expect(composer.get().notice).toMatchObject({ added: [{ user: BOB }], leftOut: [{ text: 'Gate', why: 'no-number' }] });
  });
});
