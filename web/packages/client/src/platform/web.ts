/**
 * The platform of browsers and of Node from version 22 on, taken from what is global there. No DOM types: what is used is described here.
 */
import type { Channel, HttpRequest, HttpResponse, KeyValue, MediaPort, PicturePort, Platform, Socket } from '../platform.js';
import { uuid } from '../util/ids.js';

interface WebSocketLike {
  binaryType: string;
  readonly readyState: number;
  send(data: string): void;
  close(): void;
  onopen: (() => void) | null;
  onmessage: ((event: { data: unknown }) => void) | null;
  onclose: (() => void) | null;
  onerror: (() => void) | null;
}

interface StorageLike {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

interface ChannelLike {
  postMessage(message: unknown): void;
  onmessage: ((event: { data: unknown }) => void) | null;
  close(): void;
}

interface Locks {
  request(name: string, options: { ifAvailable: boolean }, callback: (lock: unknown) => Promise<void> | undefined): Promise<unknown>;
}

interface Globals {
  WebSocket: new (url: string, protocol: string) => WebSocketLike;
  crypto: { getRandomValues(bytes: Uint8Array): Uint8Array };
  fetch(
    url: string,
    init: HttpRequest & { credentials: string; mode?: string },
  ): Promise<{ status: number; headers: { get(name: string): string | null }; text(): Promise<string> }>;
  setTimeout(callback: () => void, ms: number): unknown;
  clearTimeout(timer: unknown): void;
  sessionStorage?: StorageLike;
  localStorage?: StorageLike;
  BroadcastChannel?: new (name: string) => ChannelLike;
  navigator?: { locks?: Locks };
  location?: { origin: string };
  URL: new (url: string) => { readonly origin: string };
  console: { error(...words: unknown[]): void };
}

const OPEN = 1;
const INSTANCE = 'convoke.instance';

/** What a window adds to what is global. */
export interface WebPlatformOptions {
  /** Sound; without it one is called at telephones only. */
  readonly media?: MediaPort;
  /** Pictures; without it nobody is seen. */
  readonly pictures?: PicturePort;
  /** Another `WebSocket`, where there is no global one. */
  readonly WebSocket?: unknown;
  /** Another `fetch`: one that keeps cookies, say. */
  readonly fetch?: unknown;
}

/** The platform of this browser or program. */
export function webPlatform(options: WebPlatformOptions = {}): Platform {
  const globals = globalThis as unknown as Globals;
  const WebSocket = (options.WebSocket ?? globals.WebSocket) as Globals['WebSocket'];
  const fetch = (options.fetch ?? globals.fetch.bind(globals)) as Globals['fetch'];
  const platform: Platform = {
    now: () => Date.now(),
    setTimeout: (callback, ms) => globals.setTimeout(callback, ms),
    clearTimeout: (timer) => globals.clearTimeout(timer),
    random: (count) => globals.crypto.getRandomValues(new Uint8Array(count)),
    fetch: async (url, request): Promise<HttpResponse> => {
      // A server never says that pages of other origins may send its cookies, so their requests would fail with them.
      const response = await fetch(url, { ...request, credentials: 'same-origin' });
      return { status: response.status, header: (name) => response.headers.get(name), text: () => response.text() };
    },
    foreign: (server) => foreign(globals, server),
    admitted: once(
      async (server) => (foreign(globals, server) ? admitted(fetch, server) : undefined),
      () => platform.now(),
    ),
    openSocket: (url, protocol) => openSocket(WebSocket, url, protocol),
    tab: keyValue(() => globals.sessionStorage),
    memory: keyValue(() => globals.localStorage),
    channel:
      globals.BroadcastChannel && ((name) => openChannel(globals.BroadcastChannel as NonNullable<Globals['BroadcastChannel']>, name)),
    instance: () => instance(platform, globals.navigator?.locks),
    media: options.media,
    pictures: options.pictures,
    report: (fault) => globals.console.error('convoke:', fault),
  };
  return platform;
}

/** What a server lets pages of every origin read. */
const OF_ALL = '/api/v1/openapi.json';
/** What it lets pages of those origins read that its operator names: without a token a refusal, which tells as much. */
const OF_NAMED = '/api/v1/me';
/** How long it is not asked again what a server does with pages of this origin. */
const VERDICT_MS = 60_000;

/**
 * A browser tells a program neither that CORS refused it (Fetch §3.2) nor what a WebSocket's handshake was answered (WebSockets §9.3), and a proxy in front
 * of a server that is away gives answers that nobody may read either. So only a server whose open answers can be read, and no others, is known to refuse.
 */
async function admitted(fetch: Globals['fetch'], server: string): Promise<boolean | undefined> {
  const status = (path: string) =>
    fetch(server.replace(/\/+$/, '') + path, { method: 'HEAD', headers: {}, credentials: 'omit', mode: 'cors' }).then(
      (answer) => answer.status,
      () => 0,
    );
  if ((await status(OF_ALL)) !== 200) return undefined;
  if ((await status(OF_NAMED)) !== 0) return true;
  // It may have gone away in between.
  return (await status(OF_ALL)) === 200 ? false : undefined;
}

/** Whoever asks while it is being asked waits for the same answer; one that is certain holds for a while. */
function once(ask: (server: string) => Promise<boolean | undefined>, now: () => number): (server: string) => Promise<boolean | undefined> {
  let last: { server: string; until: number; answer: Promise<boolean | undefined> } | undefined;
  return (server) => {
    if (last?.server === server && now() < last.until) return last.answer;
    const asked = { server, until: Number.POSITIVE_INFINITY, answer: ask(server) };
    last = asked;
    void asked.answer.then((certain) => {
      asked.until = certain === undefined ? 0 : now() + VERDICT_MS;
    });
    return asked.answer;
  };
}

/** Where there are no pages, and of an address that cannot be, nothing is foreign. */
function foreign({ URL, location }: Globals, server: string): boolean {
  if (!location || !server) return false;
  try {
    return new URL(server).origin !== location.origin;
  } catch {
    return false;
  }
}

function openSocket(WebSocket: Globals['WebSocket'], url: string, protocol: string): Socket {
  const socket: Socket = { send: () => {}, close: () => {}, onOpen: () => {}, onMessage: () => {}, onClose: () => {} };
  let closed = false;
  const end = () => {
    if (closed) return;
    closed = true;
    socket.onClose();
  };
  let inner: WebSocketLike;
  try {
    inner = new WebSocket(url, protocol);
  } catch {
    // An address that cannot be: as a server that is not there.
    void Promise.resolve().then(end);
    return socket;
  }
  inner.binaryType = 'arraybuffer';
  inner.onopen = () => socket.onOpen();
  inner.onmessage = ({ data }) => socket.onMessage(typeof data === 'string' ? data : new Uint8Array(data as ArrayBuffer));
  inner.onclose = end;
  // The end follows, and says all there is to say.
  inner.onerror = () => {};
  socket.send = (text) => {
    if (inner.readyState === OPEN) inner.send(text);
  };
  socket.close = () => {
    inner.close();
    // A browser tells the end of a dead connection only after a long time.
    void Promise.resolve().then(end);
  };
  return socket;
}

function keyValue(find: () => StorageLike | undefined): KeyValue {
  // A browser may refuse it to a page, at any time.
  const attempt = <T>(use: (storage: StorageLike) => T): T | undefined => {
    try {
      const storage = find();
      return storage && use(storage);
    } catch {
      return undefined;
    }
  };
  return {
    get: (key) => attempt((storage) => storage.getItem(key)) ?? null,
    set: (key, value) => void attempt((storage) => storage.setItem(key, value)),
    remove: (key) => void attempt((storage) => storage.removeItem(key)),
  };
}

function openChannel(BroadcastChannel: NonNullable<Globals['BroadcastChannel']>, name: string): Channel {
  const inner = new BroadcastChannel(name);
  const channel: Channel = { post: (message) => inner.postMessage(message), onMessage: () => {}, close: () => inner.close() };
  inner.onmessage = ({ data }) => channel.onMessage(data);
  return channel;
}

/**
 * A window keeps its name over a reload. A window that was made as a copy of another one brings the other's name along: who does not get the lock
 * takes a new one.
 */
async function instance(platform: Platform, locks: Locks | undefined): Promise<string> {
  const remembered = platform.tab?.get(INSTANCE);
  if (remembered && locks && (await hold(locks, remembered))) return remembered;
  const fresh = `urn:uuid:${uuid(platform)}`;
  if (locks) await hold(locks, fresh);
  platform.tab?.set(INSTANCE, fresh);
  return fresh;
}

function hold(locks: Locks, name: string): Promise<boolean> {
  return new Promise((done) => {
    locks
      .request(`convoke ${name}`, { ifAvailable: true }, (lock) => {
        done(lock !== null);
        // Held until the window is gone.
        return lock === null ? undefined : new Promise(() => {});
      })
      .catch(() => done(false));
  });
}
