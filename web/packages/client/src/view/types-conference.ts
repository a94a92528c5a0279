/** View models of conferences: the list of whom to call, the board, the pictures. See `types.ts`. */
import type { Problem, Store } from './types-common.js';
import type { CallLineItem, InvitationItem, Person, Place, Without } from './types-people.js';

// ------------------------------------------------------------------------------------------------------------ conferences

export type Role = 'owner' | 'moderator' | 'participant';
/**
 * Who muted somebody. A moderator's mute is lifted by any moderator. Whoever muted themselves is unmuted by nobody else, unless they raised a hand and are
 * given the floor; as long as a moderator's mute holds, theirs is lifted by `*6` on their telephone alone.
 */
export type MutedBy = 'moderator' | 'themselves' | 'both';

export type ConferencePhase = 'starting' | 'running' | 'ending' | 'ended';

/** What the bridge that mixes the sound cannot do: a mix for each without their own voice, spoken sentences. */
export type Absent = 'listener-mix' | 'prompts';

/** Where a leg stands; as in SOAP, REST and records. */
export type LegState =
  | 'queued'
  | 'dialling'
  | 'ringing'
  | 'answered'
  | 'confirming'
  | 'joined'
  | 'held'
  | 'left'
  | 'busy'
  | 'no-answer'
  | 'declined'
  | 'unreachable'
  | 'failed';

/** Why a leg ended; as in SOAP, REST and records. */
export type EndReason =
  | 'hung-up'
  | 'by-moderator'
  | 'joined-elsewhere'
  | 'conference-ended'
  | 'busy'
  | 'ring-timeout'
  | 'voicemail'
  | 'declined'
  | 'unreachable'
  | 'not-permitted'
  | 'no-line'
  | 'trunk'
  | 'media'
  | 'bridge'
  | 'shutdown'
  | 'network';

/** Why a conference ended. */
export type ConferenceEndReason = 'by-command' | 'owner-left' | 'empty' | 'error' | 'shutdown';

/**
 * Why a board is over: its conference is; or I was taken off the roster and the others go on (`removed`); or one of the two, and nobody told
 * which, as it came about while there was no connection (`untold`).
 */
export type BoardEndReason = ConferenceEndReason | 'removed' | 'untold';

/** An entry of "Live now". */
export interface LiveConference {
  readonly id: string;
  readonly title: string;
  /** How many are in. */
  readonly count: number;
  /** Name of one who talks. */
  readonly talking?: string;
  /** Somebody shows a picture. */
  readonly video: boolean;
  /** Nobody but a moderator may add people. */
  readonly locked: boolean;
  /** When it began; absent where only its presence is known. */
  readonly since?: number;
  /** I am not on its roster, as far as known: of the conference no more than its presence is seen. */
  readonly outside: boolean;
  /** I own it. */
  readonly mine: boolean;
  /** I am in it, here or on a telephone. */
  readonly iAmIn: boolean;
  /** Its board is open here. */
  readonly open: boolean;
}

/** The conference that I am in with this window: what joining another one leaves. */
export interface HereConference {
  readonly id: string;
  readonly title: string;
  /** I own it: as the server's policy usually is, it ends when I leave. */
  readonly owner: boolean;
  /** How many others are in. */
  readonly others: number;
}

/** Somebody calls me. */
export interface Invitation {
  readonly id: string;
  readonly conference: string;
  readonly title: string;
  /** `call`: my telephones ring too; `invite`: nothing rings but this. */
  readonly kind: 'call' | 'invite';
  readonly from: Person;
  /** Names of those who are in, kept up to date. */
  readonly in: readonly string[];
  /** It is a video conference. */
  readonly video: boolean;
  readonly at: number;
  readonly expiresAt: number;
  /** Labels of my telephones that ring too. */
  readonly alsoRinging: readonly string[];
  /** Where I can be called: my telephones, without the browser. */
  readonly places: readonly Place[];
  /** When the conference began, if known. */
  readonly since?: number;
  /** I am in another call here, which is left by joining. */
  readonly leaves?: HereConference;
  /** An answer is under way. */
  readonly answering: boolean;
  /** Why my last answer failed. */
  readonly problem?: Problem;
}

/** How an invitation is answered. */
export type InvitationAnswer = 'join' | { readonly callAt: Place } | 'decline';

export interface ConferencesState {
  /** Running conferences in which I have a part, or into whose link I came; own board first, then oldest first. */
  readonly live: readonly LiveConference[];
  /** Invitations that ring now, oldest first. Empty with *do not disturb* (they are in the chats all the same). */
  readonly ringing: readonly Invitation[];
  /** The conference that I am in with this window, whether its board is open or not. */
  readonly here?: HereConference;
  /** Open composer; also beside the board of a running conference. */
  readonly composer?: Composer;
  /** Open board. With `composer.call()` the composer becomes the board in one step. */
  readonly board?: Board;
}

export interface Conferences extends Store<ConferencesState> {
  /**
   * Opens the composer with these people: persons, accounts, numbers, or words to be resolved. `chat` is the account of the
   * chat it was opened from. Nobody is called by this. The board of a conference that is over is closed, a running one stays.
   */
  compose(people?: readonly (Person | string)[], chat?: string): Composer;
  /** Closes the composer without calling anybody. */
  closeComposer(): void;
  /** Opens the board of a running conference. */
  openBoard(id: string): Board;
  /** Closes the board; closing is not leaving. */
  closeBoard(): void;
  answer(invitation: Invitation | InvitationItem | string, answer: InvitationAnswer, note?: string): Promise<boolean>;
  /**
   * Somebody gave me the address of this conference: its entry is shown while it runs. Resolves when it is known whether it does: `over` also of
   * one that never was. Undefined where that cannot be known.
   */
  visit(id: string): Promise<'running' | 'over' | undefined>;
  /** Comes in with the browser: of a live conference, or back into one that was left. Returns why not; a board that there is says it too. */
  join(id: string): Promise<Problem | undefined>;
  /** Opens the composer with those of a past call (Call back). */
  callBack(item: CallLineItem): Composer;
}

/** One that will be called. */
export interface ComposerRow {
  /** The person's id; the row of the board keeps it. */
  readonly key: string;
  readonly person: Person;
  readonly place: Place;
  readonly places: readonly Place[];
  /** They cannot be called, only invited: they have no telephone. */
  readonly onlyInvite: boolean;
  /** The last call failed because of this row. */
  readonly problem?: Problem;
}

/** What became of what was added. */
export interface AddNotice {
  /** Who was added by it. */
  readonly added: readonly Person[];
  /** What could not be added. */
  readonly leftOut: readonly {
    readonly text: string;
    readonly why: 'unknown' | 'no-number' | 'already' | 'limit';
  }[];
  /** What may mean several people: one of them is to be chosen (add it as a Person). */
  readonly unsure: readonly { readonly text: string; readonly people: readonly Person[] }[];
  /** A `To:` line or an e-mail was recognised. */
  readonly recognised?: 'addresses' | 'email';
}

export interface ComposerState {
  readonly title: string;
  /** Where I am called, and where I could be. */
  readonly me: { readonly place: Place; readonly places: readonly Place[] };
  /** In the order of adding. */
  readonly rows: readonly ComposerRow[];
  /** What became of the last `add`; until the next change. */
  readonly notice?: AddNotice;
  /** There is something to take back. */
  readonly canUndo: boolean;
  /** The command is under way. */
  readonly busy: boolean;
  /** Names are being resolved. */
  readonly adding: boolean;
  readonly problem?: Problem;
  /** Account of the chat that it was opened from. */
  readonly chat?: string;
}

export interface Composer extends Store<ComposerState> {
  setTitle(title: string): void;
  /**
   * Adds a person, or text: a name, account, number, several with commas, a pasted `To:` line, or a whole e-mail. Duplicates
   * of one person become one row.
   */
  add(what: string | Person): Promise<AddNotice>;
  /** Takes somebody off the list. What is returned puts them back where they stood, whatever was changed since. */
  remove(key: string): () => void;
  /** Takes the last add, remove or change of place back. */
  undo(): void;
  /** Where somebody is to be called: one of `places`, or a number as typed. */
  setPlace(key: string, place: Place | string): void;
  /** Where I am to be called: one of `me.places`, or a number as typed. */
  setMyPlace(place: Place | string): void;
  /** Starts it: rings their telephones and shows the invitation. True when the board is open. */
  call(): Promise<boolean>;
  /** Starts it and shows the invitation only. */
  inviteOnly(): Promise<boolean>;
}

/** What can be done with a row now, by me. */
export type BoardAction =
  | 'mute'
  | 'unmute'
  | 'hide'
  | 'unhide'
  | 'connect'
  | 'redial'
  | 'disconnect'
  | 'remove'
  | 'give-floor'
  | 'lower-hand'
  | 'make-moderator'
  | 'hand-over'
  | 'set-place'
  | 'text';

/** What can be done with the conference now, by me. */
export type ConferenceAction =
  | 'add'
  | 'mute-all'
  | 'unmute-all'
  | 'call-all'
  | 'disconnect-all'
  | 'lock'
  | 'unlock'
  | 'raise-hand'
  | 'lower-hand'
  | 'join'
  | 'leave'
  | 'end';

/** A raised hand. */
export interface Hand {
  /** Place in the queue, from 1. */
  readonly position: number;
  readonly since: number;
}

/** A picture that somebody shows. */
export interface ShownPicture {
  readonly label: string;
  /** A screen, not a camera. */
  readonly slides: boolean;
}

/** One participant. */
export interface BoardRow {
  /** Stable from composer to board, and over redials. */
  readonly key: string;
  /** Id on the roster; empty while the conference is only just being made. */
  readonly participant: string;
  readonly person: Person;
  readonly role: Role;
  /** Where they are called or will be called next. */
  readonly place: Place;
  readonly places: readonly Place[];
  readonly state: LegState;
  /** The state in English words. */
  readonly words: string;
  /** Since when in this state. */
  readonly since: number;
  /** Why it ended. */
  readonly reason?: EndReason;
  /** The server's words to it: `all 10 lines in use`, or what was said with a Decline. */
  readonly reasonWords?: string;
  /** By a moderator or by themselves; of myself also what is on its way to be told. */
  readonly muted: boolean;
  /** Who muted them, while they are. Absent: not told. */
  readonly mutedBy?: MutedBy;
  readonly talking: boolean;
  /** No sound arrives from them. */
  readonly silent: boolean;
  /** A moderator lets nobody see what they show. */
  readonly hidden: boolean;
  readonly hand?: Hand;
  /** What they let others see, for those who can. */
  readonly shows: readonly ShownPicture[];
  readonly actions: ReadonlySet<BoardAction>;
  /** When something of this row last changed (except talking); for the highlight. */
  readonly changedAt: number;
  /** A command about this row that is not answered yet. */
  readonly pending?: BoardAction;
  /** Why the last command about this row failed. */
  readonly problem?: Problem;
}

/** The groups, each in a stable order: by joining the roster; hands by the queue. Without me. */
export interface BoardGroups {
  readonly hands: readonly BoardRow[];
  readonly in: readonly BoardRow[];
  readonly calling: readonly BoardRow[];
  readonly notReached: readonly BoardRow[];
  readonly left: readonly BoardRow[];
}

/** I am in and am called at another place too: once I answer there I go on there, and if I am not reached I stay. */
export interface Moving {
  readonly place: Place;
  /** Where it stands; an end: why I am still where I was. */
  readonly state: LegState;
  readonly reason?: EndReason;
  /** The server's words to the reason. */
  readonly reasonWords?: string;
}

/** My own line. */
export interface BoardMe extends BoardRow {
  readonly moving?: Moving;
  /** I am in the call with this browser (and not only on a telephone). */
  readonly here: boolean;
  /** A moderator muted me: I cannot unmute myself. */
  readonly mutedByModerator: boolean;
  /** Why I am not heard, or do not hear, from here. */
  readonly sound?: Problem;
}

export interface BoardState {
  /** Empty while it is only just being made. */
  readonly id: string;
  readonly title: string;
  readonly state: ConferencePhase;
  readonly startedAt: number;
  readonly endedAt?: number;
  /** Why it ended; `removed`, `untold`: it goes on without me, or may, and of the others nothing is shown any more. */
  readonly end?: { readonly reason?: BoardEndReason; readonly words: string };
  readonly locked: boolean;
  /**
   * What became of the pictures when their video server was lost: they come from another one now, or from the same again (both for a while);
   * or none can be had, and only sound goes on.
   */
  readonly pictures?: 'moved' | 'back' | 'lost';
  /** The bridge that mixed the sound was lost, and another one goes on (for a while). */
  readonly sound?: 'moved';
  /** What cannot be had in it as long as it is where it is; absent: nothing. */
  readonly absent?: readonly Absent[];
  /** How many are in, with me. */
  readonly count: number;
  /** My line; absent when I am not on the roster. */
  readonly me?: BoardMe;
  readonly groups: BoardGroups;
  /** What I may do with the whole. */
  readonly actions: ReadonlySet<ConferenceAction>;
  /** What is shown may be behind: the connection is away. */
  readonly stale: boolean;
  /** The last removal can be taken back until then. */
  readonly undo?: { readonly name: string; readonly until: number };
  /** What became of the last `add`. */
  readonly notice?: AddNotice;
  /** Those who were wanted in a video conference and have no way in, with the server's words. */
  readonly without?: readonly Without[];
  readonly problem?: Problem;
}

/** The live board. Every command says by its promise whether it was carried out; the state says why not. */
export interface Board extends Store<BoardState> {
  mute(participant: string): Promise<boolean>;
  unmute(participant: string): Promise<boolean>;
  /** Lets nobody see their pictures, or again everybody. */
  hide(participant: string, on: boolean): Promise<boolean>;
  /** Calls somebody who is not in, at the row's place. */
  connect(participant: string): Promise<boolean>;
  disconnect(participant: string): Promise<boolean>;
  /** Calls again, at another place or number if given. */
  redial(participant: string, place?: Place | string): Promise<boolean>;
  /** Takes off the roster; `undo()` puts back (and calls again). */
  remove(participant: string): Promise<boolean>;
  undo(): Promise<boolean>;
  giveFloor(participant: string): Promise<boolean>;
  lowerHandOf(participant: string): Promise<boolean>;
  makeModerator(participant: string): Promise<boolean>;
  handOver(participant: string): Promise<boolean>;
  /** Where a row is called next; calls nobody. */
  setPlace(participant: string, place: Place | string): void;
  muteAll(): Promise<boolean>;
  unmuteAll(): Promise<boolean>;
  /** Calls everybody who is not in and not being called. */
  callAll(): Promise<boolean>;
  disconnectAll(): Promise<boolean>;
  lock(): Promise<boolean>;
  unlock(): Promise<boolean>;
  raiseHand(): Promise<boolean>;
  lowerHand(): Promise<boolean>;
  muteMe(on: boolean): Promise<boolean>;
  /** While held down, a muted one is heard: here at once, and shown to all others. True when it does that now. */
  pushToTalk(down: boolean): boolean;
  add(what: string | Person, place?: Place | string): Promise<AddNotice>;
  /** Calls me at this place (a telephone of mine, a number), or brings me in here (`browser`). */
  setMyPlace(place: Place | string): Promise<boolean>;
  /** Stays where I am: takes back that I am called at another place, or clears away that I was not reached there. */
  stay(): Promise<boolean>;
  /** Comes in (again) with this browser. */
  join(): Promise<boolean>;
  /** Ends my own leg; the conference goes on by its rules. */
  leave(): Promise<boolean>;
  endForAll(): Promise<boolean>;
  /** Clears `problem`, `notice` and `without`. */
  dismiss(): void;
}

// --------------------------------------------------------------------------------------------------------------- pictures

export type OwnPictureStatus =
  | 'off'
  /** The browser asks. */
  | 'asking'
  | 'connecting'
  /** Others can see it. */
  | 'up'
  /** It is being set up again. */
  | 'reconnecting';

/** My camera, or my screen. */
export interface OwnPicture {
  readonly status: OwnPictureStatus;
  /** What others see, for whoever draws it: a browser's `MediaStream`. */
  readonly stream?: unknown;
  /** Why it could not be shown, or was ended; the call goes on without. */
  readonly problem?: Problem;
}

/** A picture of somebody else. */
export interface SeenPicture {
  /** As on the row of who shows it. */
  readonly label: string;
  readonly participant: string;
  readonly slides: boolean;
  /** For whoever draws it: a browser's `MediaStream`. */
  readonly stream: unknown;
}

export type WatchStatus =
  /** I am not in a conference with this window, or nothing of it is looked at. */
  | 'off'
  /** Nobody else shows anything. */
  | 'nobody'
  | 'connecting'
  | 'up'
  /** It is being set up again; what is shown may stand still. */
  | 'reconnecting';

export interface PicturesState {
  /** The conference that I am in with this window. */
  readonly conference?: string;
  readonly camera: OwnPicture;
  readonly screen: OwnPicture;
  readonly watch: WatchStatus;
  /** Why others cannot be seen. */
  readonly problem?: Problem;
  readonly seen: readonly SeenPicture[];
}

/** Pictures of the conference that I am in with this window. They end with my own call. */
export interface Pictures extends Store<PicturesState> {
  /** Shows my camera, or no longer. True when others can see it (or not any more). */
  showCamera(on: boolean): Promise<boolean>;
  /** Shows a screen or a window, which the browser asks for, or no longer. */
  shareScreen(on: boolean): Promise<boolean>;
  /** Others are wanted to be seen as long as somebody looks. Returns the way to stop. */
  look(): () => void;
  /** Clears the problems. */
  dismiss(): void;
}
