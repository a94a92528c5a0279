/** The entry of a conference in the list, from its own presence. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ALICE, answering, BOB, ready, Sound } from './scene.js';
import { DOMAIN, type Peer, settle } from './world.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const face = (id: string, count: number, more = 'media="audio" locked="false"', talks: string[] = []) =>
  `<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:conf-${id}@${DOMAIN}"><tuple id="im"><status><basic>open</basic></status></tuple><v:conference xmlns:v="urn:convoke:video:1" title="Depot" in="${count}" ${more}>${talks.map((name) => `<v:talks>${name}</v:talks>`).join('')}</v:conference></presence>`;

function show(peer: Peer, id: string, document: string): void {
  const resource = `conf-${id}@${DOMAIN}`;
  peer.presence.set(resource, document);
  peer.notify('presence', resource, document);
}

function over(peer: Peer, id: string): void {
  const resource = `conf-${id}@${DOMAIN}`;
  peer.presence.delete(resource);
  peer.notify('presence', resource);
}

const watched = (peer: Peer, id: string) =>
  peer.watched.some((one) => one.event === 'presence' && one.resource === `conf-${id}@${DOMAIN}` && one.connection.open);

describe('a conference whose address was given to me', () => {
  it('has an entry while it runs, that says how many are in, who talks, and whether it is locked', async () => {
    const { world, peer } = await ready();
    const { conferences } = world.convoke;
    conferences.visit('x1');
    await settle(500);
    expect(watched(peer, 'x1')).toBe(true);
    expect(conferences.get().live).toEqual([]);
    show(peer, 'x1', face('x1', 2, 'media="video" locked="true"', ['Bob Keller']));
    await settle();
    expect(conferences.get().live).toEqual([
      {
        id: 'x1',
        title: 'Depot',
        count: 2,
        talking: 'Bob Keller',
        video: true,
        locked: true,
        outside: true,
        mine: false,
        iAmIn: false,
        open: false,
      },
    ]);
    over(peer, 'x1');
    await settle();
    expect(conferences.get().live).toEqual([]);
  });

  it('is there again after the connection was lost', async () => {
    const { world, peer } = await ready();
    world.convoke.conferences.visit('x1');
    await settle(500);
    show(peer, 'x1', face('x1', 1));
    peer.connection.cut();
    await settle(2_000);
    expect(world.convoke.conferences.get().live.map((one) => one.id)).toEqual(['x1']);
  });

  it('is asked for again when its address is followed once more, where the server knew nothing of it', async () => {
    const { world, peer } = await ready();
    const { conferences } = world.convoke;
    peer.missing.add(`conf-x1@${DOMAIN}`);
    conferences.visit('x1');
    await settle(500);
    expect(watched(peer, 'x1')).toBe(false);
    peer.missing.clear();
    conferences.visit('x1');
    await settle(500);
    expect(watched(peer, 'x1')).toBe(true);
    show(peer, 'x1', face('x1', 1));
    await settle();
    expect(conferences.get().live.map((one) => one.id)).toEqual(['x1']);
  });

  it('is said to run, or to be over, to whoever follows its link', async () => {
    const { world, peer } = await ready();
    const { conferences } = world.convoke;
    const told = async (id: string, document?: string) => {
      if (document) peer.presence.set(`conf-${id}@${DOMAIN}`, document);
      const whether = conferences.visit(id);
      await settle(500);
      return whether;
    };
    expect(await told('x1', face('x1', 2))).toBe('running');
    expect(conferences.get().live.map((one) => one.id)).toEqual(['x1']);
    over(peer, 'x1');
    await settle();
    // The same link, followed again.
    expect(await told('x1')).toBe('over');
    expect(await told('x2')).toBe('over');
    peer.missing.add(`conf-x3@${DOMAIN}`);
    expect(await told('x3')).toBe('over');
    expect(await conferences.visit('../x?y')).toBeUndefined();
    // Nobody is left to tell it.
    const waiting = conferences.visit('x4');
    void world.convoke.session.signOut();
    await settle(500);
    expect(await waiting).toBeUndefined();
  });

  it('has an entry when it runs after all, also when its link was told that it is over', async () => {
    const { world, peer } = await ready();
    const { conferences } = world.convoke;
    const running = () => conferences.get().live.map((one) => one.id);
    const told = conferences.visit('x1');
    await settle(500);
    expect(await told).toBe('over');
    expect(running()).toEqual([]);
    show(peer, 'x1', face('x1', 1));
    await settle();
    expect(running()).toEqual(['x1']);
    // And where the server knew nothing of it, so that nothing is followed: looked after with the list.
    peer.missing.add(`conf-x2@${DOMAIN}`);
    const unknown = conferences.visit('x2');
    await settle(500);
    expect(await unknown).toBe('over');
    expect(watched(peer, 'x2')).toBe(false);
    peer.missing.clear();
    peer.presence.set(`conf-x2@${DOMAIN}`, face('x2', 2));
    await settle(120_000);
    expect(running().sort()).toEqual(['x1', 'x2']);
  });

  it('is followed again by its link where nothing more was told of it', async () => {
    const { world, peer } = await ready();
    const { conferences } = world.convoke;
    conferences.visit('x1');
    await settle(500);
    show(peer, 'x1', face('x1', 1));
    // The service forgets it, and knows it again.
    peer.missing.add(`conf-x1@${DOMAIN}`);
    peer.connection.cut();
    await settle(3_000);
    expect(conferences.get().live).toEqual([]);
    peer.missing.clear();
    const whether = conferences.visit('x1');
    await settle(500);
    show(peer, 'x1', face('x1', 3));
    await settle();
    expect(await whether).toBe('running');
    expect(conferences.get().live).toMatchObject([{ id: 'x1', count: 3 }]);
  });

  it('is followed again where I am on its roster after all', async () => {
    const { world, peer, focus } = await ready();
    const { conferences } = world.convoke;
    peer.presence.set(`conf-c1@${DOMAIN}`, face('c1', 1));
    conferences.visit('c1');
    await settle(500);
    peer.missing.add(`conf-c1@${DOMAIN}`);
    peer.presence.delete(`conf-c1@${DOMAIN}`);
    peer.connection.cut();
    await settle(3_000);
    expect(watched(peer, 'c1')).toBe(false);
    peer.missing.clear();
    focus.phase = 'running';
    focus.add({ name: 'alice', user: ALICE, role: 'participant', state: 'left' });
    focus.add({ name: 'Bob Keller', user: BOB, role: 'owner', state: 'joined' });
    await settle(120_000);
    expect(watched(peer, 'c1')).toBe(true);
    show(peer, 'c1', face('c1', 1, 'media="video" locked="false"'));
    await settle();
    expect(conferences.get().live).toMatchObject([{ id: 'c1', outside: false, video: true }]);
  });

  it('is not said to be over where I am on its roster, whatever its presence says', async () => {
    const { world, peer, focus } = await ready();
    const { conferences } = world.convoke;
    // It began a moment ago, and its service tells its presence nowhere.
    peer.missing.add(`conf-c1@${DOMAIN}`);
    focus.phase = 'running';
    focus.add({ name: 'alice', user: ALICE, role: 'participant', state: 'left' });
    focus.add({ name: 'Bob Keller', user: BOB, role: 'owner', state: 'joined' });
    let told: unknown = 'nothing yet';
    void conferences.visit('c1').then((whether) => {
      told = whether;
    });
    await settle(200);
    expect(told).toBe('running');
    expect(conferences.get().live).toMatchObject([{ id: 'c1', outside: false }]);
  });

  it('is come into with one command, and where I am not let in there is no board', async () => {
    const sound = new Sound();
    const { world, peer } = await ready({ sound });
    const { conferences } = world.convoke;
    conferences.visit('x1');
    await settle(500);
    show(peer, 'x1', face('x1', 1));
    await settle();
    answering(peer, 404);
    const joining = conferences.join('x1');
    await settle(500);
    expect((await joining)?.code).toBe('unknown');
    expect(conferences.get().board).toBeUndefined();
    answering(peer, 403);
    const forbidden = conferences.join('x1');
    await settle(500);
    expect((await forbidden)?.code).toBe('not-allowed');
    sound.refused = 'microphone-refused';
    const silent = conferences.join('x1');
    await settle(500);
    expect((await silent)?.code).toBe('microphone-refused');
    expect(conferences.get().board).toBeUndefined();
    sound.refused = undefined;
    answering(peer);
    const again = conferences.join('x1');
    await settle(500);
    expect(await again).toBeUndefined();
    expect(conferences.get().board?.get().id).toBe('x1');
  });

  it('is no address of a conference, and nothing is asked for', async () => {
    const { world, peer } = await ready();
    world.convoke.conferences.visit('../x?y');
    await settle(500);
    expect(peer.watched.some((one) => one.resource.includes('x?y'))).toBe(false);
  });
});

describe('a conference on whose roster I am', () => {
  it('is followed by its presence too, and gone with it when its service says nothing more', async () => {
    const { world, peer } = await ready({
      before: (_, focus) => {
        focus.phase = 'running';
        focus.add({ name: 'alice', user: ALICE, role: 'participant', state: 'left' });
        focus.add({ name: 'Bob Keller', user: BOB, role: 'owner', state: 'joined' });
      },
    });
    const { conferences } = world.convoke;
    expect(conferences.get().live).toMatchObject([{ id: 'c1', outside: false, locked: false, count: 1, iAmIn: false }]);
    expect(watched(peer, 'c1')).toBe(true);
    show(peer, 'c1', face('c1', 1, 'media="video" locked="false"'));
    await settle();
    expect(conferences.get().live).toMatchObject([{ id: 'c1', outside: false, video: true }]);
    // The service died with everything: its presence ran out, and it answers nothing.
    peer.conferences.delete('c1');
    peer.soap = () => undefined;
    for (const one of peer.watched.filter((each) => each.event === 'conference'))
      one.connection = { ...one.connection, open: false } as never;
    peer.connection.cut();
    peer.presence.delete(`conf-c1@${DOMAIN}`);
    await settle(3_000);
    expect(conferences.get().live).toEqual([]);
  });
});
