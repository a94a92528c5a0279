import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Sip, settle, World } from './world.js';

beforeEach(() => {
  vi.useFakeTimers({ now: Date.parse('2026-11-26T10:00:00Z') });
});
afterEach(() => {
  vi.useRealTimers();
});

describe('registration', () => {
  it('registers with a bearer token, outbound and a GRUU', async () => {
    const { peer, convoke } = await World.online();
    const [register] = peer.requests('REGISTER');
    expect(register?.uri).toBe('sip:example.org');
    expect(register?.get('Authorization')).toBe('Bearer token-1');
    expect(register?.get('Contact')).toMatch(
      /^<sip:alice@[0-9a-f]+\.invalid;transport=ws>;\+sip\.instance="<urn:uuid:[0-9a-f-]{36}>";reg-id=1;\+g\.convoke\.cpim;\+g\.convoke\.sent;text;audio="FALSE";video="FALSE";expires=600$/,
    );
    expect(register?.get('Supported')).toBe('path, outbound, gruu');
    expect(register?.get('Via')).toMatch(/^SIP\/2\.0\/WSS [0-9a-f]+\.invalid;branch=z9hG4bK/);
    expect(convoke.session.get().status).toBe('online');
  });

  it('renews in time, and uses the new token after the old one', async () => {
    const { peer, rest } = await World.online();
    await settle(601_000);
    expect(rest.asked('POST', '/session/renew').length).toBe(1);
    const tokens = peer.requests('REGISTER').map((one) => one.get('Authorization'));
    expect(tokens.at(0)).toBe('Bearer token-1');
    expect(tokens.at(-1)).toBe('Bearer token-2');
    expect(peer.connections.length).toBe(1);
    const numbers = peer.requests('REGISTER').map((one) => Number(one.get('CSeq').split(' ')[0]));
    expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
  });

  it('takes it back when it ends', async () => {
    const { peer, convoke, rest, tab, memory } = await World.online();
    convoke.session.setPresence('away');
    await settle();
    const out = convoke.session.signOut();
    await settle(2_000);
    await out;
    expect(peer.requests('REGISTER').at(-1)?.get('Contact')).toContain('expires=0');
    expect(rest.asked('DELETE', '/session').length).toBe(1);
    expect(convoke.session.get()).toEqual({ status: 'signed-out', presence: 'available' });
    expect([...tab.values.keys(), ...memory.values.keys()]).toEqual([]);
    const before = peer.connections.length;
    await settle(120_000);
    expect(peer.connections.length).toBe(before);
  });
});

describe('the connection', () => {
  it('is asked whether it lives, and left when it does not answer', async () => {
    const { peer, convoke } = await World.online();
    const { connection } = peer;
    await settle(26_000);
    expect(connection.pings).toBe(1);
    await settle(26_000);
    expect(connection.pings).toBe(2);
    expect(convoke.session.get().status).toBe('online');
    peer.alive = false;
    await settle(36_000);
    expect(peer.connections.length).toBeGreaterThan(1);
    expect(convoke.session.get().status).toBe('offline');
    peer.alive = true;
    await settle(60_000);
    expect(convoke.session.get().status).toBe('online');
  });

  it('is made again at once, then with growing pauses, at most half a minute', async () => {
    const { peer, convoke } = await World.online();
    await settle(11_000);
    const times: number[] = [];
    const accept = peer.accept.bind(peer);
    peer.accept = () => {
      times.push(Date.now());
      return accept();
    };
    peer.up = false;
    const cutAt = Date.now();
    peer.connection.cut();
    await settle(300_000);
    expect((times[0] ?? 0) - cutAt).toBeLessThan(20);
    const pauses = times.slice(1).map((time, at) => time - (times[at] ?? 0));
    expect(pauses[0]).toBeGreaterThan(700);
    expect(pauses[0]).toBeLessThan(1_300);
    expect(Math.max(...pauses)).toBeLessThan(36_100);
    expect(pauses.length).toBeGreaterThan(9);
    const { status, retryAt, problem } = convoke.session.get();
    expect(status).toBe('offline');
    expect(problem?.code).toBe('unreachable');
    expect(retryAt).toBeGreaterThan(Date.now());
    peer.up = true;
    convoke.session.reconnect();
    await settle(100);
    expect(convoke.session.get().status).toBe('online');
    expect(convoke.session.get().problem).toBeUndefined();
  });

  it('is doubted when the window says so', async () => {
    const { peer, convoke } = await World.online();
    peer.alive = false;
    convoke.session.reconnect();
    await settle(350);
    expect(peer.connections.length).toBe(1);
    await settle(100);
    expect(peer.connections.length).toBe(2);
  });

  it('is doubted for longer where the server is far', async () => {
    const { peer, convoke } = await World.online({
      before: (world) => {
        world.peer.delay = 150;
      },
    });
    await settle(1_000);
    convoke.session.reconnect();
    await settle(550);
    peer.alive = false;
    convoke.session.reconnect();
    await settle(550);
    expect(peer.connections.length).toBe(1);
    await settle(100);
    expect(peer.connections.length).toBe(2);
  });

  it('is tried afresh where an attempt hangs and there is reason to look', async () => {
    const { peer, convoke } = await World.online();
    const { accept } = peer;
    // What is opened never opens.
    peer.accept = () => {
      const connection = accept.call(peer);
      connection.onOpen = () => {};
      Object.defineProperty(connection, 'onOpen', { set() {}, get: () => () => {} });
      return connection;
    };
    peer.connection.cut();
    await settle(500);
    const hanging = peer.connections.length;
    convoke.session.reconnect();
    expect(peer.connections.length).toBe(hanging);
    await settle(1_000);
    peer.accept = accept;
    convoke.session.reconnect();
    expect(peer.connections.length).toBe(hanging + 1);
    await settle(200);
    expect(convoke.session.get().status).toBe('online');
  });

  it('waits as long as the server asks', async () => {
    const { peer } = await World.online();
    await settle(11_000);
    peer.handler = (request, connection) => {
      if (request.method !== 'REGISTER') return false;
      peer.reply(request, connection, 503, 'Service Unavailable', ['Retry-After: 20']);
      return true;
    };
    peer.connection.cut();
    await settle(100);
    const tried = peer.connections.length;
    await settle(19_000);
    expect(peer.connections.length).toBe(tried);
    await settle(2_000);
    expect(peer.connections.length).toBe(tried + 1);
  });
});

describe('the token', () => {
  it('is renewed when the registrar refuses it, and the session goes on', async () => {
    const { peer, convoke } = await World.online();
    peer.tokens.delete('token-1');
    peer.tokens.add('other');
    peer.connection.cut();
    await settle(200);
    expect(peer.requests('REGISTER').at(-1)?.get('Authorization')).toBe('Bearer token-2');
    expect(convoke.session.get().status).toBe('online');
  });

  it('that is revoked ends the session here too, in words', async () => {
    const { peer, rest, convoke } = await World.online();
    peer.tokens.clear();
    rest.status.set('POST /session/renew', 401);
    peer.connection.cut();
    await settle(200);
    const state = convoke.session.get();
    expect(state.status).toBe('signed-out');
    expect(state.problem?.code).toBe('session-ended');
    const tried = peer.connections.length;
    await settle(100_000);
    expect(peer.connections.length).toBe(tried);
  });

  it('is not given up while the server is only away', async () => {
    const { peer, rest, convoke } = await World.online();
    peer.tokens.clear();
    rest.up = false;
    peer.connection.cut();
    await settle(5_000);
    expect(convoke.session.get().status).toBe('offline');
    rest.up = true;
    await settle(40_000);
    expect(convoke.session.get().status).toBe('online');
  });

  it('is used again where the server asks within a connection', async () => {
    const { peer, convoke } = await World.online();
    let asked = 0;
    peer.handler = (request, connection) => {
      if (request.method !== 'MESSAGE' || asked++ > 0) return false;
      peer.reply(request, connection, 407, 'Proxy Authentication Required');
      return true;
    };
    convoke.chats.open('bob@example.org').send('hello');
    await settle(3_000);
    expect(peer.chat.map((one) => one.text)).toEqual(['hello']);
    expect(peer.connections.length).toBe(1);
  });
});

describe('a subscription', () => {
  it('asks again for what it could not read, less and less often', async () => {
    const { peer } = await World.online();
    const asked = () => peer.requests('SUBSCRIBE').filter((one) => one.get('To').includes('sip:alice@example.org')).length;
    const before = asked();
    const documents = peer.presence;
    documents.set('alice@example.org', 'this is no document');
    peer.notify('presence', 'alice@example.org');
    await settle(10);
    expect(peer.log.some((one) => one.status === 415)).toBe(true);
    await settle(2_500);
    expect(asked()).toBe(before + 1);
    await settle(60_000);
    expect(asked()).toBeLessThan(before + 7);
    documents.delete('alice@example.org');
    await settle(60_000);
    const after = asked();
    await settle(300_000);
    expect(asked()).toBe(after);
  });
});

describe('what comes', () => {
  it('is answered by the rules', async () => {
    const { peer } = await World.online();
    const base = ['From: <sip:x@example.org>;tag=1', 'To: <sip:alice@example.org>'];
    const before = peer.log.filter((one) => one.status > 0).length;
    const answers = () =>
      peer.log
        .filter((one) => one.status > 0)
        .slice(before)
        .map((one) => `${one.status} ${one.get('CSeq')}`);
    peer.send('OPTIONS', [...base, 'Call-ID: a', 'CSeq: 1 OPTIONS']);
    peer.send('INVITE', [...base, 'Call-ID: b', 'CSeq: 1 INVITE']);
    peer.send('NOTIFY', [...base.slice(0, 1), 'To: <sip:alice@example.org>;tag=9', 'Call-ID: c', 'CSeq: 1 NOTIFY']);
    peer.message('bob@example.org', 'application/octet-stream', 'x');
    peer.message('bob@example.org', 'text/plain', 'x');
    await settle();
    expect(answers()).toEqual(['200 1 OPTIONS', '405 1 INVITE', '481 1 NOTIFY', '415 1 MESSAGE', '200 1 MESSAGE']);
  });

  it('survives what is no SIP at all', async () => {
    const { peer, convoke, faults } = await World.online();
    const good = peer.log[0]?.text ?? '';
    const hostile: (string | Uint8Array)[] = [
      '',
      '\r\n',
      'x',
      '\0'.repeat(1000),
      'MESSAGE sip:a SIP/2.0\r\n\r\n',
      'MESSAGE sip:a SIP/2.0\r\nFrom\r\n\r\n',
      'SIP/2.0 200 OK\r\n\r\n',
      good.replace('REGISTER sip', 'REGISTER  sip'),
      good.replace(/CSeq: .*/, 'CSeq: 99999999999 REGISTER'),
      good.replace(/CSeq: .*/, 'CSeq: 1 INVITE'),
      good.replace(/Content-Length: .*/, 'Content-Length: 4000000000'),
      good.replace(/Content-Length: .*/, 'Content-Length: -1'),
      'A'.repeat(2_000_000),
      `${'X: y\r\n'.repeat(10_000)}\r\n`,
      new Uint8Array([0xff, 0xfe, 0x00, 0xc0, 0x80]),
      new TextEncoder().encode('\ufeffMESSAGE'),
    ];
    for (let cut = 0; cut < good.length; cut += 7) hostile.push(good.slice(0, cut));
    for (const text of hostile) peer.connection.deliver(text);
    await settle();
    expect(convoke.session.get().status).toBe('online');
    expect(faults).toEqual([]);
    expect(new Sip(good).method).toBe('REGISTER');
  });
});
