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

  it('tells a server that refuses this origin from one that is not there, and from its own', async () => {
    const asked: string[] = [];
    const browser = (passes: readonly string[], origin?: string) => {
      vi.stubGlobal('location', origin && { origin });
      const fetch = async (url: string, { method, mode = '' }: { method: string; mode?: string }) => {
        asked.push(`${method} ${url} ${mode}`);
        if (!passes.includes(mode)) throw new TypeError('Failed to fetch');
        return {};
      };
      return webPlatform({ WebSocket, fetch });
    };
    const [server, other] = ['https://im.example.org', 'https://intranet.example'];
    expect(await browser(['no-cors'], other).admitted?.(`${server}/`)).toBe(false);
    expect(asked.splice(0)).toEqual(['cors', 'no-cors'].map((mode) => `HEAD ${server}/api/v1/openapi.json ${mode}`));
    expect(await browser(['cors', 'no-cors'], other).admitted?.(server)).toBe(true);
    expect(await browser([], other).admitted?.(server)).toBeUndefined();
    asked.splice(0);
    // Its own server, and where there are no pages, CORS keeps nothing back.
    expect(await browser(['no-cors'], server).admitted?.(`${server}/convoke`)).toBeUndefined();
    expect(await browser(['no-cors'], server).admitted?.('')).toBeUndefined();
    expect(await browser(['no-cors']).admitted?.(server)).toBeUndefined();
    expect(asked).toEqual([]);
    vi.unstubAllGlobals();
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
