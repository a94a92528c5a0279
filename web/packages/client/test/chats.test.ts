import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Chat, ChatItem, MessageItem, Notice } from '../src/index.js';
import { DOMAIN, PIDF, settle, World } from './world.js';

const ALICE = `alice@${DOMAIN}`;
const BOB = `bob@${DOMAIN}`;

beforeEach(() => {
  vi.useFakeTimers({ now: Date.parse('2026-11-26T10:00:00Z') });
});
afterEach(() => {
  vi.useRealTimers();
});

const messages = (chat: Chat): MessageItem[] => chat.get().items.filter((item): item is MessageItem => item.kind === 'message');
const texts = (chat: Chat) => messages(chat).map((item) => `${item.mine ? '>' : '<'} ${item.text} ${item.state}`);

describe('writing', () => {
  it('is shown at once, then sent, delivered and read', async () => {
    const { peer, convoke } = await World.online();
    const chat = convoke.chats.open(BOB);
    await settle();
    chat.send('hello');
    expect(texts(chat)).toEqual(['> hello sending']);
    await settle();
    expect(texts(chat)).toEqual(['> hello sent']);
    const [sent] = peer.requests('MESSAGE').filter((one) => one.uri === `sip:${BOB}`);
    expect(sent?.get('Content-Type')).toBe('message/cpim');
    expect(sent?.body).toContain('imdn.Disposition-Notification: positive-delivery, display');
    const id = messages(chat)[0]?.id ?? '';
    const imdn = (what: string, of = id) => `<imdn xmlns="urn:ietf:params:xml:ns:imdn"><message-id>${of}</message-id>${what}</imdn>`;
    const delivered = '<delivery-notification><status><delivered/></status></delivery-notification>';
    const read = '<display-notification><status><displayed/></status></display-notification>';
    peer.message(`carol@${DOMAIN}`, 'message/imdn+xml', imdn(read));
    await settle();
    expect(texts(chat)).toEqual(['> hello sent']);
    peer.message(BOB, 'message/imdn+xml', imdn(delivered));
    await settle();
    expect(texts(chat)).toEqual(['> hello delivered']);
    chat.send('again');
    await settle();
    peer.message(BOB, 'message/imdn+xml', imdn(read, messages(chat)[1]?.id));
    await settle();
    expect(texts(chat)).toEqual(['> hello read', '> again read']);
    peer.message(BOB, 'message/imdn+xml', imdn(delivered));
    await settle();
    expect(texts(chat)[0]).toBe('> hello read');
    expect(convoke.chats.get().list[0]).toMatchObject({ last: 'again', lastMine: true, lastKind: 'message' });
  });

  it('while away is sent once, in order, when the connection is back', async () => {
    const { peer, convoke } = await World.online();
    const chat = convoke.chats.open(BOB);
    const other = convoke.chats.open(`carol@${DOMAIN}`);
    chat.send('one');
    await settle();
    peer.up = false;
    peer.connection.cut();
    await settle(100);
    for (const text of ['two', 'three', 'four']) chat.send(text);
    other.send('hi carol');
    await settle(600_000);
    expect(texts(chat)).toEqual(['> one sent', '> two sending', '> three sending', '> four sending']);
    peer.up = true;
    await settle(60_000);
    expect(texts(chat)).toEqual(['> one sent', '> two sent', '> three sent', '> four sent']);
    expect(peer.chat.filter((one) => one.to === BOB).map((one) => one.text)).toEqual(['one', 'two', 'three', 'four']);
    expect(peer.chat.filter((one) => one.to !== BOB).map((one) => one.text)).toEqual(['hi carol']);
  });

  it('while away stands as the last one in the list, also when the list is read again in between', async () => {
    const { peer, convoke, rest } = await World.online();
    const chat = convoke.chats.open(BOB);
    chat.send('one');
    await settle();
    peer.up = false;
    peer.connection.cut();
    await settle(100);
    for (const text of ['off A', 'off B', 'off C']) chat.send(text);
    const last = () => convoke.chats.get().list.find((one) => one.with.user === BOB)?.last;
    expect(last()).toBe('off C');
    await settle(60_000);
    // The server has the first of them when it is asked, and answers when it has all.
    let give: () => void = () => {};
    rest.routes.set('GET /me/chats', () => {
      const at = Date.now() + 5;
      const chats = [{ with: BOB, last: { id: 150, at, from: `alice@${DOMAIN}`, to: BOB, type: 'text', text: 'off A' }, unread: 0 }];
      return new Promise((done) => {
        give = () => done({ chats });
      });
    });
    peer.delay = 20;
    peer.up = true;
    const seen = new Set<string | undefined>();
    convoke.chats.subscribe(() => seen.add(last()));
    for (let n = 0; n < 400 && texts(chat).some((one) => one.endsWith('sending')); n++) {
      await settle(100);
      if (peer.chat.length === 3) give();
    }
    give();
    await settle(100);
    expect(texts(chat)).toEqual(['> one sent', '> off A sent', '> off B sent', '> off C sent']);
    expect([...seen]).toEqual(['off C']);
  });

  it('whose answer is lost is sent again under the same names', async () => {
    const { peer, convoke } = await World.online();
    const chat = convoke.chats.open(BOB);
    peer.handler = (request, connection) => {
      if (request.uri !== `sip:${BOB}` || request.method !== 'MESSAGE') return false;
      // Stored, and then the connection is gone before the answer.
      const { deliver } = connection;
      connection.deliver = () => {};
      peer.handler = () => false;
      peer.take(request, connection);
      connection.deliver = deliver;
      connection.cut();
      return true;
    };
    chat.send('only once');
    chat.send('after it');
    await settle(5_000);
    const copies = peer.requests('MESSAGE').filter((one) => one.body.includes('only once'));
    expect(copies.length).toBe(2);
    expect(copies[0]?.body).toBe(copies[1]?.body);
    for (const name of ['Call-ID', 'CSeq', 'From']) expect(copies[0]?.get(name)).toBe(copies[1]?.get(name));
    expect(peer.chat.map((one) => one.text)).toEqual(['only once', 'after it']);
    expect(texts(chat)).toEqual(['> only once sent', '> after it sent']);
  });

  it('whose answer was lost long ago is looked for in history first', async () => {
    const { peer, rest, convoke } = await World.online();
    const chat = convoke.chats.open(BOB);
    await settle();
    peer.alive = false;
    chat.send('in doubt');
    await settle(100);
    const id = messages(chat)[0]?.id ?? '';
    peer.up = false;
    peer.connection.cut();
    await settle(600_000);
    rest.routes.set('GET /me/chats/*', () => ({
      messages: [
        { id: 77, at: Date.now(), from: ALICE, to: BOB, type: 'text', text: 'in doubt', imdnId: id, delivered: true, read: false },
      ],
    }));
    peer.alive = peer.up = true;
    await settle(60_000);
    expect(peer.requests('MESSAGE').filter((one) => one.body.includes('in doubt')).length).toBe(1);
    expect(texts(chat)).toEqual(['> in doubt delivered']);
  });

  it('that is refused can be sent again or thrown away', async () => {
    const { peer, convoke } = await World.online();
    const chat = convoke.chats.open(BOB);
    let status = 404;
    peer.handler = (request, connection) => {
      if (request.uri !== `sip:${BOB}` || request.method !== 'MESSAGE' || status === 0) return false;
      peer.reply(request, connection, status, 'No');
      return true;
    };
    chat.send('x');
    chat.send('y');
    await settle(1_000);
    expect(messages(chat)).toMatchObject([
      { text: 'x', state: 'failed', problem: { code: 'unknown' } },
      { text: 'y', state: 'failed' },
    ]);
    status = 0;
    chat.resend(messages(chat)[0]?.id ?? '');
    chat.discard(messages(chat).find((one) => one.text === 'y')?.id ?? '');
    await settle();
    expect(texts(chat)).toEqual(['> x sent']);
  });

  it('waits while the server is busy', async () => {
    const { peer, convoke } = await World.online();
    const chat = convoke.chats.open(BOB);
    let left = 3;
    peer.handler = (request, connection) => {
      if (request.uri !== `sip:${BOB}` || request.method !== 'MESSAGE' || left-- <= 0) return false;
      peer.reply(request, connection, 503, 'Busy', ['Retry-After: 2']);
      return true;
    };
    chat.send('x');
    chat.send('y');
    await settle(5_000);
    expect(texts(chat)).toEqual(['> x sending', '> y sending']);
    await settle(5_000);
    expect(peer.chat.map((one) => one.text)).toEqual(['x', 'y']);
  });

  it('survives a reload, drafts too, and nothing stays after signing out', async () => {
    const world = await World.online();
    const chat = world.convoke.chats.open(BOB);
    await settle();
    world.peer.up = false;
    world.peer.connection.cut();
    await settle();
    chat.send('before the reload');
    chat.setDraft('half a sen');
    world.convoke.close();
    const again = new World({ platform: { tab: world.tab } });
    await again.signIn();
    await settle();
    expect(again.peer.chat.map((one) => one.text)).toEqual(['before the reload']);
    expect(again.convoke.chats.open(BOB).get().draft).toBe('half a sen');
    expect(again.convoke.chats.get().list[0]).toMatchObject({ draft: 'half a sen' });
    const out = again.convoke.session.signOut();
    await settle(2_000);
    await out;
    expect([...world.tab.values.keys()]).toEqual([]);
    expect(again.convoke.chats.get().list).toEqual([]);
  });

  it('sends nothing empty', async () => {
    const { convoke } = await World.online();
    const chat = convoke.chats.open(BOB);
    chat.send('  \n ');
    expect(chat.get().items).toEqual([]);
  });
});

describe('reading', () => {
  it('shows what comes once, and tells that it was delivered and read', async () => {
    const { peer, rest, convoke } = await World.online();
    const notices: Notice[] = [];
    convoke.onNotice((notice) => notices.push(notice));
    peer.text(BOB, 'id-1', 'first', 41);
    peer.text(BOB, 'id-1', 'first', 41);
    await settle();
    expect(notices.filter((one) => one.kind === 'message')).toMatchObject([{ text: 'first', from: { user: BOB } }]);
    expect(convoke.chats.get()).toMatchObject({ unread: 1, list: [{ last: 'first', unread: 1, lastMine: false }] });
    const toBob = () => peer.requests('MESSAGE').filter((one) => one.uri === `sip:${BOB}`);
    expect(toBob().map((one) => one.get('Content-Type'))).toEqual(['message/cpim']);
    expect(toBob()[0]?.body).toContain('\r\n\r\nContent-Type: message/imdn+xml\r\nContent-Disposition: notification\r\n\r\n<?xml');
    expect(toBob()[0]?.body).toContain('<delivered/>');
    rest.routes.set('GET /me/chats/*', () => ({
      messages: [
        { id: 41, at: Date.now(), from: BOB, to: ALICE, type: 'text', text: 'first', imdnId: 'id-1', delivered: true, read: false },
      ],
    }));
    const chat = convoke.chats.open(BOB);
    await settle();
    peer.text(BOB, 'id-2', 'second', 42);
    await settle();
    expect(chat.get()).toMatchObject({ unread: 2, firstUnread: 'id-1' });
    expect(texts(chat)).toEqual(['< first delivered', '< second delivered']);
    chat.markRead();
    await settle();
    expect(texts(chat)).toEqual(['< first read', '< second read']);
    const read = toBob().filter((one) => one.body.includes('<displayed/>'));
    expect(read.length).toBe(2);
    expect(rest.asked('PUT', `/me/chats/${encodeURIComponent(BOB)}/read`).map((one) => one.body)).toEqual([{ upTo: 42 }]);
    expect(convoke.chats.get().unread).toBe(0);
    chat.markRead();
    await settle();
    expect(rest.asked('PUT', `/me/chats/${encodeURIComponent(BOB)}/read`).length).toBe(1);
  });

  it('is read only when history has come, and its sender told', async () => {
    const { peer, rest, convoke } = await World.online();
    const row = { id: 41, at: Date.now(), from: BOB, to: ALICE, type: 'text', text: 'kept', imdnId: 'id-1', delivered: true, read: false };
    let come = () => {};
    const history = new Promise<unknown>((done) => {
      come = () => done({ messages: [row] });
    });
    rest.routes.set('GET /me/chats/*', () => history);
    const chat = convoke.chats.open(BOB);
    await settle();
    chat.markRead();
    come();
    await settle();
    expect(texts(chat)).toEqual(['< kept delivered']);
    chat.markRead();
    await settle();
    expect(peer.requests('MESSAGE').filter((one) => one.body.includes('<displayed/>')).length).toBe(1);
  });

  it('tells what was read while away when it is back', async () => {
    const { peer, rest, convoke } = await World.online();
    const chat = convoke.chats.open(BOB);
    await settle();
    peer.text(BOB, 'id-1', 'first', 41);
    await settle();
    peer.up = false;
    peer.connection.cut();
    await settle();
    chat.markRead();
    await settle(1_000);
    expect(rest.asked('PUT', `/me/chats/${encodeURIComponent(BOB)}/read`).length).toBe(0);
    peer.up = true;
    await settle(20_000);
    expect(rest.asked('PUT', `/me/chats/${encodeURIComponent(BOB)}/read`).length).toBe(1);
    expect(peer.requests('MESSAGE').filter((one) => one.body.includes('<displayed/>')).length).toBe(1);
  });

  it('shows history page by page, in the order of the log', async () => {
    const { rest, convoke } = await World.online();
    const row = (id: number) => ({
      id,
      at: Date.now() - 1_000_000 + id,
      from: id % 2 ? BOB : ALICE,
      to: id % 2 ? ALICE : BOB,
      type: 'text',
      text: `m${id}`,
      delivered: true,
      read: id < 50,
    });
    rest.routes.set('GET /me/chats/*', (_, path) => {
      const before = Number(/before=(\d+)/.exec(path)?.[1] ?? 121);
      return { messages: Array.from({ length: Math.min(50, before - 1) }, (_, at) => row(before - 1 - at)) };
    });
    const chat = convoke.chats.open(BOB);
    await settle();
    expect(chat.get()).toMatchObject({ hasOlder: true, loading: false });
    expect(messages(chat).map((one) => one.text)).toEqual(Array.from({ length: 50 }, (_, at) => `m${71 + at}`));
    const newest = chat.get().items.at(-1);
    await chat.loadOlder();
    await chat.loadOlder();
    expect(chat.get().hasOlder).toBe(false);
    expect(messages(chat).map((one) => one.text)).toEqual(Array.from({ length: 120 }, (_, at) => `m${1 + at}`));
    expect(chat.get().items.at(-1)).toBe(newest);
    await chat.loadOlder();
    expect(rest.log.filter((one) => one.path.startsWith('/me/chats/')).length).toBe(3);
    expect(messages(chat).find((one) => one.text === 'm10')?.state).toBe('read');
  });

  it('fetches what came meanwhile, without showing anything twice', async () => {
    const { peer, rest, convoke } = await World.online();
    const chat = convoke.chats.open(BOB);
    await settle();
    peer.text(BOB, 'id-1', 'before', 41);
    await settle();
    rest.routes.set('GET /me/chats/*', () => ({
      messages: [
        { id: 42, at: Date.now(), from: BOB, to: ALICE, type: 'text', text: 'meanwhile', imdnId: 'id-2', delivered: true, read: false },
        { id: 41, at: Date.now() - 9, from: BOB, to: ALICE, type: 'text', text: 'before', imdnId: 'id-1', delivered: true, read: false },
      ],
    }));
    rest.routes.set('GET /me/chats', () => ({
      chats: [
        {
          with: BOB,
          unread: 2,
          last: { id: 42, at: Date.now(), from: BOB, to: ALICE, type: 'text', text: 'meanwhile', delivered: true, read: false },
        },
      ],
    }));
    peer.connection.cut();
    await settle(2_000);
    peer.text(BOB, 'id-2', 'meanwhile', 42);
    await settle();
    expect(texts(chat)).toEqual(['< before delivered', '< meanwhile delivered']);
    expect(convoke.chats.get().list[0]).toMatchObject({ last: 'meanwhile', unread: 2 });
  });

  it('reads the newest page once more when the connection is back while it is being read', async () => {
    const { peer, rest, convoke } = await World.online();
    const row = { at: Date.now(), from: BOB, to: ALICE, type: 'text', delivered: true, read: false };
    // As it was when it was asked for; it takes its time.
    const said = [{ ...row, id: 41, text: 'before', imdnId: 'id-1' }];
    let give: (() => void) | undefined;
    const held = new Promise<void>((done) => {
      give = done;
    });
    const fetch = rest.fetch.bind(rest);
    rest.fetch = async (url, request) => {
      const answer = await fetch(url, request);
      if (url.includes('/me/chats/')) await held;
      return answer;
    };
    rest.routes.set('GET /me/chats/*', () => ({ messages: [...said] }));
    const chat = convoke.chats.open(BOB);
    await settle();
    said.unshift({ ...row, id: 42, text: 'meanwhile', imdnId: 'id-2' });
    peer.connection.cut();
    await settle(2_000);
    give?.();
    await settle(2_000);
    expect(texts(chat).map((one) => one.split(' ')[1])).toEqual(['before', 'meanwhile']);
  });

  describe('after a long absence', () => {
    /** A server's log of so many messages, newest first. */
    const log = (count: () => number) => (_: unknown, path: string) => {
      const before = Number(/before=(\d+)/.exec(path)?.[1] ?? Number.POSITIVE_INFINITY);
      const ids = Array.from({ length: count() }, (_, n) => count() - n).filter((id) => id < before);
      const row = (id: number) => ({
        id,
        at: Date.now(),
        from: BOB,
        to: ALICE,
        type: 'text',
        text: `${id}`,
        imdnId: `i${id}`,
        delivered: true,
        read: true,
      });
      return { messages: ids.slice(0, 50).map(row) };
    };
    const ids = (chat: Chat) => messages(chat).map((item) => Number(item.text));

    it.each([120, 300])('%i messages are read back to what is known', async (more) => {
      let count = 60;
      const world = await World.online({
        before: ({ rest }) =>
          rest.routes.set(
            'GET /me/chats/*',
            log(() => count),
          ),
      });
      const chat = world.convoke.chats.open(BOB);
      await settle();
      expect(ids(chat)[0]).toBe(11);
      world.peer.up = false;
      world.peer.connection.cut();
      await settle(5_000);
      count += more;
      world.peer.up = true;
      await settle(20);
      world.convoke.session.reconnect();
      await settle(20);
      // What comes as it happens is no sign that nothing is missing before it.
      world.peer.text(BOB, `i${++count}`, `${count}`, count);
      await settle(5_000);
      expect(ids(chat)).toEqual(Array.from({ length: count - 10 }, (_, n) => n + 11));
    });

    it('too many are left to whoever scrolls there, without a hole', async () => {
      let count = 60;
      const world = await World.online({
        before: ({ rest }) =>
          rest.routes.set(
            'GET /me/chats/*',
            log(() => count),
          ),
      });
      const chat = world.convoke.chats.open(BOB);
      await settle();
      world.peer.connection.cut();
      count = 5_000;
      await settle(5_000);
      expect(ids(chat)).toEqual(Array.from({ length: 500 }, (_, n) => n + 4_501));
      expect(chat.get().hasOlder).toBe(true);
      await chat.loadOlder();
      expect(ids(chat)[0]).toBe(4_451);
    });
  });

  it('marks as new what nobody saw come, at the newest place', async () => {
    const { peer, convoke } = await World.online();
    const chat = convoke.chats.open(BOB);
    await settle();
    peer.text(BOB, 'id-1', 'seen at once', 41);
    chat.markRead();
    await settle(2_000);
    expect(chat.get().firstUnread).toBeUndefined();
    peer.text(BOB, 'id-2', 'not seen', 42);
    await settle(2_000);
    expect(chat.get().firstUnread).toBe('id-2');
    chat.markRead();
    expect(chat.get().firstUnread).toBe('id-2');
    peer.text(BOB, 'id-3', 'later', 43);
    await settle(2_000);
    expect(chat.get().firstUnread).toBe('id-3');
  });

  it('takes plain text of old clients and hostile text as it is', async () => {
    const { peer, convoke, faults } = await World.online();
    const chat = convoke.chats.open(BOB);
    await settle();
    const nasty = '<img src=x onerror=alert(1)> \u202e "quoted" \ud83d\ude00';
    peer.message(BOB, 'text/plain;charset=utf-8', nasty, ['Convoke-Message-Id: 9']);
    peer.message(BOB, 'message/cpim', 'no cpim at all');
    peer.message(BOB, 'message/imdn+xml', '<!DOCTYPE x><imdn/>');
    peer.message(BOB, 'application/im-iscomposing+xml', '<x');
    peer.message(BOB, 'application/vnd.convoke.invitation+xml', '<invitation/>');
    peer.message(BOB, 'text/xml', '<s:Envelope/>');
    await settle();
    expect(messages(chat).map((one) => one.text)).toEqual([nasty]);
    expect(faults).toEqual([]);
  });
});

describe('typing', () => {
  it('of the other one is shown until it ends', async () => {
    const { peer, convoke } = await World.online();
    const chat = convoke.chats.open(BOB);
    await settle();
    const composing = (state: string) =>
      `<isComposing xmlns="urn:ietf:params:xml:ns:im-iscomposing"><state>${state}</state><refresh>60</refresh></isComposing>`;
    const type = 'application/im-iscomposing+xml';
    peer.message(BOB, type, composing('active'));
    await settle();
    expect(chat.get().typing).toBe(true);
    peer.message(BOB, type, composing('idle'));
    await settle();
    expect(chat.get().typing).toBe(false);
    peer.message(BOB, type, composing('active'));
    await settle(61_000);
    expect(chat.get().typing).toBe(false);
    peer.message(BOB, type, composing('active'));
    peer.text(BOB, 'i', 'done');
    await settle();
    expect(chat.get().typing).toBe(false);
    peer.message(`stranger@${DOMAIN}`, type, composing('active'));
    await settle();
    expect(convoke.chats.get().list.map((one) => one.with.user)).toEqual([BOB]);
  });

  it('of mine is told seldom, and only to who is there', async () => {
    const world = new World();
    const { peer, convoke } = world;
    await world.signIn();
    const chat = convoke.chats.open(BOB);
    await settle(100);
    const told = () =>
      peer
        .requests('MESSAGE')
        .filter((one) => one.get('Content-Type') === 'application/im-iscomposing+xml')
        .map((one) => /<state>(\w+)/.exec(one.body)?.[1]);
    chat.typing();
    await settle();
    expect(told()).toEqual([]);
    peer.presence.set(BOB, PIDF(BOB, 'open'));
    peer.notify('presence', BOB);
    await settle(100);
    for (let at = 0; at < 20; at++) {
      chat.typing();
      await settle(1_000);
    }
    expect(told()).toEqual(['active']);
    await settle(11_000);
    expect(told()).toEqual(['active', 'idle']);
    chat.typing();
    chat.send('x');
    await settle(20_000);
    expect(told()).toEqual(['active', 'idle', 'active']);
  });
});

describe('the list of chats', () => {
  it('is read again where the server did not give it', async () => {
    const { convoke, rest } = await World.online({ before: ({ rest }) => void rest.status.set('GET /me/chats', 503) });
    const { chats } = convoke;
    expect(chats.get()).toMatchObject({ loading: false, list: [], problem: { code: 'busy-server' } });
    rest.status.clear();
    const last = { id: 3, at: Date.now(), from: BOB, to: ALICE, type: 'text', text: 'hello', delivered: true, read: false };
    rest.routes.set('GET /me/chats', () => ({ chats: [{ with: BOB, unread: 1, last }] }));
    const again = chats.load();
    expect(chats.get().loading).toBe(true);
    await again;
    expect(chats.get()).toMatchObject({ loading: false, problem: undefined, list: [{ last: 'hello' }] });
  });
});

describe('calls', () => {
  it('stand in the chats of those who were in them', async () => {
    const world = new World();
    const call = {
      conference: 'c1',
      title: 'Plan',
      startedBy: BOB,
      startedAt: Date.now() - 60_000,
      endedAt: Date.now() - 30_000,
      durationMs: 25_000,
      missed: true,
      people: [
        { user: BOB, name: 'Bob', joined: true },
        { user: ALICE, name: 'Alice', joined: false },
      ],
    };
    world.rest.routes.set('GET /me/calls', () => ({ calls: [call] }));
    world.rest.routes.set('GET /me/chats/*', () => ({
      messages: [
        { id: 2, at: Date.now() - 10_000, from: BOB, to: ALICE, type: 'text', text: 'where are you', delivered: true, read: true },
        { id: 1, at: Date.now() - 90_000, from: BOB, to: ALICE, type: 'text', text: 'I call', delivered: true, read: true },
      ],
    }));
    await world.signIn();
    const chat = world.convoke.chats.open(BOB);
    await settle();
    expect(chat.get().items.map((item: ChatItem) => (item.kind === 'message' ? item.text : item.kind))).toEqual([
      'I call',
      'call',
      'where are you',
    ]);
    expect(chat.get().items[1]).toMatchObject({
      title: 'Plan',
      startedBy: BOB,
      mine: false,
      missed: true,
      durationMs: 25_000,
      people: ['Bob'],
    });
    const composer = world.convoke.conferences.callBack(chat.get().items[1] as never);
    await settle();
    expect(composer.get().rows.map((row) => row.person.user)).toEqual([BOB]);
  });
});

describe('the conference service', () => {
  it('is marked, so that a window names it in its language, unless I call it something', async () => {
    const service = `conference@${DOMAIN}`;
    const { peer, convoke, rest } = await World.online();
    peer.message(service, 'text/plain', 'You are in no conference.');
    peer.text(BOB, 'm1', 'hello');
    await settle();
    const people = convoke.chats.get().list.map((one) => one.with);
    expect(people.find((one) => one.user === service)).toMatchObject({ name: 'Conferences', service: true });
    expect(people.find((one) => one.user === BOB)?.service).toBeUndefined();
    rest.routes.set('GET /me/contacts', () => ({
      contacts: [{ key: service, user: service, name: 'The desk', favourite: false, numbers: [], places: [] }],
    }));
    peer.connection.cut();
    await settle(5_000);
    expect(convoke.people.person(service)).toMatchObject({ name: 'The desk' });
    expect(convoke.people.person(service).service).toBeUndefined();
  });
});
