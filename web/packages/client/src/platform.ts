/** What the library needs of the world around it. A browser's is {@link webPlatform}; tests and other programs bring their own. */

/** Names a timer until it fires or is cleared. */
export type Timer = unknown;

/** A WebSocket that is being opened or is open. The library sets the three handlers at once. */
export interface Socket {
  /** Writes one text frame. Never throws; what cannot be written is lost with the connection. */
  send(text: string): void;
  /** Ends it; `onClose` is called afterwards, or already was. */
  close(): void;
  onOpen: () => void;
  /** One whole frame; bytes where it was no text. */
  onMessage: (data: string | Uint8Array) => void;
  /** Called once, whether it was ever open or not. */
  onClose: () => void;
}

/** What is asked by HTTP. */
export interface HttpRequest {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** It is asked to its end also where the page ends before. */
  readonly keepalive?: boolean;
}

/** What is answered. */
export interface HttpResponse {
  readonly status: number;
  /** A header field, or null. */
  header(name: string): string | null;
  text(): Promise<string>;
}

/** Small texts that outlive a reload. */
export interface KeyValue {
  get(key: string): string | null;
  set(key: string, value: string): void;
  remove(key: string): void;
}

/** To the other windows of this person in the same browser. */
export interface Channel {
  post(message: unknown): void;
  onMessage: (message: unknown) => void;
  close(): void;
}

/** What a media session tells of itself. */
export type MediaEvent =
  /** Sound flows. */
  | 'up'
  /** The network changed or the connection broke: a fresh offer is wanted. */
  | 'lost'
  /** The microphone is gone. */
  | 'device-lost'
  /** It is there again, or another one is. */
  | 'device-back';

/** The sound of one call. Made by `MediaPort.open`, which asks for the microphone. */
export interface MediaSession {
  /**
   * An SDP offer. Each call begins a fresh peer connection (a network change is answered so); the one before goes on until
   * the answer to the new one is accepted.
   */
  offer(): Promise<string>;
  /** The answer to the last offer. Rejects if it does not fit. */
  accept(answer: string): Promise<void>;
  /** Silences the microphone here, at once. */
  mute(on: boolean): void;
  close(): void;
  onEvent: (event: MediaEvent) => void;
}

/** Sound as such. */
export interface MediaPort {
  /**
   * Opens the microphone. Rejects with an object whose `code` is `microphone-refused` or `no-microphone`.
   */
  open(): Promise<MediaSession>;
}

/** What is shown to others. */
export type PictureKind = 'camera' | 'screen';

/** What a picture's session tells of itself. */
export type PictureEvent =
  /** Pictures flow. */
  | 'up'
  /** The connection broke. */
  | 'lost'
  /** One of those that are watched has stopped coming, though the connection stands: what there is may be something else by now. */
  | 'stalled'
  /** The camera is gone, or the person stopped it by the browser's own button. */
  | 'ended';

/** One picture of ours: a camera or a screen. */
export interface ShowSession {
  /** What is shown, for whoever draws it: a browser's `MediaStream`. */
  readonly stream: unknown;
  /** An SDP offer of one video section that only sends. Each call begins a fresh peer connection, which takes the place of the one before. */
  offer(): Promise<string>;
  /** The answer to the last offer. Rejects if it does not fit. */
  accept(answer: string): Promise<void>;
  close(): void;
  onEvent: (event: PictureEvent) => void;
}

/** What we see of others, over one peer connection. */
export interface WatchSession {
  /** Takes an offer, the first or a further one, and answers it. Rejects if it cannot. */
  answer(offer: string): Promise<string>;
  /** What comes in a section of the last offer (`a=mid`), for whoever draws it. */
  stream(mid: string): unknown;
  close(): void;
  onEvent: (event: PictureEvent) => void;
}

/** Pictures as such. */
export interface PicturePort {
  /** Opens a camera, or asks which screen. Rejects with an object whose `code` is `camera-refused`, `no-camera` or `screen-refused`. */
  open(kind: PictureKind): Promise<ShowSession>;
  watch(): WatchSession;
}

/** See the module. */
export interface Platform {
  /** Milliseconds since 1970. */
  now(): number;
  setTimeout(callback: () => void, ms: number): Timer;
  clearTimeout(timer: Timer): void;
  /** Bytes that nobody can guess. */
  random(count: number): Uint8Array;
  /** Sends cookies to the page's own origin alone. Rejects when the server cannot be reached. */
  fetch(url: string, request: HttpRequest): Promise<HttpResponse>;
  /** Whether this is a page of another origin than the server's: the cookie of signing in stays away from it. */
  foreign?(server: string): boolean;
  /**
   * Asks why nothing could be had of a server: `false` when it is certain that it is there, and that the browser keeps its answers from this page because
   * the server does not name the page's origin. `undefined`: for another reason, or nobody knows.
   */
  admitted?(server: string): Promise<boolean | undefined>;
  openSocket(url: string, protocol: string): Socket;
  /** Of this window or tab: what shall outlive its reload. */
  readonly tab?: KeyValue;
  /** Of this browser or program: what shall be remembered. */
  readonly memory?: KeyValue;
  /** Joins the windows of one person. */
  channel?(name: string): Channel;
  /**
   * Names this device for others (`urn:uuid:…`, RFC 5626 §4.1): the same after a reload, and never that of another window that
   * is open. Drawn afresh where it is absent.
   */
  instance?(): Promise<string>;
  readonly media?: MediaPort;
  /** Without it nobody is seen here. */
  readonly pictures?: PicturePort;
  /** Faults of the library itself, for a log. Never a secret, never a message's text. */
  report?(fault: unknown): void;
}
