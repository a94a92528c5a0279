/** What the view models of one window share: the server, who is signed in, and what they tell each other. */
import type { Conferences as Followed } from '../conference/followed.js';
import type { Platform } from '../platform.js';
import { Api } from '../rest/api.js';
import { Rest } from '../rest/rest.js';
import type { SipRequest } from '../sip/message.js';
import type { Publication } from '../sip/publication.js';
import type { Ua } from '../sip/ua.js';
import type { ConferenceService } from '../soap/client.js';
import { Listeners } from '../util/store.js';
import type { Me, Notice, OwnPresence, Session } from './types.js';

/** Everything of one signed-in person. */
export interface Line {
  readonly user: string;
  readonly domain: string;
  readonly ua: Ua;
  readonly service: ConferenceService;
  readonly followed: Followed;
  readonly publication: Publication;
  /** Keys of what is remembered belong to the person. */
  key(name: string): string;
}

/** A message that came, out of its wrapper. */
export interface Arrived {
  /** `bob@example.org`. */
  readonly from: string;
  /** To whom another device of ours sent it, where it is a copy of that. */
  readonly sentTo?: string;
  readonly type: string;
  readonly body: string;
  /** RFC 5438's Message-ID; the server's number otherwise. */
  readonly id: string;
  /** The number of the message in the server's log. */
  readonly serverId?: number;
  /** By this device's clock. */
  readonly at: number;
  readonly wants: ReadonlySet<string>;
  readonly request: SipRequest;
}

/** What windows of one person tell each other. */
export type Gossip =
  | { readonly kind: 'sent'; readonly user: string; readonly id: string; readonly text: string; readonly at: number }
  | { readonly kind: 'read'; readonly user: string }
  | { readonly kind: 'answered'; readonly invitation: string; readonly state: 'joined' | 'called' | 'declined' }
  | { readonly kind: 'presence'; readonly presence: OwnPresence; readonly note?: string }
  | { readonly kind: 'conferences' }
  | { readonly kind: 'signed-out' };

/** Where the windows of a person are heard. */
export function channelOf(user: string): string {
  return `convoke.${user}`;
}

/** What windows of this browser tell each other, whoever is signed in there. */
export interface SignedIn {
  readonly kind: 'signed-in';
  readonly user: string;
}

export class Core {
  readonly rest: Rest;
  readonly api: Api;
  line: Line | undefined;
  me: Me | undefined;
  session: Session | undefined;
  /** The window goes, perhaps to come back: a reload ends nothing. */
  closing = false;
  /** Somebody is signed in, from now on. */
  readonly onOpen = new Listeners<[Line]>();
  /** Nobody is any more. */
  readonly onClose = new Listeners<[]>();
  /** Connected, at first or again. */
  readonly onOnline = new Listeners<[Line]>();
  /** Connected again: something may have been missed. */
  readonly onBack = new Listeners<[Line]>();
  readonly onMessage = new Listeners<[Arrived]>();
  readonly onNotice = new Listeners<[Notice]>();
  readonly onGossip = new Listeners<[Gossip]>();
  gossip: (gossip: Gossip) => void = () => {};
  /** Tells all windows of this browser who signed in: they share its cookie. */
  tellSignedIn: (user: string) => void = () => {};
  /** Another window signed somebody in. */
  readonly onSignedIn = new Listeners<[string]>();

  constructor(
    readonly platform: Platform,
    server: string,
  ) {
    this.rest = new Rest(platform, server.replace(/\/+$/, ''));
    this.api = new Api(this.rest);
  }

  get online(): boolean {
    return this.line?.ua.online ?? false;
  }

  /** This device's time for one of the server's. */
  localTime(server: number): number {
    return this.line?.ua.localTime(server) ?? server;
  }

  /** The server's time for one of this device's. */
  serverTime(local: number): number {
    return this.line?.ua.serverTime(local) ?? local;
  }

  notice(notice: Notice): void {
    this.onNotice.tell(notice);
  }
}

/** `alice` → `alice@example.org`. */
export function account(user: string, domain: string): string {
  return user.includes('@') ? user : `${user}@${domain}`;
}

/** One or two letters of a name. */
export function initialsOf(name: string): string {
  // A number has none.
  if (/^\+[\d\s]+$/.test(name)) return '';
  const words = name.split(/[\s._-]+/).filter((word) => /[\p{L}\p{N}]/u.test(word));
  const first = (word: string | undefined) => [...(word?.replace(/^[^\p{L}\p{N}]+/u, '') ?? '')][0] ?? '';
  const letters = first(words[0]) + (words.length > 1 ? first(words.at(-1)) : '');
  return letters.toUpperCase() || '?';
}
