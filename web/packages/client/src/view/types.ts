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

// ---------------------------------------------------------------------------------------------------------------- session

/** Whether one is signed in and reachable. */
export type SessionStatus =
  /** Nobody is signed in: show the sign-in page. */
  | 'signed-out'
  /** Name and password (or the cookie of last time) are being checked. */
  | 'signing-in'
  /** Signed in; the connection is being made for the first time. */
  | 'connecting'
  /** Everything works. */
  | 'online'
  /** Signed in but not connected; tried again at `retryAt`. What is written waits and is sent then. */
  | 'offline';

/** What one sets for oneself. `in-call` and `offline` come by themselves. */
export type OwnPresence = 'available' | 'away' | 'busy' | 'dnd';

/** Who is signed in. */
export interface Me {
  readonly user: string;
  readonly name: string;
  readonly initials: string;
  readonly domain: string;
  /** `en`, `de`; absent while none is chosen: as the browser. */
  readonly language?: string;
  /** The account by which conferences invite for who called by REST, where they have one. */
  readonly conferences?: string;
  /** The server has a place for pictures; `allocator` is the account that is asked for video conferences, where there is one. */
  readonly video?: { readonly allocator?: string };
}

export interface SessionState {
  readonly status: SessionStatus;
  readonly me?: Me;
  /** Why the last attempt failed. */
  readonly problem?: Problem;
  /** When the next attempt to connect is made. */
  readonly retryAt?: number;
  /** What I set for myself. */
  readonly presence: OwnPresence;
  /** The note beside it. */
  readonly note?: string;
}

export interface Session extends Store<SessionState> {
  /** Signs in. True when it worked; otherwise the state's `problem` says why. */
  signIn(user: string, password: string): Promise<boolean>;
  /** Goes on with the session of last time (the cookie), if there is one. Call once at the start. */
  resume(): Promise<boolean>;
  /**
   * Goes on with a token that another program got for somebody. `renew` gives a new one when it ends; without it the session
   * ends then.
   */
  useToken(token: string, renew?: () => Promise<string | undefined>): Promise<boolean>;
  /** Ends the session here and on the server. */
  signOut(): Promise<void>;
  /** Connects now instead of at `retryAt`; for a button, and for "the network is back" of the browser. */
  reconnect(): void;
  setPresence(presence: OwnPresence, note?: string): void;
  /** `undefined`: as the browser. */
  setLanguage(language: string | undefined): Promise<void>;
  setName(name: string): Promise<void>;
}

// ----------------------------------------------------------------------------------------------------------------- people

/** What others see of a person. */
export type Presence = 'available' | 'away' | 'dnd' | 'in-call' | 'offline';

/** Where one can be called. */
export interface Place {
  /** Stable within a person: the label, `browser`, or `number:+49…`. */
  readonly id: string;
  /** What the owner calls it: `work`, `mobile`. For `number` the number itself; for `browser` the word `browser`. */
  readonly label: string;
  readonly kind: PlaceKind;
  /** Of own telephones and of numbers that were typed here; others' numbers are not told. */
  readonly number?: string;
  /** The person's usual place. */
  readonly default?: boolean;
}

/** What somebody's devices say that they can. */
export interface Skills {
  readonly sound: boolean;
  readonly picture: boolean;
}

export type PlaceKind = 'work' | 'home' | 'mobile' | 'other' | 'browser' | 'number';

/** A person, of the directory, the contacts, or just a number. */
export interface Person {
  /** What keeps a person apart from others in lists: the account, or `number:+49…`. */
  readonly id: string;
  /** Account; absent: an outside number. */
  readonly user?: string;
  readonly name: string;
  /** One or two letters. */
  readonly initials: string;
  readonly presence: Presence;
  /** Their own words beside it. */
  readonly presenceText?: string;
  /** Since when, if known. */
  readonly since?: number;
  /** In the order of the profile. */
  readonly places: readonly Place[];
  readonly favourite: boolean;
  /** Whether they are among my contacts. */
  readonly contact: boolean;
  /** What their devices can, where they say so. */
  readonly skills?: Skills;
  /** The name is what they call themselves, and the directory does not say so: the account is shown with it. */
  readonly unconfirmed?: true;
  /** The conference service, with whom one has a chat in words: a window calls it something in its own language. */
  readonly service?: true;
}

export interface PeopleState {
  /** All contacts, by name; favourites too. */
  readonly contacts: readonly Person[];
  /** Those marked as favourites, by name. */
  readonly favourites: readonly Person[];
  /** The first load is under way. */
  readonly loading: boolean;
  readonly problem?: Problem;
}

export interface People extends Store<PeopleState> {
  /** Contacts and the directory by name, account or number; contacts first, each person once. A bare number is found too. */
  search(text: string): Promise<readonly Person[]>;
  /** The same without asking the server: what comes first in the answer of `search`, at once. */
  find(text: string): readonly Person[];
  /** Somebody by account or id, as far as known now; a name made up of the account if nothing is known. */
  person(userOrId: string): Person;
  /**
   * Follows the presence of these accounts until the function that is returned is called. Contacts (the first 300), chats, the composer and the
   * board are followed by themselves; a long list or a search names whom it shows.
   */
  watch(users: readonly string[]): () => void;
  /** Into the contacts: an account, or a number with a name. */
  addContact(person: Person | { readonly number: string; readonly name: string }): Promise<boolean>;
  removeContact(person: Person): Promise<boolean>;
  setFavourite(person: Person, on: boolean): Promise<boolean>;
}

// ------------------------------------------------------------------------------------------------------------------ chats

/** One line in the list of chats. */
export interface ChatSummary {
  readonly with: Person;
  /** The last message's text, or words for another kind (`invitation`). */
  readonly last?: string;
  /** What kind the last one was. */
  readonly lastKind?: ChatItem['kind'];
  /** The last one was mine. */
  readonly lastMine?: boolean;
  readonly at?: number;
  readonly unread: number;
  readonly typing: boolean;
  /** What was typed and not sent. */
  readonly draft?: string;
}

export interface ChatsState {
  /** Newest first. */
  readonly list: readonly ChatSummary[];
  /** All unread messages. */
  readonly unread: number;
  /** The first load is under way. */
  readonly loading: boolean;
  readonly problem?: Problem;
}

export interface Chats extends Store<ChatsState> {
  /** The chat with an account; the same object each time. Its newest page is loaded when first opened. */
  open(user: string): Chat;
}

/** How far a message of mine came. */
export type MessageState =
  /** Waits for the connection or for the server's answer. */
  | 'sending'
  /** The server has it. */
  | 'sent'
  /** A device of the other person has it. */
  | 'delivered'
  /** It was shown to the other person. */
  | 'read'
  /** Refused; `problem` says why; it can be sent again. */
  | 'failed';

/** A message. */
export interface MessageItem {
  readonly kind: 'message';
  /** Stable: also over the change from sending to sent. */
  readonly id: string;
  readonly mine: boolean;
  readonly text: string;
  readonly at: number;
  /** Of mine. Of others it is `delivered`, and `read` once it was shown here. */
  readonly state: MessageState;
  readonly problem?: Problem;
}

/** A call in which both took part or were called. */
export interface CallLineItem {
  readonly kind: 'call';
  readonly id: string;
  readonly conference: string;
  readonly title: string;
  /** Account or name of who started it. */
  readonly startedBy: string;
  /** I started it. */
  readonly mine: boolean;
  readonly at: number;
  /** How long; absent while it runs. */
  readonly durationMs?: number;
  /** I was called and did not take part. */
  readonly missed: boolean;
  /** Names of those who took part. */
  readonly people: readonly string[];
}

/** Where an invitation stands. */
export type InvitationState =
  /** May be answered. */
  | 'ringing'
  /** Answered, here or on another device: joined here. */
  | 'joined'
  /** Answered: called at a telephone. */
  | 'called'
  | 'declined'
  /** Its time went by. */
  | 'missed'
  /** The conference is over, or another's invitation that needs no answer here. */
  | 'over';

/** An invitation card in the chat. */
export interface InvitationItem {
  readonly kind: 'invitation';
  readonly id: string;
  readonly conference: string;
  readonly title: string;
  readonly from: Person;
  /** I sent it. */
  readonly mine: boolean;
  readonly at: number;
  readonly state: InvitationState;
  /** Names of those who are in, as far as known. */
  readonly in: readonly string[];
  /** It is a video conference. */
  readonly video: boolean;
  /** What was said with a Decline. */
  readonly note?: string;
  /** When the conference began, if known. */
  readonly since?: number;
  /** Why my last answer failed. */
  readonly problem?: Problem;
}

/** What stands in a chat, oldest first. */
export type ChatItem = MessageItem | CallLineItem | InvitationItem;

export interface ChatState {
  readonly with: Person;
  /** Oldest first. */
  readonly items: readonly ChatItem[];
  /** The newest page is being loaded. */
  readonly loading: boolean;
  readonly loadingOlder: boolean;
  readonly hasOlder: boolean;
  /** The other one types. */
  readonly typing: boolean;
  readonly draft: string;
  readonly unread: number;
  /** Id of the first item that was unread when the chat was opened; for the line "New". */
  readonly firstUnread?: string;
  readonly problem?: Problem;
}

export interface Chat extends Store<ChatState> {
  /** Shown at once; sent now, or in order once there is a connection. Empty text is not sent. */
  send(text: string): void;
  /** Sends a failed one again, under the same id. */
  resend(id: string): void;
  /** Takes a failed one away. */
  discard(id: string): void;
  setDraft(text: string): void;
  /** Call on each keystroke: the other one is told at most every few seconds. */
  typing(): void;
  /** Everything up to now was shown. */
  markRead(): void;
  loadOlder(): Promise<void>;
}

// ------------------------------------------------------------------------------------------------------------ conferences

export type Role = 'owner' | 'moderator' | 'participant';

export type ConferencePhase = 'starting' | 'running' | 'ending' | 'ended';

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
  /** Somebody gave me the address of this conference: its entry is shown while it runs. */
  visit(id: string): void;
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
  /** Why it ended. */
  readonly end?: { readonly reason?: ConferenceEndReason; readonly words: string };
  readonly locked: boolean;
  /**
   * What became of the pictures when their video server was lost: they come from another one now, or from the same again (both for a while);
   * or none can be had, and only sound goes on.
   */
  readonly pictures?: 'moved' | 'back' | 'lost';
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

// ------------------------------------------------------------------------------------------- my telephones and past calls

/** A telephone of mine. */
export interface Telephone {
  /** Unique among mine. */
  readonly label: string;
  readonly number: string;
  readonly kind: 'work' | 'home' | 'mobile' | 'other';
  readonly default: boolean;
  /** Ask for key 1 before joining (against voicemail). */
  readonly guard: boolean;
  /** Words for others: `from 08:00`. */
  readonly whenToUse?: string;
}

export interface TelephonesState {
  /** In the order of calling. */
  readonly list: readonly Telephone[];
  readonly loading: boolean;
  readonly saving: boolean;
  readonly problem?: Problem;
}

export interface Telephones extends Store<TelephonesState> {
  load(): Promise<void>;
  /** Replaces the whole list. */
  save(list: readonly Telephone[]): Promise<boolean>;
}

// ------------------------------------------------------------------------------------------------- my ways to take part

/** How somebody takes part in a conference. */
export type ModeKind = 'computer' | 'mobile' | 'pstn' | 'sip' | 'h323' | 'isdn' | 'atm' | 'gateway';

/** How a mode became known. */
export type ModeOrigin = 'registration' | 'profile' | 'conference' | 'by-hand';

/** One of my ways to take part. */
export interface Mode {
  /** Unique among mine. */
  readonly id: string;
  readonly kind: ModeKind;
  /** A number, a SIP URI, an address of another network; absent for my own clients. */
  readonly address?: string;
  /** The label of a telephone of mine. */
  readonly place?: string;
  /** It carries pictures. */
  readonly video: boolean;
  readonly origin: ModeOrigin;
  /** When it was last heard of. */
  readonly seenAt?: number;
}

/** One as it shall be. */
export type WantedMode = Pick<Mode, 'kind' | 'address' | 'video'>;

export interface ModesState {
  /** The one that is tried first, first. */
  readonly list: readonly Mode[];
  readonly loading: boolean;
  /** The list is known; before that an empty one says nothing. */
  readonly loaded: boolean;
  readonly saving: boolean;
  readonly problem?: Problem;
}

export interface Modes extends Store<ModesState> {
  load(): Promise<void>;
  /**
   * Replaces the whole list; those that stay keep where they came from. Shown at once, and taken back if the server refuses. Of several in a row
   * the newest counts. Refused before the list is known.
   */
  save(list: readonly WantedMode[]): Promise<boolean>;
}

/** In which way somebody would take part in a video conference. */
export interface Way {
  readonly name: string;
  readonly user?: string;
  /** Absent: they have no way in. */
  readonly mode?: ModeKind;
  /** A picture may come from there. */
  readonly picture: boolean;
  /** The server's words for it, in my language: the way, or why there is none. */
  readonly words: string;
}

/** Somebody who cannot take part, and why in the server's words. */
export interface Without {
  readonly name: string;
  readonly words: string;
}

export interface CallsState {
  /** Newest first. */
  readonly list: readonly CallLineItem[];
  readonly loading: boolean;
  readonly problem?: Problem;
}

export interface Calls extends Store<CallsState> {
  load(): Promise<void>;
}

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
  | 'reconnecting'
  | 'failed';

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
   * Asks the allocator for a video conference with these people, and comes in with this window. Only where `me.video.allocator` is told.
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
  | { readonly kind: 'conference-ended'; readonly conference: string; readonly title: string; readonly words: string };
