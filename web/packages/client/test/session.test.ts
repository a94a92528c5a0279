import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Channel } from '../src/index.js';
import { DOMAIN, Memory, SERVER, settle, World } from './world.js';

beforeEach(() => {
  vi.useFakeTimers({ now: Date.parse('2026-11-26T10:00:00Z') });
});
afterEach(() => {
  vi.useRealTimers();
});

describe('signing in', () => {
  it('shows who one is and how it goes', async () => {
    const world = new World();
    const { session } = world.convoke;
    const seen: string[] = [];
    session.subscribe(() => seen.push(session.get().status));
    const signing = session.signIn(' alice ', 'demo');
    await settle(200);
    expect(await signing).toBe(true);
    expect([...new Set(seen)]).toEqual(['signing-in', 'connecting', 'online']);
    expect(session.get().me).toEqual({ user: `alice@${DOMAIN}`, name: 'Alice Martin', initials: 'AM', domain: DOMAIN, language: 'en' });
    expect(world.rest.asked('POST', '/session')[0]?.body).toEqual({ user: 'alice', password: 'demo' });
  });

  it.each([
    [401, 'wrong-password'],
    [404, 'wrong-password'],
    [429, 'too-many-attempts'],
    [503, 'busy-server'],
  ])('says what is wrong when the server answers %i', async (status, code) => {
    const world = new World();
    world.rest.status.set('POST /session', status);
    const signing = world.convoke.session.signIn('alice', 'x');
    await settle();
    expect(await signing).toBe(false);
    const state = world.convoke.session.get();
    expect(state.status).toBe('signed-out');
    expect(state.problem?.code).toBe(code);
    expect(state.problem?.todo).not.toBe('');
  });

  it('says that the server cannot be reached', async () => {
    const world = new World();
    world.rest.up = false;
    const signing = world.convoke.session.signIn('alice', 'demo');
    await settle();
    expect(await signing).toBe(false);
    expect(world.convoke.session.get().problem?.code).toBe('unreachable');
  });

  it('signs nobody in at a page of another origin, and goes on with no session there, but with a token', async () => {
    const world = new World({ platform: { foreign: (server) => server === SERVER } });
    const { session } = world.convoke;
    for (const attempt of [() => session.resume(), () => session.signIn('alice', 'demo')]) {
      const attempting = attempt();
      await settle();
      expect(await attempting).toBe(false);
      expect(session.get()).toMatchObject({ status: 'signed-out', problem: { code: 'foreign-page' } });
      await settle(60_000);
      expect(session.get().retryAt).toBeUndefined();
    }
    expect(world.rest.log).toEqual([]);
    const using = session.useToken('token-1');
    await settle(200);
    expect([await using, session.get().status]).toEqual([true, 'online']);
  });

  it('asks with the token, and once more with another when it is refused', async () => {
    const world = await World.online();
    let refused = 0;
    const { fetch } = world.rest;
    world.rest.fetch = async (url, request) => {
      if (url.endsWith('/me/calls?limit=200') && refused++ === 0) return { status: 401, header: () => null, text: async () => '{}' };
      return fetch.call(world.rest, url, request);
    };
    await world.convoke.calls.load();
    expect(world.convoke.calls.get().problem).toBeUndefined();
    expect(world.rest.log.at(-1)?.token).toBe('token-2');
  });
});

describe('going on', () => {
  it('with the cookie of last time', async () => {
    const world = new World();
    const resuming = world.convoke.session.resume();
    await settle(200);
    expect(await resuming).toBe(true);
    expect(world.convoke.session.get()).toMatchObject({ status: 'online', me: { name: 'Alice Martin' } });
  });

  it('without one: the sign-in page, without a reproach', async () => {
    const world = new World();
    world.rest.status.set('POST /session/renew', 401);
    expect(await world.convoke.session.resume()).toBe(false);
    expect(world.convoke.session.get()).toEqual({ status: 'signed-out', presence: 'available', problem: undefined });
  });

  it('as soon as the server is back', async () => {
    const world = new World();
    world.rest.up = false;
    const resuming = world.convoke.session.resume();
    await settle(4_000);
    expect(world.convoke.session.get()).toMatchObject({ status: 'signing-in', problem: { code: 'unreachable' } });
    world.rest.up = true;
    world.convoke.session.reconnect();
    await settle(300);
    expect(await resuming).toBe(true);
    expect(world.convoke.session.get().status).toBe('online');
  });

  it('with the token of another program, as long as it gives new ones', async () => {
    const world = new World();
    const renew = vi.fn(async () => {
      world.peer.tokens.add('token-x');
      return 'token-x';
    });
    const signing = world.convoke.session.useToken('token-1', renew);
    await settle(200);
    expect(await signing).toBe(true);
    await settle(601_000);
    expect(renew).toHaveBeenCalledTimes(1);
    expect(world.peer.requests('REGISTER').at(-1)?.get('Authorization')).toBe('Bearer token-x');
    const other = new World();
    const alone = other.convoke.session.useToken('token-1');
    await settle(200);
    await alone;
    await settle(601_000);
    expect(other.convoke.session.get()).toMatchObject({ status: 'signed-out', problem: { code: 'session-ended' } });
  });
});

describe('two windows of one browser', () => {
  /** Channels between windows. */
  function channels() {
    const all = new Map<string, Set<Channel>>();
    return (name: string): Channel => {
      const there = all.get(name) ?? new Set();
      all.set(name, there);
      const own: Channel = {
        post: (message) => {
          for (const other of there) if (other !== own) setTimeout(() => other.onMessage(message), 0);
        },
        onMessage: () => {},
        close: () => there.delete(own),
      };
      there.add(own);
      return own;
    };
  }
  const bob = { user: `bob@${DOMAIN}`, name: 'Bob Keller', language: 'en', domain: DOMAIN, sip: '/sip' };

  it('do not become somebody else by the cookie that they share', async () => {
    const { convoke, rest, peer } = await World.online();
    rest.routes.set('POST /session/renew', () => ({ token: 'token-of-bob', expires_at: Date.now() + 900_000, ...bob }));
    await settle(601_000);
    expect(convoke.session.get()).toMatchObject({ status: 'signed-out', problem: { code: 'other-user' } });
    expect(peer.requests('REGISTER').some((one) => one.get('Authorization').includes('bob'))).toBe(false);
    expect(rest.log.some((one) => one.token === 'token-of-bob')).toBe(false);
  });

  it('say the same of their person, and neither rings who is not to be disturbed', async () => {
    const channel = channels();
    const memory = new Memory();
    const worlds = [await World.online({ platform: { channel, memory } }), await World.online({ platform: { channel, memory } })] as const;
    const [first, second] = worlds;
    first.convoke.session.setPresence('dnd', ' writing ');
    await settle();
    for (const { convoke, peer } of worlds) {
      expect(convoke.session.get()).toMatchObject({ presence: 'dnd', note: 'writing' });
      const published = peer.requests('PUBLISH');
      expect(published).toHaveLength(1);
      expect(published[0]?.body).toContain('<dm:note>writing</dm:note>');
    }
    const invitation = `<invitation xmlns="urn:convoke:invitation:1" id="i1" conference="c1" title="Dock" kind="call" expires="${new Date(Date.now() + 45_000).toISOString()}"><from user="bob@${DOMAIN}" name="Bob Keller"/></invitation>`;
    second.peer.message(`bob@${DOMAIN}`, 'application/vnd.convoke.invitation+xml', invitation, ['Expires: 45']);
    await settle(200);
    expect(second.convoke.conferences.get().ringing).toEqual([]);
    first.convoke.session.setPresence('available');
    await settle();
    expect(second.convoke.session.get()).toMatchObject({ presence: 'available', note: undefined });
    expect(second.peer.requests('PUBLISH').at(-1)?.get('Expires')).toBe('0');
    expect(second.convoke.conferences.get().ringing.map((one) => one.id)).toEqual(['i1']);
  });

  it('tell each other who signs in', async () => {
    const channel = channels();
    const first = await World.online({ platform: { channel } });
    const same = await World.online({ platform: { channel } });
    await settle();
    expect(first.convoke.session.get().status).toBe('online');
    const other = new World({ platform: { channel } });
    other.rest.routes.set('POST /session', () => ({ token: 'token-1', expires_at: Date.now() + 900_000, ...bob }));
    await other.signIn();
    await settle();
    for (const world of [first, same])
      expect(world.convoke.session.get()).toMatchObject({ status: 'signed-out', problem: { code: 'other-user' } });
    expect(other.convoke.session.get().status).toBe('online');
  });
});

describe('signing out', () => {
  it('takes nothing from who signs in again at once', async () => {
    const { convoke, rest } = await World.online();
    const out = convoke.session.signOut();
    rest.routes.set('POST /session', () => ({
      token: 'token-2',
      expires_at: Date.now() + 900_000,
      user: `alice@${DOMAIN}`,
      name: 'A',
      domain: DOMAIN,
      sip: '/sip',
    }));
    const again = convoke.session.signIn('alice', 'demo');
    await settle(2_000);
    await out;
    expect(await again).toBe(true);
    await convoke.calls.load();
    expect(rest.log.at(-1)?.token).toBe('token-2');
    expect(rest.log.filter((one) => one.method === 'DELETE').map((one) => one.token)).toEqual(['token-1']);
  });

  it('ends the session also where the window is closed at once', async () => {
    const { convoke, rest } = await World.online();
    const out = convoke.session.signOut();
    await settle(2_000);
    await out;
    // A browser gives up whatever else a page is asking when the page goes.
    expect(rest.log.filter((one) => one.keepalive)).toMatchObject([{ method: 'DELETE', path: '/session' }]);
  });

  it('ends the session also with a token that is too old', async () => {
    const { convoke, rest } = await World.online();
    const { fetch } = rest;
    let first = true;
    rest.fetch = async (url, request) => {
      const answer = await fetch.call(rest, url, request);
      const old = request.method === 'DELETE' && first;
      if (old) first = false;
      return old ? { ...answer, status: 401 } : answer;
    };
    const out = convoke.session.signOut();
    await settle(2_000);
    await out;
    expect(rest.log.filter((one) => one.method === 'DELETE').map((one) => one.token)).toEqual(['token-1', 'token-2']);
  });

  it('forgets which board was open', async () => {
    const { convoke, tab } = await World.online();
    convoke.conferences.openBoard('c1');
    await settle(100);
    const out = convoke.session.signOut();
    await settle(2_000);
    await out;
    expect([...tab.values.keys()]).toEqual([]);
  });
});

describe('oneself', () => {
  it('is published, changed, taken back, and again after a loss', async () => {
    const { peer, convoke } = await World.online();
    expect(peer.requests('PUBLISH').length).toBe(0);
    convoke.session.setPresence('away', ' lunch ');
    await settle();
    const [away] = peer.requests('PUBLISH');
    expect(away?.get('Event')).toBe('presence');
    expect(away?.body).toContain('<rpid:away/>');
    expect(away?.body).toContain('<dm:note>lunch</dm:note>');
    expect(away?.get('SIP-If-Match')).toBe('');
    convoke.session.setPresence('dnd');
    await settle();
    expect(peer.requests('PUBLISH').at(-1)?.get('SIP-If-Match')).not.toBe('');
    expect(peer.requests('PUBLISH').at(-1)?.body).toContain('<rpid:busy/>');
    peer.connection.cut();
    await settle(200);
    expect(peer.requests('PUBLISH').at(-1)?.get('SIP-If-Match')).toBe('');
    expect(peer.requests('PUBLISH').at(-1)?.body).toContain('<rpid:busy/>');
    convoke.session.setPresence('available');
    await settle();
    expect(peer.requests('PUBLISH').at(-1)?.get('Expires')).toBe('0');
    expect(peer.requests('PUBLISH').at(-1)?.body).toBe('');
  });

  it.each(['available', 'away', 'busy', 'dnd'] as const)('stays as it was set (%s), over a reload', async (presence) => {
    const world = await World.online();
    world.convoke.session.setPresence(presence, 'writing');
    const again = new World({ platform: { memory: world.memory } });
    await again.signIn();
    expect(again.convoke.session.get()).toMatchObject({ presence, note: 'writing' });
    await settle();
    expect(again.peer.requests('PUBLISH')[0]?.body).toContain('writing');
  });

  it('has no language until one is chosen, and none again', async () => {
    const { convoke, rest } = await World.online({
      before: (world) => {
        const session = world.rest.routes.get('POST /session');
        world.rest.routes.set('POST /session', (body, path) => ({ ...(session?.(body, path) as object), language: undefined }));
      },
    });
    expect(convoke.session.get().me?.language).toBeUndefined();
    await convoke.session.setLanguage('de');
    expect(convoke.session.get().me?.language).toBe('de');
    await convoke.session.setLanguage(undefined);
    expect(rest.asked('PUT', '/me').map((one) => one.body)).toEqual([{ name: 'Alice Martin', language: 'de' }, { name: 'Alice Martin' }]);
    expect(convoke.session.get().me?.language).toBeUndefined();
  });

  it('has a name and a language, which the server keeps or refuses', async () => {
    const { convoke, rest } = await World.online();
    await convoke.session.setLanguage('de');
    expect(rest.asked('PUT', '/me')[0]?.body).toEqual({ name: 'Alice Martin', language: 'de' });
    rest.status.set('PUT /me', 400);
    await convoke.session.setName('');
    expect(convoke.session.get()).toMatchObject({ me: { name: 'Alice Martin', language: 'de' }, problem: { code: 'internal' } });
  });
});
