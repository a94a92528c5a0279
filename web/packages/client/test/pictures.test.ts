import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { EventState } from '../src/conference/event.js';
import type { PictureEvent, PictureKind, PicturePort, Pictures, ShowSession, WatchSession } from '../src/index.js';
import { refuse, videoSections, withSlides } from '../src/sip/sdp.js';
import type { Focus } from './focus.js';
import { ALICE, answering, BOB, board, CAROL, ready, Sound } from './scene.js';
import { type Connection, DOMAIN, type Peer, type Sip, settle, type World } from './world.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const OFFER = 'v=0\r\ns=-\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:0\r\na=sendonly\r\n';

/** What a video server offers to those who watch. */
function watched(...labels: string[]): string {
  const media = labels.map((label, at) => `m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:m${at}\r\na=label:${label}\r\na=sendonly\r\n`);
  return `v=0\r\ns=-\r\n${media.join('')}`;
}

class Show implements ShowSession {
  readonly stream = { of: 'me' };
  offers = 0;
  closed = false;
  readonly answers: string[] = [];
  onEvent: (event: PictureEvent) => void = () => {};
  async offer() {
    this.offers++;
    return OFFER;
  }
  async accept(answer: string) {
    this.answers.push(answer);
  }
  close() {
    this.closed = true;
  }
}

class Watch implements WatchSession {
  readonly offers: string[] = [];
  closed = false;
  fails = false;
  onEvent: (event: PictureEvent) => void = () => {};
  async answer(offer: string) {
    if (this.fails) throw new Error('no decoder');
    this.offers.push(offer);
    return `my answer ${this.offers.length}`;
  }
  readonly #streams = new Map<string, object>();
  stream(mid: string) {
    const known = this.#streams.get(mid) ?? { mid };
    this.#streams.set(mid, known);
    return known;
  }
  close() {
    this.closed = true;
  }
}

/** Cameras and screens by a script. */
class Views implements PicturePort {
  readonly shown: (Show & { kind?: PictureKind })[] = [];
  readonly watches: Watch[] = [];
  refused: string | undefined;
  fails = false;
  async open(kind: PictureKind) {
    if (this.refused) throw { code: this.refused };
    const session = Object.assign(new Show(), { kind });
    this.shown.push(session);
    return session;
  }
  watch() {
    const session = new Watch();
    session.fails = this.fails;
    this.watches.push(session);
    return session;
  }
}

/** A focus with pictures: what it answers to offers, and what it offers. */
class Calls {
  readonly shows: Sip[] = [];
  readonly watches: Sip[] = [];
  readonly voices: Sip[] = [];
  offer = watched();
  show: [number, string, string[]?] = [200, 'OK'];
  watch: [number, string, string[]?] = [200, 'OK'];

  constructor(readonly peer: Peer) {
    peer.handler = (request, connection) => this.#take(request, connection);
  }

  #take(request: Sip, connection: Connection): boolean {
    if (request.method !== 'INVITE') return false;
    const [list, [status, reason, headers = []], body] = request.body.startsWith('offer')
      ? ([this.voices, [200, 'OK'] as [number, string, string[]?], 'answer'] as const)
      : request.body
        ? ([this.shows, this.show, 'picture answer'] as const)
        : ([this.watches, this.watch, this.offer] as const);
    list.push(request);
    if (status === 200) {
      const ours = ['Contact: <sip:focus.example.org;transport=ws>', 'Content-Type: application/sdp'];
      this.peer.reply(request, connection, 200, reason, ours, body);
    } else this.peer.reply(request, connection, status, reason, headers);
    return true;
  }

  /** What acknowledged an INVITE. */
  ackOf(invite: Sip | undefined): Sip | undefined {
    const [seq] = (invite?.get('CSeq') ?? '').split(' ');
    return this.peer.requests('ACK').find((one) => one.get('Call-ID') === invite?.get('Call-ID') && one.get('CSeq') === `${seq} ACK`);
  }

  byesOf(invite: Sip | undefined): number {
    return this.peer.requests('BYE').filter((one) => one.get('Call-ID') === invite?.get('Call-ID')).length;
  }
}

interface Scene {
  world: World;
  focus: Focus;
  peer: Peer;
  views: Views;
  calls: Calls;
  pictures: Pictures;
}

/** Alice is in with this window, Bob and Carol are in. */
async function inside(): Promise<Scene> {
  const views = new Views();
  const { world, focus, peer } = await ready({
    sound: new Sound(),
    pictures: views,
    before: (_, focus) => {
      focus.phase = 'running';
      focus.add({ name: 'alice', user: ALICE, role: 'owner', state: 'joined', place: 'browser' });
      focus.add({ name: 'Bob Keller', user: BOB, state: 'joined' });
      focus.add({ name: 'Carol Diaz', user: CAROL, state: 'joined' });
    },
  });
  const calls = new Calls(peer);
  void world.convoke.conferences.join('c1');
  await settle(300);
  const pictures = (await world.convoke.pictures()) as Pictures;
  return { world, focus, peer, views, calls, pictures };
}

describe('my camera', () => {
  it('is shown by a call of its own beside that of my voice, and hidden by its end', async () => {
    const { world, pictures, calls, views, peer } = await inside();
    expect(pictures.get()).toMatchObject({ conference: 'c1', camera: { status: 'off' }, watch: 'off' });
    const showing = pictures.showCamera(true);
    await settle();
    expect(await showing).toBe(true);
    const [invite] = calls.shows;
    expect(invite).toMatchObject({ uri: 'sip:conf-c1@example.org', body: OFFER });
    expect(invite?.get('Call-ID')).not.toBe(calls.voices[0]?.get('Call-ID'));
    expect(calls.ackOf(invite)?.body).toBe('');
    expect(views.shown[0]).toMatchObject({ kind: 'camera', answers: ['picture answer'] });
    expect(pictures.get().camera).toEqual({ status: 'up', stream: views.shown[0]?.stream });
    expect(await pictures.showCamera(true)).toBe(true);
    await pictures.showCamera(false);
    await settle();
    expect(calls.shows.length).toBe(1);
    expect(calls.byesOf(invite)).toBe(1);
    expect(views.shown[0]?.closed).toBe(true);
    expect(pictures.get().camera).toEqual({ status: 'off' });
    expect(board(world).get().me?.here).toBe(true);
    expect(peer.requests('BYE').length).toBe(1);
  });

  it('is beside my screen, of which the offer says that it is one', async () => {
    const { pictures, calls, views } = await inside();
    void pictures.showCamera(true);
    void pictures.shareScreen(true);
    await settle();
    expect(views.shown.map((one) => one.kind)).toEqual(['camera', 'screen']);
    expect(calls.shows.map((one) => one.body.includes('a=content:slides'))).toEqual([false, true]);
    expect(pictures.get()).toMatchObject({ camera: { status: 'up' }, screen: { status: 'up' } });
    // The browser's own button ends it.
    views.shown[1]?.onEvent('ended');
    await settle();
    expect(pictures.get()).toMatchObject({ camera: { status: 'up' }, screen: { status: 'off' } });
    expect(pictures.get().screen.problem).toBeUndefined();
    views.shown[0]?.onEvent('ended');
    await settle();
    expect(pictures.get().camera).toMatchObject({ status: 'off', problem: { code: 'no-camera' } });
    expect(calls.shows.map((one) => calls.byesOf(one))).toEqual([1, 1]);
  });

  it('that is refused or missing is said in words, and the call goes on', async () => {
    const { world, pictures, calls, views } = await inside();
    views.refused = 'camera-refused';
    expect(await pictures.showCamera(true)).toBe(false);
    expect(pictures.get().camera).toMatchObject({ status: 'off', problem: { code: 'camera-refused' } });
    expect(calls.shows).toEqual([]);
    expect(board(world).get().me?.here).toBe(true);
    pictures.dismiss();
    expect(pictures.get().camera).toEqual({ status: 'off' });
    views.refused = 'screen-refused';
    expect(await pictures.shareScreen(true)).toBe(false);
    expect(pictures.get().screen.problem?.code).toBe('screen-refused');
  });

  it('that the server does not take is closed, with the words of the server', async () => {
    const { pictures, calls, views } = await inside();
    calls.show = [503, 'Service Unavailable', ['Reason: SIP;cause=503;text="The video server is full"']];
    const showing = pictures.showCamera(true);
    await settle();
    expect(await showing).toBe(false);
    expect(views.shown[0]?.closed).toBe(true);
    expect(pictures.get().camera).toMatchObject({ status: 'off', problem: { code: 'no-picture', detail: 'The video server is full' } });
    calls.show = [403, 'Not your conference'];
    void pictures.showCamera(true);
    await settle(20_000);
    expect(pictures.get().camera.problem).toMatchObject({ code: 'not-allowed', detail: 'Not your conference' });
    expect(calls.shows.length).toBe(2);
  });

  it('comes back by itself when its connection is lost, also to a server that needs a moment', async () => {
    const { pictures, calls, views } = await inside();
    void pictures.showCamera(true);
    await settle();
    calls.show = [503, 'Starting'];
    views.shown[0]?.onEvent('lost');
    expect(pictures.get().camera.status).toBe('reconnecting');
    await settle(3_000);
    // First within the call, which those who watch do not notice; then anew.
    expect(new Set(calls.shows.map((one) => one.get('Call-ID'))).size).toBeGreaterThan(1);
    expect(calls.shows[1]?.get('Call-ID')).toBe(calls.shows[0]?.get('Call-ID'));
    expect(calls.byesOf(calls.shows[0])).toBe(1);
    expect(pictures.get().camera).toMatchObject({ status: 'reconnecting', stream: views.shown[0]?.stream });
    calls.show = [200, 'OK'];
    await settle(8_000);
    expect(pictures.get().camera.status).toBe('up');
    expect(views.shown.length).toBe(1);
    expect(views.shown[0]?.closed).toBe(false);
    // One that refuses for good is not asked for ever.
    calls.show = [503, 'Broken'];
    views.shown[0]?.onEvent('lost');
    await settle(60_000);
    expect(pictures.get().camera).toMatchObject({ status: 'off', problem: { detail: 'Broken' } });
    const asked = calls.shows.length;
    await settle(60_000);
    expect(calls.shows.length).toBe(asked);
  });

  it('is mended within its call where the server knows it', async () => {
    const { pictures, calls, views } = await inside();
    void pictures.showCamera(true);
    await settle();
    views.shown[0]?.onEvent('lost');
    await settle(1_000);
    expect(calls.shows.length).toBe(2);
    expect(calls.shows[1]).toMatchObject({ uri: 'sip:focus.example.org;transport=ws', body: OFFER });
    expect(views.shown[0]).toMatchObject({ offers: 2, answers: ['picture answer', 'picture answer'], closed: false });
    expect(calls.byesOf(calls.shows[0])).toBe(0);
    expect(pictures.get().camera.status).toBe('up');
  });

  it('that mends itself is left alone', async () => {
    const { pictures, calls, views } = await inside();
    void pictures.showCamera(true);
    await settle();
    views.shown[0]?.onEvent('lost');
    views.shown[0]?.onEvent('up');
    await settle(5_000);
    expect(pictures.get().camera.status).toBe('up');
    expect(calls.shows.length).toBe(1);
  });

  it('is only asked after when the signalling has another connection', async () => {
    const { pictures, calls, peer } = await inside();
    void pictures.showCamera(true);
    await settle();
    peer.connection.cut();
    await settle(500);
    const asked = peer.requests('OPTIONS').map((one) => one.get('Call-ID'));
    expect(asked).toContain(calls.shows[0]?.get('Call-ID'));
    expect(calls.shows.length).toBe(1);
    expect(pictures.get().camera.status).toBe('up');
    // Where the server has forgotten it, it is offered anew.
    const take = peer.handler;
    peer.handler = (request, connection) => {
      if (request.method !== 'OPTIONS') return take(request, connection);
      peer.reply(request, connection, 481, 'Gone');
      return true;
    };
    peer.connection.cut();
    await settle(2_000);
    expect(calls.shows.length).toBe(2);
    expect(pictures.get().camera.status).toBe('up');
  });

  it('ends with my own call', async () => {
    const { world, pictures, calls, views } = await inside();
    void pictures.showCamera(true);
    await settle();
    await board(world).leave();
    await settle();
    expect(views.shown[0]?.closed).toBe(true);
    expect(calls.byesOf(calls.shows[0])).toBe(1);
    expect(pictures.get()).toEqual({ camera: { status: 'off' }, screen: { status: 'off' }, watch: 'off', seen: [] });
    expect(await pictures.showCamera(true)).toBe(false);
  });

  it('is closed when the call ends while the browser still asks', async () => {
    const { world, pictures, views, calls } = await inside();
    let give = () => {};
    const open = views.open.bind(views);
    views.open = async (kind) => {
      await new Promise<void>((done) => {
        give = done;
      });
      return open(kind);
    };
    const showing = pictures.showCamera(true);
    await settle();
    expect(pictures.get().camera.status).toBe('asking');
    await board(world).leave();
    give();
    expect(await showing).toBe(false);
    expect(views.shown[0]?.closed).toBe(true);
    expect(calls.shows).toEqual([]);
  });

  it('ends with the conference', async () => {
    const { focus, pictures, views } = await inside();
    void pictures.showCamera(true);
    await settle();
    focus.over('by-command', 'Bob ended it');
    await settle(100);
    expect(views.shown[0]?.closed).toBe(true);
    expect(pictures.get().conference).toBeUndefined();
  });
});

describe('pictures of others', () => {
  it('are asked for without an offer, and answered in the ACK', async () => {
    const { world, focus, pictures, calls, views } = await inside();
    const stop = pictures.look();
    expect(pictures.get().watch).toBe('nobody');
    expect(calls.watches).toEqual([]);
    calls.offer = watched('p2-1');
    focus.set('Bob Keller', { pictures: [{ label: 'p2-1' }] });
    await settle();
    const [invite] = calls.watches;
    expect(invite).toMatchObject({ uri: 'sip:conf-c1@example.org', body: '' });
    expect(invite?.get('Content-Type')).toBe('');
    const ack = calls.ackOf(invite);
    expect(ack?.body).toBe('my answer 1');
    expect(ack?.get('Content-Type')).toBe('application/sdp');
    expect(views.watches[0]?.offers).toEqual([watched('p2-1')]);
    expect(pictures.get()).toMatchObject({
      watch: 'up',
      seen: [{ label: 'p2-1', participant: 'p2', slides: false, stream: { mid: 'm0' } }],
    });
    expect(board(world).get().groups.in[0]).toMatchObject({ person: { name: 'Bob Keller' }, shows: [{ label: 'p2-1', slides: false }] });
    stop();
    await settle(2_000);
    expect(calls.byesOf(invite)).toBe(1);
    expect(views.watches[0]?.closed).toBe(true);
    expect(pictures.get()).toMatchObject({ watch: 'off', seen: [] });
  });

  it('are asked for again within the call when some come or go, and the rest stay the same', async () => {
    const { focus, pictures, calls, views } = await inside();
    pictures.look();
    calls.offer = watched('p2-1');
    focus.set('Bob Keller', { pictures: [{ label: 'p2-1' }] });
    await settle();
    const [bob] = pictures.get().seen;
    calls.offer = watched('p2-1', 'p3-1');
    focus.set('Carol Diaz', { pictures: [{ label: 'p3-1', slides: true }] });
    await settle();
    expect(calls.watches.length).toBe(2);
    expect(calls.watches[1]).toMatchObject({ uri: 'sip:focus.example.org;transport=ws', body: '' });
    expect(calls.watches[1]?.get('Call-ID')).toBe(calls.watches[0]?.get('Call-ID'));
    expect(calls.ackOf(calls.watches[1])?.body).toBe('my answer 2');
    expect(views.watches.length).toBe(1);
    expect(pictures.get().seen.map((one) => [one.label, one.slides])).toEqual([
      ['p2-1', false],
      ['p3-1', true],
    ]);
    expect(pictures.get().seen[0]).toBe(bob);
    // One that stops coming may be another one by now, of the same name.
    views.watches[0]?.onEvent('stalled');
    await settle();
    expect(calls.watches.length).toBe(3);
    expect(pictures.get().seen[0]).toBe(bob);
    // Who talks is no reason to ask.
    focus.set('Bob Keller', { talking: true });
    await settle();
    expect(calls.watches.length).toBe(3);
    // Who hides is gone at once, whatever is still offered.
    focus.set('Bob Keller', { pictures: [{ label: 'p2-1', status: 'inactive' }] });
    await settle();
    expect(pictures.get().seen.map((one) => one.label)).toEqual(['p3-1']);
    focus.set('Carol Diaz', { pictures: [] });
    await settle();
    expect(pictures.get()).toMatchObject({ watch: 'nobody', seen: [] });
    expect(pictures.get().problem).toBeUndefined();
    expect(calls.byesOf(calls.watches[0])).toBe(1);
  });

  it('that come while it is being asked are asked for afterwards', async () => {
    const { focus, pictures, calls, peer } = await inside();
    peer.delay = 100;
    pictures.look();
    calls.offer = watched('p2-1');
    focus.set('Bob Keller', { pictures: [{ label: 'p2-1' }] });
    await settle(120);
    calls.offer = watched('p2-1', 'p3-1');
    focus.set('Carol Diaz', { pictures: [{ label: 'p3-1' }] });
    await settle(1_000);
    expect(pictures.get().seen.map((one) => one.label)).toEqual(['p2-1', 'p3-1']);
    expect(new Set(calls.watches.map((one) => one.get('Call-ID'))).size).toBe(1);
  });

  it('of whom nothing is there yet are waited for without words', async () => {
    const { focus, pictures, calls } = await inside();
    pictures.look();
    calls.watch = [480, 'Nobody shows anything yet'];
    calls.offer = watched('p2-1');
    focus.set('Bob Keller', { pictures: [{ label: 'p2-1' }] });
    await settle();
    expect(pictures.get()).toMatchObject({ watch: 'nobody', seen: [] });
    expect(pictures.get().problem).toBeUndefined();
    calls.watch = [200, 'OK'];
    await settle(2_000);
    expect(pictures.get()).toMatchObject({ watch: 'up', seen: [{ label: 'p2-1' }] });
  });

  it('that cannot be had are said in the words of the server; what may pass is tried again', async () => {
    const { focus, pictures, calls } = await inside();
    pictures.look();
    calls.watch = [503, 'The video server cannot be reached'];
    calls.offer = watched('p2-1');
    focus.set('Bob Keller', { pictures: [{ label: 'p2-1' }] });
    await settle();
    expect(pictures.get().problem).toMatchObject({ code: 'no-picture', detail: 'The video server cannot be reached' });
    calls.watch = [200, 'OK'];
    await settle(2_000);
    expect(pictures.get()).toMatchObject({ watch: 'up', problem: undefined });
    // What is refused for good is not asked for again, until there is something else to be seen.
    calls.watch = [488, 'No codec in common'];
    focus.set('Carol Diaz', { pictures: [{ label: 'p3-1' }] });
    await settle(30_000);
    expect(pictures.get()).toMatchObject({ watch: 'off', seen: [], problem: { code: 'no-picture', detail: 'No codec in common' } });
    const asked = calls.watches.length;
    await settle(30_000);
    expect(calls.watches.length).toBe(asked);
    calls.watch = [200, 'OK'];
    calls.offer = watched('p2-1');
    focus.set('Carol Diaz', { pictures: [] });
    await settle();
    expect(pictures.get()).toMatchObject({ watch: 'up', seen: [{ label: 'p2-1' }] });
  });

  it('whose offer cannot be answered are refused in the ACK and hung up', async () => {
    const { focus, pictures, calls, views } = await inside();
    views.fails = true;
    pictures.look();
    calls.offer = watched('p2-1');
    focus.set('Bob Keller', { pictures: [{ label: 'p2-1' }] });
    await settle(5_000);
    expect(calls.watches.length).toBe(1);
    expect(calls.ackOf(calls.watches[0])?.body).toBe(refuse(calls.offer));
    expect(calls.byesOf(calls.watches[0])).toBe(1);
    expect(pictures.get()).toMatchObject({ watch: 'off', problem: { code: 'no-picture' }, seen: [] });
    // Another picture is another chance.
    views.fails = false;
    calls.offer = watched('p2-2');
    focus.set('Bob Keller', { pictures: [{ label: 'p2-2' }] });
    await settle();
    expect(pictures.get()).toMatchObject({ watch: 'up', seen: [{ label: 'p2-2' }], problem: undefined });
  });

  it('come back over a fresh connection when the one they came by is lost', async () => {
    const { focus, pictures, calls, views, peer } = await inside();
    pictures.look();
    calls.offer = watched('p2-1');
    focus.set('Bob Keller', { pictures: [{ label: 'p2-1' }] });
    await settle();
    const before = pictures.get().seen[0]?.stream;
    views.watches[0]?.onEvent('lost');
    expect(pictures.get()).toMatchObject({ watch: 'reconnecting', seen: [{ stream: before }] });
    await settle(1_000);
    expect(calls.watches.length).toBe(2);
    expect(calls.byesOf(calls.watches[0])).toBe(1);
    expect(views.watches.map((one) => one.closed)).toEqual([true, false]);
    expect(pictures.get().seen[0]?.stream).not.toBe(before);
    // The server ends it: its video server is lost, say.
    peer.send('BYE', [
      'From: <sip:conf-c1@example.org>;tag=x',
      `To: ${calls.watches[1]?.get('From')}`,
      `Call-ID: ${calls.watches[1]?.get('Call-ID')}`,
      'CSeq: 1 BYE',
    ]);
    await settle(2_000);
    expect(pictures.get().watch).toBe('up');
  });

  it('are those of the conference that I am in', async () => {
    const { focus, pictures, calls } = await inside();
    focus.set('alice', { pictures: [{ label: 'p1-1' }] });
    focus.set('Carol Diaz', { state: 'left', pictures: [{ label: 'p3-1' }] });
    pictures.look();
    await settle();
    // My own, and that of somebody who has left, are nothing to be seen.
    expect(pictures.get()).toMatchObject({ watch: 'nobody', seen: [] });
    expect(calls.watches).toEqual([]);
  });
});

describe('a window without pictures', () => {
  it('has none', async () => {
    const { world } = await ready();
    expect(await world.convoke.pictures()).toBeUndefined();
  });
});

describe('documents', () => {
  const document = (media: string, state = 'full', version = 1) =>
    `<conference-info xmlns="urn:ietf:params:xml:ns:conference-info" entity="sip:conf-c1@example.org" state="full" version="${version}"><users><user entity="sip:bob@example.org" state="${state}"><endpoint entity="sip:bob@device"><status>connected</status>${media}</endpoint></user></users></conference-info>`;

  it('say who shows what', () => {
    const events = new EventState('c1');
    const media = (label: string, more: string) => `<media id="1">${more}<label>${label}</label><status>sendonly</status></media>`;
    events.apply(
      document(
        [
          media('p2-1', '<type>video</type>'),
          media('p2-2', '<display-text>slides</display-text><type>video</type>'),
          media('p2-3', '<type>audio</type>'),
          media('not a token', '<type>video</type>'),
          '<media id="9"><type>video</type><label>p2-4</label><status>recvonly</status></media>',
        ].join(''),
      ),
      true,
    );
    expect(events.snapshot.participants[0]?.pictures).toEqual([
      { label: 'p2-1', slides: false },
      { label: 'p2-2', slides: true },
    ]);
    events.apply(document(media('p2-1', '<type>video</type>').repeat(500), 'full', 2), false);
    expect(events.snapshot.participants[0]?.pictures?.length).toBe(8);
  });
});

describe('descriptions', () => {
  it('tell whose picture is in which section', () => {
    const offer =
      'v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\na=group:BUNDLE a b\r\nm=audio 9 RTP/AVP 0\r\na=mid:x\r\na=label:p1-1\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:a\r\na=sendonly\r\na=label:p2-1\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:b\r\na=inactive\r\na=label:p3-1\r\nm=video 0 UDP/TLS/RTP/SAVPF 96\r\na=mid:c\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=label:p4-1\r\na=content:slides\r\na=mid:d\r\n';
    expect(videoSections(offer)).toEqual([
      { mid: 'a', label: 'p2-1', slides: false, sends: true },
      { mid: 'b', label: 'p3-1', slides: false, sends: false },
      { mid: 'c', label: '', slides: false, sends: false },
      { mid: 'd', label: 'p4-1', slides: true, sends: true },
    ]);
    expect(videoSections('')).toEqual([]);
    expect(refuse(offer).match(/^m=.*$/gm)).toEqual([
      'm=audio 0 RTP/AVP 0',
      'm=video 0 UDP/TLS/RTP/SAVPF 96',
      'm=video 0 UDP/TLS/RTP/SAVPF 96',
      'm=video 0 UDP/TLS/RTP/SAVPF 96',
      'm=video 0 UDP/TLS/RTP/SAVPF 96',
    ]);
    expect(withSlides(OFFER)).toBe(`${OFFER}a=content:slides\r\n`);
  });
});

describe('a video conference', () => {
  const video = { allocator: `video@${DOMAIN}` };

  async function signedIn(): Promise<{ world: World; focus: Focus; peer: Peer; sound: Sound }> {
    const sound = new Sound();
    const scene = await ready({
      sound,
      pictures: new Views(),
      before: (world) => {
        const session = world.rest.routes.get('POST /session');
        world.rest.routes.set('POST /session', (body, path) => ({ ...(session?.(body, path) as object), video }));
      },
    });
    return { ...scene, sound };
  }

  /** What the allocator answers to a request. */
  function allocator(peer: Peer, answer: (id: string, body: string) => string, asked: Sip[] = [], from = video.allocator): Sip[] {
    const take = peer.handler;
    peer.handler = (request, connection) => {
      if (request.method !== 'MESSAGE' || request.uri !== `sip:${video.allocator}`) return take(request, connection);
      asked.push(request);
      peer.reply(request, connection, 202, 'Accepted');
      const id = /<a:MessageID>([^<]*)</.exec(request.body)?.[1] ?? '';
      const envelope = `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:a="http://www.w3.org/2005/08/addressing" xmlns:c="urn:convoke:conference:1" xmlns:v="urn:convoke:video:1"><s:Header><a:RelatesTo>${id}</a:RelatesTo></s:Header><s:Body>${answer(id, request.body)}</s:Body></s:Envelope>`;
      peer.message(from, 'text/xml; charset=utf-8', envelope);
      return true;
    };
    return asked;
  }

  const ready3 =
    '<v:requested><v:conference>c1</v:conference><v:uri>sip:conf-c1@example.org</v:uri><v:server>janus</v:server><v:guest><v:name>Alice</v:name><v:way><v:mode>computer</v:mode><v:shows>true</v:shows><v:words>here</v:words></v:way></v:guest><v:guest><v:name>Bob Keller</v:name><v:none>None of their devices is there</v:none><v:why>not-there</v:why></v:guest></v:requested>';

  it('is asked for of the allocator, and come into with this window', async () => {
    const { world, focus, peer } = await signedIn();
    expect(world.convoke.session.get().me?.video).toEqual(video);
    focus.add({ name: 'alice', user: ALICE, role: 'owner', state: 'joined', place: 'browser' });
    const calls = new Calls(peer);
    const asked = allocator(peer, () => ready3);
    const making = world.convoke.videoCall([world.convoke.people.person(BOB), `carol@${DOMAIN}`], 'Dock');
    await settle(500);
    expect(await making).toEqual({
      conference: 'c1',
      without: [{ name: 'Bob Keller', why: { reason: 'not-there' }, words: 'None of their devices is there' }],
      problem: undefined,
    });
    expect(asked.length).toBe(1);
    expect(asked[0]?.body).toContain('<a:Action>urn:convoke:video:1/request</a:Action>');
    expect(asked[0]?.body).toMatch(
      /<v:request><v:title>Dock<\/v:title><v:invite><v:person>bob@example\.org<\/v:person><v:name>[^<]*<\/v:name><\/v:invite><v:invite><v:person>carol@example\.org<\/v:person><\/v:invite><\/v:request>/,
    );
    expect(asked[0]?.body).toContain('xmlns:v="urn:convoke:video:1"');
    expect(calls.voices.length).toBe(1);
    expect(board(world).get().id).toBe('c1');
  });

  it('says on its board who has no way in, until that is taken note of', async () => {
    const { world, peer } = await signedIn();
    new Calls(peer);
    allocator(peer, () => ready3);
    const making = world.convoke.videoCall([BOB]);
    await settle(500);
    await making;
    expect(board(world).get().without).toMatchObject([{ name: 'Bob Keller', why: { reason: 'not-there' } }]);
    board(world).dismiss();
    expect(board(world).get().without).toBeUndefined();
  });

  it('is worked out beforehand: in which way each would be asked', async () => {
    const { world, peer } = await signedIn();
    const asked = allocator(
      peer,
      () =>
        '<v:waysResponse><v:guest><v:name>Alice</v:name><v:user>alice@example.org</v:user><v:way><v:mode>computer</v:mode><v:shows>true</v:shows><v:words>here</v:words></v:way></v:guest><v:guest><v:name>Carol</v:name><v:user>carol@example.org</v:user><v:way><v:mode>h323</v:mode><v:shows>true</v:shows><v:words>is called by H.323</v:words></v:way></v:guest><v:guest><v:name>Zoe</v:name><v:none>Nobody of this name</v:none><v:why>unknown</v:why></v:guest><v:guest><v:name>Yve</v:name><v:none>No gateway</v:none><v:why>no-gateway</v:why><v:mode>isdn</v:mode></v:guest><v:guest><v:name>Xia</v:name><v:none>On holiday</v:none><v:why>away</v:why></v:guest></v:waysResponse>',
    );
    const asking = world.convoke.ways([CAROL, 'zoe', 'yve', 'xia']);
    await settle(500);
    expect(await asking).toEqual([
      { name: 'Carol', user: CAROL, mode: 'h323', picture: true, words: 'is called by H.323' },
      { name: 'Zoe', user: undefined, picture: false, why: { reason: 'unknown' }, words: 'Nobody of this name' },
      { name: 'Yve', user: undefined, picture: false, why: { reason: 'no-gateway', mode: 'isdn' }, words: 'No gateway' },
      // A reason of a newer server: its words say it.
      { name: 'Xia', user: undefined, picture: false, words: 'On holiday' },
    ]);
    expect(asked[0]?.body).toContain('<a:Action>urn:convoke:video:1/ways</a:Action>');
    expect(asked[0]?.body).toContain(
      '<v:ways><v:invite><v:person>carol@example.org</v:person></v:invite><v:invite><v:person>zoe</v:person></v:invite><v:invite><v:person>yve</v:person></v:invite><v:invite><v:person>xia</v:person></v:invite></v:ways>',
    );
  });

  it('names somebody from outside by the first of their numbers', async () => {
    const { world, peer } = await signedIn();
    const asked = allocator(peer, () => '<v:waysResponse/>');
    const night = { id: 'number:+15550108', label: 'night', kind: 'other', number: '+1 555 0108' } as const;
    const office = { id: 'number:+15550107', label: 'office', kind: 'other', number: '+1 555 0107', default: true } as const;
    const gate = { ...world.convoke.people.person('number:+15550107'), name: 'The gate', places: [night, office] };
    void world.convoke.ways([gate]);
    await settle(500);
    expect(asked[0]?.body).toContain('<v:invite><v:number>+15550108</v:number><v:name>The gate</v:name></v:invite>');
  });

  it('cannot be worked out where there is no allocator, or it refuses', async () => {
    const { world, peer } = await signedIn();
    allocator(peer, () => '<s:Fault><faultcode>s:Client</faultcode><faultstring>no</faultstring></s:Fault>');
    const asking = world.convoke.ways([BOB]);
    await settle(500);
    expect(await asking).toBeUndefined();
    expect(await (await ready({ sound: new Sound() })).world.convoke.ways([BOB])).toBeUndefined();
  });

  it('that cannot be had is said, and the microphone is given back', async () => {
    const { world, peer, sound } = await signedIn();
    allocator(
      peer,
      () =>
        '<s:Fault><faultcode>s:Client</faultcode><faultstring>no</faultstring><detail><c:fault><c:code>limit-reached</c:code><c:expected>a free server</c:expected><c:came>none</c:came></c:fault></detail></s:Fault>',
    );
    const making = world.convoke.videoCall([BOB]);
    await settle(500);
    expect(await making).toMatchObject({ without: [], problem: { code: 'limit-reached' } });
    expect(sound.sessions[0]?.closed).toBe(true);
    sound.refused = 'microphone-refused';
    expect((await world.convoke.videoCall([BOB])).problem?.code).toBe('microphone-refused');
  });

  it('that I cannot come into says so on its board', async () => {
    const { world, peer, sound } = await signedIn();
    answering(peer, 488);
    allocator(peer, () => ready3);
    const making = world.convoke.videoCall([BOB]);
    await settle(500);
    expect(await making).toMatchObject({ conference: 'c1', problem: { code: 'no-sound' } });
    expect(board(world).get()).toMatchObject({ id: 'c1', problem: { code: 'no-sound' } });
    expect(sound.sessions[0]?.closed).toBe(true);
  });

  it('is answered by the allocator alone', async () => {
    const { world, peer } = await signedIn();
    allocator(peer, () => ready3, [], `mallory@${DOMAIN}`);
    const making = world.convoke.videoCall([BOB]);
    await settle(40_000);
    expect((await making).problem?.code).toBe('expired');
  });

  it('is not asked for where there is no allocator', async () => {
    const { world } = await ready({ sound: new Sound() });
    expect(await world.convoke.videoCall([BOB])).toMatchObject({ problem: { code: 'not-allowed' } });
  });

  it('rings as from whoever asked for it, and says that it is one; nobody but the allocator speaks for others', async () => {
    const { world, peer, focus } = await signedIn();
    focus.phase = 'running';
    focus.add({ name: 'Bob Keller', user: BOB, role: 'owner', state: 'joined' });
    focus.add({ name: 'alice', user: ALICE, state: 'ringing', place: 'browser' });
    const expires = new Date(Date.now() + 40_000).toISOString();
    const invitation = (id: string, way: string) =>
      `<invitation xmlns="urn:convoke:invitation:1" xmlns:v="urn:convoke:video:1" id="${id}" conference="c1" uri="sip:conf-c1@example.org" title="Dock" kind="invite" expires="${expires}"><from user="${BOB}" name="Bob Keller"/>${way}</invitation>`;
    const type = 'application/vnd.convoke.invitation+xml';
    peer.message(video.allocator, type, invitation('i1', '<v:way mode="computer">Join in your browser</v:way>'));
    peer.message(`mallory@${DOMAIN}`, type, invitation('i2', ''));
    await settle(500);
    const ringing = world.convoke.conferences.get().ringing;
    expect(ringing.map((one) => [one.id, one.from.user, one.video])).toEqual([
      ['i1', BOB, true],
      ['i2', `mallory@${DOMAIN}`, false],
    ]);
    expect(world.convoke.chats.open(BOB).get().items).toMatchObject([{ kind: 'invitation', video: true, mine: false }]);
  });
});
