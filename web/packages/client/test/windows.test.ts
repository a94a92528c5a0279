import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Chat, MessageItem, Notice } from '../src/index.js';
import type { Channel } from '../src/platform.js';
import { DOMAIN, Memory, settle, World } from './world.js';

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

/** What windows of one browser hear of each other. */
function channels(): (name: string) => Channel {
  const rooms = new Map<string, { onMessage: (message: unknown) => void }[]>();
  return (name: string) => {
    const room = rooms.get(name) ?? [];
    rooms.set(name, room);
    const own = {
      post: (message: unknown) => {
        for (const other of room) if (other !== own) other.onMessage(structuredClone(message));
      },
      onMessage: (_: unknown) => {},
      close: () => void room.splice(room.indexOf(own), 1),
    };
    room.push(own);
    return own;
  };
}

describe('two windows', () => {
  it('show what the other wrote and read', async () => {
    const channel = channels();
    const first = await World.online({ platform: { channel } });
    const second = await World.online({
      platform: { channel, tab: new Memory(), random: (count) => crypto.getRandomValues(new Uint8Array(count)) },
    });
    const here = first.convoke.chats.open(BOB);
    const there = second.convoke.chats.open(BOB);
    await settle();
    here.send('from the first');
    await settle();
    expect(texts(there)).toEqual(['> from the first sent']);
    expect(second.peer.chat).toEqual([]);
    // The server tells it as well.
    second.peer.copy(BOB, messages(here)[0]?.id ?? '', 'from the first', 4);
    await settle();
    expect(texts(there)).toEqual(['> from the first sent']);
    for (const world of [first, second]) world.peer.text(BOB, 'id-1', 'hello', 5);
    await settle();
    expect([here.get().unread, there.get().unread]).toEqual([1, 1]);
    there.markRead();
    await settle();
    expect(here.get().unread).toBe(0);
    expect(first.convoke.chats.get().unread).toBe(0);
  });

  it('are signed out together', async () => {
    const channel = channels();
    const first = await World.online({ platform: { channel } });
    const second = await World.online({ platform: { channel, tab: new Memory() } });
    second.rest.status.set('POST /session/renew', 401);
    void first.convoke.session.signOut();
    await settle(2_000);
    expect(first.convoke.session.get().problem).toBeUndefined();
    expect(second.convoke.session.get()).toMatchObject({ status: 'signed-out', problem: { code: 'session-ended' } });
  });

  it('of other machines show at once what the other sends, as their own', async () => {
    const { peer, rest, convoke } = await World.online();
    const notices: Notice[] = [];
    convoke.onNotice((notice) => notices.push(notice));
    const chat = convoke.chats.open(BOB);
    await settle();
    const pages = () => rest.asked('GET', `/me/chats/${encodeURIComponent(BOB)}`).length;
    expect(pages()).toBe(1);
    peer.text(BOB, 'his-1', 'shall we?', 5);
    await settle();
    const said = peer.requests('MESSAGE').length;
    peer.copy(BOB, 'mine-1', 'we shall', 6);
    await settle();
    expect(texts(chat)).toEqual(['< shall we? delivered', '> we shall sent']);
    // What stood before it is as unread as the server says.
    expect(convoke.chats.get()).toMatchObject({ unread: 1, list: [{ last: 'we shall', lastMine: true, unread: 1 }] });
    expect(notices.map((notice) => notice.kind === 'message' && notice.text)).toEqual(['shall we?']);
    expect(peer.requests('MESSAGE').length, 'nobody is told that it came').toBe(said);
    expect(peer.log.at(-1)?.status).toBe(200);

    // By the server's numbers, whatever comes first; and once, also where the history has it too.
    peer.text(BOB, 'his-2', 'fine', 8);
    for (let n = 0; n < 2; n++) peer.copy(BOB, 'mine-2', 'at ten', 7);
    await settle();
    const inOrder = ['< shall we?', '> we shall', '> at ten', '< fine'];
    const order = () => texts(chat).map((one) => one.replace(/ \w+$/, ''));
    expect(order()).toEqual(inOrder);
    expect(convoke.chats.get().list).toMatchObject([{ last: 'fine', lastMine: false }]);
    peer.message(
      BOB,
      'message/imdn+xml',
      '<imdn xmlns="urn:ietf:params:xml:ns:imdn"><message-id>mine-2</message-id><display-notification><status><displayed/></status></display-notification></imdn>',
    );
    await settle(1_000);
    expect(texts(chat).slice(1, 3)).toEqual(['> we shall read', '> at ten read']);
    expect(pages()).toBe(1);
    rest.routes.set('GET /me/chats/*', () => ({
      messages: [
        { id: 7, at: Date.now(), from: ALICE, to: BOB, type: 'text', text: 'at ten', imdnId: 'mine-2', delivered: true, read: true },
      ],
    }));
    peer.connection.cut();
    await settle(3_000);
    expect(pages()).toBe(2);
    expect(order()).toEqual(inOrder);
  });

  it('of other machines and of this one put nothing older into the list than stands there', async () => {
    const channel = channels();
    const first = await World.online({ platform: { channel } });
    const second = await World.online({ platform: { channel, tab: new Memory() } });
    const here = first.convoke.chats.open(BOB);
    const last = () => second.convoke.chats.get().list[0];
    await settle(1_300);
    here.send('from the first');
    await settle();
    const told = last();
    expect(told).toMatchObject({ last: 'from the first' });
    // The server tells it as well, in whole seconds.
    second.peer.copy(BOB, messages(here)[0]?.id ?? '', 'from the first', 4);
    await settle();
    expect(last()).toBe(told);

    // Written before what came since, and sent after it: that it is the newer one is for the server to say.
    first.peer.up = false;
    first.peer.connection.cut();
    await settle(100);
    here.send('held up');
    await settle(2_000);
    second.peer.text(BOB, 'his-1', 'anybody?', 5);
    await settle();
    first.peer.up = true;
    await settle(60_000);
    expect(messages(here).at(-1)).toMatchObject({ text: 'held up', state: 'sent' });
    expect(last()).toMatchObject({ last: 'anybody?' });
    second.peer.copy(BOB, messages(here).at(-1)?.id ?? '', 'held up', 6);
    await settle();
    expect(last()).toMatchObject({ last: 'held up', lastMine: true });
  });

  it('of other machines begin chats by what the other sends', async () => {
    const { peer, convoke } = await World.online();
    peer.copy(BOB, 'mine-1', 'are you there?', 6);
    await settle();
    expect(convoke.chats.get()).toMatchObject({
      unread: 0,
      list: [{ with: { user: BOB }, last: 'are you there?', lastKind: 'message', lastMine: true, unread: 0 }],
    });
  });

  it('believe of themselves alone what they have sent', async () => {
    const { peer, convoke } = await World.online();
    const chat = convoke.chats.open(BOB);
    await settle();
    peer.message(BOB, 'text/plain', 'not yours', ['Convoke-Message-Id: 6', `Convoke-Sent-To: <sip:carol@${DOMAIN}>`]);
    await settle();
    expect(texts(chat)).toEqual(['< not yours delivered']);
    expect(convoke.chats.get().list.map((one) => one.with.user)).toEqual([BOB]);
  });

  it('of other machines are caught up with when an answer tells of them', async () => {
    const { peer, rest, convoke } = await World.online();
    const chat = convoke.chats.open(BOB);
    await settle();
    rest.routes.set('GET /me/chats/*', () => ({
      messages: [
        {
          id: 9,
          at: Date.now(),
          from: ALICE,
          to: BOB,
          type: 'text',
          text: 'from my telephone',
          imdnId: 'elsewhere',
          delivered: true,
          read: false,
        },
      ],
    }));
    peer.message(
      BOB,
      'message/imdn+xml',
      '<imdn xmlns="urn:ietf:params:xml:ns:imdn"><message-id>elsewhere</message-id><delivery-notification><status><delivered/></status></delivery-notification></imdn>',
    );
    await settle(1_000);
    expect(texts(chat)).toEqual(['> from my telephone delivered']);
  });
});
