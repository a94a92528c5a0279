/**
 * The view models: what a window shows and what it can do, without a word of how.
 *
 * Each is a {@link Store}: `get()` gives an immutable state, which is the same object until something changed (so
 * `useSyncExternalStore` can be used as it is), `subscribe()` tells when to look again. Commands are methods. None of them
 * throws for what the network or the server does: states say it (`problem`, `state: 'failed'`, `reason`).
 *
 * - Times are milliseconds since 1970 (as `Date.now()` gives), corrected to the clock of this device.
 * - Words that the server gives (`words`) are English; everything has a code beside it, by which a window translates.
 * - `user` is an account as `alice@example.org`.
 */
import type { Problem, Store } from './types-common.js';
import type { BoardRow, Conferences, Invitation, LegState, Pictures } from './types-conference.js';
import type { Calls, Chats, Modes, People, Person, Session, Telephones, Way, Without } from './types-people.js';

export type * from './types-common.js';
export type * from './types-conference.js';
export type * from './types-people.js';

// ------------------------------------------------------------------------------------------------------------------ voice

export type VoiceStatus =
  /** Not in use. */
  | 'idle'
  /** The browser asks whether the microphone may be used. */
  | 'asking'
  /** Test before the first call: level and a sound, nobody hears. */
  | 'testing'
  | 'connecting'
  | 'connected'
  /** The network changed; sound is being set up again. */
  | 'reconnecting';

export interface VoiceDevice {
  readonly id: string;
  readonly label: string;
}

export interface VoiceState {
  readonly status: VoiceStatus;
  /** The microphone's level, 0 to 1. */
  readonly level: number;
  readonly devices: { readonly microphones: readonly VoiceDevice[]; readonly speakers: readonly VoiceDevice[] };
  readonly chosen: { readonly microphone?: string; readonly speaker?: string };
  readonly problem?: Problem;
}

/** Sound in the browser. The window implements it (it needs the DOM); the library drives it through `Platform.media`. */
export interface Voice extends Store<VoiceState> {
  /** Opens microphone and loudspeaker for a test with level; resolves when the level moves in the state. */
  test(): Promise<boolean>;
  stopTest(): void;
  /** Plays a short sound on the chosen loudspeaker. */
  playSample(): Promise<void>;
  choose(kind: 'microphone' | 'speaker', id: string): Promise<boolean>;
}

// --------------------------------------------------------------------------------------------------------------- together

/** Everything a window shows. Made by `createConvoke`. */
export interface Convoke {
  readonly session: Session;
  readonly people: People;
  readonly chats: Chats;
  readonly conferences: Conferences;
  readonly telephones: Telephones;
  readonly modes: Modes;
  readonly calls: Calls;
  /** Loads what pictures need, once; undefined where the platform has no pictures. Rejects when it cannot be loaded: ask again then. */
  pictures(): Promise<Pictures | undefined>;
  /**
   * Asks the allocator for a video conference with these people, and comes in with this window. Only where `me.video.allocator` is told. Who has
   * no account is called at the first of their places.
   */
  videoCall(people: readonly (Person | string)[], title?: string): Promise<VideoCall>;
  /**
   * In which way each of these people would be asked now, in their order and without me; nobody is told. Undefined where it cannot be known.
   */
  ways(people: readonly (Person | string)[]): Promise<readonly Way[] | undefined>;
  /** For notifications, sounds and screen readers: things that happen once. Returns the way to stop. */
  onNotice(listener: (notice: Notice) => void): () => void;
  /**
   * Ends all connections and timers without signing out: the window is closed or reloaded. A call is not hung up by it: after a
   * reload `session.resume()` comes back into it.
   */
  close(): void;
}

/** What became of a video conference that was asked for. */
export interface VideoCall {
  /** Absent: there is none. */
  readonly conference?: string;
  /** Who cannot take part; the board says it too. */
  readonly without: readonly Without[];
  readonly problem?: Problem;
}

/** Something happened that deserves a sound, a notification or an announcement. */
export type Notice =
  | { readonly kind: 'message'; readonly from: Person; readonly text: string; readonly id: string }
  | { readonly kind: 'ringing'; readonly invitation: Invitation }
  | { readonly kind: 'ringing-over'; readonly id: string }
  | { readonly kind: 'row'; readonly conference: string; readonly row: BoardRow; readonly before?: LegState }
  | { readonly kind: 'conference-ended'; readonly conference: string; readonly title: string; readonly words: string }
  /** I was taken off the roster of a conference that I followed; it goes on. */
  | { readonly kind: 'removed'; readonly conference: string; readonly title: string }
  /** While there was no connection it ended, or I was taken off its roster. */
  | { readonly kind: 'untold'; readonly conference: string; readonly title: string };
