/** My own mute, here and there. */
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { Focus } from './focus.js';
import { Focus as AnotherFocus } from './focus.js';
import { ALICE, answering, BOB, board, ready, Sound } from './scene.js';
import { settle, type World } from './world.js';

beforeEach(() => {
  vi.useFakeTimers({ now: Date.parse('2026-11-26T10:00:00Z') });
});
afterEach(() => {
  vi.useRealTimers();
});

const people = (_: World, focus: Focus) => {
  focus.phase = 'running';
  focus.add({ name: 'alice', user: ALICE, state: 'joined', place: 'browser' });
  focus.add({ name: 'Bob Keller', user: BOB, role: 'owner', state: 'joined' });
};

/** In the call with this window. */
async function joined() {
  const sound = new Sound();
  const scene = await ready({ before: people, sound });
  answering(scene.peer);
  void scene.world.convoke.conferences.join('c1');
  await settle(300);
  const open = board(scene.world);
  return { ...scene, sound, open, track: () => sound.sessions.at(-1)?.muted, shown: () => open.get().me?.muted };
}

it('ends with the conference', async () => {
  const { world, peer, open, track } = await joined();
  void open.muteMe(true);
  await settle(100);
  expect(track()).toBe(true);
  const other = new AnotherFocus(peer, 'c2');
  people(world, other);
  void world.convoke.conferences.join('c2');
  await settle(300);
  expect(board(world).get()).toMatchObject({ id: 'c2', me: { here: true, muted: false } });
  expect(track()).toBe(false);
});

it('is lifted here when somebody gives the floor, and set when a moderator mutes', async () => {
  const { focus, open, track, shown } = await joined();
  void open.muteMe(true);
  await settle(100);
  focus.set('alice', { muted: false });
  await settle(100);
  expect([track(), shown()]).toEqual([false, false]);
  focus.set('alice', { muted: true });
  await settle(100);
  expect([track(), shown()]).toEqual([true, true]);
});

it('follows also without an open board', async () => {
  const { world, focus, open, track } = await joined();
  void open.muteMe(true);
  await settle(100);
  world.convoke.conferences.closeBoard();
  focus.set('alice', { muted: false });
  await settle(100);
  expect(track()).toBe(false);
});

it('is told in order, and the last word holds', async () => {
  const { focus, open, track, shown } = await joined();
  const first = open.muteMe(true);
  const second = open.muteMe(false);
  expect([track(), shown()]).toEqual([false, false]);
  await settle(100);
  expect([await first, await second]).toEqual([true, true]);
  expect(focus.asked).toEqual(['mute p1', 'unmute p1']);
  expect(focus.one('alice').muted).toBe(false);
  void open.muteMe(true);
  void open.muteMe(false);
  void open.muteMe(true);
  await settle(100);
  expect(focus.one('alice').muted).toBe(true);
  expect([track(), shown()]).toEqual([true, true]);
});

it('holds here also where it could not be told', async () => {
  const { focus, open, track, shown } = await joined();
  focus.refuse.set('mute', 'wrong-state');
  const muting = open.muteMe(true);
  await settle(100);
  expect(await muting).toBe(false);
  expect([track(), shown()]).toEqual([true, true]);
});

it('is lifted while the key to talk is held, phrase after phrase', async () => {
  const { focus, open, track, shown } = await joined();
  expect(open.pushToTalk(true)).toBe(false);
  void open.muteMe(true);
  await settle(100);
  expect(open.pushToTalk(true)).toBe(true);
  expect([track(), shown()]).toEqual([false, false]);
  await settle(1_000);
  open.pushToTalk(false);
  expect(track()).toBe(true);
  // The next phrase begins before others were told that the first one is over.
  await settle(100);
  expect(open.pushToTalk(true)).toBe(true);
  await settle(2_000);
  expect([track(), shown()]).toEqual([false, false]);
  open.pushToTalk(false);
  await settle(1_000);
  expect([track(), shown()]).toEqual([true, true]);
  expect(focus.asked).toEqual(['mute p1', 'unmute p1', 'mute p1']);
});

it('stays lifted when it is lifted while the key is held', async () => {
  const { open, track } = await joined();
  void open.muteMe(true);
  await settle(100);
  open.pushToTalk(true);
  await settle(100);
  void open.muteMe(false);
  open.pushToTalk(false);
  await settle(1_000);
  expect(track()).toBe(false);
});
