import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { type Socket, webPlatform } from '../src/index.js';

/** Real sockets, real time. */
const servers: WebSocketServer[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    for (const client of server.clients) client.terminate();
    server.close();
  }
});

async function serve(): Promise<{ server: WebSocketServer; url: string }> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  servers.push(server);
  await once(server, 'listening');
  return { server, url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}/sip` };
}

function opened(socket: Socket): Promise<void> {
  return new Promise((done, fail) => {
    socket.onOpen = done;
    socket.onClose = () => fail(new Error('closed'));
  });
}

describe('the platform of browsers and Node', () => {
  it('opens WebSockets of the subprotocol sip, and reads text and bytes', async () => {
    const { server, url } = await serve();
    const platform = webPlatform({ WebSocket });
    const connected = once(server, 'connection');
    const socket = platform.openSocket(url, 'sip');
    await opened(socket);
    const [client] = (await connected) as [WebSocket];
    expect(client.protocol).toBe('sip');
    const seen: (string | Uint8Array)[] = [];
    const two = new Promise<void>((done) => {
      socket.onMessage = (data) => {
        seen.push(data);
        if (seen.length === 2) done();
      };
    });
    client.send('text');
    client.send(Buffer.from([0xff, 0x41]));
    await two;
    expect(seen[0]).toBe('text');
    expect([...(seen[1] as Uint8Array)]).toEqual([0xff, 0x41]);
    const echoed = once(client, 'message');
    socket.send('hello');
    expect(String((await echoed)[0])).toBe('hello');
    const closed = new Promise<void>((done) => {
      socket.onClose = done;
    });
    client.terminate();
    await closed;
    socket.send('into the void');
  });

  it('tells once that a connection is no more, however it went', async () => {
    const platform = webPlatform({ WebSocket });
    const { url } = await serve();
    let ends = 0;
    const mine = platform.openSocket(url, 'sip');
    await opened(mine);
    mine.onClose = () => {
      ends++;
    };
    mine.close();
    mine.close();
    await new Promise((done) => setTimeout(done, 50));
    expect(ends).toBe(1);
    for (const bad of ['ws://127.0.0.1:1/sip', 'no address at all']) {
      await new Promise<void>((done) => {
        platform.openSocket(bad, 'sip').onClose = done;
      });
    }
  });

  describe('a server that gives a page of another origin nothing', () => {
    const [SERVER, OTHER] = ['https://im.example.org', 'https://intranet.example'];
    const [ALL, NAMED] = ['/api/v1/openapi.json', '/api/v1/me'];
    const asked: string[] = [];
    /** A browser at a page of this origin, which may read these answers: statuses by path, one after the other. */
    const browser = (answers: Record<string, number | number[]>, origin: string | undefined = OTHER) => {
      vi.stubGlobal('location', origin === '' ? undefined : { origin });
      const fetch = async (url: string, { method, mode, credentials }: { method: string; mode: string; credentials: string }) => {
        const path = url.slice(SERVER.length);
        asked.push(`${method} ${path} ${mode} ${credentials}`);
        const answer = answers[path];
        const status = Array.isArray(answer) ? answer.shift() : answer;
        if (!status) throw new TypeError('Failed to fetch');
        return { status };
      };
      return webPlatform({ WebSocket, fetch });
    };
    afterEach(() => {
      asked.splice(0);
      vi.unstubAllGlobals();
    });

    it('refuses it when what it says to all can be read, and nothing else', async () => {
      expect(await browser({ [ALL]: 200 }).admitted?.(`${SERVER}/`)).toBe(false);
      expect(asked).toEqual([ALL, NAMED, ALL].map((path) => `HEAD ${path} cors omit`));
      expect(await browser({ [ALL]: 200, [NAMED]: 401 }).admitted?.(SERVER)).toBe(true);
    });

    it.each([
      ['nobody is there, or a proxy alone, whose answers no page may read', {}],
      ['a proxy lets every page read that the server is away', { [ALL]: 502, [NAMED]: 502 }],
      ['another server lets every page read that it has no such thing', { [ALL]: 404 }],
      ['it goes away while it is asked', { [ALL]: [200, 0] }],
    ])('is not known to refuse it where %s', async (_, answers: Record<string, number | number[]>) => {
      expect(await browser(answers).admitted?.(SERVER)).toBeUndefined();
    });

    it('is asked once by many, and not again for a while once it is certain', async () => {
      const away = browser({ [ALL]: [0, 200, 200] });
      expect(await Promise.all([away.admitted?.(SERVER), away.admitted?.(SERVER)])).toEqual([undefined, undefined]);
      expect(asked.splice(0).length).toBe(1);
      expect(await Promise.all([away.admitted?.(SERVER), away.admitted?.(SERVER)])).toEqual([false, false]);
      expect(await away.admitted?.(SERVER)).toBe(false);
      expect(asked.splice(0).length).toBe(3);
      vi.useFakeTimers({ now: Date.now() + 61_000, toFake: ['Date'] });
      expect(await away.admitted?.(SERVER)).toBeUndefined();
      vi.useRealTimers();
    });

    it('keeps nothing back from its own pages, nor from programs that are no pages', async () => {
      const own = browser({ [ALL]: 200 }, SERVER);
      const program = browser({ [ALL]: 200 }, '');
      vi.stubGlobal('location', { origin: SERVER });
      for (const server of [`${SERVER}/convoke`, `${SERVER}:443`, '', 'no address']) {
        expect(own.foreign?.(server)).toBe(false);
        expect(await own.admitted?.(server)).toBeUndefined();
      }
      vi.stubGlobal('location', undefined);
      expect(program.foreign?.(SERVER)).toBe(false);
      expect(await program.admitted?.(SERVER)).toBeUndefined();
      expect(asked).toEqual([]);
      expect(browser({}).foreign?.(SERVER)).toBe(true);
    });
  });

  it('remembers nothing where the browser lets it not, and draws names that nobody guesses', async () => {
    const platform = webPlatform({ WebSocket });
    platform.tab?.set('a', 'b');
    expect(platform.tab?.get('a')).toBeNull();
    expect(await platform.instance?.()).toMatch(/^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(await platform.instance?.()).not.toBe(await platform.instance?.());
  });

  it('keeps the name of a window over a reload, and gives a copy of the window another one', async () => {
    const globals = globalThis as Record<string, unknown>;
    const storage = () => {
      const values = new Map<string, string>();
      return {
        values,
        getItem: (key: string) => values.get(key) ?? null,
        setItem: (key: string, value: string) => void values.set(key, value),
        removeItem: (key: string) => void values.delete(key),
      };
    };
    const held = new Set<string>();
    const locks = (mine: string[]) => ({
      request: async (name: string, _: unknown, callback: (lock: unknown) => unknown) => {
        if (held.has(name)) return callback(null);
        held.add(name);
        mine.push(name);
        void callback({});
        return undefined;
      },
    });
    const mine: string[] = [];
    const tab = storage();
    const define = (name: string, value: unknown) => Object.defineProperty(globals, name, { value, configurable: true, writable: true });
    const navigatorBefore = globals.navigator;
    try {
      define('sessionStorage', tab);
      define('navigator', { locks: locks(mine) });
      const name = await webPlatform({ WebSocket }).instance?.();
      // A copy of the window while the first is open.
      const copy = storage();
      for (const [key, value] of tab.values) copy.values.set(key, value);
      define('sessionStorage', copy);
      expect(await webPlatform({ WebSocket }).instance?.()).not.toBe(name);
      // The first one again, after a reload.
      for (const lock of mine) held.delete(lock);
      define('sessionStorage', tab);
      expect(await webPlatform({ WebSocket }).instance?.()).toBe(name);
    } finally {
      define('navigator', navigatorBefore);
      delete globals.sessionStorage;
    }
  });
});
