/** One chat: what was said, on its way and here; who types; what is read. */
import { CPIM, writeCpim } from '../im/cpim.js';
import { COMPOSING, IMDN, writeComposing, writeImdn } from '../im/imdn.js';
import { readInvitation } from '../im/invitation.js';
import { restProblem } from '../problem.js';
import type { MessageRow } from '../rest/api.js';
import type { Ua } from '../sip/ua.js';
import { uriOf } from '../sip/uri.js';
import { uuid } from '../util/ids.js';
import { State, same } from '../util/store.js';
import { Alarm } from '../util/timer.js';
import type { CallsModel } from './calls.js';
import { type Arrived, account, type Core } from './core.js';
import type { InvitationRecord, Invitations } from './invitations.js';
import type { Outbox, Outgoing } from './outbox.js';
import type { PeopleModel } from './people.js';
import type { Chat, ChatItem, ChatState, InvitationItem, MessageItem, MessageState, Problem } from './types.js';

/** Messages of history that are read at a time. */
const PAGE = 50;
/** The other side is told that one types, at most so often (RFC 3994 §3.2: it holds longer). */
const TYPING_EVERY_MS = 30_000;
/** So long after the last key one does not type any more. */
const TYPING_ENDS_MS = 10_000;
/** Newest messages that are told as read at a time. */
const READ_MAX = 20;
/** After an absence so many pages are read; a hole that is larger is left to whoever scrolls there. */
const MISSED_PAGES = 10;
/** What was not seen within this time is marked as new. */
const NEW_AFTER_MS = 1_000;
/** A change elsewhere is looked up once for all that come together. */
const REFRESH_MS = 500;

const RANK: Readonly<Record<MessageState, number>> = { failed: 0, sending: 1, sent: 2, delivered: 3, read: 4 };

interface Entry {
  item: ChatItem;
  serverId?: number;
  /** The other side wants to know when it is shown. */
  wantsRead?: boolean;
  /** An invitation that was shown: the server counts it until then. */
  seen?: boolean;
}

/** What the parts of a chat share. */
export interface ChatParts {
  readonly core: Core;
  readonly people: PeopleModel;
  readonly outbox: Outbox;
  readonly invitations: Invitations;
  readonly calls: CallsModel;
  /** Something that the list of chats shows changed. */
  changed(user: string): void;
  saveDrafts(): void;
}

export class ChatModel extends State<ChatState> implements Chat {
  readonly #parts: ChatParts;
  readonly #entries = new Map<string, Entry>();
  readonly #typingEnds: Alarm;
  readonly #ownTypingEnds: Alarm;
  readonly #refresh: Alarm;
  #toldTypingAt: number | undefined;
  /** To be told as read once there is a connection. */
  readonly #toTell = new Set<string>();
  readonly #newLine: Alarm;
  #readUpTo = 0;
  #loaded = false;
  /** The newest page is to be read once more when it is there. */
  #again = false;
  /** The server's number up to which nothing is missing here. */
  #wholeTo = 0;
  /** The connection was away: until history is read again something may be missing. */
  #missing = false;

  constructor(
    readonly user: string,
    parts: ChatParts,
    draft: string,
    unread: number,
  ) {
    super({
      with: parts.people.person(user),
      items: [],
      loading: false,
      loadingOlder: false,
      hasOlder: false,
      typing: false,
      draft,
      unread,
    });
    this.#parts = parts;
    this.#typingEnds = new Alarm(parts.core.platform);
    this.#ownTypingEnds = new Alarm(parts.core.platform);
    this.#refresh = new Alarm(parts.core.platform);
    this.#newLine = new Alarm(parts.core.platform);
  }

  send(text: string): void {
    if (!text.trim()) return;
    const { core, outbox } = this.#parts;
    const id = uuid(core.platform);
    const at = core.platform.now();
    this.own(id, text, at, 'sending');
    this.setDraft('');
    this.#endTyping(false);
    outbox.add(id, this.user, text, at);
    this.#parts.changed(this.user);
  }

  resend(id: string): void {
    const item = this.#message(id);
    if (item?.state !== 'failed') return;
    this.#put(id, { ...item, state: 'sending', problem: undefined });
    this.#parts.outbox.add(id, this.user, item.text, item.at);
  }

  discard(id: string): void {
    if (this.#message(id)?.state !== 'failed') return;
    this.#entries.delete(id);
    this.#show();
  }

  setDraft(draft: string): void {
    this.set({ draft });
    this.#parts.saveDrafts();
    this.#parts.changed(this.user);
  }

  typing(): void {
    const { core } = this.#parts;
    const now = core.platform.now();
    this.#ownTypingEnds.set(TYPING_ENDS_MS, () => this.#endTyping(true));
    if (this.#toldTypingAt !== undefined && now - this.#toldTypingAt < TYPING_EVERY_MS) return;
    // Nobody is there who would see it.
    if (this.get().with.presence === 'offline') return;
    this.#toldTypingAt = now;
    this.#tell(COMPOSING, writeComposing(true));
  }

  markRead(): void {
    // What history still holds back was not seen, and its sender is not told so.
    if (this.get().loading) return;
    const unread = this.#unreadEntries();
    const invitations = this.#unseenInvitations();
    if (this.get().unread === 0 && unread.length === 0 && invitations.length === 0) return;
    for (const entry of invitations) entry.seen = true;
    for (const { item, wantsRead } of unread.slice(-READ_MAX)) {
      if (wantsRead) this.#toTell.add(item.id);
    }
    for (const entry of unread) if (entry.item.kind === 'message') entry.item = { ...entry.item, state: 'read' };
    this.#show();
    this.set({ unread: 0 });
    this.#parts.changed(this.user);
    this.#parts.core.gossip({ kind: 'read', user: this.user });
    this.#tellRead();
  }

  async loadOlder(): Promise<void> {
    const { hasOlder, loadingOlder } = this.get();
    if (!hasOlder || loadingOlder) return;
    const oldest = Math.min(...[...this.#entries.values()].map((entry) => entry.serverId ?? Number.POSITIVE_INFINITY));
    this.set({ loadingOlder: true });
    const rows = await this.#page(Number.isFinite(oldest) ? oldest : undefined);
    this.set({ loadingOlder: false, ...(rows ? { hasOlder: rows.length >= PAGE } : {}) });
  }

  /** Reads the newest page. */
  async load(): Promise<void> {
    if (this.#loaded || this.get().loading) return;
    this.set({ loading: true });
    const rows = await this.#page();
    this.#loaded = rows !== undefined;
    if (rows) {
      this.set({ hasOlder: rows.length >= PAGE });
      this.#whole(rows);
    }
    const { unread } = this.get();
    const others = this.get().items.filter((item) => item.kind === 'message' && !item.mine);
    this.set({ loading: false, firstUnread: unread > 0 ? (others[others.length - unread]?.id ?? others[0]?.id) : undefined });
    if (this.#again) {
      this.#again = false;
      this.refresh();
    }
  }

  /** Something may have changed elsewhere: the newest page is read again. */
  refresh(): void {
    // What is being read may be older than what has changed.
    if (this.get().loading) this.#again = true;
    else if (!this.#loaded) void this.load();
    else if (!this.#refresh.armed) this.#refresh.set(REFRESH_MS, () => void this.#catchUp());
  }

  /** Connected again. */
  online(): void {
    this.#missing = true;
    this.refresh();
    if (this.#readUpTo > 0 || this.#toTell.size > 0) this.#tellRead();
  }

  /** The other one wrote. */
  arrived(message: Arrived): boolean {
    if (this.#entries.has(message.id)) return false;
    this.#entries.set(message.id, {
      item: { kind: 'message', id: message.id, mine: false, text: message.body, at: message.at, state: 'delivered' },
      serverId: message.serverId,
      wantsRead: message.wants.has('display'),
    });
    this.#arrivedUpTo(message.serverId);
    this.#setTyping(0);
    this.#show();
    const { unread } = this.get();
    if (unread === 0) this.#markNew(message.id);
    this.set({ unread: unread + 1 });
    return true;
  }

  /** Everything before was seen, so the line "New" stands nowhere else; and here only if nobody sees it come. */
  #markNew(id: string): void {
    this.set({ firstUnread: undefined });
    this.#newLine.set(NEW_AFTER_MS, () => this.get().unread > 0 && this.set({ firstUnread: id }));
  }

  /** What was delivered or shown at the other side; false where it is none of what is known here. */
  disposition(id: string, state: 'delivered' | 'read' | 'failed'): boolean {
    const item = this.#message(id);
    if (!item?.mine) return false;
    if (state === 'failed') return true;
    this.#raise(item, state);
    // Whoever has seen a message has seen those before it.
    if (state === 'read') {
      for (const { item: other } of this.#entries.values()) {
        if (other.kind === 'message' && other.mine && other.at <= item.at && RANK[other.state] >= RANK.sent) this.#raise(other, 'read');
      }
    }
    this.#show();
    return true;
  }

  sent(item: Outgoing, serverId: number | undefined): void {
    this.#numbered(item.id, serverId);
    const message = this.#message(item.id);
    if (message) this.#raise(message, 'sent');
    this.#show();
  }

  failed(item: Outgoing, why: Problem): void {
    const message = this.#message(item.id);
    if (message) this.#put(item.id, { ...message, state: 'failed', problem: why });
  }

  /** One of mine: written here, now or before, or elsewhere. */
  own(id: string, text: string, at: number, state: MessageState, serverId?: number): void {
    if (!this.#entries.has(id)) this.#entries.set(id, { item: { kind: 'message', id, mine: true, text, at, state } });
    this.#numbered(id, serverId);
    this.#show();
  }

  composing(seconds: number): void {
    this.#setTyping(seconds);
  }

  /** An invitation of this chat is new or stands differently. */
  invitation(record: InvitationRecord): void {
    this.#entries.set(record.id, { serverId: record.serverId, ...this.#entries.get(record.id), item: this.#invitationItem(record) });
    this.#show();
  }

  /** The person looks different, or calls were read. */
  personChanged(): void {
    this.set({ with: this.#parts.people.person(this.user) });
  }

  readElsewhere(): void {
    for (const entry of this.#unreadEntries()) if (entry.item.kind === 'message') entry.item = { ...entry.item, state: 'read' };
    this.#show();
    this.set({ unread: 0 });
  }

  setUnread(unread: number): void {
    this.set({ unread });
  }

  /** Calls with this person, between what is shown of history. */
  callsChanged(): void {
    this.#show();
  }

  close(): void {
    for (const alarm of [this.#typingEnds, this.#ownTypingEnds, this.#refresh, this.#newLine]) alarm.clear();
  }

  #message(id: string): MessageItem | undefined {
    const item = this.#entries.get(id)?.item;
    return item?.kind === 'message' ? item : undefined;
  }

  #unreadEntries(): Entry[] {
    return [...this.#entries.values()].filter(({ item }) => item.kind === 'message' && !item.mine && item.state !== 'read');
  }

  #unseenInvitations(): Entry[] {
    return [...this.#entries.values()].filter(
      ({ item, serverId, seen }) => item.kind === 'invitation' && !item.mine && serverId !== undefined && !seen,
    );
  }

  #put(id: string, item: ChatItem): void {
    const entry = this.#entries.get(id);
    if (entry) entry.item = item;
    else this.#entries.set(id, { item });
    this.#show();
  }

  #raise(item: MessageItem, state: MessageState): void {
    const entry = this.#entries.get(item.id);
    if (entry && RANK[state] > RANK[item.state]) entry.item = { ...item, state };
  }

  /** Reads a page of history; undefined where it could not be read. */
  async #page(before?: number): Promise<readonly MessageRow[] | undefined> {
    const { core } = this.#parts;
    const line = core.line;
    const result = await core.api.chat(this.user, PAGE, before);
    if (core.line !== line) return undefined;
    if (!result.ok) {
      this.set({ problem: restProblem(result.error) });
      return undefined;
    }
    for (const row of result.data.messages) this.#row(row);
    this.set({ problem: undefined });
    this.#show();
    return result.data.messages;
  }

  /** Reads what came meanwhile, page by page back to what is here. */
  async #catchUp(): Promise<void> {
    const [known, read] = [this.#wholeTo, [] as MessageRow[]];
    for (let pages = 0; pages < MISSED_PAGES; pages++) {
      const rows = await this.#page(read.length > 0 ? oldestOf(read) : undefined);
      if (!rows) return;
      read.push(...rows);
      if (known === 0) this.set({ hasOlder: rows.length >= PAGE });
      if (rows.length < PAGE || known === 0 || oldestOf(rows) <= known) {
        this.#whole(read);
        return;
      }
    }
    // Too much at once: what is older than the hole goes, and is read again when somebody scrolls there.
    const oldest = oldestOf(read);
    for (const [id, { serverId }] of this.#entries) if (serverId !== undefined && serverId < oldest) this.#entries.delete(id);
    this.set({ hasOlder: true });
    this.#whole(read);
    this.#show();
  }

  #whole(read: readonly MessageRow[]): void {
    this.#wholeTo = Math.max(this.#wholeTo, ...read.map((row) => row.id));
    this.#missing = false;
  }

  /** One of mine has this number at the server. */
  #numbered(id: string, serverId: number | undefined): void {
    const entry = this.#entries.get(id);
    if (entry) entry.serverId = serverId ?? entry.serverId;
    this.#arrivedUpTo(serverId);
  }

  /** A message came or went as it happened: nothing lies between it and the one before, unless the connection was away. */
  #arrivedUpTo(serverId: number | undefined): void {
    if (serverId !== undefined && this.#loaded && !this.#missing) this.#wholeTo = Math.max(this.#wholeTo, serverId);
  }

  #row(row: MessageRow): void {
    const { core, invitations } = this.#parts;
    const line = core.line;
    if (!line) return;
    const from = account(row.from, line.domain);
    const mine = from.toLowerCase() === line.user.toLowerCase();
    const at = core.localTime(row.at);
    if (row.type === 'text') {
      const id = row.imdnId ?? `m${row.id}`;
      const state: MessageState = mine ? (row.read ? 'read' : row.delivered ? 'delivered' : 'sent') : row.read ? 'read' : 'delivered';
      const known = this.#entries.get(id);
      if (known?.item.kind === 'message') {
        known.serverId = row.id;
        this.#raise(known.item, state);
      } else {
        this.#entries.set(id, {
          item: { kind: 'message', id, mine, text: row.text ?? '', at, state },
          serverId: row.id,
          wantsRead: row.imdnId !== undefined,
        });
      }
      return;
    }
    const body = row.document ? readInvitation(row.document) : undefined;
    if (!body) return;
    if ('answer' in body) invitations.answer(body, from);
    else {
      const record = invitations.take(body, from, account(row.to, line.domain), at, row.id);
      const seen = row.read || this.#entries.get(record.id)?.seen === true;
      this.#entries.set(record.id, { item: this.#invitationItem(record), serverId: row.id, seen });
    }
  }

  #invitationItem(record: InvitationRecord): InvitationItem {
    const { people } = this.#parts;
    people.hint(record.from, record.fromName, true);
    return {
      kind: 'invitation',
      id: record.id,
      conference: record.conference,
      title: record.title,
      from: people.person(record.from),
      mine: record.mine,
      at: record.at,
      state: record.state,
      in: record.in,
      video: record.video,
      note: record.note,
      since: record.since,
      problem: record.problem,
    };
  }

  /** Puts everything in order. */
  #show(): void {
    const entries = this.#ordered();
    const items = entries.map((entry) => entry.item);
    const { hasOlder } = this.get();
    const oldest = hasOlder ? (items[0]?.at ?? 0) : Number.NEGATIVE_INFINITY;
    for (const call of this.#parts.calls.with(this.user)) {
      if (call.at < oldest) continue;
      const at = items.findIndex((item) => item.at > call.at);
      items.splice(at < 0 ? items.length : at, 0, call);
    }
    const before = this.get().items;
    // What did not change stays the same object.
    const kept = items.map((item, at) => (same(item, before[at]) ? (before[at] as ChatItem) : item));
    if (kept.length !== before.length || kept.some((item, at) => item !== before[at])) this.set({ items: kept });
  }

  /** The server's numbers are the order for both sides; what has none yet stands by its time, and what waits at the end. */
  #ordered(): Entry[] {
    const numbered: Entry[] = [];
    const others: Entry[] = [];
    const waiting: Entry[] = [];
    for (const entry of this.#entries.values()) {
      const { item, serverId } = entry;
      const waits = item.kind === 'message' && (item.state === 'sending' || item.state === 'failed');
      (waits ? waiting : serverId === undefined ? others : numbered).push(entry);
    }
    numbered.sort((a, b) => (a.serverId ?? 0) - (b.serverId ?? 0));
    for (const entry of others.sort(byTime)) {
      const at = numbered.findLastIndex((one) => one.item.at <= entry.item.at);
      numbered.splice(at + 1, 0, entry);
    }
    return [...numbered, ...waiting.sort(byTime)];
  }

  #setTyping(seconds: number): void {
    const typing = seconds > 0;
    if (typing) this.#typingEnds.set(seconds * 1_000, () => this.#setTyping(0));
    else this.#typingEnds.clear();
    if (typing === this.get().typing) return;
    this.set({ typing });
    this.#parts.changed(this.user);
  }

  #endTyping(tell: boolean): void {
    this.#ownTypingEnds.clear();
    if (this.#toldTypingAt === undefined) return;
    this.#toldTypingAt = undefined;
    // A message says it as well (RFC 3994 §3.3).
    if (tell) this.#tell(COMPOSING, writeComposing(false));
  }

  #tellRead(): void {
    const { core } = this.#parts;
    const newest = Math.max(
      0,
      ...[...this.#entries.values()].map(({ item, serverId }) => (item.kind === 'message' && item.mine ? 0 : (serverId ?? 0))),
    );
    this.#readUpTo = Math.max(this.#readUpTo, newest);
    if (!core.online) return;
    for (const id of this.#toTell) if (core.line) this.#tell(CPIM, wrapImdn(core.line.ua, this.user, id, 'read'));
    this.#toTell.clear();
    const upTo = this.#readUpTo;
    this.#readUpTo = 0;
    if (upTo === 0) return;
    void core.api.markRead(this.user, upTo).then((result) => {
      if (!result.ok && (result.error.status === 0 || result.error.status >= 500)) this.#readUpTo = Math.max(this.#readUpTo, upTo);
    });
  }

  #tell(type: string, body: string): void {
    const ua = this.#parts.core.line?.ua;
    if (ua?.online) ua.send(ua.outline('MESSAGE', uriOf(this.user), { type, body }));
  }
}

function oldestOf(rows: readonly MessageRow[]): number {
  return Math.min(...rows.map((row) => row.id));
}

function byTime(a: Entry, b: Entry): number {
  return a.item.at - b.item.at;
}

/** A notification in its wrapper, which only devices get that open one (RFC 5438 §7.1.2). */
export function wrapImdn(ua: Ua, to: string, id: string, state: 'delivered' | 'read'): string {
  const at = ua.serverNow();
  return writeCpim({ from: ua.options.aor, to, at, type: IMDN, disposition: 'notification' }, writeImdn(id, at, state));
}
