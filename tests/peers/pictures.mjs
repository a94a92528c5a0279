// @ts-check
// Somebody in Debian's Chromium who shows a camera and watches others over WebRTC, or speaks, without a window of ours: pictures.mjs OPTIONS, where OPTIONS
// are JSON: { camera: a y4m file }. Takes commands on standard input, one JSON object a line: {"do": name, …}, and answers each by
// {"done": value} or {"failed": words}. What is seen is read from the decoded pictures themselves: see harness/peers/pictures.rs.

import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { numberOf } from '../../web/tools/numbered.mjs';

/** How long anything may take to show: Chromium on a busy machine. */
const PATIENCE_MS = 18_000;
/** Any address: what is there comes from here. Cameras are for secure origins only. */
const PAGE = 'https://pictures.test/';

const { chromium } = createRequire(new URL('../../web/package.json', import.meta.url))('playwright-core');
const options = JSON.parse(process.argv[2] ?? '{}');
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking']
    .concat(['--disable-component-update', '--disable-sync', '--use-fake-device-for-media-stream'])
    .concat(['--autoplay-policy=no-user-gesture-required'])
    .concat([`--use-file-for-fake-video-capture=${options.camera}`]),
});
const context = await browser.newContext({ permissions: ['camera'] });
await context.addInitScript(hands);
await context.addInitScript(`globalThis.numberOf = ${numberOf}`);
const page = await context.newPage();
page.setDefaultTimeout(PATIENCE_MS);
await page.route(`${PAGE}**`, (/** @type {any} */ route) => route.fulfill({ contentType: 'text/html', body: '<!doctype html><title>x</title>' }));
await page.goto(PAGE);

/** @type {Record<string, (command: Record<string, any>) => Promise<unknown>>} */
const commands = {
  /** An offer to show the camera, by the connection of this name; on one that is there, with fresh ICE. */
  offer: ({ name }) => page.evaluate((/** @type {string} */ at) => globalThis.hands.offer(at), name),
  /** The answer to it. */
  answered: ({ name, sdp }) => page.evaluate((/** @type {any} */ of) => globalThis.hands.answered(of.name, of.sdp), { name, sdp }),
  /** Takes an offer of pictures, and gives the answer. */
  answer: ({ name, sdp }) => page.evaluate((/** @type {any} */ of) => globalThis.hands.answer(of.name, of.sdp), { name, sdp }),
  /** Waits until so many frames more than now have been decoded of the picture in this section; gives its number. */
  seen: ({ name, mid, frames }) => page.evaluate((/** @type {any} */ of) => globalThis.hands.seen(of), { name, mid, frames }),
  /** How many frames have been decoded in this section. */
  frames: ({ name, mid }) => page.evaluate((/** @type {any} */ of) => globalThis.hands.frames(of.name, of.mid), { name, mid }),
  /** An offer of sound, a tone of so many hertz; by a connection that is there, one for which it has restarted ICE. */
  voice: ({ name, hertz }) => page.evaluate((/** @type {any} */ of) => globalThis.hands.voice(of.name, of.hertz), { name, hertz }),
  /** Waits until sound comes by another pair of addresses than that of before; gives after how many milliseconds since the last offer was begun. */
  heard: ({ name }) => page.evaluate((/** @type {string} */ at) => globalThis.hands.heard(at), name),
  close: ({ name }) => page.evaluate((/** @type {string} */ at) => globalThis.hands.close(at), name),
};

console.log(JSON.stringify({ done: 'open' }));
for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line);
  try {
    const done = await commands[command.do]?.(command);
    console.log(JSON.stringify({ done: done ?? null }));
  } catch (error) {
    console.log(JSON.stringify({ failed: String(error) }));
  }
}
await browser.close();

/** Runs in the page. */
function hands() {
  /** How long a frame, or all candidates, may take. */
  const patience = 18_000;
  /** @type {Record<string, RTCPeerConnection>} */
  const connections = {};
  /** @type {Map<MediaStreamTrack, HTMLVideoElement>} */
  const videos = new Map();

  /** @param {string} name */
  const connection = (name) => {
    const there = connections[name];
    if (there) return there;
    const made = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
    made.ontrack = ({ track }) => {
      const video = document.createElement('video');
      Object.assign(video, { muted: true, autoplay: true, playsInline: true, srcObject: new MediaStream([track]) });
      document.body.append(video);
      videos.set(track, video);
    };
    connections[name] = made;
    return made;
  };
  /** The description with all candidates, as SIP wants it. @param {RTCPeerConnection} of */
  const whole = (of) =>
    new Promise((done, failed) => {
      const look = () => of.iceGatheringState === 'complete' && done(of.localDescription?.sdp);
      of.addEventListener('icegatheringstatechange', look);
      setTimeout(() => failed(new Error('candidates are not complete')), patience);
      look();
    });
  /** @param {string} name @param {string} mid */
  const receiver = (name, mid) => {
    const found = connection(name).getTransceivers().find((one) => one.mid === mid);
    if (!found) throw new Error(`no section ${mid}`);
    return found.receiver;
  };
  /** @param {string} name @param {string} mid */
  const frames = async (name, mid) => {
    let decoded = 0;
    for (const one of (await receiver(name, mid).getStats()).values()) decoded += one.type === 'inbound-rtp' ? one.framesDecoded : 0;
    return decoded;
  };
  /**
   * Of a connection with sound: when its last offer was begun, and the pair of addresses in use before.
   * @type {Record<string, { begun: number, pair?: string }>}
   */
  const voices = {};
  /** Which pair of addresses is in use, and how many packets of sound have come. @param {string} name */
  const way = async (name) => {
    const stats = [...(await connection(name).getStats()).values()];
    const pair = stats.find((one) => one.type === 'transport')?.selectedCandidatePairId;
    return { pair, packets: stats.find((one) => one.type === 'inbound-rtp')?.packetsReceived ?? 0 };
  };
  globalThis.hands = {
    /** @param {string} name @param {number} hertz */
    async voice(name, hertz) {
      const fresh = !connections[name];
      const made = connection(name);
      if (fresh) {
        const context = new AudioContext();
        const [tone, level] = [new OscillatorNode(context, { frequency: hertz }), new GainNode(context, { gain: 10 ** (-10 / 20) })];
        const out = context.createMediaStreamDestination();
        tone.connect(level).connect(out);
        tone.start();
        for (const track of out.stream.getAudioTracks()) made.addTransceiver(track, { streams: [out.stream] });
      }
      const { pair } = await way(name);
      voices[name] = { begun: performance.now(), pair };
      if (!fresh) made.restartIce();
      await made.setLocalDescription();
      return whole(made);
    },
    /** @param {string} name */
    async heard(name) {
      const { begun, pair } = voices[name] ?? { begun: 0 };
      /** @type {number | undefined} */
      let before;
      const end = begun + patience;
      for (;;) {
        const now = await way(name);
        if (now.pair && now.pair !== pair) {
          before ??= now.packets;
          if (now.packets > before) return performance.now() - begun;
        }
        if (performance.now() > end) throw new Error(`by ${now.pair} came ${now.packets} packets; before it was ${pair}`);
        await new Promise((next) => setTimeout(next, 10));
      }
    },
    /** @param {string} name */
    async offer(name) {
      const fresh = !connections[name];
      const made = connection(name);
      if (fresh) {
        const stream = await navigator.mediaDevices.getUserMedia({ video: { width: 320, height: 240 } });
        for (const track of stream.getVideoTracks()) made.addTransceiver(track, { direction: 'sendonly', streams: [stream] });
      }
      await made.setLocalDescription(await made.createOffer({ iceRestart: !fresh }));
      return whole(made);
    },
    /** @param {string} name @param {string} sdp */
    answered: (name, sdp) => connection(name).setRemoteDescription({ type: 'answer', sdp }),
    /** @param {string} name @param {string} sdp */
    async answer(name, sdp) {
      const made = connection(name);
      await made.setRemoteDescription({ type: 'offer', sdp });
      await made.setLocalDescription();
      return whole(made);
    },
    frames,
    /** @param {{ name: string, mid: string, frames: number }} of */
    async seen(of) {
      const before = await frames(of.name, of.mid);
      const end = Date.now() + patience;
      while ((await frames(of.name, of.mid)) < before + of.frames) {
        if (Date.now() > end) throw new Error(`${await frames(of.name, of.mid)} frames in section ${of.mid}, ${before} before`);
        await new Promise((next) => setTimeout(next, 50));
      }
      const video = videos.get(receiver(of.name, of.mid).track);
      if (!video) throw new Error('no video for the track');
      // What is decoded is drawn a little later.
      await new Promise((drawn) => video.requestVideoFrameCallback(drawn));
      return { ...globalThis.numberOf(video), width: video.videoWidth, height: video.videoHeight };
    },
    /** @param {string} name */
    close(name) {
      connections[name]?.close();
      delete connections[name];
    },
  };
}
