// @ts-check
// The window in Debian's Chromium, used as a person does it: chromium.mjs OPTIONS, where OPTIONS are JSON (see Options). Takes commands on
// standard input, one JSON object a line: {"do": name, …}, and answers each by {"done": value} or {"failed": words}. What the page hears is
// taken from the remote track itself, before it is played, and with the page's own Content-Security-Policy in force.

import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { numberOf } from '../../web/tools/numbered.mjs';

/**
 * @typedef {object} Options
 * @property {string} url where the server is
 * @property {string[]} [args] more arguments of Chromium
 * @property {'granted' | 'denied'} microphone the answer to the page's question
 * @property {boolean} [camera] the page may have the camera
 * @property {Record<string, string>} [storage] what the browser remembers of former visits
 * @property {boolean} [untreated] the page is given the microphone as it is, whatever treatment it asks for
 * @property {boolean} [own] keep what the microphone hears, too
 *
 * @typedef {object} Sound what one track brought
 * @property {'heard' | 'own'} kind
 * @property {number} rate samples a second
 * @property {[number, number][]} blocks of each: when it came, in milliseconds, and how many samples
 * @property {Float32Array[]} samples
 */

/** How long anything may take to show: Chromium on a busy machine. */
const PATIENCE_MS = 18_000;
/** Frames that must come one after the other before a picture counts as one that moves. */
const FRAMES = 3;
const FRAME_MAX_MS = 1_000;

const { chromium } = createRequire(new URL('../../web/package.json', import.meta.url))('playwright-core');
/** @type {Options} */
const options = JSON.parse(process.argv[2] ?? '{}');

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking']
    .concat(['--disable-component-update', '--disable-sync'])
    .concat(options.args ?? []),
});
const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, locale: 'en-GB', ignoreHTTPSErrors: true });
const { origin } = new URL(options.url);
const granted = [...(options.microphone === 'granted' ? ['microphone'] : []), ...(options.camera ? ['camera'] : [])];
if (granted.length > 0) await context.grantPermissions(granted, { origin });
await context.addInitScript(remember, options.storage ?? {});
if (options.untreated) await context.addInitScript(leaveAlone);
await context.addInitScript(listen, options.own === true);
await context.addInitScript(`globalThis.numberOf = ${numberOf}`);
const page = await context.newPage();
if (options.microphone === 'denied') {
  const { targetInfo } = await (await context.newCDPSession(page)).send('Target.getTargetInfo');
  const [permission, { browserContextId }] = [{ name: 'microphone' }, targetInfo];
  const control = await browser.newBrowserCDPSession();
  await control.send('Browser.setPermission', { permission, setting: 'denied', origin, browserContextId });
}
page.setDefaultTimeout(PATIENCE_MS);
/** @type {string[]} */
const faults = [];
page.on('pageerror', (/** @type {Error} */ error) => faults.push(error.message));
page.on('console', (/** @type {{ type(): string, text(): string }} */ message) => {
  console.error(`${message.type()}: ${message.text()}`);
  if (/Content Security Policy|TrustedHTML/.test(message.text())) faults.push(message.text());
});

const board = page.getByRole('complementary', { name: /^Conference board/ });

/** @type {Record<string, (command: Record<string, any>) => Promise<unknown>>} */
const commands = {
  async signIn({ user, password }) {
    await page.goto(options.url);
    await page.getByLabel('Name', { exact: true }).fill(user);
    await page.getByLabel('Password', { exact: true }).fill(password);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByText('Search or call').first().waitFor();
  },
  /** Puts people on the list by a link, says where oneself is called, and presses the button. */
  async call({ to, at }) {
    await page.goto(`${options.url}/call?to=${encodeURIComponent(to.join(','))}`);
    await commands.callMeAt({ at });
    await page.getByRole('button', { name: to.length === 1 ? 'Call 1 person' : `Call ${to.length} people` }).click();
  },
  /** Asks for a video conference with people. */
  async video({ to }) {
    await page.goto(`${options.url}/call?to=${encodeURIComponent(to.join(','))}`);
    const ask = board.getByRole('button', { name: /^Video call/ });
    const kind = board.getByRole('switch', { name: /video/i });
    await ask.or(kind).first().waitFor();
    if (!(await ask.isVisible())) await kind.click();
    await ask.click();
  },
  async callMeAt({ at }) {
    await board.getByRole('button', { name: /Call me at/ }).click();
    await page.getByRole('menuitemradio', { name: new RegExp(`^${at}`, 'i') }).click();
  },
  /** Presses a button by what it says. */
  async press({ button }) {
    await page.getByRole('button', { name: button, exact: true }).first().click();
  },
  /** What the browser tells its page when the network is back. */
  async online() {
    await page.evaluate(() => window.dispatchEvent(new Event('online')));
  },
  async reload() {
    await page.reload();
  },
  /** Waits until the board says it. */
  async untilBoard({ says }) {
    await board.getByText(new RegExp(says)).first().waitFor();
  },
  async untilBoardNot({ says }) {
    await board.getByText(new RegExp(says)).first().waitFor({ state: 'hidden' });
  },
  /** Waits until somebody's picture moves, and shows this number. */
  async untilSees({ name, number }) {
    const pictures = page.getByRole('region', { name: 'Pictures' });
    const tile = pictures.getByRole('listitem').filter({ has: page.getByText(name, { exact: true }) });
    const end = Date.now() + PATIENCE_MS;
    for (;;) {
      const seen = await tile.evaluateAll(look, { frames: FRAMES, most: FRAME_MAX_MS });
      if (typeof seen === 'object' && seen.number === number && seen.colour === number) return;
      if (Date.now() > end) throw new Error(`the picture of ${name}: ${JSON.stringify(seen)}`);
    }
  },
  /** Waits until the window says it, wherever. */
  async untilWindow({ says }) {
    await page.getByText(new RegExp(says)).first().waitFor();
  },
  async untilWindowNot({ says }) {
    await page.getByText(new RegExp(says)).first().waitFor({ state: 'hidden' });
  },
  /** What the board shows: oneself, and who stands in which group. */
  async board() {
    return board.evaluate((/** @type {HTMLElement} */ pane) => {
      const chip = (/** @type {Element} */ row) => row.querySelector('[data-chip]')?.getAttribute('data-chip') ?? '';
      const own = pane.querySelector('.row.own');
      const rows = [];
      let group = '';
      for (const line of pane.querySelectorAll('li.group, li.row')) {
        const heading = line.querySelector('h3')?.textContent;
        if (heading) group = heading.replace(/[\s\d]+$/, '').trim();
        else rows.push({ group, name: line.querySelector('.a')?.textContent ?? '', state: chip(line) });
      }
      return { title: pane.querySelector('h2')?.textContent ?? '', me: own ? chip(own) : '', rows, text: pane.innerText };
    });
  },
  async write({ to, text }) {
    await page.getByRole('button', { name: 'Search or call' }).first().click();
    await page.getByRole('dialog').getByRole('combobox').fill(to);
    await page.getByRole('option', { name: to }).first().click();
    await page.getByRole('textbox', { name: `Write to ${to}` }).fill(text);
    await page.keyboard.press('Enter');
  },
  /** Types to somebody whose chat is open, key by key, and sends nothing. */
  async types({ to, text }) {
    await page.getByRole('textbox', { name: `Write to ${to}` }).pressSequentially(text);
  },
  /** Waits until so many seconds more were heard than by now, on whatever track. */
  async listen({ seconds }) {
    await page.evaluate(more, seconds);
  },
  /** Forgets what was heard. */
  async forget() {
    await page.evaluate(() => {
      for (const sound of /** @type {any} */ (window).convokeSounds) Object.assign(sound, { blocks: [], samples: [] });
    });
  },
  /** Writes each track's sound to FILE.n, 32-bit floating samples, and tells its blocks. */
  async sounds({ file }) {
    /** @type {(Omit<Sound, 'samples'> & { base64: string })[]} */
    const all = await page.evaluate(packed);
    return all.map(({ base64, ...rest }, at) => {
      writeFileSync(`${file}.${at}`, Buffer.from(base64, 'base64'));
      return { ...rest, file: `${file}.${at}` };
    });
  },
  /** By which protocol each connection of the page found its way: udp or tcp. */
  async ways() {
    return page.evaluate(async () => {
      const ways = [];
      for (const connection of /** @type {any} */ (window).convokeConnections) {
        const stats = await connection.getStats();
        for (const one of stats.values()) {
          const pair = one.type === 'transport' && stats.get(one.selectedCandidatePairId);
          if (pair) ways.push(stats.get(pair.localCandidateId).protocol);
        }
      }
      return ways;
    });
  },
  async faults() {
    return faults;
  },
  async text() {
    return page.evaluate(() => document.body.innerText);
  },
};

say({ done: 'open' });
for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line);
  try {
    say({ done: (await commands[command.do]?.(command)) ?? null });
  } catch (error) {
    const shown = await page.evaluate(() => document.body.innerText).catch(() => '');
    say({ failed: `${command.do}: ${error}\nthe window shows:\n${shown}` });
  }
}
await browser.close();

/** @param {unknown} what */
function say(what) {
  console.log(JSON.stringify(what));
}

/**
 * In the page, before its own code: as if it had been here before.
 * @param {Record<string, string>} storage
 */
function remember(storage) {
  for (const [key, value] of Object.entries(storage)) localStorage.setItem(key, value);
}

/** In the page, before its own code: no echo cancellation, noise suppression or gain control. */
function leaveAlone() {
  const { mediaDevices } = navigator;
  if (!mediaDevices) return;
  const ask = mediaDevices.getUserMedia.bind(mediaDevices);
  const none = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
  mediaDevices.getUserMedia = ({ audio, ...wanted } = {}) => {
    const asked = typeof audio === 'object' ? audio : {};
    return ask({ ...wanted, audio: audio ? { ...asked, ...none } : false });
  };
}

/**
 * In the page, before its own code: keeps what every remote track brings, and with `own` the microphone's.
 * @param {boolean} own
 */
function listen(own) {
  /** @type {Sound[]} */
  const sounds = [];
  /** @type {RTCPeerConnection[]} */
  const connections = [];
  Object.assign(window, { convokeSounds: sounds, convokeConnections: connections });
  /**
   * @param {MediaStreamTrack} track
   * @param {Sound['kind']} kind
   */
  async function keep(track, kind) {
    /** @type {Sound} */
    const sound = { kind, rate: 0, blocks: [], samples: [] };
    sounds.push(sound);
    // As many as come while the page is busy; one is 10 ms.
    const processor = new /** @type {any} */ (window).MediaStreamTrackProcessor({ track, maxBufferSize: 1_000 });
    const reader = processor.readable.getReader();
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const samples = new Float32Array(value.numberOfFrames);
      value.copyTo(samples, { planeIndex: 0, format: 'f32-planar' });
      sound.rate = value.sampleRate;
      sound.blocks.push([performance.timeOrigin + performance.now(), samples.length]);
      sound.samples.push(samples);
      value.close();
    }
  }
  const Connection = window.RTCPeerConnection;
  window.RTCPeerConnection = class extends Connection {
    /** @param {RTCConfiguration} [configuration] */
    constructor(configuration) {
      super(configuration);
      connections.push(this);
      this.addEventListener('track', ({ track }) => {
        if (track.kind === 'audio') void keep(track, 'heard');
      });
    }
  };
  const { mediaDevices } = navigator;
  if (!own || !mediaDevices) return;
  const ask = mediaDevices.getUserMedia.bind(mediaDevices);
  mediaDevices.getUserMedia = async (constraints) => {
    const stream = await ask(constraints);
    for (const track of stream.getAudioTracks()) void keep(track.clone(), 'own');
    return stream;
  };
}

/**
 * In the page: what the picture on the first of these places shows, once some frames have come; or why it shows nothing.
 * @param {Element[]} places
 * @param {{ frames: number, most: number }} patience
 */
async function look([place], { frames, most }) {
  const video = place?.querySelector('video');
  if (!video) {
    await new Promise((done) => setTimeout(done, 50));
    return 'there is none';
  }
  for (let frame = 0; frame < frames; frame += 1) {
    const came = new Promise((done) => video.requestVideoFrameCallback(() => done(true)));
    const late = new Promise((done) => setTimeout(() => done(false), most));
    if (!(await Promise.race([came, late]))) return 'it stands still';
  }
  return globalThis.numberOf(video);
}

/**
 * In the page: resolves when so much more was heard.
 * @param {number} seconds
 */
function more(seconds) {
  /** @type {() => number} */
  const heard = () => {
    const all = /** @type {Sound[]} */ (/** @type {any} */ (window).convokeSounds).filter((one) => one.kind === 'heard');
    return all.reduce((sum, one) => sum + one.blocks.reduce((own, [, samples]) => own + samples / one.rate, 0), 0);
  };
  const before = heard();
  return new Promise((done) => {
    const timer = setInterval(() => {
      if (heard() < before + seconds) return;
      clearInterval(timer);
      done(undefined);
    }, 50);
  });
}

/** In the page: the sounds in a form that crosses to here. */
function packed() {
  const all = /** @type {Sound[]} */ (/** @type {any} */ (window).convokeSounds);
  return all.map(({ kind, rate, blocks, samples }) => {
    const whole = new Float32Array(blocks.reduce((sum, [, length]) => sum + length, 0));
    let at = 0;
    for (const one of samples) {
      whole.set(one, at);
      at += one.length;
    }
    const bytes = new Uint8Array(whole.buffer);
    let binary = '';
    for (let from = 0; from < bytes.length; from += 0x8000) binary += String.fromCharCode(...bytes.subarray(from, from + 0x8000));
    return { kind, rate, blocks, base64: btoa(binary) };
  });
}
