/** The board of one conference: who stands on it, and what is done there. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Notice } from '../src/index.js';
import type { Focus } from './focus.js';
import { ALICE, answering, BOB, CAROL, invitations, names, ready, Sound } from './scene.js';
import { DOMAIN, settle, type World } from './world.js';

beforeEach(() => {
  vi.useFakeTimers({ now: Date.parse('2026-11-26T10:00:00Z') });
});
afterEach(() => {
  vi.useRealTimers();
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

  it('offers to unmute whom a moderator muted, and nobody who muted themselves', async () => {
    const { world, focus } = await ready({ before: people });
    const open = world.convoke.conferences.openBoard('c1');
    await settle(1_000);
    const offered = () => {
      const { groups, actions } = open.get();
      const row = [...groups.hands, ...groups.in].find((one) => one.person.name === 'Carol Diaz');
      const ofThem = [...(row?.actions ?? [])].filter((action) => /mute$/.test(action));
      return { by: row?.mutedBy, ofThem, ofAll: [...actions].filter((action) => /^(un)?mute-all$/.test(action)) };
    };
    expect(offered()).toEqual({ by: undefined, ofThem: ['mute'], ofAll: ['mute-all'] });
    for (const [by, ofThem, ofAll] of [
      ['themselves', [], []],
      ['both', ['unmute'], ['unmute-all']],
      ['moderator', ['unmute'], ['unmute-all']],
    ] as const) {
      focus.set('Carol Diaz', { muted: true, mutedBy: by });
      await settle(100);
      expect(offered()).toEqual({ by, ofThem, ofAll });
    }
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

  it.each([
    ['moderator', 'moderator', ['mute p7', 'makeModerator p7'], { muted: true, mutedBy: 'moderator', role: 'moderator' }],
    ['moderator', 'both', ['mute p7', 'makeModerator p7'], { muted: true, mutedBy: 'moderator', role: 'moderator' }],
    // Their own mute was of the call that is over, and nobody else could lift it.
    ['participant', 'themselves', [], { muted: false, role: 'participant' }],
    ['participant', undefined, [], { muted: false, role: 'participant' }],
  ])('puts a %s back as they were, muted by %s', async (role, mutedBy, asked, is) => {
    const { world, focus } = await ready({ before: people });
    const open = world.convoke.conferences.openBoard('c1');
    focus.set('Bob Keller', { role, mutedBy, muted: mutedBy !== undefined });
    await settle(1_000);
    const removing = open.remove('p2');
    await settle(100);
    await removing;
    const undoing = open.undo();
    await settle(200);
    expect(await undoing).toBe(true);
    expect(focus.asked.slice(-2 - asked.length)).toEqual(['remove p2', expect.stringMatching(/^add /), ...asked]);
    expect(open.get().groups.calling.find((row) => row.person.user === BOB)).toMatchObject(is);
  });

  it.each(['whole', 'cut'])('puts somebody back muted and hidden, also by the %s answer of a long roster', async (answer) => {
    const { world, focus } = await ready({ before: people });
    const open = world.convoke.conferences.openBoard('c1');
    focus.set('Bob Keller', { role: 'participant', muted: true, mutedBy: 'moderator', hidden: true });
    await settle(1_000);
    if (answer === 'cut') focus.page = 3;
    const removing = open.remove('p2');
    await settle(100);
    await removing;
    const undoing = open.undo();
    await settle(200);
    expect(await undoing).toBe(true);
    expect(focus.asked.slice(-4)).toEqual(['remove p2', expect.stringMatching(/^add /), 'mute p7', 'hide p7']);
    expect(open.get().groups.calling.find((row) => row.person.user === BOB)).toMatchObject({ muted: true, hidden: true });
  });

  it('puts a number back hidden by what events tell of a long roster', async () => {
    const { world, focus } = await ready({ before: people });
    const open = world.convoke.conferences.openBoard('c1');
    await settle(1_000);
    focus.page = 3;
    const adding = open.add('+1 555 0123');
    await settle(200);
    await adding;
    const { id } = focus.people.at(-1) ?? {};
    focus.set(id ?? '', { hidden: true });
    await settle(200);
    const removing = open.remove(id ?? '');
    await settle(100);
    await removing;
    const undoing = open.undo();
    await settle(200);
    expect(await undoing).toBe(true);
    expect(focus.asked.slice(-2)).toEqual(['add +15550123', 'hide p8']);
  });

  it('says when it is never told of whom it put back, and who thus may be heard', async () => {
    const { world, focus } = await ready({ before: people });
    const open = world.convoke.conferences.openBoard('c1');
    focus.set('Bob Keller', { muted: true, mutedBy: 'moderator' });
    await settle(1_000);
    const removing = open.remove('p2');
    await settle(100);
    await removing;
    focus.page = 3;
    focus.tell = () => {};
    const undoing = open.undo();
    await settle(11_000);
    expect(await undoing).toBe(false);
    expect(open.get().problem?.code).toBe('wrong-state');
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

  it('says what the bridge that has the sound cannot do, wherever the sound goes', async () => {
    const before = (world: World, focus: Focus) => {
      people(world, focus);
      focus.absent = 'prompts recording';
    };
    const { world, focus } = await ready({ before });
    const open = world.convoke.conferences.openBoard('c1');
    await settle(1_000);
    expect(open.get().absent).toEqual(['prompts']);
    const told = async (absent: string) => {
      focus.soundMoves += 1;
      focus.absent = absent;
      focus.tell();
      await settle(1_000);
      return open.get().absent;
    };
    // Of what is not known here nothing is said.
    expect(await told('recording teleportation listener-mix prompts')).toEqual(['listener-mix', 'prompts']);
    expect(await told('')).toBeUndefined();
    // No bridge can record yet, and nothing in the window has to do with it.
    expect(await told('recording')).toBeUndefined();
    expect(await told('listener-mix')).toEqual(['listener-mix']);
    focus.over('owner-left', 'The owner left.');
    await settle(1_000);
    expect(open.get().absent).toBeUndefined();
  });

  it('says for a while that the sound goes on over another bridge', async () => {
    const { world, focus } = await ready({ before: people });
    const open = world.convoke.conferences.openBoard('c1');
    await settle(1_000);
    const told = async () => {
      focus.soundMoves += 1;
      focus.tell();
      await settle(10);
      return open.get().sound;
    };
    expect(open.get().sound).toBeUndefined();
    expect(await told()).toBe('moved');
    await settle(21_000);
    expect(open.get().sound).toBeUndefined();
    expect(await told()).toBe('moved');
    open.dismiss();
    expect(open.get().sound).toBeUndefined();
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

  it('lets go of why I was not reached at another place after a minute, without another document', async () => {
    const { world, focus } = await ready({ before: people });
    const open = world.convoke.conferences.openBoard('c1');
    await settle(1_000);
    focus.set('p1', { moving: { place: 'work', leg: 91, state: 'busy', reason: 'busy' } });
    await settle(59_000);
    expect(open.get().me).toMatchObject({ state: 'joined', moving: { state: 'busy' } });
    await settle(2_000);
    expect(open.get().me).toMatchObject({ state: 'joined' });
    expect(open.get().me?.moving).toBeUndefined();
    // What rings meanwhile is another matter, and what became of it is told anew.
    focus.set('p1', { moving: { place: 'work', leg: 92, state: 'ringing' } });
    await settle(90_000);
    expect(open.get().me?.moving?.state).toBe('ringing');
    focus.set('p1', { moving: { place: 'work', leg: 92, state: 'no-answer', reason: 'ring-timeout' } });
    await settle(100);
    expect(open.get().me?.moving?.state).toBe('no-answer');
    await settle(60_000);
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
