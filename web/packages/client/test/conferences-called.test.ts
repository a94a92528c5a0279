/** Being called to a conference, and answering. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Notice } from '../src/index.js';
import type { Focus } from './focus.js';
import { ALICE, answering, BOB, board, CAROL, invitations, ready, Sound } from './scene.js';
import { DOMAIN, type Peer, settle, type World } from './world.js';

beforeEach(() => {
  vi.useFakeTimers({ now: Date.parse('2026-11-26T10:00:00Z') });
});
afterEach(() => {
  vi.useRealTimers();
});

describe('being called', () => {
  const invitation = (id = 'i1', kind = 'call', seconds = 45) =>
    `<invitation xmlns="urn:convoke:invitation:1" id="${id}" conference="c1" uri="sip:conf-c1@example.org" title="Dock inspection" kind="${kind}" expires="${new Date(Date.now() + seconds * 1000).toISOString()}"><from user="${BOB}" name="Bob Keller"/><in name="Bob Keller"/></invitation>`;
  const rings = (peer: Peer, body = invitation()) =>
    peer.message(BOB, 'application/vnd.convoke.invitation+xml', body, ['Expires: 45', 'Convoke-Message-Id: 7']);
  const people = (_: World, focus: Focus) => {
    focus.title = 'Dock inspection';
    focus.phase = 'running';
    focus.add({ name: 'Bob Keller', user: BOB, role: 'owner', state: 'joined' });
    focus.add({ name: 'alice', user: ALICE, state: 'ringing', place: 'Work' });
  };

  it('rings, and shows who is in and what else rings', async () => {
    const { world, focus, peer } = await ready({ before: people });
    const notices: Notice[] = [];
    world.convoke.onNotice((notice) => notices.push(notice));
    const chat = world.convoke.chats.open(BOB);
    await settle();
    rings(peer);
    rings(peer);
    await settle(500);
    const { ringing } = world.convoke.conferences.get();
    expect(ringing).toMatchObject([
      {
        id: 'i1',
        title: 'Dock inspection',
        kind: 'call',
        from: { user: BOB },
        in: ['Bob Keller'],
        alsoRinging: ['Work'],
        answering: false,
      },
    ]);
    expect(ringing[0]?.places.map((place) => place.id)).toEqual(['work']);
    expect(chat.get().items).toMatchObject([{ kind: 'invitation', state: 'ringing', mine: false }]);
    expect(notices.filter((one) => one.kind === 'ringing').length).toBe(1);
    focus.add({ name: 'Carol', user: CAROL, state: 'joined' });
    focus.tell();
    await settle(100);
    expect(world.convoke.conferences.get().ringing[0]?.in).toEqual(['Bob Keller', 'Carol']);
    await settle(46_000);
    expect(world.convoke.conferences.get().ringing).toEqual([]);
    expect(chat.get().items).toMatchObject([{ state: 'missed' }]);
    expect(notices.at(-1)).toEqual({ kind: 'ringing-over', id: 'i1' });
  });

  it.each([
    ['joined', 'called'],
    ['confirming', 'called'],
    ['declined', 'declined'],
    ['no-answer', 'missed'],
  ])('stops when the telephone is %s', async (state, outcome) => {
    const { world, focus, peer } = await ready({ before: people });
    const chat = world.convoke.chats.open(BOB);
    rings(peer);
    await settle(500);
    focus.set('alice', { state });
    await settle(100);
    expect(world.convoke.conferences.get().ringing).toEqual([]);
    expect(chat.get().items).toMatchObject([{ state: outcome }]);
  });

  it('may be declined in words', async () => {
    const { world, focus, peer } = await ready({ before: people });
    rings(peer);
    await settle(500);
    const [ringing] = world.convoke.conferences.get().ringing;
    if (!ringing) throw new Error('it does not ring');
    const answering = world.convoke.conferences.answer(ringing, 'decline', 'in a meeting');
    await settle(100);
    expect(await answering).toBe(true);
    expect(focus.asked).toEqual(['decline p2 in a meeting']);
    const [answer] = invitations(peer);
    expect(answer?.uri).toBe(`sip:${BOB}`);
    expect(answer?.body).toBe(
      '<invitation-answer xmlns="urn:convoke:invitation:1" invitation="i1" conference="c1" answer="decline"><note>in a meeting</note></invitation-answer>',
    );
    expect(world.convoke.conferences.get().ringing).toEqual([]);
  });

  it('may be taken at another telephone: the one that rings stops', async () => {
    const { world, focus, peer } = await ready({ before: people });
    rings(peer);
    await settle(500);
    const [ringing] = world.convoke.conferences.get().ringing;
    if (!ringing) throw new Error('it does not ring');
    const answering = world.convoke.conferences.answer(ringing, {
      callAt: { id: 'number:+15550177', label: '+1 555 0177', kind: 'number', number: '+15550177' },
    });
    await settle(3_000);
    expect(await answering).toBe(true);
    expect(focus.asked).toEqual(['call p2 +15550177']);
    expect(world.convoke.chats.open(BOB).get().items).toMatchObject([{ state: 'called' }]);
    expect(world.convoke.conferences.get().board?.get().id).toBe('c1');
  });

  it('may be joined here', async () => {
    const sound = new Sound();
    const { world, focus, peer } = await ready({ before: people, sound });
    const invites = answering(peer);
    rings(peer);
    await settle(500);
    const [ringing] = world.convoke.conferences.get().ringing;
    if (!ringing) throw new Error('it does not ring');
    const joining = world.convoke.conferences.answer(ringing, 'join');
    await settle(100);
    expect(await joining).toBe(true);
    expect(invites[0]?.uri).toBe('sip:conf-c1@example.org');
    focus.set('alice', { state: 'joined', place: 'browser' });
    await settle(100);
    expect(board(world).get().me).toMatchObject({ here: true, state: 'joined', place: { kind: 'browser' } });
    expect(invitations(peer)[0]?.body).toContain('answer="join"');
  });

  it('stays ringing when the microphone is refused', async () => {
    const sound = new Sound();
    sound.refused = 'no-microphone';
    const { world, peer } = await ready({ before: people, sound });
    rings(peer);
    await settle(500);
    const [ringing] = world.convoke.conferences.get().ringing;
    if (!ringing) throw new Error('it does not ring');
    expect(await world.convoke.conferences.answer(ringing, 'join')).toBe(false);
    expect(world.convoke.conferences.get()).toMatchObject({
      ringing: [{ id: 'i1', answering: false, problem: { code: 'no-microphone' } }],
    });
    expect(world.convoke.chats.open(BOB).get().items).toMatchObject([{ id: 'i1', problem: { code: 'no-microphone' } }]);
  });

  it('stays where it is when my telephone cannot be called, so that another place may be chosen', async () => {
    const { world, focus, peer } = await ready({ before: people });
    rings(peer);
    await settle(500);
    focus.refuse.set('call', 'number-refused');
    const first = world.convoke.conferences.answer('i1', {
      callAt: { id: 'number:+15550177', label: '+1 555 0177', kind: 'number', number: '+15550177' },
    });
    await settle(3_000);
    expect(await first).toBe(false);
    expect(world.convoke.conferences.get().ringing).toMatchObject([{ id: 'i1', answering: false, problem: { code: 'number-refused' } }]);
    focus.refuse.clear();
    const second = world.convoke.conferences.answer('i1', { callAt: { id: 'work', label: 'Work', kind: 'work' } });
    expect(world.convoke.conferences.get().ringing[0]?.problem).toBeUndefined();
    await settle(3_000);
    expect(await second).toBe(true);
    expect(world.convoke.conferences.get().ringing).toEqual([]);
  });

  /** I am taken off the roster while I look at the board; then `c1` lets me in again. */
  async function removed(): Promise<{ world: World; focus: Focus; peer: Peer }> {
    const scene = await ready({ before: people });
    const { world, focus, peer } = scene;
    const open = world.convoke.conferences.openBoard('c1');
    const notices: Notice[] = [];
    world.convoke.onNotice((notice) => notices.push(notice));
    await settle(1_000);
    focus.exists = false;
    focus.refuse.set('get', 'unknown-conference');
    const { conferences } = peer;
    const document = conferences.get('c1');
    conferences.delete('c1');
    peer.notify('conference', 'conf-c1@example.org', focus.document(99, 'full'), 'terminated;reason=rejected');
    await settle(1_000);
    // It is not over, and of whoever is in nobody says that they left.
    const { state, end, me, groups, count } = open.get();
    expect(board(world)).toBe(open);
    expect({ state, reason: end?.reason, count }).toEqual({ state: 'ended', reason: 'removed', count: 0 });
    expect(me).toMatchObject({ state: 'left', reason: 'by-moderator', actions: new Set() });
    expect(Object.values(groups).flat()).toEqual([]);
    expect(notices).toEqual([{ kind: 'removed', conference: 'c1', title: 'Dock inspection' }]);
    focus.refuse.clear();
    if (document) conferences.set('c1', document);
    return scene;
  }

  it('by one that I was removed from while I was away is told to be over, or over for me, and nothing of the others', async () => {
    const { world, focus, peer } = await ready({ before: people });
    const open = world.convoke.conferences.openBoard('c1');
    const notices: Notice[] = [];
    world.convoke.onNotice((notice) => notices.push(notice));
    await settle(1_000);
    peer.up = false;
    peer.connection.cut();
    await settle(5_000);
    expect(open.get()).toMatchObject({ state: 'running', stale: true, count: 1 });
    // Who is not on the roster is told the same as of one that never was.
    focus.exists = false;
    focus.refuse.set('get', 'unknown-conference');
    const document = peer.conferences.get('c1');
    peer.conferences.delete('c1');
    peer.up = true;
    await settle(60_000);
    const { state, end, me, groups, count } = open.get();
    expect(board(world)).toBe(open);
    expect({ state, reason: end?.reason, count }).toEqual({ state: 'ended', reason: 'untold', count: 0 });
    expect(me).toMatchObject({ state: 'left', reason: undefined, actions: new Set() });
    expect(Object.values(groups).flat()).toEqual([]);
    expect(notices).toEqual([{ kind: 'untold', conference: 'c1', title: 'Dock inspection' }]);
    expect(world.convoke.conferences.get().live).toEqual([]);
    // A report of its end may have waited for us longer than the answer.
    const words = 'Bob Keller ended it';
    const ended = `<c:ended><c:reason>by-command</c:reason><c:words>${words}</c:words></c:ended>`;
    const entry = `<r:entry><c:conference>c1</c:conference><c:version>9</c:version>${ended}</r:entry>`;
    peer.answer('urn:uuid:of-before', `<r:report>${entry}</r:report>`);
    await settle(1_000);
    expect(open.get().end).toEqual({ reason: 'by-command', words });
    // Whoever is added again sees it again.
    focus.refuse.clear();
    if (document) peer.conferences.set('c1', document);
    focus.exists = true;
    await settle(61_000);
    expect(world.convoke.conferences.get().live).toMatchObject([{ id: 'c1', count: 1 }]);
  });

  it('by one without a title that I was removed from is still called by who was in it', async () => {
    const before = (world: World, focus: Focus) => {
      people(world, focus);
      focus.title = '';
    };
    const { world, focus, peer } = await ready({ before });
    const open = world.convoke.conferences.openBoard('c1');
    const notices: Notice[] = [];
    world.convoke.onNotice((notice) => notices.push(notice));
    await settle(1_000);
    focus.exists = false;
    focus.refuse.set('get', 'unknown-conference');
    peer.conferences.delete('c1');
    peer.notify('conference', 'conf-c1@example.org', focus.document(99, 'full'), 'terminated;reason=rejected');
    await settle(1_000);
    expect(open.get()).toMatchObject({ title: 'Bob Keller', end: { reason: 'removed' } });
    expect(notices).toEqual([{ kind: 'removed', conference: 'c1', title: 'Bob Keller' }]);
  });

  it('rings also for a conference that I was removed from', async () => {
    const { world, focus, peer } = await removed();
    focus.exists = true;
    rings(peer);
    await settle(500);
    const { ringing, board: open } = world.convoke.conferences.get();
    expect(ringing).toMatchObject([{ id: 'i1', in: ['Bob Keller'], alsoRinging: ['Work'] }]);
    expect(open).toBeUndefined();
    world.convoke.conferences.openBoard('c1');
    await settle(500);
    expect(board(world).get()).toMatchObject({ state: 'running', stale: false });
  });

  it('is seen in the list when I was removed and am added again', async () => {
    const { world, focus } = await removed();
    expect(world.convoke.conferences.get().live).toEqual([]);
    focus.exists = true;
    await settle(61_000);
    expect(world.convoke.conferences.get().live).toMatchObject([{ id: 'c1', count: 1 }]);
  });

  it('for ever does not keep the window busy', async () => {
    const { world, peer } = await ready({ before: people });
    rings(peer, invitation('i1', 'invite', 200 * 86_400));
    await settle(500);
    const [ringing] = world.convoke.conferences.get().ringing;
    expect((ringing?.expiresAt ?? 0) - Date.now()).toBeLessThanOrEqual(86_400_000);
    expect(vi.getTimerCount()).toBeLessThan(50);
    await settle(10);
    expect(world.convoke.conferences.get().ringing.length).toBe(1);
  });

  it('by a stranger shows the account until the directory gives a name', async () => {
    const { world, peer } = await ready({ before: people });
    const stranger = `mallory@${DOMAIN}`;
    const body = invitation().replace(`user="${BOB}" name="Bob Keller"`, `user="${stranger}" name="The Director"`);
    peer.message(stranger, 'application/vnd.convoke.invitation+xml', body, ['Expires: 45']);
    await settle(500);
    expect(world.convoke.conferences.get().ringing[0]?.from).toMatchObject({ name: 'The Director', user: stranger, unconfirmed: true });
    rings(peer, invitation('i2').replace('name="Bob Keller"', 'name="Robert the Great"'));
    await settle(500);
    expect(world.convoke.conferences.get().ringing[1]?.from).toMatchObject({ name: 'Bob Keller', user: BOB });
    expect(world.convoke.conferences.get().ringing[1]?.from.unconfirmed).toBeUndefined();
  });

  it('by the account of conferences is from whom it names, who called by REST; by others it is from its sender', async () => {
    const conferences = `focus@${DOMAIN}`;
    const { world, peer } = await ready({
      before: (world, focus) => {
        people(world, focus);
        const session = world.rest.routes.get('POST /session');
        world.rest.routes.set('POST /session', (body, path) => ({ ...(session?.(body, path) as object), conferences }));
      },
    });
    const chat = world.convoke.chats.open(BOB);
    const type = 'application/vnd.convoke.invitation+xml';
    peer.message(conferences, type, invitation('i1'), ['Expires: 45']);
    peer.message(CAROL, type, invitation('i2'), ['Expires: 45']);
    await settle(500);
    const { ringing } = world.convoke.conferences.get();
    expect(ringing.map((one) => one.from.user)).toEqual([BOB, CAROL]);
    expect(chat.get().items).toMatchObject([{ kind: 'invitation', id: 'i1' }]);
    // Nobody has a chat with the account that said it.
    expect(world.convoke.chats.get().list.map((one) => one.with.user)).not.toContain(conferences);
  });

  it('does not disturb who does not want to be disturbed', async () => {
    const { world, peer } = await ready({ before: people });
    world.convoke.session.setPresence('dnd');
    const chat = world.convoke.chats.open(BOB);
    rings(peer);
    await settle(500);
    expect(world.convoke.conferences.get().ringing).toEqual([]);
    expect(chat.get().items).toMatchObject([{ kind: 'invitation', state: 'ringing' }]);
    world.convoke.session.setPresence('available');
    await settle();
    expect(world.convoke.conferences.get().ringing.length).toBe(1);
  });

  describe('before this window began, or while it was away', () => {
    const focusAccount = `focus@${DOMAIN}`;
    const letter = (id: number, from: string, document: string) => ({
      id,
      at: Date.now(),
      from,
      to: from === ALICE ? BOB : ALICE,
      document,
    });
    const answered = (how: string) =>
      `<invitation-answer xmlns="urn:convoke:invitation:1" invitation="i1" conference="c1" answer="${how}" place="Work"/>`;
    const reloaded = (letters: () => readonly unknown[], also: (world: World, focus: Focus) => void = () => {}) =>
      ready({
        before: (world, focus) => {
          people(world, focus);
          const session = world.rest.routes.get('POST /session');
          world.rest.routes.set('POST /session', (body, path) => ({ ...(session?.(body, path) as object), conferences: focusAccount }));
          world.rest.routes.set('GET /me/invitations', () => ({ invitations: letters() }));
          also(world, focus);
        },
      });

    it.each([
      ['a person', BOB],
      ['the account of conferences', focusAccount],
    ])('it was sent by %s: it rings again, and can be answered', async (_, from) => {
      const notices: Notice[] = [];
      const { world, focus, peer } = await reloaded(
        () => [letter(7, from, invitation())],
        (world) => world.convoke.onNotice((notice) => notices.push(notice)),
      );
      const [ringing, ...more] = world.convoke.conferences.get().ringing;
      expect(more).toEqual([]);
      expect(ringing).toMatchObject({ id: 'i1', title: 'Dock inspection', from: { user: BOB }, in: ['Bob Keller'], alsoRinging: ['Work'] });
      expect(notices.filter((one) => one.kind === 'ringing').length).toBe(1);
      // Nothing is unread by it, and nobody has a chat with the account that said it.
      expect(world.convoke.chats.get().unread).toBe(0);
      expect(world.convoke.chats.get().list.map((one) => one.with.user)).not.toContain(focusAccount);
      const answering = world.convoke.conferences.answer('i1', 'decline');
      await settle(200);
      expect(await answering).toBe(true);
      expect(focus.asked).toEqual(['decline p2']);
      expect(invitations(peer)[0]?.uri).toBe(`sip:${BOB}`);
      expect(world.convoke.conferences.get().ringing).toEqual([]);
    });

    it.each(['joined', 'confirming', 'declined', 'no-answer'])('it was dealt with elsewhere (%s): nothing rings', async (state) => {
      const notices: Notice[] = [];
      const { world } = await reloaded(
        () => [letter(7, focusAccount, invitation())],
        (world, focus) => {
          focus.one('alice').state = state;
          world.convoke.onNotice((notice) => notices.push(notice));
        },
      );
      expect(world.convoke.conferences.get().ringing).toEqual([]);
      expect(notices.filter((one) => one.kind === 'ringing')).toEqual([]);
    });

    it('it was answered here, with a telephone that rings now: nothing rings', async () => {
      const { world } = await reloaded(() => [letter(8, ALICE, answered('call')), letter(7, focusAccount, invitation())]);
      expect(world.convoke.conferences.get().ringing).toEqual([]);
    });

    it('its time is over, or its conference: nothing rings', async () => {
      const late = await reloaded(() => [letter(7, focusAccount, invitation('i1', 'call', -1))]);
      expect(late.world.convoke.conferences.get().ringing).toEqual([]);
      const notices: Notice[] = [];
      const gone = [(focus: Focus) => focus.over('ended', 'by bob'), (focus: Focus) => Object.assign(focus, { exists: false })];
      for (const end of gone) {
        const over = await reloaded(
          () => [letter(7, focusAccount, invitation())],
          (world, focus) => {
            end(focus);
            world.convoke.onNotice((notice) => notices.push(notice));
          },
        );
        expect(over.world.convoke.conferences.get().ringing).toEqual([]);
      }
      // Nor is it told to end now.
      expect(notices).toEqual([]);
    });

    it('a second one into the same conference is the one that rings', async () => {
      const { world } = await reloaded(() => [letter(8, focusAccount, invitation('i2')), letter(7, focusAccount, invitation())]);
      expect(world.convoke.conferences.get().ringing.map((one) => one.id)).toEqual(['i2']);
    });

    it('the connection was away when it came: it rings once it is back', async () => {
      let letters: readonly unknown[] = [];
      const { world, peer, focus } = await reloaded(
        () => letters,
        (_, focus) => {
          focus.exists = false;
        },
      );
      for (const connection of peer.connections) connection.cut();
      letters = [letter(7, focusAccount, invitation())];
      focus.exists = true;
      await settle(10_000);
      expect(world.convoke.conferences.get().ringing.map((one) => one.id)).toEqual(['i1']);
      // It came here: what stands behind it stays behind it.
      for (const connection of peer.connections) connection.cut();
      letters = [...letters, letter(6, focusAccount, invitation('i0'))];
      await settle(10_000);
      expect(world.convoke.conferences.get().ringing.map((one) => one.id)).toEqual(['i1']);
    });
  });

  it('cannot be answered by somebody else', async () => {
    const { world, focus, peer } = await ready();
    const composer = world.convoke.conferences.compose([BOB]);
    await settle();
    void composer.call();
    await settle(100);
    focus.set('bob', { state: 'ringing' });
    await settle(100);
    const id = / id="([^"]+)"/.exec(invitations(peer)[0]?.body ?? '')?.[1];
    const answer = (from: string, note: string) =>
      peer.message(
        from,
        'application/vnd.convoke.invitation+xml',
        `<invitation-answer xmlns="urn:convoke:invitation:1" invitation="${id}" conference="c1" answer="decline"><note>${note}</note></invitation-answer>`,
      );
    const chat = world.convoke.chats.open(BOB);
    await settle();
    answer(CAROL, 'forged');
    await settle();
    expect(chat.get().items).toMatchObject([{ kind: 'invitation', mine: true, state: 'ringing' }]);
    answer(BOB, 'not now');
    await settle();
    expect(chat.get().items).toMatchObject([{ kind: 'invitation', mine: true, state: 'declined', note: 'not now' }]);
  });

  it('is not answered by a third person in history', async () => {
    const answer = (from: string) => ({
      id: 4,
      at: Date.now(),
      from,
      to: BOB,
      type: 'invitation-answer',
      document: '<invitation-answer xmlns="urn:convoke:invitation:1" invitation="i9" conference="c1" answer="decline"/>',
      delivered: true,
      read: true,
    });
    const row = {
      id: 3,
      at: Date.now(),
      from: BOB,
      to: ALICE,
      type: 'invitation',
      document: invitation('i9'),
      delivered: true,
      read: true,
    };
    const { world } = await ready({
      before: (world) => world.rest.routes.set('GET /me/chats/*', () => ({ messages: [answer(CAROL), row] })),
    });
    const chat = world.convoke.chats.open(BOB);
    await settle();
    expect(chat.get().items).toMatchObject([{ id: 'i9', state: 'ringing' }]);
  });

  it('of the past is told by history', async () => {
    const { world } = await ready({
      before: (world) => {
        const old = invitation('i9', 'call', -3_600);
        world.rest.routes.set('GET /me/chats/*', () => ({
          messages: [
            {
              id: 4,
              at: Date.now() - 3_590_000,
              from: ALICE,
              to: BOB,
              type: 'invitation-answer',
              document: '<invitation-answer xmlns="urn:convoke:invitation:1" invitation="i9" conference="c1" answer="join"/>',
              delivered: true,
              read: true,
            },
            { id: 3, at: Date.now() - 3_600_000, from: BOB, to: ALICE, type: 'invitation', document: old, delivered: true, read: true },
            {
              id: 2,
              at: Date.now() - 7_200_000,
              from: BOB,
              to: ALICE,
              type: 'invitation',
              document: invitation('i8', 'call', -7_000),
              delivered: true,
              read: true,
            },
          ],
        }));
      },
    });
    const chat = world.convoke.chats.open(BOB);
    await settle();
    expect(chat.get().items).toMatchObject([
      { id: 'i8', state: 'missed' },
      { id: 'i9', state: 'joined' },
    ]);
    expect(world.convoke.conferences.get().ringing).toEqual([]);
  });
});
