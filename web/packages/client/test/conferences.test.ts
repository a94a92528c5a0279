/** The list of whom to call, what is asked of the service, and the conferences that run. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Focus } from './focus.js';
import { ALICE, BOB, board, CAROL, invitations, names, places, ready, Sound } from './scene.js';
import { DOMAIN, settle, World } from './world.js';

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

  describe('invites those whose turn comes', () => {
    const instance = async () => 'urn:uuid:one';

    /** My telephone rings first; the window goes meanwhile, and another one has what it left in its tab. */
    async function goes(how: 'call' | 'inviteOnly', next = instance) {
      const { world, focus } = await ready({ platform: { instance } });
      const composer = world.convoke.conferences.compose([BOB, CAROL]);
      await settle();
      void composer[how]();
      await settle(300);
      expect(invitations(world.peer)).toEqual([]);
      await world.convoke.close();
      const again = new World({ platform: { tab: world.tab, instance: next } });
      const same = new Focus(again.peer, 'c1');
      Object.assign(same, { people: focus.people, exists: true, phase: 'running' });
      return { again, same };
    }

    it.each(['call', 'inviteOnly'] as const)('after a reload, as it began them (%s)', async (how) => {
      const { again, same } = await goes(how);
      await again.signIn();
      await settle(1_000);
      expect(invitations(again.peer)).toEqual([]);
      for (const name of ['bob', 'carol']) same.set(name, { state: 'ringing' });
      await settle(300);
      const sent = invitations(again.peer);
      expect(sent.map((one) => one.uri)).toEqual([`sip:${BOB}`, `sip:${CAROL}`]);
      for (const { body } of sent) expect(body).toContain(`kind="${how === 'call' ? 'call' : 'invite'}"`);
      // Each once, also by a third window.
      expect([...again.tab.values.keys()].filter((key) => key.endsWith('expected'))).toEqual([]);
    });

    it('who rings already when it is there again, and nobody who is in', async () => {
      const { again, same } = await goes('call');
      same.one('bob').state = 'ringing';
      same.one('carol').state = 'joined';
      await again.signIn();
      await settle(1_000);
      expect(invitations(again.peer).map((one) => one.uri)).toEqual([`sip:${BOB}`]);
    });

    it('not once the window was away for longer', async () => {
      const { again, same } = await goes('call');
      await settle(121_000);
      same.one('bob').state = 'ringing';
      await again.signIn();
      await settle(1_000);
      expect(invitations(again.peer)).toEqual([]);
    });

    it('who are many, and are kept once for all of them', async () => {
      const { world, focus } = await ready();
      const writes = vi.spyOn(world.tab, 'set');
      const kept = () => writes.mock.calls.filter(([key]) => key.endsWith('expected')).length;
      const composer = world.convoke.conferences.compose(Array.from({ length: 40 }, (_, at) => `person${at}@${DOMAIN}`));
      await settle();
      void composer.call();
      await settle(300);
      expect(kept()).toBeGreaterThan(0);
      expect(kept()).toBeLessThan(5);
      const before = kept();
      for (const one of focus.people.slice(1, 31)) one.state = 'ringing';
      focus.tell();
      await settle(300);
      expect(invitations(world.peer).length).toBe(30);
      expect(kept() - before).toBe(1);
    });

    it('not by a copy of the window, nor after signing out', async () => {
      const { again, same } = await goes('call', async () => 'urn:uuid:copy');
      same.one('bob').state = 'ringing';
      await again.signIn();
      await settle(1_000);
      expect(invitations(again.peer)).toEqual([]);
      void again.convoke.session.signOut();
      await settle(1_000);
      expect([...again.tab.values.keys()]).toEqual([]);
    });
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
