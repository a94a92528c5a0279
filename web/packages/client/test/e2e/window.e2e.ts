/** Chat, presence and a conference between people at a real server. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BoardRow, MessageItem } from '../../src/index.js';
import { Person, URL_OF_SERVER, USERS, until } from './real.js';

const given = URL_OF_SERVER !== '' && USERS.length >= 2;

describe.skipIf(!given)('at a real server', () => {
  const people: Person[] = [];
  let [alice, bob]: Person[] = [];

  beforeAll(async () => {
    for (const { user, password } of USERS.slice(0, 2)) people.push(await new Person(user, password).signIn());
    [alice, bob] = people;
  });

  afterAll(() => {
    for (const person of people) person.convoke.close();
  });

  const both = (): [Person, Person] => {
    if (!alice || !bob) throw new Error('two people are needed');
    return [alice, bob];
  };

  it('refuses a wrong password in words', async () => {
    const stranger = new Person(USERS[0]?.user ?? '', 'surely not this');
    expect(await stranger.convoke.session.signIn(stranger.user, stranger.password)).toBe(false);
    expect(stranger.convoke.session.get().problem?.code).toBe('wrong-password');
  });

  it('shows who is there', async () => {
    const [one, other] = both();
    const unwatch = one.convoke.people.watch([other.account]);
    const seen = { get: () => one.convoke.people.person(other.account), subscribe: (listener: () => void) => every(listener) };
    await until(seen, (person) => person.presence === 'available', 'available');
    other.convoke.session.setPresence('away', 'at lunch');
    await until(seen, (person) => person.presence === 'away' && person.presenceText === 'at lunch', 'away');
    other.convoke.session.setPresence('available');
    await until(seen, (person) => person.presence === 'available', 'available again');
    unwatch();
  });

  it('carries chat, with marks', async () => {
    const [one, other] = both();
    const mine = one.convoke.chats.open(other.account);
    const theirs = other.convoke.chats.open(one.account);
    const text = `hello ${Date.now()} <b>&amp; 😀`;
    mine.send(text);
    const message = (items: readonly { kind: string }[]) =>
      items.find((item): item is MessageItem => item.kind === 'message' && (item as MessageItem).text === text);
    await until(theirs, (state) => message(state.items) !== undefined, 'arrived');
    await until(mine, (state) => message(state.items)?.state === 'delivered', 'delivered');
    theirs.markRead();
    await until(mine, (state) => message(state.items)?.state === 'read', 'read');
    theirs.setDraft('I am');
    theirs.typing();
    await until(mine, (state) => state.typing, 'typing');
  });

  it('carries what was written without a connection once, in order', async () => {
    const [one, other] = both();
    const mine = one.convoke.chats.open(other.account);
    const theirs = other.convoke.chats.open(one.account);
    const mark = `${Date.now()}`;
    one.network(false);
    await until(one.convoke.session, (state) => state.status === 'offline', 'offline');
    for (const word of ['one', 'two', 'three']) mine.send(`${mark} ${word}`);
    one.network(true);
    one.convoke.session.reconnect();
    const texts = (items: readonly { kind: string }[]) =>
      items
        .filter((item): item is MessageItem => item.kind === 'message' && (item as MessageItem).text.startsWith(mark))
        .map((item) => item.text.slice(mark.length + 1));
    await until(theirs, (state) => texts(state.items).length === 3, 'three messages');
    await until(one.convoke.session, (state) => state.status === 'online', 'online');
    await new Promise((done) => setTimeout(done, 1_500));
    expect(texts(theirs.get().items)).toEqual(['one', 'two', 'three']);
    const later = new Person(other.user, other.password);
    people.push(await later.signIn());
    const history = later.convoke.chats.open(one.account);
    await until(history, (state) => texts(state.items).length === 3, 'history');
    expect(texts(history.get().items)).toEqual(['one', 'two', 'three']);
  });

  it('calls people and shows them on the board', { timeout: 120_000 }, async () => {
    const [one, other] = both();
    await one.convoke.telephones.load();
    const composer = one.convoke.conferences.compose([other.account]);
    composer.setTitle('End to end');
    await until(composer, (state) => state.rows.length === 1 && !state.adding, 'somebody to call');
    const telephone = composer.get().me.places.find((place) => place.kind !== 'browser');
    expect(telephone, 'a telephone of mine').toBeDefined();
    if (telephone) composer.setMyPlace(telephone);
    expect(await composer.call(), JSON.stringify(composer.get().problem)).toBe(true);
    const { board } = one.convoke.conferences.get();
    if (!board) throw new Error('no board');
    await until(board, (state) => !state.stale, 'documents of the conference');
    const rows = () => Object.values(board.get().groups).flat() as BoardRow[];
    await until(other.convoke.conferences, (state) => state.ringing.length === 1, 'the invitation');
    expect(other.convoke.conferences.get().ringing[0]).toMatchObject({ title: 'End to end', kind: 'call' });
    await until(board, () => rows().some((row) => row.state === 'joined'), 'somebody in', 60_000);
    await until(other.convoke.conferences, (state) => state.ringing.length === 0, 'no more ringing');
    await until(other.convoke.conferences, (state) => state.live.some((live) => live.iAmIn), 'live at the other');
    const participant = rows()[0]?.participant ?? '';
    expect(await board.mute(participant), JSON.stringify(board.get().problem)).toBe(true);
    await until(board, () => rows()[0]?.muted === true, 'muted');
    expect(await board.lock()).toBe(true);
    await until(board, (state) => state.locked, 'locked');
    one.network(false);
    await until(board, (state) => state.stale, 'stale');
    one.network(true);
    one.convoke.session.reconnect();
    await until(board, (state) => !state.stale && state.locked, 'current again');
    expect(await board.endForAll()).toBe(true);
    await until(board, (state) => state.state === 'ended' && state.end?.reason === 'by-command', 'ended');
    await until(one.convoke.calls, (state) => state.list.some((call) => call.title === 'End to end'), 'the record');
  });

  it('ends everywhere with the session', async () => {
    const [, other] = both();
    const second = await new Person(other.user, other.password).signIn();
    await second.convoke.session.signOut();
    expect(second.convoke.session.get().status).toBe('signed-out');
    expect(await second.convoke.session.resume()).toBe(false);
    expect(other.convoke.session.get().status).toBe('online');
  });
});

function every(listener: () => void): () => void {
  const timer = setInterval(listener, 50);
  return () => clearInterval(timer);
}
