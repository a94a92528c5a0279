/** What every view model is: a state, and problems in it. See `types.ts`. */

/** A state that changes, and whom to tell. */
export interface Store<S> {
  /** The state now; the same object as before if nothing changed. */
  get(): S;
  /** Calls `listener` after each change until the function that is returned is called. */
  subscribe(listener: () => void): () => void;
}

/** What went wrong: `what` happened and what `todo`, in English; a window translates by `code`. */
export interface Problem {
  readonly code: ProblemCode;
  /** What happened, one sentence. */
  readonly what: string;
  /** What to do about it, one sentence. */
  readonly todo: string;
  /** Details for those who mend it: a status, the server's words. Never a secret. */
  readonly detail?: string;
  /** Of `number-refused`: which number, and why. */
  readonly refused?: RefusedNumber;
}

/** Why a number is not called. */
export type WhyRefused =
  | 'emergency'
  | 'abroad'
  | 'premium'
  /** No line leads there. */
  | 'no-route'
  /** Without its country, and the server has none. */
  | 'national'
  | 'no-number'
  | 'other';

export interface RefusedNumber {
  readonly why: WhyRefused;
  /** As it was given; absent where the request named nobody by a number there. */
  readonly number?: string;
  /** Which of those whom the request named, from 0. */
  readonly index?: number;
}

/** Everything that can go wrong from a person's point of view. */
export type ProblemCode =
  /** Name or password is wrong. */
  | 'wrong-password'
  /** Too many wrong passwords; try again later. */
  | 'too-many-attempts'
  /** The session is over or was ended elsewhere: sign in again. */
  | 'session-ended'
  /** Somebody else signed in in this browser, so this window's session is over. */
  | 'other-user'
  /** The server cannot be reached now; tried again by itself. */
  | 'unreachable'
  /** The server is there, and admits no page of this origin. */
  | 'origin-refused'
  /** This is a page of another origin than the server's, where nobody signs in: it uses a token. */
  | 'foreign-page'
  /** The server answered, but not in a way that makes sense. */
  | 'bad-answer'
  /** The server is overloaded or going down; tried again by itself. */
  | 'busy-server'
  /** Not allowed to this person. */
  | 'not-allowed'
  /** There is no such person, conference or participant. */
  | 'unknown'
  /** The person has no telephone that could be called. */
  | 'no-telephone'
  /** The number is refused: not permitted, emergency, premium. */
  | 'number-refused'
  /** The command came too late. */
  | 'expired'
  /** It does not fit the state: already ended, not in the call. */
  | 'wrong-state'
  /** A limit is reached: participants, lines, conferences. */
  | 'limit-reached'
  /** The conference is locked. */
  | 'locked'
  /** No microphone, or the use of it was refused. */
  | 'no-microphone'
  | 'microphone-refused'
  /** The microphone or loudspeaker was unplugged. */
  | 'device-lost'
  /** Sound could not be set up. */
  | 'no-sound'
  /** No camera, or the use of it was refused; or no screen was chosen. */
  | 'no-camera'
  | 'camera-refused'
  | 'screen-refused'
  /** Pictures could not be set up; `detail` holds the server's words. */
  | 'no-picture'
  /** What was typed is not understood. */
  | 'not-understood'
  /** A fault that is ours. */
  | 'internal';
