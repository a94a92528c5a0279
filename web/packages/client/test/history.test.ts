import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Focus } from './focus.js';
import { ALICE, BOB, CAROL, places, ready } from './scene.js';
import { DOMAIN, settle, type World } from './world.js';

beforeEach(() => {
  vi.useFakeTimers({ now: Date.parse('2026-11-26T10:00:00Z') });
});
afterEach(() => {
  vi.useRealTimers();
});

const NAMES: Record<string, string> = { [ALICE]: 'Alice Martin', [BOB]: 'Bob Keller' };
const invitation = (id: string, from: string, expires: number, conference = 'c1') =>
  `<invitation xmlns="urn:convoke:invitation:1" id="${id}" conference="${conference}" uri="sip:conf-${conference}@${DOMAIN}" title="Plan" kind="call" expires="${new Date(Date.now() + expires * 1_000).toISOString()}"><from user="${from}" name="${NAMES[from]}"/></invitation>`;
/** An invitation of an hour ago, as history has it. */
const old = (number: number, from: string, conference: string) => ({
  id: number,
  at: Date.now() - 3_600_000 + number,
  from,
  to: from === ALICE ? BOB : ALICE,
  type: 'invitation',
  document: invitation(`i${number}`, from, -3_555, conference),
  delivered: true,
  read: false,
});
const call = (conference: string, owner: string, bob: [joined: boolean, state: string], over = true) => ({
  conference,
  title: '',
  startedBy: owner,
  startedAt: Date.now() - 3_600_000,
  ...(over ? { endedAt: Date.now() - 3_500_000 } : {}),
  durationMs: 60_000,
  missed: false,
  people: [
    { name: 'Alice Martin', user: ALICE, joined: true, inMs: 1, state: 'left' },
    { name: 'Bob Keller', user: BOB, joined: bob[0], inMs: 1, state: bob[1] },
  ],
});
const states = (world: World) =>
  world.convoke.chats
    .open(BOB)
    .get()
    .items.flatMap((item) => (item.kind === 'invitation' ? [`${item.id} ${item.state}`] : []));

describe('invitations of mine', () => {
  it('follow whom they invite, at a telephone too', async () => {
    const { world, focus } = await ready();
    const composer = world.convoke.conferences.compose([BOB, CAROL]);
    await settle();
    const calling = composer.call();
    await settle(100);
    expect(await calling).toBe(true);
    focus.phase = 'running';
    focus.set('alice', { state: 'joined' });
    focus.set('bob', { state: 'ringing' });
    focus.set('carol', { state: 'ringing' });
    await settle(100);
    const state = (user: string) => {
      const [item] = world.convoke.chats.open(user).get().items;
      return item?.kind === 'invitation' ? item.state : item?.kind;
    };
    expect([state(BOB), state(CAROL)]).toEqual(['ringing', 'ringing']);
    focus.set('bob', { state: 'joined', place: 'mobile' });
    focus.set('carol', { state: 'no-answer', reason: 'ring-timeout' });
    await settle(100);
    expect([state(BOB), state(CAROL)]).toEqual(['called', 'missed']);
    focus.set('carol', { state: 'joined', place: 'browser' });
    focus.set('bob', { state: 'left', reason: 'hung-up' });
    await settle(100);
    expect([state(BOB), state(CAROL)]).toEqual(['called', 'joined']);
  });
});

describe('after a reload', () => {
  const before = (rows: readonly unknown[], calls: readonly unknown[], people?: (focus: Focus) => void) => ({
    before: (world: World, focus: Focus) => {
      world.rest.routes.set('GET /me/chats/*', () => ({ messages: rows }));
      world.rest.routes.set('GET /me/calls', () => ({ calls }));
      people?.(focus);
    },
  });

  it('says of past calls what became of them', async () => {
    const { world } = await ready(
      before(
        [old(4, ALICE, 'c9'), old(3, BOB, 'c8'), old(2, ALICE, 'c7'), old(1, ALICE, 'c6')],
        [
          call('c9', ALICE, [true, 'left']),
          // I answered my telephone, and no window of mine knew.
          call('c8', BOB, [true, 'left']),
          call('c7', ALICE, [false, 'declined']),
          call('c6', ALICE, [false, 'no-answer']),
        ],
      ),
    );
    world.convoke.chats.open(BOB);
    await settle();
    expect(states(world)).toEqual(['i1 missed', 'i2 declined', 'i3 called', 'i4 joined']);
  });

  it('says of a call that runs where it stands', async () => {
    const { world, focus } = await ready(
      before([old(4, ALICE, 'c1')], [call('c1', ALICE, [false, 'ringing'], false)], (focus) => {
        focus.phase = 'running';
        focus.add({ name: 'Alice Martin', user: ALICE, role: 'owner', state: 'joined' });
        focus.add({ name: 'Bob Keller', user: BOB, state: 'ringing' });
      }),
    );
    world.convoke.chats.open(BOB);
    await settle();
    expect(states(world)).toEqual(['i4 ringing']);
    focus.set('Bob Keller', { state: 'joined', place: 'mobile' });
    await settle(100);
    expect(states(world)).toEqual(['i4 called']);
  });
});

describe('an invitation that came', () => {
  const rings = async () => {
    const scene = await ready({
      before: (world, focus) => {
        focus.phase = 'running';
        focus.add({ name: 'Bob Keller', user: BOB, role: 'owner', state: 'joined' });
        focus.add({ name: 'alice', user: ALICE, state: 'ringing', place: places[0]?.label ?? '' });
        world.rest.routes.set('GET /me/chats', () => ({ chats: [] }));
      },
    });
    scene.peer.message(BOB, 'application/vnd.convoke.invitation+xml', invitation('i9', BOB, 45), ['Convoke-Message-Id: 77']);
    await settle(100);
    return scene;
  };
  const told = (world: World) => world.rest.log.filter((one) => one.method === 'PUT' && one.path.includes('/read')).map((one) => one.body);

  it('is read once it is answered', async () => {
    const { world } = await rings();
    expect(told(world)).toEqual([]);
    const answering = world.convoke.conferences.answer('i9', 'decline');
    await settle(200);
    expect(await answering).toBe(true);
    expect(told(world)).toEqual([{ upTo: 77 }]);
  });

  it('is read once my telephone was answered', async () => {
    const { world, focus } = await rings();
    focus.set('alice', { state: 'joined' });
    await settle(200);
    expect(told(world)).toEqual([{ upTo: 77 }]);
  });

  it('is read once it was shown', async () => {
    const { world } = await rings();
    const chat = world.convoke.chats.open(BOB);
    await settle();
    chat.markRead();
    await settle();
    expect(told(world)).toEqual([{ upTo: 77 }]);
    chat.markRead();
    await settle();
    expect(told(world)).toHaveLength(1);
  });
});
