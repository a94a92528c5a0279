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
  rest.routes.set('GET /me/telephones', () => [
    { label: 'Work', number: '+15550101', kind: 'work', default: true, whenToUse: '' },
    { label: 'Mobile', number: '+15550102', kind: 'mobile', default: false, whenToUse: '' },
  ]);
  rest.routes.set('GET /directory', (_, path) => ({
    people: path.includes('bob')
      ? [{ user: `bob@${DOMAIN}`, name: 'Bob Keller', places: [{ label: 'mobile', kind: 'mobile', default: true }] }]
      : [],
  }));
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
  it('signs in with a token, calls, and gives the board', async () => {
    const { focus, ...platform } = globals();
    const calling = callPeople({
      ...platform,
      server: SERVER,
      token: 'token-1',
      people: ['bob', '+49 30 123456'],
      title: 'Plan',
      callMeAt: 'mobile',
    });
    await settle(2_000);
    const result = await calling;
    if (!('board' in result)) throw new Error(JSON.stringify(result));
    expect(result.board.get().title).toBe('Plan');
    expect(result.board.get().groups.calling.map((row) => row.person.name)).toEqual(['Bob Keller', '+4930123456']);
    expect(focus.one('alice').place).toBe('Mobile');
    focus.set('bob', { state: 'ringing' });
    await settle(100);
    expect(result.board.get().groups.calling[0]?.words).toBe('Ringing');
    result.convoke.close();
    await settle(2_000);
  });

  it('calls nobody when one of them is not known', async () => {
    const { focus, peer, ...platform } = globals();
    const calling = callPeople({ ...platform, server: SERVER, user: 'alice', password: 'demo', people: 'bob, nobody at all' });
    await settle(2_000);
    expect(await calling).toMatchObject({ problem: { code: 'not-understood' }, unclear: ['nobody at all'] });
    expect(focus.asked).toEqual([]);
    await settle(2_000);
    expect(peer.connection.open).toBe(false);
  });

  it('says in words that the server is not there, or the token is none', async () => {
    const { rest, ...platform } = globals();
    rest.up = false;
    const away = callPeople({ ...platform, server: SERVER, token: 'x', people: 'bob' });
    await settle(100);
    expect(await away).toMatchObject({ problem: { code: 'unreachable' } });
    rest.up = true;
    rest.status.set('GET /me', 401);
    const wrong = callPeople({ ...platform, server: SERVER, token: 'x', people: 'bob' });
    await settle(100);
    expect(await wrong).toMatchObject({ problem: { code: 'session-ended' } });
  });
});
