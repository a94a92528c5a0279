/** View models of who is signed in, people, chats with them, and what is mine. See `types.ts`. */
import type { Problem, Store } from './types-common.js';

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
  /**
   * Signs in. True when it worked; otherwise the state's `problem` says why. On the server's own pages alone, as the cookie stays with them; pages of
   * other origins go on with a token (`useToken`).
   */
  signIn(user: string, password: string): Promise<boolean>;
  /** Goes on with the session of last time (the cookie), if there is one. Call once at the start; on the server's own pages alone, as `signIn`. */
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
  /** They are being read. */
  readonly loading: boolean;
  /** They are known; before that empty lists say nothing. */
  readonly loaded: boolean;
  /** Why they could not be read, or why the last change was refused. */
  readonly problem?: Problem;
}

export interface People extends Store<PeopleState> {
  /** Reads all contacts again, as is done by itself at the start and after a loss. */
  load(): Promise<void>;
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
  /** It is being read. */
  readonly loading: boolean;
  /** Why it could not be read. */
  readonly problem?: Problem;
}

export interface Chats extends Store<ChatsState> {
  /** Reads the list again, as is done by itself at the start and after a loss. */
  load(): Promise<void>;
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
  /** The list is known; before that an empty one says nothing. */
  readonly loaded: boolean;
  readonly saving: boolean;
  readonly problem?: Problem;
}

export interface Telephones extends Store<TelephonesState> {
  load(): Promise<void>;
  /** Replaces the whole list, which stands at once; as the server has it where that is refused. Refused before it is known. */
  save(list: readonly Telephone[]): Promise<boolean>;
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

/** One as it shall be; one that was taken away and is brought back, as it was told. */
export type WantedMode = Pick<Mode, 'kind' | 'address' | 'video'> & Partial<Pick<Mode, 'origin' | 'seenAt'>>;

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
  /** Why they have none; absent too where the server says it in words alone. */
  readonly why?: NoWay;
  /** The server's words for it, in the language of my account or else its own: the way, or why there is none. */
  readonly words: string;
}

/**
 * Why somebody has no way in: nobody is called so, or several are; nothing is known by which they could take part; none of their clients is there; what
 * is known may not be called from here; no gateway leads to it.
 */
export type NoWayReason = 'unknown' | 'no-mode' | 'not-there' | 'not-called' | 'no-gateway';

export interface NoWay {
  readonly reason: NoWayReason;
  /** The way that it is about. */
  readonly mode?: ModeKind;
}

/** Somebody who cannot take part, and why, also in the server's words. */
export interface Without {
  readonly name: string;
  readonly why?: NoWay;
  readonly words: string;
}
