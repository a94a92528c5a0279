import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { callPeople } from '../src/index.js';
import { Focus } from './focus.js';
import { type Connection, DOMAIN, Peer, RestServer, SERVER, settle } from './world.js';

beforeEach(() => {
  vi.useFakeTimers({ now: Date.parse('2026-11-26T10:00:00Z') });
});
afterEach(() => {
  vi.useRealTimers();
});

/** What is global in a browser, by the script. */
function globals(): { peer: Peer; rest: RestServer; focus: Focus; WebSocket: unknown; fetch: unknown } {
  const peer = new Peer();
  const rest = new RestServer(peer);
  class WebSocket {
    binaryType = '';
    readyState = 0;
    onopen: (() => void) | null = null;
    onmessage: ((event: { data: unknown }) => void) | null = null;
    onclose: (() => void) | null = null;
    onerror: (() => void) | null = null;
    readonly #connection: Connection;
    constructor(_: string, protocol: string) {
      expect(protocol).toBe('sip');
      this.#connection = peer.accept();
      this.#connection.onOpen = () => {
        this.readyState = 1;
        this.onopen?.();
      };
      this.#connection.onMessage = (data) => this.onmessage?.({ data });
      this.#connection.onClose = () => this.onclose?.();
    }
    send(text: string): void {
      this.#connection.send(text);
    }
    close(): void {
      this.#connection.close();
    }
  }
  const fetch = async (url: string, init: { method: string; headers: Record<string, string>; body?: string }) => {
    const { status, text } = await rest.fetch(url, init);
    return { status, text, headers: new Headers() };
  };
  return { peer, rest, focus: new Focus(peer, 'c1'), WebSocket, fetch };
}

describe('call these people', () => {
  const alice = { server: SERVER, user: `alice@${DOMAIN}`, token: 'token-1' };

  it('signs in with a token, calls, and shows how it goes, by SIP alone', async () => {
    const { focus, peer, rest, ...platform } = globals();
    const calling = callPeople({
      ...platform,
      ...alice,
      people: ['Bob <bob@example.org>', 'Carol Diaz', '+49 30 123456'],
      title: 'Plan',
      callMeAt: 'Mobile',
    });
    await settle(2_000);
    const { call } = await calling;
    if (!call) throw new Error('no call');
    await settle(1_000);
    expect(call.get()).toMatchObject({ id: 'c1', title: 'Plan', state: 'starting', stale: false });
    expect(call.get().rows.map((row) => `${row.name}: ${row.words}`)).toEqual([
      'alice: Calling',
      'Bob: Queued',
      'Carol Diaz: Queued',
      '+4930123456: Queued',
    ]);
    expect(focus.one('alice').place).toBe('Mobile');
    expect(focus.one('Bob').user).toBe(`bob@${DOMAIN}`);
    focus.set('Bob', { state: 'busy', reason: 'busy', words: 'busy' });
    await settle(100);
    expect(call.get().rows[1]).toMatchObject({ words: 'Busy', reason: 'busy' });
    // Chat is for the person's own windows.
    peer.text(`bob@${DOMAIN}`, 'x', 'hello');
    await settle(100);
    expect(peer.log.at(-1)?.status).toBe(480);
    const ending = call.end();
    await settle(1_000);
    expect(await ending).toBeUndefined();
    expect(call.get()).toMatchObject({ state: 'ended', end: 'Alice ended it' });
    void call.close();
    await settle(2_000);
    expect(peer.connection.open).toBe(false);
    expect(rest.log).toEqual([]);
  });

  it('calls nobody when one of them is not known', async () => {
    const { focus, peer, ...platform } = globals();
    focus.refuse.set('create', 'unknown-person');
    const calling = callPeople({ ...platform, ...alice, people: 'bob, nobody at all' });
    await settle(2_000);
    expect((await calling).problem).toMatchObject({ code: 'not-understood', detail: expect.stringContaining('unknown-person') });
    await settle(2_000);
    expect(peer.connection.open).toBe(false);
    expect((await callPeople({ ...platform, ...alice, people: ' , ' })).problem?.code).toBe('not-understood');
  });

  it('says in words that the server is not there, admits no page of this origin, or the token is none', async () => {
    const { peer, ...platform } = globals();
    peer.up = false;
    const away = callPeople({ ...platform, ...alice, people: 'bob' });
    await settle(20_000);
    expect((await away).problem?.code).toBe('unreachable');
    const location = { origin: 'https://other.example' };
    vi.stubGlobal('location', location);
    // The browser keeps the answers of a server that does not name this origin; what it says to all can be read.
    const kept = async (url: string) => {
      if (!url.endsWith('/openapi.json')) throw new TypeError('Failed to fetch');
      return { status: 200 };
    };
    const stranger = callPeople({ ...platform, fetch: kept, ...alice, people: 'bob' });
    await settle(1_000);
    expect((await stranger).problem?.code).toBe('origin-refused');
    vi.unstubAllGlobals();
    peer.up = true;
    const wrong = callPeople({ ...platform, ...alice, token: 'other', people: 'bob' });
    await settle(2_000);
    expect((await wrong).problem?.code).toBe('session-ended');
  });

  it('tries on where a proxy alone answers, whose answers no page may read, and calls once the server is back', async () => {
    const { peer, focus, rest, ...platform } = globals();
    peer.up = false;
    vi.stubGlobal('location', { origin: 'https://other.example' });
    let asked = 0;
    const fetch = async () => {
      asked++;
      throw new TypeError('Failed to fetch');
    };
    const calling = callPeople({ ...platform, fetch, ...alice, people: 'bob' });
    await settle(3_000);
    expect(asked).toBeGreaterThan(1);
    peer.up = true;
    await settle(11_000);
    vi.unstubAllGlobals();
    const { call, problem } = await calling;
    expect([problem, call?.get().id]).toEqual([undefined, 'c1']);
    void call?.close();
    await settle(2_000);
  });
});
