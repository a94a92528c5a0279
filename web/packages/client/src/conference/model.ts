/** A conference as its documents and answers tell it. */
import type { Absent, BoardEndReason, ConferenceEndReason, ConferencePhase, EndReason, LegState, MutedBy, Role } from '../view/types.js';
import { clean } from '../xml/write.js';

const NAME_MAX = 256;
const WORDS_MAX = 512;

/** A title, name or place as others wrote it: one line, and no longer than it can be shown. */
export function toldName(text = ''): string {
  return clean(text, NAME_MAX);
}

/** A reason in words, in the same way; undefined where there is none. */
export function toldWords(text: string | undefined): string | undefined {
  return text ? clean(text, WORDS_MAX) : undefined;
}

export interface Participant {
  readonly id: string;
  readonly name: string;
  /** `bob@example.org`. */
  readonly user?: string;
  /** Label of the place that is called. */
  readonly place: string;
  readonly role: Role;
  readonly leg?: Leg;
  /** Where else they are being called while they are in, or why that came to nothing. */
  readonly moving?: { readonly place: string; readonly leg: Leg };
  readonly muted: boolean;
  /** Who muted them, while they are; absent: not told. */
  readonly mutedBy?: MutedBy;
  readonly talking: boolean;
  readonly silent: boolean;
  /** A moderator lets nobody see their pictures; absent: not told. */
  readonly hidden?: boolean;
  readonly hand?: { readonly position: number; readonly since?: number };
  /** What they show; absent: not told. */
  readonly pictures?: readonly PictureShown[];
}

/** A picture that somebody shows (RFC 4575 §5.8.2). */
export interface PictureShown {
  /** Names its section in the offer to those who watch (RFC 4574). */
  readonly label: string;
  /** A screen, not a camera (RFC 4796). */
  readonly slides: boolean;
}

export interface Leg {
  readonly id: string;
  readonly state: LegState;
  readonly reason?: EndReason;
  readonly words?: string;
  /** By the server's clock; unknown from event documents. */
  readonly since?: number;
}

export interface Snapshot {
  readonly id: string;
  readonly title: string;
  readonly phase: ConferencePhase;
  /** Number of the last change that is in it. */
  readonly version: number;
  readonly locked: boolean;
  /** The video server that has the pictures, or had them when they were lost. */
  readonly video?: string;
  /** That server is lost, and no other can be had. */
  readonly picturesLost?: boolean;
  /** How often the sound has gone to another bridge. */
  readonly soundMoves?: number;
  /** What the bridge that has the sound cannot do; absent: not told. */
  readonly absent?: readonly Absent[];
  /** By the server's clock. */
  readonly started?: number;
  readonly participants: readonly Participant[];
  /** How many are on the whole roster, of which `participants` may be a page; absent: they are the whole. */
  readonly count?: number;
}

/** How somebody's leg ended. */
export interface LegEnd {
  readonly participant: string;
  readonly leg: Leg;
}

export interface End {
  readonly reason?: BoardEndReason;
  readonly words: string;
}

/** For me it is over, and whether it goes on for the others is not shown. */
export function isOut(end: End | undefined): boolean {
  return end?.reason === 'removed' || end?.reason === 'untold';
}

/** So many names stand for a conference that nobody named. */
const NAMES_MAX = 3;

/** What a conference is called that nobody named: by the others in it. */
export function titleOf(others: readonly { readonly name: string }[]): string {
  const names = others.slice(0, NAMES_MAX).map((one) => one.name);
  return names.join(', ');
}

const LEG_STATES: ReadonlySet<string> = new Set<LegState>([
  'queued',
  'dialling',
  'ringing',
  'answered',
  'confirming',
  'joined',
  'held',
  'left',
  'busy',
  'no-answer',
  'declined',
  'unreachable',
  'failed',
]);
const PHASES: ReadonlySet<string> = new Set<ConferencePhase>(['starting', 'running', 'ending', 'ended']);

const END_REASONS: ReadonlySet<string> = new Set<ConferenceEndReason>(['by-command', 'owner-left', 'empty', 'error', 'shutdown']);

/** Undefined for a word of a newer server: what it says beside it is for people. */
export function endReason(word: string | undefined): ConferenceEndReason | undefined {
  return word !== undefined && END_REASONS.has(word) ? (word as ConferenceEndReason) : undefined;
}

/** What a bridge may lack that is told to people; servers name `recording` too, always so far: nothing can record yet, and what nobody can have nobody misses. */
const ABSENT: readonly Absent[] = ['listener-mix', 'prompts'];

/** Those of these names that are known; the former value where it is the same. */
export function absentOf(names: readonly string[], was?: readonly Absent[]): readonly Absent[] {
  const now = ABSENT.filter((name) => names.includes(name));
  return was && was.join() === now.join() ? was : now;
}

/** A word of a newer server is the nearest that we know. */
export function legState(word: string | undefined): LegState {
  return word !== undefined && LEG_STATES.has(word) ? (word as LegState) : 'failed';
}

export function phase(word: string | undefined): ConferencePhase {
  return word !== undefined && PHASES.has(word) ? (word as ConferencePhase) : 'running';
}

export function role(word: string | undefined): Role {
  return word === 'owner' || word === 'moderator' ? word : 'participant';
}

export function mutedBy(word: string | null | undefined): MutedBy | undefined {
  return word === 'moderator' || word === 'themselves' || word === 'both' ? word : undefined;
}

/** In the mix, or on hold. */
export function isIn(state: LegState | undefined): boolean {
  return state === 'joined' || state === 'held';
}

/** On the way in. */
export function isCalling(state: LegState | undefined): boolean {
  return state === 'queued' || state === 'dialling' || state === 'ringing' || state === 'answered' || state === 'confirming';
}

/** Being called, or in. */
export function isLive(state: LegState | undefined): boolean {
  return isIn(state) || isCalling(state);
}

/** Was called, and did not get in. */
export function isNotReached(state: LegState | undefined): boolean {
  return state === 'busy' || state === 'no-answer' || state === 'declined' || state === 'unreachable' || state === 'failed';
}
