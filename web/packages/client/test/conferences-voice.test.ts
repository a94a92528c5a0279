/** Taking part in a conference with this window: its own voice. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Focus } from './focus.js';
import { ALICE, answering, BOB, board, ready, Sound } from './scene.js';
import { type Peer, type Sip, settle, World } from './world.js';

beforeEach(() => {
  vi.useFakeTimers({ now: Date.parse('2026-11-26T10:00:00Z') });
});
afterEach(() => {
  vi.useRealTimers();
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

  it('makes a fresh offer when its sound has gone to another bridge, whatever flows to the former one', async () => {
    const sound = new Sound();
    const { world, focus, peer } = await ready({ before: people, sound });
    const invites = answering(peer);
    void world.convoke.conferences.join('c1');
    await settle(300);
    const [session] = sound.sessions;
    session?.onEvent('up');
    const move = () => {
      focus.soundMoves += 1;
      focus.tell();
    };
    move();
    await settle(100);
    expect(invites.map((one) => one.body)).toEqual(['offer 1', 'offer 2']);
    expect(invites[1]?.get('Call-ID')).toBe(invites[0]?.get('Call-ID'));
    expect(session?.answers).toEqual(['answer 1', 'answer 2']);
    // Twice, while the first of both is under way.
    const take = peer.handler;
    let held: (() => unknown) | undefined;
    peer.handler = (request, connection) => {
      if (request.method !== 'INVITE' || held) return take(request, connection);
      held = () => take(request, connection);
      return true;
    };
    move();
    await settle(100);
    move();
    await settle(100);
    expect(invites.length).toBe(2);
    held?.();
    await settle(100);
    expect(invites.map((one) => one.body)).toEqual(['offer 1', 'offer 2', 'offer 3', 'offer 4']);
    expect(board(world).get().me?.here).toBe(true);
    // What else is told moves nothing.
    focus.tell();
    await settle(1_000);
    expect(invites.length).toBe(4);
  });

  it('goes on to the bridge of the moment when its sound moves while it calls anew', async () => {
    const sound = new Sound();
    const { world, focus, peer } = await ready({ before: people, sound });
    const invites = answering(peer);
    void world.convoke.conferences.join('c1');
    await settle(300);
    const move = () => {
      focus.soundMoves += 1;
      focus.tell();
    };
    const take = peer.handler;
    let held: (() => unknown) | undefined;
    let refusing = true;
    peer.handler = (request, connection) => {
      if (request.method !== 'INVITE') return take(request, connection);
      if (refusing) {
        refusing = false;
        peer.reply(request, connection, 488, 'Not Acceptable Here');
        return true;
      }
      if (held) return take(request, connection);
      held = () => take(request, connection);
      return true;
    };
    move();
    await settle(100);
    move();
    await settle(100);
    held?.();
    await settle(300);
    // The one that was refused (offer 2) is followed by a new call, and that by a change of it.
    expect(invites.map((one) => one.body)).toEqual(['offer 1', 'offer 3', 'offer 4']);
    expect(invites[2]?.get('Call-ID')).toBe(invites[1]?.get('Call-ID'));
    expect(invites[1]?.get('Call-ID')).not.toBe(invites[0]?.get('Call-ID'));
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
    expect(open.get().me).toMatchObject({ muted: true, mutedByModerator: false });
    // Whoever moderates is told that another one muted them, and lifts it.
    focus.set('alice', { mutedBy: 'both' });
    await settle(100);
    expect(open.get().me?.mutedByModerator).toBe(false);
    focus.set('alice', { role: 'participant' });
    await settle(100);
    expect(open.get().me).toMatchObject({ muted: true, mutedByModerator: true });
    open.pushToTalk(true);
    expect(sound.sessions[0]?.muted).toBe(true);
    focus.refuse.set('unmute', 'not-allowed');
    const unmuting = open.muteMe(false);
    await settle(100);
    expect(await unmuting).toBe(false);
    expect(sound.sessions[0]?.muted).toBe(true);
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
