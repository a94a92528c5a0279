import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { settle, World } from './world.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const rows = [
  { mode: 'computer', address: null, place: null, video: true, source: 'registration', lastSeen: Date.now() },
  { mode: 'mobile', address: '+15550111', place: 'mobile', video: false, source: 'profile', lastSeen: null },
];

async function loaded() {
  const world = await World.online({ before: ({ rest }) => void rest.routes.set('GET /me/modes', () => rows) });
  await world.convoke.modes.load();
  return { world, modes: world.convoke.modes, rest: world.rest };
}

describe('my ways to take part', () => {
  it('are read in their order, with where each came from', async () => {
    const { modes } = await loaded();
    expect(modes.get()).toMatchObject({
      loading: false,
      list: [
        { kind: 'computer', video: true, origin: 'registration' },
        { kind: 'mobile', address: '+15550111', place: 'mobile', video: false, origin: 'profile', seenAt: undefined },
      ],
    });
    expect(modes.get().list[0]?.address).toBeUndefined();
  });

  it('are shown at once as they were saved, and as the server writes them', async () => {
    const { modes, rest } = await loaded();
    rest.routes.set('PUT /me/modes', () => [
      { mode: 'isdn', address: 'isdn:+493012345', place: null, video: true, source: 'by-hand', lastSeen: null },
      ...rows,
    ]);
    const list = modes.get().list;
    const saving = modes.save([{ kind: 'isdn', address: ' +493012345 ', video: true }, ...list]);
    expect(modes.get().saving).toBe(true);
    expect(modes.get().list.map((one) => [one.kind, one.origin])).toEqual([
      ['isdn', 'by-hand'],
      ['computer', 'registration'],
      ['mobile', 'profile'],
    ]);
    expect(await saving).toBe(true);
    expect(rest.asked('PUT', '/me/modes')[0]?.body).toEqual([
      { mode: 'isdn', address: '+493012345', video: true },
      { mode: 'computer', address: null, video: true },
      { mode: 'mobile', address: '+15550111', video: false },
    ]);
    expect(modes.get()).toMatchObject({ saving: false, problem: undefined });
    expect(modes.get().list[0]).toMatchObject({ kind: 'isdn', address: 'isdn:+493012345' });
  });

  it('are as before where the server refuses, which is said', async () => {
    const { modes, rest } = await loaded();
    rest.status.set('PUT /me/modes', 429);
    const before = modes.get().list;
    expect(await modes.save([])).toBe(false);
    expect(modes.get().list).toEqual(before);
    expect(modes.get().problem?.code).toBe('too-many-attempts');
    rest.status.set('PUT /me/modes', 400);
    expect(await modes.save([])).toBe(false);
    expect(modes.get().problem?.code).toBe('not-understood');
  });

  it('are not saved before they are known, and are read again with the connection', async () => {
    const world = await World.online({ before: ({ rest }) => void rest.status.set('GET /me/modes', 503) });
    const { modes } = world.convoke;
    await modes.load();
    expect(modes.get()).toMatchObject({ list: [], loaded: false, loading: false, problem: { code: 'busy-server' } });
    expect(await modes.save([{ kind: 'h323', address: 'h323:a', video: true }])).toBe(false);
    expect(world.rest.asked('PUT', '/me/modes')).toEqual([]);
    world.rest.status.clear();
    world.rest.routes.set('GET /me/modes', () => rows);
    world.peer.connection.cut();
    await settle(5_000);
    expect(modes.get()).toMatchObject({ loaded: true, problem: undefined });
    expect(modes.get().list.map((one) => one.kind)).toEqual(['computer', 'mobile']);
  });

  it('are saved one after the other, the newest last, whatever is answered in between', async () => {
    const { modes, rest } = await loaded();
    const answers: (() => void)[] = [];
    rest.routes.set('PUT /me/modes', (body) => {
      const wanted = body as { mode: string }[];
      return new Promise((done) => answers.push(() => done(wanted.map(({ mode }) => rows.find((row) => row.mode === mode)))));
    });
    const kinds = () => modes.get().list.map((one) => one.kind);
    const [computer, mobile] = modes.get().list;
    if (!computer || !mobile) throw new Error('nothing was read');
    const saving = [[mobile, computer], [computer], [computer, mobile], [mobile]].map((list) => modes.save(list));
    await settle();
    // Of those that waited only the newest is sent.
    expect(rest.asked('PUT', '/me/modes').length).toBe(1);
    const stale = modes.load();
    await settle();
    answers.shift()?.();
    await stale;
    await settle();
    expect(kinds()).toEqual(['mobile']);
    expect(modes.get().saving).toBe(true);
    answers.shift()?.();
    expect(await Promise.all(saving)).toEqual([true, true, true, true]);
    expect(rest.asked('PUT', '/me/modes').map(({ body }) => (body as { mode: string }[]).map((one) => one.mode))).toEqual([
      ['mobile', 'computer'],
      ['mobile'],
    ]);
    expect(kinds()).toEqual(['mobile']);
    expect(modes.get().saving).toBe(false);
  });

  it('are as the server has them where the newest of several is refused', async () => {
    const { modes, rest } = await loaded();
    const [computer, mobile] = modes.get().list;
    if (!computer || !mobile) throw new Error('nothing was read');
    rest.routes.set('PUT /me/modes', () => {
      rest.status.set('PUT /me/modes', 429);
      return [...rows].reverse();
    });
    expect(await Promise.all([modes.save([mobile, computer]), modes.save([mobile])])).toEqual([false, false]);
    expect(modes.get().list.map((one) => one.kind)).toEqual(['mobile', 'computer']);
    expect(modes.get().problem?.code).toBe('too-many-attempts');
  });

  it('are what they were where they are taken away and brought back', async () => {
    const room = { mode: 'h323', address: 'h323:4711', place: null, video: true, source: 'conference', lastSeen: 1_700_000_000_000 };
    const world = await World.online({ before: ({ rest }) => void rest.routes.set('GET /me/modes', () => [...rows, room]) });
    const { modes } = world.convoke;
    await modes.load();
    world.rest.routes.set('PUT /me/modes', (body) =>
      (body as { mode: string }[]).map(({ mode }) => [...rows, room].find((row) => row.mode === mode)),
    );
    const before = modes.get().list;
    await modes.save(before.slice(0, 1));
    expect(modes.get().list).toHaveLength(1);
    const saving = modes.save(before);
    expect(modes.get().list.map((one) => one.origin)).toEqual(['registration', 'profile', 'conference']);
    await saving;
    expect(world.rest.asked('PUT', '/me/modes').at(-1)?.body).toEqual([
      { mode: 'computer', address: null, video: true },
      { mode: 'mobile', address: '+15550111', video: false, source: 'profile', lastSeen: null },
      { mode: 'h323', address: 'h323:4711', video: true, source: 'conference', lastSeen: 1_700_000_000_000 },
    ]);
    expect(modes.get().list).toEqual(before);
  });

  it('belong to who is signed in', async () => {
    const { world, modes } = await loaded();
    const out = world.convoke.session.signOut();
    await settle(1_000);
    await out;
    expect(modes.get().list).toEqual([]);
  });
});
