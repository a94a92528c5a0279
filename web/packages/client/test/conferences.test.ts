import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Notice } from '../src/index.js';
import { Focus } from './focus.js';
import { ALICE, answering, BOB, board, CAROL, invitations, names, places, ready, Sound } from './scene.js';
import { DOMAIN, type Peer, type Sip, settle, World } from './world.js';

beforeEach(() => {
  vi.useFakeTimers({ now: Date.parse('2026-11-26T10:00:00Z') });
});
afterEach(() => {
  vi.useRealTimers();
});

describe('the composer', () => {
  it('takes names, numbers and lines of addresses, each person once, and gives back', async () => {
    const { world } = await ready();
    const composer = world.convoke.conferences.compose([BOB]);
    await settle();
    expect(composer.get().rows).toMatchObject([{ key: BOB, place: { id: 'mobile' }, onlyInvite: false, person: { name: 'Bob Keller' } }]);
    const notice = await composer.add(
      'To: Bob <bob@example.org>, "Diaz, C" <carol@example.org>, x@elsewhere.example, alice@example.org, +49 30 123456',
    );
    expect(notice.added.map((one) => one.name)).toEqual(['Carol Diaz', '+4930123456']);
    expect(notice.leftOut).toEqual([
      { text: 'x@elsewhere.example', why: 'unknown' },
      { text: 'Bob Keller', why: 'already' },
    ]);
    expect(notice.recognised).toBe('addresses');
    await composer.add('dave');
    expect(composer.get().rows.map((row) => [row.person.name, row.place.id, row.onlyInvite])).toEqual([
      ['Bob Keller', 'mobile', false],
      ['Carol Diaz', 'mobile', false],
      ['+4930123456', 'number:+4930123456', false],
      ['Dave Osei', 'browser', true],
    ]);
    composer.setPlace(BOB, 'work');
    expect(composer.get().problem?.code).toBe('not-understood');
    const work = composer.get().rows[0]?.places.find((place) => place.id === 'work');
    if (work) composer.setPlace(BOB, work);
    composer.setPlace(CAROL, '+1 555 0123');
    composer.remove(BOB);
    expect(composer.get().rows.map((row) => row.place.label)).toEqual(['+1 555 0123', '+4930123456', 'browser']);
    composer.undo();
    expect(composer.get().rows.map((row) => row.place.label)).toEqual(['work', '+1 555 0123', '+4930123456', 'browser']);
    const putBack = composer.remove(BOB);
    composer.remove(`dave@${DOMAIN}`);
    putBack();
    putBack();
    expect(composer.get().rows.map((row) => row.place.label)).toEqual(['work', '+1 555 0123', '+4930123456']);
    for (let left = 0; composer.get().canUndo && left < 20; left++) composer.undo();
    expect(composer.get().rows).toEqual([]);
    expect(await composer.call()).toBe(false);
  });

  it('asks which one where several fit', async () => {
    const { world } = await ready();
    const composer = world.convoke.conferences.compose();
    world.rest.routes.set('GET /directory', () => ({
      people: [
        { user: BOB, name: 'Bo A', places },
        { user: CAROL, name: 'Bo B', places },
      ],
    }));
    const notice = await composer.add('bo');
    expect(notice.unsure[0]?.people.map((one) => one.name)).toEqual(['Bo A', 'Bo B']);
    expect(composer.get().rows).toEqual([]);
    const [first] = notice.unsure[0]?.people ?? [];
    if (first) await composer.add(first);
    expect(composer.get().rows.length).toBe(1);
  });

  it('becomes the board in one step, rings the telephones, and invites when they ring', async () => {
    const { world, focus, peer } = await ready();
    const { conferences } = world.convoke;
    const composer = conferences.compose([BOB, CAROL, '+4930123456'], BOB);
    composer.setTitle(' Delivery plan ');
    await settle();
    const keys = composer.get().rows.map((row) => row.key);
    expect(composer.get().me.place.id).toBe('work');
    const states: string[] = [];
    conferences.subscribe(() => states.push(`${conferences.get().composer ? 'composer' : ''}${conferences.get().board ? 'board' : ''}`));
    const calling = composer.call();
    expect(composer.get().busy).toBe(true);
    await settle(100);
    expect(await calling).toBe(true);
    expect(new Set(states)).not.toContain('');
    const [create] = peer.requests('MESSAGE').filter((one) => one.body.includes('<c:create>'));
    expect(create?.get('Expires')).toBe('30');
    expect(create?.get('Content-Type')).toBe('text/xml; charset=utf-8');
    expect(create?.body).toMatch(/<a:Address>sip:alice@example\.org;gr=urn:uuid:[^<]+<\/a:Address>/);
    expect(create?.body).toContain(
      '<c:title>Delivery plan</c:title><c:initiator><c:person>alice@example.org</c:person><c:place>Work</c:place></c:initiator>',
    );
    const open = board(world);
    expect(open.get()).toMatchObject({
      id: 'c1',
      title: 'Delivery plan',
      state: 'starting',
      me: { role: 'owner', state: 'dialling', here: false },
    });
    expect(names(open.get().groups.calling)).toEqual(['Bob Keller', 'Carol Diaz', '+4930123456']);
    expect(
      open
        .get()
        .groups.calling.slice(0, 2)
        .map((row) => row.key),
    ).toEqual(keys.slice(0, 2));
    expect(invitations(peer)).toEqual([]);
    focus.phase = 'running';
    focus.set('alice', { state: 'joined' });
    focus.set('bob', { state: 'ringing' });
    focus.set('carol', { state: 'dialling' });
    await settle(100);
    const sent = invitations(peer);
    expect(sent.map((one) => one.uri)).toEqual([`sip:${BOB}`, `sip:${CAROL}`]);
    expect(sent[0]?.get('Expires')).toBe('45');
    expect(sent[0]?.body).toContain('kind="call"');
    expect(sent[0]?.body).toContain('<in name="alice"/>');
    focus.set('carol', { state: 'ringing' });
    await settle(100);
    expect(invitations(peer).length).toBe(2);
    expect(conferences.get().live).toMatchObject([{ id: 'c1', count: 1, mine: true, iAmIn: true, open: true }]);
  });

  it('invites nobody to what somebody else or they themselves began', async () => {
    const { world, peer, focus } = await ready();
    const composer = world.convoke.conferences.compose([BOB, CAROL]);
    await settle();
    const calling = composer.call();
    await settle(300);
    expect(await calling).toBe(true);
    const legs = ['p2', 'p3'].map((id) => focus.one(id).leg);
    // No line was free for Bob; a moderator calls him later. Carol's telephone still waits when she comes in by her window.
    focus.set('p2', { state: 'failed', reason: 'no-line' });
    await settle(300);
    focus.set('p2', { state: 'ringing', reason: undefined, leg: 91 });
    focus.set('p3', { state: 'dialling', place: 'browser', leg: 92 });
    await settle(300);
    expect(legs).not.toContain(91);
    expect(invitations(peer)).toEqual([]);
  });

  it('says why it did not work, and keeps everything', async () => {
    const { world, focus } = await ready();
    const composer = world.convoke.conferences.compose([BOB]);
    await settle();
    focus.refuse.set('create', 'number-refused');
    const calling = composer.call();
    await settle(100);
    expect(await calling).toBe(false);
    expect(composer.get()).toMatchObject({ busy: false, problem: { code: 'number-refused' } });
    expect(composer.get().rows.length).toBe(1);
    expect(world.convoke.conferences.get().board).toBeUndefined();
  });

  it('calls nobody when the microphone is refused', async () => {
    const sound = new Sound();
    sound.refused = 'microphone-refused';
    const { world, focus } = await ready({ sound });
    const composer = world.convoke.conferences.compose([BOB]);
    await settle();
    expect(composer.get().me.place.id).toBe('browser');
    const calling = composer.call();
    await settle(100);
    expect(await calling).toBe(false);
    expect(composer.get().problem?.code).toBe('microphone-refused');
    expect(focus.asked).toEqual([]);
  });

  it('may only invite', async () => {
    const { world, focus, peer } = await ready();
    const composer = world.convoke.conferences.compose([BOB]);
    await settle();
    const calling = composer.inviteOnly();
    await settle(100);
    expect(await calling).toBe(true);
    expect(focus.one('bob').place).toBe('browser');
    focus.set('bob', { state: 'ringing' });
    await settle(100);
    expect(invitations(peer)[0]?.body).toContain('kind="invite"');
  });

  it('keeps an invitation for those who are away', async () => {
    const { world, focus, peer } = await ready();
    const composer = world.convoke.conferences.compose([BOB]);
    await settle();
    peer.handler = (request, connection) => {
      if (request.method !== 'MESSAGE' || request.uri !== `sip:${BOB}` || request.get('Expires') === '') return false;
      peer.reply(request, connection, 480, 'Temporarily Unavailable');
      return true;
    };
    void composer.call();
    await settle(100);
    focus.set('bob', { state: 'ringing' });
    await settle(100);
    expect(invitations(peer).map((one) => one.get('Expires'))).toEqual(['45', '']);
  });

  it('remembers where I was called last', async () => {
    const { world } = await ready();
    const composer = world.convoke.conferences.compose();
    composer.setMyPlace('+1 555 0177');
    expect(world.convoke.conferences.compose().get().me.place).toMatchObject({ id: 'number:+15550177', kind: 'number' });
    composer.setMyPlace('nonsense');
    expect(composer.get().problem?.code).toBe('not-understood');
  });
});

describe('commands', () => {
  it('are sent again with the same id until they are answered', async () => {
    const { world, focus, peer } = await ready({
      before: (_, focus) => focus.add({ name: 'alice', user: ALICE, role: 'owner', state: 'joined' }),
    });
    const open = world.convoke.conferences.openBoard('c1');
    await settle(500);
    let deaf = true;
    const { soap } = focus;
    peer.soap = (operation, body, request) => (deaf && operation === 'lock' ? undefined : soap.call(focus, operation, body, request));
    const locking = open.lock();
    await settle(8_500);
    deaf = false;
    await settle(9_000);
    expect(await locking).toBe(true);
    const sent = peer.requests('MESSAGE').filter((one) => one.body.includes('<c:lock>'));
    expect(sent.length).toBe(3);
    expect(new Set(sent.map((one) => one.body)).size).toBe(1);
    expect(new Set(sent.map((one) => one.get('Call-ID'))).size).toBe(3);
  });

  it('go on over a lost connection, and end in words when it stays away', async () => {
    const { world, peer } = await ready({
      before: (_, focus) => focus.add({ name: 'alice', user: ALICE, role: 'owner', state: 'joined' }),
    });
    const open = world.convoke.conferences.openBoard('c1');
    await settle(500);
    peer.up = false;
    peer.connection.cut();
    await settle(100);
    expect(open.get().stale).toBe(true);
    const first = open.lock();
    await settle(5_000);
    peer.up = true;
    await settle(10_000);
    expect(await first).toBe(true);
    expect(open.get()).toMatchObject({ locked: true, stale: false });
    peer.up = false;
    peer.connection.cut();
    const second = open.unlock();
    await settle(40_000);
    expect(await second).toBe(false);
    expect(open.get().problem?.code).toBe('expired');
  });

  it('show what the server refuses, beside the row', async () => {
    const { world, focus } = await ready({
      before: (_, focus) => {
        focus.add({ name: 'alice', user: ALICE, role: 'owner', state: 'joined' });
        focus.add({ name: 'Bob', user: BOB, state: 'joined' });
      },
    });
    const open = world.convoke.conferences.openBoard('c1');
    await settle(500);
    focus.refuse.set('mute', 'not-allowed');
    const muting = open.mute('p2');
    expect(open.get().groups.in[0]?.pending).toBe('mute');
    await settle(100);
    expect(await muting).toBe(false);
    expect(open.get().groups.in[0]).toMatchObject({ pending: undefined, problem: { code: 'not-allowed' } });
    expect(open.get().problem?.code).toBe('not-allowed');
    open.dismiss();
    expect(open.get().groups.in[0]?.problem).toBeUndefined();
    expect(open.get().problem).toBeUndefined();
  });

  it('are believed from the conference service only', async () => {
    const { world, focus, peer } = await ready({
      before: (_, focus) => focus.add({ name: 'alice', user: ALICE, role: 'owner', state: 'joined' }),
    });
    const open = world.convoke.conferences.openBoard('c1');
    await settle(500);
    peer.soap = (operation, body, request) => {
      const id = /<a:MessageID>([^<]*)</.exec(body)?.[1];
      const forged = `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:a="http://www.w3.org/2005/08/addressing" xmlns:c="urn:convoke:conference:1"><s:Header><a:RelatesTo>${id}</a:RelatesTo></s:Header><s:Body><c:lockResponse>${focus.snapshot().replace('false', 'true')}</c:lockResponse></s:Body></s:Envelope>`;
      if (operation === 'lock') peer.message(BOB, 'text/xml', forged);
      return operation === 'lock' ? undefined : focus.soap(operation, body, request);
    };
    let done = false;
    void open.lock().then(() => {
      done = true;
    });
    await settle(5_000);
    expect(done).toBe(false);
  });

  it('may be overtaken by a report of what they began', async () => {
    const { world, focus, peer } = await ready({
      before: (_, focus) => focus.add({ name: 'alice', user: ALICE, role: 'owner', state: 'joined' }),
    });
    const open = world.convoke.conferences.openBoard('c1');
    await settle(500);
    peer.soap = (operation, body, request) => {
      if (operation === 'lock') peer.answer(/<a:MessageID>([^<]*)</.exec(body)?.[1] ?? '', '<r:report/>');
      return focus.soap(operation, body, request);
    };
    let done: boolean | undefined;
    void open.lock().then((was) => {
      done = was;
    });
    await settle(500);
    expect(done).toBe(true);
    expect(open.get().problem).toBeUndefined();
  });
});

describe('the board', () => {
  const people = (_: World, focus: Focus) => {
    focus.title = 'Plan';
    focus.phase = 'running';
    focus.add({ name: 'alice', user: ALICE, role: 'owner', state: 'joined', place: 'Work', since: Date.now() - 600_000 });
    focus.add({ name: 'Bob Keller', user: BOB, role: 'moderator', state: 'joined', since: Date.now() - 500_000 });
    focus.add({ name: 'Carol Diaz', user: CAROL, state: 'joined', hand: 1, since: Date.now() - 60_000 });
    focus.add({ name: 'Dave', user: `dave@${DOMAIN}`, state: 'ringing' });
    focus.add({ name: 'Gate', state: 'no-answer', reason: 'voicemail', words: 'answered, but nobody pressed 1', place: 'number …56' });
    focus.add({ name: 'Erin', user: `erin@${DOMAIN}`, state: 'left', reason: 'hung-up' });
  };

  it('shows everybody in a group, with times from the service', async () => {
    const { world } = await ready({ before: people });
    const open = world.convoke.conferences.openBoard('c1');
    await settle(1_000);
    const state = open.get();
    expect(state).toMatchObject({ title: 'Plan', state: 'running', count: 3, stale: false, locked: false });
    expect(Date.now() - state.startedAt).toBeGreaterThan(590_000);
    expect(names(state.groups.hands)).toEqual(['Carol Diaz']);
    expect(state.groups.hands[0]?.hand).toMatchObject({ position: 1 });
    expect(names(state.groups.in)).toEqual(['Bob Keller']);
    expect(Date.now() - (state.groups.in[0]?.since ?? 0)).toBeGreaterThan(490_000);
    expect(names(state.groups.calling)).toEqual(['Dave Osei']);
    expect(state.groups.notReached).toMatchObject([
      { words: 'No answer', reason: 'voicemail', reasonWords: 'answered, but nobody pressed 1', person: { name: 'Gate' } },
    ]);
    expect(names(state.groups.left)).toEqual(['Erin']);
    expect(state.me).toMatchObject({ role: 'owner', state: 'joined', here: false, place: { id: 'work' } });
    expect([...(state.groups.hands[0]?.actions ?? [])].sort()).toEqual([
      'disconnect',
      'give-floor',
      'hand-over',
      'lower-hand',
      'make-moderator',
      'mute',
      'remove',
      'text',
    ]);
    expect([...state.actions].sort()).toEqual(['add', 'call-all', 'disconnect-all', 'end', 'leave', 'lock', 'mute-all', 'raise-hand']);
  });

  it('keeps what did not change the same object, and tells what did', async () => {
    const { world, focus } = await ready({ before: people });
    const notices: Notice[] = [];
    world.convoke.onNotice((notice) => notices.push(notice));
    const open = world.convoke.conferences.openBoard('c1');
    await settle(1_000);
    const before = open.get().groups;
    focus.set('Bob Keller', { talking: true });
    await settle(100);
    const after = open.get().groups;
    expect(after.in[0]).toMatchObject({ talking: true, changedAt: before.in[0]?.changedAt });
    expect(after.hands).toBe(before.hands);
    expect(after.notReached).toBe(before.notReached);
    expect(world.convoke.conferences.get().live[0]?.talking).toBe('Bob Keller');
    await settle(1_000);
    focus.set('Dave', { state: 'joined' });
    await settle(100);
    expect(names(open.get().groups.in)).toEqual(['Bob Keller', 'Dave Osei']);
    expect(open.get().groups.in[1]?.changedAt).toBeGreaterThan(Date.now() - 200);
    expect(notices.filter((one) => one.kind === 'row')).toMatchObject([
      { before: 'ringing', row: { state: 'joined', person: { name: 'Dave Osei' } } },
    ]);
  });

  it('asks for the whole when a part is missing, and after a loss', async () => {
    const { world, focus, peer } = await ready({ before: people });
    const open = world.convoke.conferences.openBoard('c1');
    await settle(1_000);
    const watched = peer.watched.find((one) => one.event === 'conference');
    if (!watched) throw new Error('nobody watches');
    focus.one('Dave').state = 'busy';
    watched.version += 3;
    focus.tell();
    await settle(200);
    expect(names(open.get().groups.notReached)).toEqual(['Dave Osei', 'Gate']);
    expect(open.get().stale).toBe(false);
    focus.one('Dave').state = 'ringing';
    peer.connection.cut();
    await settle(500);
    expect(names(open.get().groups.calling)).toEqual(['Dave Osei']);
    expect(open.get().stale).toBe(false);
  });

  it('shows what an answer told until the events have caught up', async () => {
    const { world, focus, peer } = await ready({ before: people });
    const open = world.convoke.conferences.openBoard('c1');
    await settle(1_000);
    const watched = peer.watched.find((one) => one.event === 'conference');
    const late = focus.document((watched?.version ?? 0) + 1, 'partial');
    if (watched) watched.version++;
    const muting = open.mute('p2');
    await settle(3);
    expect(await muting).toBe(true);
    expect(open.get().groups.in[0]).toMatchObject({ muted: true, changedAt: expect.any(Number) });
    expect(open.get().groups.in[0]?.changedAt).toBeGreaterThan(Date.now() - 100);
    focus.version++;
    peer.notify('conference', 'conf-c1@example.org', late);
    expect(open.get().groups.in[0]?.muted).toBe(true);
    await settle(100);
    expect(open.get().groups.in[0]?.muted).toBe(true);
  });

  it('does everything by commands', async () => {
    const { world, focus, peer } = await ready({ before: people });
    const open = world.convoke.conferences.openBoard('c1');
    await settle(1_000);
    const steps: (() => Promise<unknown>)[] = [
      () => open.mute('p2'),
      () => open.unmute('p2'),
      () => open.hide('p2', true),
      () => open.hide('p2', false),
      () => open.giveFloor('p3'),
      () => open.lowerHandOf('p3'),
      () => open.makeModerator('p3'),
      () => open.handOver('p2'),
      () => open.raiseHand(),
      () => open.lowerHand(),
      () => open.muteAll(),
      () => open.unmuteAll(),
      () => open.lock(),
      () => open.unlock(),
      () => open.redial('p5', '+1 555 0123'),
      () => open.connect('p6'),
    ];
    for (const step of steps) {
      const done = step();
      await settle(100);
      expect(await done, String(step)).toBe(true);
    }
    open.setPlace('p4', '+1 555 0199');
    expect(open.get().groups.calling.find((row) => row.participant === 'p4')?.place.label).toBe('+1 555 0199');
    const again = open.redial('p4');
    await settle(3_000);
    expect(await again).toBe(true);
    expect(focus.asked).toEqual([
      'mute p2',
      'unmute p2',
      'hide p2',
      'unhide p2',
      'giveFloor p3',
      'lowerHand p3',
      'makeModerator p3',
      'handOver p2',
      'raiseHand p1',
      'lowerHand p1',
      'muteAll',
      'unmuteAll',
      'lock',
      'unlock',
      'call p5 +15550123',
      'call p6',
      'disconnect p4',
      ...focus.asked.slice(17, -1).map(() => 'call p4 +15550199'),
      'call p4 +15550199',
    ]);
    expect(invitations(peer).map((one) => one.uri)).toEqual([`sip:erin@${DOMAIN}`, `sip:dave@${DOMAIN}`]);
    const disconnecting = open.disconnectAll();
    await settle(100);
    await disconnecting;
    expect(focus.asked.at(-1)).toBe('disconnectAll');
  });

  it('takes people off, and puts them back', async () => {
    const { world, focus } = await ready({ before: people });
    const open = world.convoke.conferences.openBoard('c1');
    await settle(1_000);
    const removing = open.remove('p3');
    await settle(100);
    expect(await removing).toBe(true);
    expect(open.get().groups.hands).toEqual([]);
    expect(open.get().undo).toMatchObject({ name: 'Carol Diaz' });
    const undoing = open.undo();
    await settle(100);
    expect(await undoing).toBe(true);
    expect(focus.asked.slice(-2)).toEqual(['remove p3', expect.stringMatching(/^add /)]);
    expect(names(open.get().groups.calling)).toContain('Carol Diaz');
    const second = open.remove('p2');
    await settle(9_000);
    await second;
    expect(open.get().undo).toBeUndefined();
    expect(await open.undo()).toBe(false);
  });

  it('adds by name and number, without those who are in', async () => {
    const { world, focus } = await ready({ before: people });
    const open = world.convoke.conferences.openBoard('c1');
    await settle(1_000);
    const adding = open.add('Bob Keller, +1 555 0123');
    await settle(100);
    const notice = await adding;
    expect(notice.leftOut).toEqual([{ text: 'Bob Keller', why: 'already' }]);
    expect(notice.added.map((one) => one.id)).toEqual(['number:+15550123']);
    expect(focus.asked.at(-1)).toMatch(/^add/);
  });

  it('says what became of the pictures when their server was lost', async () => {
    const before = (world: World, focus: Focus) => {
      people(world, focus);
      focus.video = 'one';
    };
    const { world, focus } = await ready({ before });
    const open = world.convoke.conferences.openBoard('c1');
    await settle(1_000);
    expect(open.get().pictures).toBeUndefined();
    const told = async (video: string, lost: boolean) => {
      Object.assign(focus, { video, picturesLost: lost });
      focus.tell();
      await settle(10);
      return open.get().pictures;
    };
    expect(await told('two', false)).toBe('moved');
    await settle(21_000);
    expect(open.get().pictures).toBeUndefined();
    expect(await told('two', true)).toBe('lost');
    await settle(60_000);
    expect(open.get().pictures).toBe('lost');
    expect(await told('two', false)).toBe('back');
    open.dismiss();
    expect(open.get().pictures).toBeUndefined();
    expect(await told('two', true)).toBe('lost');
    expect(await told('one', false)).toBe('moved');
  });

  it('shows whom it has, not a page of them', async () => {
    const { world, focus, peer } = await ready({ before: people });
    const open = world.convoke.conferences.openBoard('c1');
    await settle(1_000);
    peer.soap = (operation, body, request) => {
      const answer = focus.soap(operation, body, request);
      if (operation !== 'lock') return answer;
      // The first two of six, as of a roster that is too large for one answer.
      const participants = answer?.match(/<c:participant>.*?<\/c:participant>/g) ?? [];
      return participants.slice(2).reduce((cut, one) => cut.replace(one, ''), answer ?? '');
    };
    const locking = open.lock();
    await settle(1);
    await settle(1);
    await locking;
    const { groups } = open.get();
    expect(Object.values(groups).flat().length).toBe(5);
  });

  it('moves me to another place while I am in, also an owner', async () => {
    const { world, focus } = await ready({ before: people });
    const open = world.convoke.conferences.openBoard('c1');
    await settle(1_000);
    expect(open.get().me?.actions.has('set-place')).toBe(true);
    expect(open.get().me?.places.map((place) => place.id)).toEqual(['work']);
    const moving = open.setMyPlace('+1 555 0177');
    await settle(100);
    expect(await moving).toBe(true);
    expect(focus.asked).toEqual(['call p1 +15550177']);
    // There it is called; here I am until I answer.
    await settle(100);
    expect(open.get().me).toMatchObject({ state: 'joined', moving: { state: 'dialling' } });
    const going = focus.one('p1').moving;
    focus.set('p1', { moving: undefined, leg: going?.leg ?? 0, place: 'work' });
    await settle(100);
    expect(open.get().me).toMatchObject({ state: 'joined', place: { id: 'work' } });
    expect(open.get().me?.moving).toBeUndefined();
  });

  it('says why I was not reached at another place, and takes back that I am called there', async () => {
    const { world, focus } = await ready({ before: people });
    const open = world.convoke.conferences.openBoard('c1');
    await settle(1_000);
    focus.set('p1', { moving: { place: 'work', leg: 91, state: 'ringing' } });
    await settle(100);
    expect(open.get().me).toMatchObject({ state: 'joined', moving: { place: { id: 'work' }, state: 'ringing' } });
    focus.set('p1', { moving: { place: 'work', leg: 91, state: 'busy', reason: 'busy' } });
    await settle(100);
    expect(open.get().me).toMatchObject({ state: 'joined', moving: { state: 'busy', reason: 'busy' } });
    // Once I know, it is not shown any more; the next one is.
    expect(await open.stay()).toBe(true);
    expect(open.get().me?.moving).toBeUndefined();
    expect(focus.asked).toEqual([]);
    focus.set('p1', { moving: { place: 'work', leg: 92, state: 'ringing' } });
    await settle(100);
    expect(open.get().me?.moving?.state).toBe('ringing');
    const staying = open.stay();
    await settle(100);
    expect(await staying).toBe(true);
    expect(focus.asked).toEqual(['decline p1']);
    expect(open.get().me).toMatchObject({ state: 'joined' });
    expect(open.get().me?.moving).toBeUndefined();
  });

  it('keeps me where I am when another place is refused', async () => {
    const sound = new Sound();
    const { world, focus, peer } = await ready({ sound, before: people });
    answering(peer);
    const open = world.convoke.conferences.openBoard('c1');
    await settle(1_000);
    const joining = open.join();
    await settle(1_000);
    expect(await joining).toBe(true);
    focus.refuse.set('call', 'number-refused');
    const moving = open.setMyPlace('911');
    await settle(100);
    expect(await moving).toBe(false);
    expect(open.get().me).toMatchObject({ here: true, place: { id: 'browser' }, problem: { code: 'number-refused' } });
    expect(open.get().me?.places.map((place) => place.id)).toEqual(['browser', 'work']);
    expect([...world.memory.values].filter(([key]) => key.endsWith('.place'))).toEqual([]);
    // Choosing where I am takes the words away.
    const staying = open.setMyPlace(open.get().me?.place ?? '');
    await settle(100);
    expect(await staying).toBe(true);
    expect(open.get().problem).toBeUndefined();
    expect(open.get().me?.problem).toBeUndefined();
    const calling = open.redial('p6', '911');
    await settle(100);
    expect(await calling).toBe(false);
    expect([...open.get().groups.notReached, ...open.get().groups.left].every((row) => row.place.number !== '911')).toBe(true);
    expect(open.get().groups.left[0]?.problem?.code).toBe('number-refused');
    // Once it is over it does not matter.
    focus.over('by-command', 'Alice ended it');
    await settle(1_000);
    expect(open.get().groups.left.filter((row) => row.problem)).toEqual([]);
  });

  it('makes room for a new list when it is over, and stays behind it while it runs', async () => {
    const { world, focus } = await ready({ before: people });
    const { conferences } = world.convoke;
    const open = conferences.openBoard('c1');
    await settle(1_000);
    conferences.compose([BOB]);
    expect(conferences.get().board).toBe(open);
    expect(conferences.get().composer).toBeDefined();
    focus.over('empty', 'everybody left');
    await settle(1_000);
    expect(open.get().state).toBe('ended');
    let neither = false;
    conferences.subscribe(() => {
      neither ||= !conferences.get().board && !conferences.get().composer;
    });
    conferences.compose([BOB]);
    conferences.compose([CAROL]);
    expect(neither).toBe(false);
    expect(conferences.get().board).toBeUndefined();
    expect(conferences.get().composer).toBeDefined();
  });

  it('gives a participant no buttons that would be refused', async () => {
    const { world } = await ready({
      before: (_, focus) => {
        focus.locked = true;
        focus.add({ name: 'Bob', user: BOB, role: 'owner', state: 'joined' });
        focus.add({ name: 'alice', user: ALICE, state: 'joined' });
        focus.add({ name: 'Gate', state: 'busy' });
      },
    });
    const open = world.convoke.conferences.openBoard('c1');
    await settle(1_000);
    expect([...(open.get().groups.in[0]?.actions ?? [])]).toEqual(['text']);
    expect([...(open.get().groups.notReached[0]?.actions ?? [])]).toEqual([]);
    expect([...open.get().actions].sort()).toEqual(['leave', 'raise-hand']);
  });

  it('says how it ended', async () => {
    const { world, focus, rest } = await ready({ before: people }).then((one) => ({ ...one, rest: one.world.rest }));
    const notices: Notice[] = [];
    world.convoke.onNotice((notice) => notices.push(notice));
    const open = world.convoke.conferences.openBoard('c1');
    await settle(1_000);
    const before = rest.log.filter((one) => one.path.startsWith('/me/calls')).length;
    const ending = open.endForAll();
    await settle(3_000);
    expect(await ending).toBe(true);
    expect(open.get()).toMatchObject({ state: 'ended', end: { reason: 'by-command', words: 'Alice ended it' }, stale: false });
    expect([...open.get().actions]).toEqual([]);
    expect(world.convoke.conferences.get().live).toEqual([]);
    expect(notices.at(-1)).toMatchObject({ kind: 'conference-ended', words: 'Alice ended it' });
    expect(rest.log.filter((one) => one.path.startsWith('/me/calls')).length).toBe(before + 1);
    expect(focus.asked).toEqual(['end']);
    world.convoke.conferences.closeBoard();
    expect(world.convoke.conferences.get().board).toBeUndefined();
  });

  it('of a conference that is gone after a restart says so', async () => {
    const { world, focus, peer } = await ready({ before: people });
    const open = world.convoke.conferences.openBoard('c1');
    await settle(1_000);
    focus.refuse.set('get', 'unknown-conference');
    peer.conferences.delete('c1');
    focus.exists = false;
    peer.connection.cut();
    await settle(3_000);
    expect(open.get().state).toBe('ended');
    expect(world.convoke.conferences.get().live).toEqual([]);
  });
});

describe('the pane', () => {
  const people = (_: World, focus: Focus) => {
    focus.phase = 'running';
    focus.add({ name: 'alice', user: ALICE, role: 'owner', state: 'joined' });
    focus.add({ name: 'Bob Keller', user: BOB, state: 'joined' });
  };

  it('names a conference that nobody named by the others in it, here and in the list', async () => {
    const { world } = await ready({ before: people });
    world.convoke.conferences.openBoard('c1');
    await settle(1_000);
    expect(board(world).get().title).toBe('Bob Keller');
    expect(world.convoke.conferences.get().live[0]?.title).toBe('Bob Keller');
  });

  it('does not come back after a reload to what is over', async () => {
    const { world } = await ready({ before: people });
    world.convoke.conferences.openBoard('c1');
    await settle(1_000);
    const { tab } = world;
    world.convoke.close();
    // It ends while nobody looks.
    const again = new World({ platform: { tab } });
    const gone = new Focus(again.peer, 'c1');
    gone.refuse.set('get', 'unknown-conference');
    gone.exists = false;
    again.peer.conferences.delete('c1');
    await again.signIn();
    await settle(3_000);
    expect(again.convoke.conferences.get().board).toBeUndefined();
  });
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
    world.convoke.conferences.openBoard('c1');
    await settle(1_000);
    focus.exists = false;
    focus.refuse.set('get', 'unknown-conference');
    const { conferences } = peer;
    const document = conferences.get('c1');
    conferences.delete('c1');
    peer.notify('conference', 'conf-c1@example.org', focus.document(99, 'full'), 'terminated;reason=rejected');
    await settle(1_000);
    expect(board(world).get().state).toBe('ended');
    focus.refuse.clear();
    if (document) conferences.set('c1', document);
    return scene;
  }

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

describe('my own voice', () => {
  const people = (_: World, focus: Focus) => {
    focus.phase = 'running';
    focus.add({ name: 'alice', user: ALICE, role: 'owner', state: 'joined', place: 'browser' });
    focus.add({ name: 'Bob Keller', user: BOB, state: 'joined' });
  };

  it('comes in by INVITE, is acknowledged, and leaves by BYE', async () => {
    const sound = new Sound();
    const { world, peer } = await ready({ before: people, sound });
    const invites = answering(peer);
    const joining = world.convoke.conferences.join('c1');
    await settle(300);
    expect(await joining).toBeUndefined();
    expect(invites[0]).toMatchObject({ uri: 'sip:conf-c1@example.org', body: 'offer 1' });
    const [ack] = peer.requests('ACK');
    expect(ack).toMatchObject({ uri: 'sip:focus.example.org;transport=ws' });
    expect(ack?.get('CSeq')).toBe('1 ACK');
    expect(ack?.get('Via')).not.toBe(invites[0]?.get('Via'));
    expect(sound.sessions[0]?.answers).toEqual(['answer 1']);
    const open = board(world);
    await settle(300);
    expect(open.get().me).toMatchObject({ here: true, muted: false });
    const leaving = open.leave();
    await settle();
    await leaving;
    const [bye] = peer.requests('BYE');
    expect(bye?.get('CSeq')).toBe('2 BYE');
    expect(bye?.uri).toBe('sip:focus.example.org;transport=ws');
    expect(sound.sessions[0]?.closed).toBe(true);
    expect(open.get().me?.here).toBe(false);
  });

  it('rings nowhere any more when I leave while another telephone of mine is called', async () => {
    const sound = new Sound();
    const { world, focus, peer } = await ready({ before: people, sound });
    answering(peer);
    void world.convoke.conferences.join('c1');
    await settle(300);
    focus.set('p1', { moving: { place: 'work', leg: 91, state: 'ringing' } });
    await settle(100);
    const leaving = board(world).leave();
    await settle(100);
    expect(await leaving).toBe(true);
    expect(focus.asked).toEqual(['disconnect p1']);
    expect(peer.requests('BYE').length).toBe(1);
    // What came to nothing does not have to be ended.
    focus.set('p1', { state: 'joined', moving: { place: 'work', leg: 92, state: 'busy' } });
    void world.convoke.conferences.join('c1');
    await settle(1_000);
    void board(world).leave();
    await settle(100);
    expect(focus.asked).toEqual(['disconnect p1']);
  });

  it('is mended by a fresh offer within the call after a change of the network', async () => {
    const sound = new Sound();
    const { world, peer } = await ready({ before: people, sound });
    const invites = answering(peer);
    void world.convoke.conferences.join('c1');
    await settle(300);
    const [session] = sound.sessions;
    session?.onEvent('lost');
    await settle(100);
    expect(invites.length).toBe(2);
    expect(invites[1]?.get('Call-ID')).toBe(invites[0]?.get('Call-ID'));
    expect(invites[1]).toMatchObject({ body: 'offer 2', uri: 'sip:focus.example.org;transport=ws' });
    expect(session?.answers).toEqual(['answer 1', 'answer 2']);
    // The connection of the signalling goes as well: our Contact names the device, so the call goes on over the next one.
    expect(invites[0]?.get('Contact')).toMatch(/^<sip:alice@example\.org;gr=urn:uuid:[^>]*>$/);
    peer.connection.cut();
    await settle(300);
    expect(invites.length).toBe(3);
    expect(invites[2]?.get('Call-ID')).toBe(invites[0]?.get('Call-ID'));
    expect(invites[2]).toMatchObject({ body: 'offer 3', uri: 'sip:focus.example.org;transport=ws' });
    expect(peer.requests('BYE').length).toBe(0);
    expect(sound.sessions.length).toBe(1);
    expect(board(world).get().me?.here).toBe(true);
  });

  it('is left alone while it sounds: a new connection only asks whether the call is known', async () => {
    const sound = new Sound();
    const { world, peer } = await ready({ before: people, sound });
    const invites = answering(peer);
    void world.convoke.conferences.join('c1');
    await settle(300);
    const [session] = sound.sessions;
    session?.onEvent('up');
    peer.connection.cut();
    await settle(300);
    const [asked] = peer.requests('OPTIONS');
    expect(asked?.get('Call-ID')).toBe(invites[0]?.get('Call-ID'));
    expect(peer.connection.received).toContain(asked);
    expect(invites.length).toBe(1);
    expect(session).toMatchObject({ offers: 1, closed: false });
    // What does not sound any more is offered anew.
    session?.onEvent('lost');
    await settle(100);
    expect(invites.length).toBe(2);
    expect(board(world).get().me?.here).toBe(true);
  });

  it('is called anew over another connection where the registrar names no device', async () => {
    const sound = new Sound();
    const { world, peer } = await ready({
      before: (world, focus) => {
        people(world, focus);
        world.peer.gruu = false;
      },
      sound,
    });
    const invites = answering(peer);
    void world.convoke.conferences.join('c1');
    await settle(300);
    sound.sessions[0]?.onEvent('up');
    peer.connection.cut();
    await settle(300);
    expect(invites.length).toBe(2);
    expect(invites[1]?.get('Call-ID')).not.toBe(invites[0]?.get('Call-ID'));
    expect(invites[1]).toMatchObject({ body: 'offer 2', uri: 'sip:conf-c1@example.org' });
    expect(sound.sessions.length).toBe(1);
    expect(board(world).get().me?.here).toBe(true);
  });

  it('is offered once more where the first offer was not acknowledged', async () => {
    const sound = new Sound();
    const { world, peer } = await ready({ before: people, sound });
    const invites = answering(peer);
    void world.convoke.conferences.join('c1');
    await settle(300);
    const take = peer.handler;
    let busy = 1;
    peer.handler = (request, connection) => {
      if (request.method !== 'INVITE' || busy-- <= 0) return take(request, connection);
      peer.reply(request, connection, 500, 'Busy', ['Retry-After: 1']);
      return true;
    };
    sound.sessions[0]?.onEvent('lost');
    await settle(1_200);
    expect(invites.length).toBe(2);
    expect(new Set(invites.map((one) => one.get('Call-ID'))).size).toBe(1);
    expect(board(world).get().me?.here).toBe(true);
  });

  it('calls again where it called too soon, unless it was left meanwhile', async () => {
    const sound = new Sound();
    const { world, peer } = await ready({ before: people, sound });
    const invites = answering(peer);
    const take = peer.handler;
    let refused = 0;
    let soon = 1;
    peer.handler = (request, connection) => {
      if (request.method !== 'INVITE' || soon-- <= 0) return take(request, connection);
      refused++;
      peer.reply(request, connection, 500, 'Too Soon', ['Retry-After: 1']);
      return true;
    };
    void world.convoke.conferences.join('c1');
    await settle(500);
    expect({ refused, invites: invites.length }).toEqual({ refused: 1, invites: 0 });
    await settle(1_000);
    expect(invites.length).toBe(1);
    expect(board(world).get().me?.here).toBe(true);
    void board(world).leave();
    await settle(100);
    soon = 1;
    void world.convoke.conferences.join('c1');
    await settle(500);
    void board(world).leave();
    await settle(2_000);
    expect({ refused, invites: invites.length, cancels: peer.requests('CANCEL').length }).toEqual({ refused: 2, invites: 1, cancels: 0 });
  });

  it('tells how its conference ended with the former process of a server', async () => {
    const sound = new Sound();
    const { world, focus, peer } = await ready({ before: people, sound });
    answering(peer);
    void world.convoke.conferences.join('c1');
    await settle(300);
    const open = board(world);
    peer.conferences.delete('c1');
    // Nobody tells it: the service has it from its records.
    Object.assign(focus, { phase: 'ended', end: { reason: 'shutdown', words: 'it stopped' } });
    for (const one of focus.people) one.state = 'failed';
    peer.handler = (request, connection) => {
      if (request.method !== 'INVITE' && request.method !== 'OPTIONS') return false;
      peer.reply(request, connection, request.tag('To') ? 481 : 404, 'Not Here');
      return true;
    };
    peer.connection.cut();
    await settle(3_000);
    expect(open.get()).toMatchObject({ state: 'ended', end: { reason: 'shutdown', words: 'it stopped' }, me: { here: false } });
    expect(open.get().problem).toBeUndefined();
    expect(open.get().groups.in).toEqual([]);
    // Calling them again shows the list, not what is over.
    const composer = world.convoke.conferences.compose([BOB]);
    expect(world.convoke.conferences.get()).toMatchObject({ composer });
    expect(world.convoke.conferences.get().board).toBeUndefined();
  });

  it('begins a new call where the old one is not known any more, and ends where there is nothing left', async () => {
    const sound = new Sound();
    const { world, peer } = await ready({ before: people, sound });
    let known = true;
    const invites: Sip[] = [];
    peer.handler = (request, connection) => {
      if (request.method !== 'INVITE') return false;
      invites.push(request);
      const fresh = request.tag('To') === '';
      if (!fresh) peer.reply(request, connection, 481, 'Gone');
      else if (known)
        peer.reply(request, connection, 200, 'OK', ['Contact: <sip:focus.example.org>', 'Content-Type: application/sdp'], 'answer');
      else peer.reply(request, connection, 404, 'Not Found');
      return true;
    };
    void world.convoke.conferences.join('c1');
    await settle(300);
    sound.sessions[0]?.onEvent('lost');
    await settle(100);
    expect(new Set(invites.map((one) => one.get('Call-ID'))).size).toBe(2);
    expect(board(world).get().me?.here).toBe(true);
    expect(peer.requests('BYE').length).toBe(0);
    known = false;
    sound.sessions[0]?.onEvent('lost');
    await settle(100);
    expect(board(world).get()).toMatchObject({ me: { here: false }, problem: { code: 'no-sound' } });
    expect(sound.sessions[0]?.closed).toBe(true);
  });

  it('is in the call again after a reload', async () => {
    const sound = new Sound();
    const { world, peer } = await ready({ before: people, sound });
    answering(peer);
    void world.convoke.conferences.join('c1');
    await settle(300);
    world.convoke.close();
    await settle(2_000);
    expect(sound.sessions[0]?.closed).toBe(true);
    expect(peer.requests('BYE').length).toBe(0);
    const second = new Sound();
    const again = new World({ media: second, platform: { tab: world.tab } });
    const focus = new Focus(again.peer, 'c1');
    people(again, focus);
    const invites = answering(again.peer);
    await again.signIn();
    await settle(500);
    expect(invites.length).toBe(1);
    expect(board(again).get().me?.here).toBe(true);
  });

  it('is not asked back into a call that was left', async () => {
    const sound = new Sound();
    const { world, peer } = await ready({ before: people, sound });
    answering(peer);
    void world.convoke.conferences.join('c1');
    await settle(300);
    await board(world).leave();
    world.convoke.conferences.closeBoard();
    expect([...world.tab.values.keys()].filter((key) => key.includes('call') || key.includes('board'))).toEqual([]);
  });

  it('is told with what it would leave', async () => {
    const sound = new Sound();
    const { world, focus, peer } = await ready({ before: people, sound });
    answering(peer);
    expect(world.convoke.conferences.get().here).toBeUndefined();
    focus.title = 'Plan';
    focus.tell();
    void world.convoke.conferences.join('c1');
    await settle(300);
    expect(world.convoke.conferences.get().here).toEqual({ id: 'c1', title: 'Plan', owner: true, others: 1 });
    focus.set('Bob Keller', { state: 'left' });
    await settle(100);
    expect(world.convoke.conferences.get().here?.others).toBe(0);
    await board(world).leave();
    expect(world.convoke.conferences.get().here).toBeUndefined();
  });

  it('leaves one call for another', async () => {
    const sound = new Sound();
    const { world, peer } = await ready({ before: people, sound });
    const invites = answering(peer);
    void world.convoke.conferences.join('c1');
    await settle(300);
    peer.conferences.set('c2', (version, state) => new Focus(peer, 'c2').document(version, state));
    void world.convoke.conferences.join('c2');
    await settle(300);
    expect(invites.map((one) => one.uri)).toEqual(['sip:conf-c1@example.org', 'sip:conf-c2@example.org']);
    expect(peer.requests('BYE').length).toBe(1);
    expect(sound.sessions.map((one) => one.closed)).toEqual([true, false]);
  });

  it('that is ended there is ended here', async () => {
    const sound = new Sound();
    const { world, peer } = await ready({ before: people, sound });
    const invites = answering(peer);
    void world.convoke.conferences.join('c1');
    await settle(300);
    const invite = invites[0];
    const answered = peer.log.find((one) => one.method === 'ACK');
    peer.send('BYE', [`From: ${answered?.get('To')}`, `To: ${invite?.get('From')}`, `Call-ID: ${invite?.get('Call-ID')}`, 'CSeq: 1 BYE']);
    await settle();
    expect(peer.log.some((one) => one.status === 200 && one.get('CSeq') === '1 BYE')).toBe(true);
    expect(sound.sessions[0]?.closed).toBe(true);
    expect(board(world).get().me?.here).toBe(false);
  });

  it('follows the focus when the end of the call did not reach us', async () => {
    const sound = new Sound();
    const { world, focus, peer } = await ready({ before: people, sound });
    answering(peer);
    void world.convoke.conferences.join('c1');
    await settle(300);
    focus.set('alice', { state: 'left', reason: 'by-moderator' });
    await settle(2_000);
    expect(sound.sessions[0]?.closed).toBe(false);
    await settle(2_000);
    expect(sound.sessions[0]?.closed).toBe(true);
    expect(peer.requests('BYE').length).toBe(0);
  });

  it('is taken back while it rings', async () => {
    const sound = new Sound();
    const { world, peer } = await ready({ before: people, sound });
    let ringing: { request: Sip; connection: Peer['connection'] } | undefined;
    peer.handler = (request, connection) => {
      if (request.method === 'CANCEL' && ringing) {
        peer.reply(request, connection, 200, 'OK');
        peer.reply(ringing.request, connection, 487, 'Request Terminated');
        return true;
      }
      if (request.method !== 'INVITE') return false;
      ringing = { request, connection };
      peer.reply(request, connection, 180, 'Ringing');
      return true;
    };
    void world.convoke.conferences.join('c1');
    await settle(300);
    const [invite] = peer.requests('INVITE');
    void board(world).leave();
    world.convoke.conferences.closeBoard();
    await settle(100);
    const [cancel] = peer.requests('CANCEL');
    expect(cancel?.get('Via')).toBe(invite?.get('Via'));
    expect(cancel?.get('CSeq')).toBe('1 CANCEL');
    expect(peer.requests('ACK')[0]?.get('Via')).toBe(invite?.get('Via'));
    expect(sound.sessions[0]?.closed).toBe(true);
  });

  it('is muted here at once and told to all; only a moderator lifts a moderator’s', async () => {
    const sound = new Sound();
    const { world, focus, peer } = await ready({ before: people, sound });
    answering(peer);
    void world.convoke.conferences.join('c1');
    await settle(300);
    const open = board(world);
    const muting = open.muteMe(true);
    expect(sound.sessions[0]?.muted).toBe(true);
    await settle(100);
    expect(await muting).toBe(true);
    expect(open.get().me?.muted).toBe(true);
    open.pushToTalk(true);
    expect(sound.sessions[0]?.muted).toBe(false);
    await settle(100);
    open.pushToTalk(false);
    expect(sound.sessions[0]?.muted).toBe(true);
    await settle(500);
    expect(focus.asked).toEqual(['mute p1', 'unmute p1', 'mute p1']);
    focus.refuse.set('unmute', 'not-allowed');
    const unmuting = open.muteMe(false);
    await settle(100);
    expect(await unmuting).toBe(false);
    expect(open.get().me).toMatchObject({ muted: true, mutedByModerator: true });
  });

  it('says when the microphone is gone, and when it is back', async () => {
    const sound = new Sound();
    const { world, peer } = await ready({ before: people, sound });
    answering(peer);
    void world.convoke.conferences.join('c1');
    await settle(300);
    sound.sessions[0]?.onEvent('device-lost');
    expect(board(world).get().me).toMatchObject({ here: true, sound: { code: 'device-lost' } });
    sound.sessions[0]?.onEvent('device-back');
    expect(board(world).get().me?.sound).toBeUndefined();
  });

  it('that cannot be made again is hung up there too', async () => {
    const sound = new Sound();
    const { world, peer } = await ready({ before: people, sound });
    answering(peer);
    void world.convoke.conferences.join('c1');
    await settle(300);
    const [session] = sound.sessions;
    if (session) session.accept = async () => Promise.reject(new Error('does not fit'));
    session?.onEvent('lost');
    await settle(300);
    expect(board(world).get()).toMatchObject({ me: { here: false }, problem: { code: 'no-sound' } });
    // The call that was, and the one that was made in its place.
    expect(new Set(peer.requests('BYE').map((one) => one.get('Call-ID')))).toEqual(
      new Set(peer.requests('INVITE').map((one) => one.get('Call-ID'))),
    );
  });

  it('that is given up is not waited for: answered late, it is acknowledged and ended', async () => {
    const sound = new Sound();
    const { world, peer } = await ready({ before: people, sound });
    let late: (() => void) | undefined;
    peer.handler = (request, connection) => {
      if (request.method !== 'INVITE') return request.method === 'CANCEL';
      peer.reply(request, connection, 180, 'Ringing');
      const headers = ['Contact: <sip:focus.example.org;transport=ws>', 'Content-Type: application/sdp'];
      late = () => peer.reply(request, connection, 200, 'OK', headers, 'answer');
      return true;
    };
    const joining = world.convoke.conferences.join('c1');
    await settle(300);
    void board(world).leave();
    await settle(20_000);
    expect(peer.requests('CANCEL').length).toBe(1);
    let over = false;
    void joining.then(() => {
      over = true;
    });
    await settle(15_000);
    expect(over).toBe(true);
    late?.();
    await settle(100);
    expect(peer.requests('ACK').length).toBe(1);
    expect(peer.requests('BYE')[0]?.uri).toBe('sip:focus.example.org;transport=ws');
  });

  it('says when it cannot be set up', async () => {
    const sound = new Sound();
    const { world, peer } = await ready({ before: people, sound });
    answering(peer, 488);
    const joining = world.convoke.conferences.join('c1');
    await settle(300);
    expect((await joining)?.code).toBe('no-sound');
    expect(board(world).get().problem?.code).toBe('no-sound');
    expect(sound.sessions[0]?.closed).toBe(true);
  });
});

describe('the list of live conferences', () => {
  it('shows those that others started, on any machine of mine', async () => {
    const { world, focus, peer } = await ready();
    expect(world.convoke.conferences.get().live).toEqual([]);
    focus.title = 'Dock inspection';
    focus.phase = 'running';
    focus.add({ name: 'Bob', user: BOB, role: 'owner', state: 'joined', since: Date.now() - 240_000 });
    focus.add({ name: 'alice', user: ALICE, state: 'joined' });
    peer.presence.set(
      ALICE,
      `<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid" entity="sip:alice@example.org"><tuple id="a"><status><basic>open</basic></status></tuple><dm:person id="p"><rpid:activities><rpid:on-the-phone/></rpid:activities></dm:person></presence>`,
    );
    peer.notify('presence', ALICE);
    await settle(1_000);
    const [live] = world.convoke.conferences.get().live;
    expect(live).toMatchObject({ id: 'c1', title: 'Dock inspection', count: 2, mine: false, iAmIn: true, open: false });
    expect(Date.now() - (live?.since ?? 0)).toBeGreaterThan(230_000);
    focus.over('empty', 'everybody left');
    await settle(1_000);
    expect(world.convoke.conferences.get().live).toEqual([]);
  });
});
