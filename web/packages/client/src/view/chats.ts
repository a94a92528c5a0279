/** All chats: the list, and who gets what came. */
import { CPIM } from '../im/cpim.js';
import { COMPOSING, IMDN, readComposing, readImdn } from '../im/imdn.js';
import { INVITATION, readInvitation } from '../im/invitation.js';
import { restProblem } from '../problem.js';
import type { ChatRow } from '../rest/api.js';
import { uriOf } from '../sip/uri.js';
import { State, same } from '../util/store.js';
import type { CallsModel } from './calls.js';
import { ChatModel, type ChatParts, wrapImdn } from './chat.js';
import { type Arrived, account, type Core } from './core.js';
import type { InvitationRecord, Invitations } from './invitations.js';
import { Outbox, type Outgoing } from './outbox.js';
import type { PeopleModel } from './people.js';
import type { Chat, ChatSummary, Chats, ChatsState } from './types.js';

/** As the conference service calls itself, for who has no words of their own for it. */
const SERVICE_NAME = 'Conferences';
/** Ids of messages that came lately: what comes again is shown once. */
const SEEN_MAX = 2_000;
/** Newest chats in which the presence of the other one is followed without their being open. */
const WATCHED_MAX = 200;

type Summary = Omit<ChatSummary, 'with' | 'typing' | 'draft' | 'unread'> & {
  unread: number;
  /** The server's number of the last one, where it is known. */
  readonly serverId?: number | undefined;
};

export class ChatsModel extends State<ChatsState> implements Chats {
  readonly #core: Core;
  readonly #people: PeopleModel;
  readonly #invitations: Invitations;
  readonly #calls: CallsModel;
  readonly #outbox: Outbox;
  readonly #chats = new Map<string, ChatModel>();
  readonly #summaries = new Map<string, Summary>();
  readonly #parts: ChatParts;
  #drafts: Record<string, string> = {};
  #seen: string[] = [];
  /** Invitations whose answer was told to the server. */
  readonly #answered = new Set<string>();
  #unwatch: (() => void)[] = [];
  #unwatchList = () => {};

  constructor(core: Core, people: PeopleModel, invitations: Invitations, calls: CallsModel) {
    super({ list: [], unread: 0, loading: false });
    this.#core = core;
    this.#people = people;
    this.#invitations = invitations;
    this.#calls = calls;
    this.#outbox = new Outbox(core);
    this.#outbox.onSent = (item, serverId) => {
      this.#chats.get(item.user)?.sent(item, serverId);
      this.#sent(item, serverId);
      core.gossip({ kind: 'sent', user: item.user, id: item.id, text: item.text, at: item.at });
    };
    this.#outbox.onFailed = (item, why) => this.#chats.get(item.user)?.failed(item, why);
    this.#parts = {
      core,
      people,
      invitations,
      calls,
      outbox: this.#outbox,
      changed: (user) => this.#chatChanged(user),
      saveDrafts: () => this.#saveDrafts(),
    };
    this.#listen();
  }

  async load(): Promise<void> {
    if (!this.#core.line || this.get().loading) return;
    this.set({ loading: true });
    await this.#load();
  }

  open(user: string): Chat {
    const chat = this.#chat(user.toLowerCase());
    void chat.load();
    return chat;
  }

  #listen(): void {
    const core = this.#core;
    core.onOpen.add((line) => {
      this.#readDrafts();
      for (const item of this.#outbox.restore(line)) {
        this.#chat(item.user).own(item.id, item.text, item.at, 'sending');
        this.#last(item.user, { last: item.text, lastKind: 'message', lastMine: true, at: item.at });
      }
      void this.load();
    });
    core.onClose.add(() => this.#clear());
    core.onBack.add(() => void this.#load());
    core.onOnline.add(() => {
      for (const chat of this.#chats.values()) chat.online();
    });
    core.onMessage.add((message) => this.#arrived(message));
    core.onGossip.add((gossip) => {
      if (gossip.kind === 'sent') {
        this.#elsewhere(gossip.user, gossip.id, gossip.text, gossip.at);
      } else if (gossip.kind === 'read') {
        this.#chats.get(gossip.user)?.readElsewhere();
        this.#setUnread(gossip.user, 0);
      }
    });
    this.#people.onChange.add((changed) => {
      for (const id of changed) this.#chats.get(id)?.personChanged();
      if ([...changed].some((id) => this.#summaries.has(id))) this.#show();
    });
    this.#invitations.onChange.add((record) => this.#invitation(record));
    this.#calls.subscribe(() => {
      for (const chat of this.#chats.values()) chat.callsChanged();
    });
  }

  #chat(user: string): ChatModel {
    const known = this.#chats.get(user);
    if (known) return known;
    const chat = new ChatModel(user, this.#parts, this.#drafts[user] ?? '', this.#summaries.get(user)?.unread ?? 0);
    this.#chats.set(user, chat);
    for (const record of this.#invitations.with(user)) chat.invitation(record);
    this.#unwatch.push(this.#people.watch([user]));
    return chat;
  }

  async #load(): Promise<void> {
    const line = this.#core.line;
    const result = await this.#core.api.chats();
    if (!line || this.#core.line !== line) return;
    if (!result.ok) {
      this.set({ loading: false, problem: restProblem(result.error) });
      return;
    }
    for (const row of result.data.chats) this.#row(row, line.domain);
    this.set({ loading: false, problem: undefined });
    this.#show();
    const unwatch = this.#unwatchList;
    this.#unwatchList = this.#people.watch(result.data.chats.slice(0, WATCHED_MAX).map((row) => row.with));
    unwatch();
  }

  #row(row: ChatRow, domain: string): void {
    const user = row.with.toLowerCase();
    if (this.#isService(user)) this.#people.hint(user, SERVICE_NAME);
    const { last } = row;
    const words = last.type === 'text';
    const invitation = last.type.startsWith('invitation');
    const known = this.#summaries.get(user);
    const at = this.#core.localTime(last.at);
    // What was written here and is still on its way is newer.
    const waits = this.#outbox.waiting(user).length > 0;
    const newer = known?.at !== undefined && (waits || known.at > at);
    const told: Summary = {
      last: words ? (last.text ?? '') : invitation ? 'invitation' : undefined,
      lastKind: words ? 'message' : invitation ? 'invitation' : undefined,
      lastMine: account(last.from, domain).toLowerCase() === this.#core.line?.user.toLowerCase(),
      at,
      unread: row.unread,
      serverId: last.id,
    };
    this.#summaries.set(user, newer ? { ...known, unread: row.unread } : told);
    this.#chats.get(user)?.setUnread(row.unread);
  }

  #arrived(message: Arrived): void {
    const user = message.from.toLowerCase();
    if (message.type === COMPOSING) {
      const seconds = readComposing(message.body);
      // Nobody may open chats here by typing alone.
      if (seconds !== undefined) this.#chats.get(user)?.composing(seconds);
      return;
    }
    if (message.type === IMDN) {
      const told = readImdn(message.body);
      const chat = this.#chats.get(user);
      // Of a message that another window wrote.
      if (told && chat && !chat.disposition(told.id, told.state)) chat.refresh();
      return;
    }
    if (message.sentTo) {
      this.#elsewhere(message.sentTo.toLowerCase(), message.id, message.body, message.at, message.serverId);
      return;
    }
    if (!this.#isNew(`${user} ${message.id}`)) return;
    if (message.type === INVITATION) {
      const body = readInvitation(message.body);
      const me = this.#core.line?.user ?? '';
      if (body && 'answer' in body) this.#invitations.answer(body, user);
      else if (body) this.#invitations.take(body, user, me, message.at, message.serverId);
      return;
    }
    if (this.#isService(user)) this.#people.hint(user, SERVICE_NAME);
    else this.#people.hint(user, displayName(message), true);
    const known = this.#chats.get(user);
    if (known && !known.arrived(message)) return;
    const unread = (this.#summaries.get(user)?.unread ?? 0) + 1;
    this.#summaries.set(user, {
      last: message.body,
      lastKind: 'message',
      lastMine: false,
      at: message.at,
      unread: known ? known.get().unread : unread,
      serverId: message.serverId,
    });
    this.#show();
    if (message.wants.has('positive-delivery')) this.#tellDelivered(user, message.id);
    this.#core.notice({ kind: 'message', from: this.#people.person(user), text: message.body, id: message.id });
  }

  #invitation(record: InvitationRecord): void {
    const user = (record.mine ? record.to : record.from).toLowerCase();
    this.#tellSeen(user, record);
    this.#chats.get(user)?.invitation(record);
    const known = this.#summaries.get(user);
    if ((known?.at ?? 0) < record.at)
      this.#last(user, { last: record.title, lastKind: 'invitation', lastMine: record.mine, at: record.at, serverId: record.serverId });
  }

  /** Whoever has answered an invitation has seen it. What is unread before it stays so, and it with that. */
  #tellSeen(user: string, { id, mine, serverId, state }: InvitationRecord): void {
    const answered = state === 'joined' || state === 'called' || state === 'declined';
    if (mine || !answered || serverId === undefined || this.#answered.has(id)) return;
    this.#answered.add(id);
    if ((this.#summaries.get(user)?.unread ?? 0) === 0) void this.#core.api.markRead(user, serverId);
  }

  #tellDelivered(user: string, id: string): void {
    const ua = this.#core.line?.ua;
    if (ua) ua.send(ua.outline('MESSAGE', uriOf(user), { type: CPIM, body: wrapImdn(ua, user, id, 'delivered') }));
  }

  /** Whoever commands conferences in words has a chat with their service, which no directory names. */
  #isService(user: string): boolean {
    return user === this.#core.line?.service.account.toLowerCase();
  }

  #isNew(key: string): boolean {
    if (this.#seen.includes(key)) return false;
    this.#seen.push(key);
    if (this.#seen.length > SEEN_MAX) this.#seen = this.#seen.slice(SEEN_MAX / 2);
    return true;
  }

  #last(user: string, last: Omit<Summary, 'unread'>): void {
    this.#summaries.set(user, { ...last, unread: this.#summaries.get(user)?.unread ?? 0 });
    this.#show();
  }

  /** I wrote it in another window or at another device; both the window and the server may tell it, at any time. */
  #elsewhere(user: string, id: string, text: string, at: number, serverId?: number): void {
    this.#chats.get(user)?.own(id, text, at, 'sent', serverId);
    const known = this.#summaries.get(user);
    const numbered = serverId !== undefined && known?.serverId !== undefined;
    const older = numbered ? serverId < (known?.serverId ?? 0) : at < (known?.at ?? 0);
    if (older || !this.#isNew(`mine ${id}`)) return;
    this.#last(user, { last: text, lastKind: 'message', lastMine: true, at, serverId });
  }

  /** What went out now is the newest, whenever it was written; what waits behind it goes out after it. */
  #sent(item: Outgoing, serverId: number | undefined): void {
    const known = this.#summaries.get(item.user);
    // It may have gone out long ago, before what came since.
    if (item.doubt !== undefined && known && !known.lastMine) return;
    const { text } = this.#outbox.waiting(item.user).at(-1) ?? item;
    this.#last(item.user, { last: text, lastKind: 'message', lastMine: true, at: this.#core.platform.now(), serverId });
  }

  #setUnread(user: string, unread: number): void {
    const known = this.#summaries.get(user);
    if (known) this.#summaries.set(user, { ...known, unread });
    this.#show();
  }

  #chatChanged(user: string): void {
    const chat = this.#chats.get(user);
    const newest = chat?.get().items.findLast((item) => item.kind === 'message' && item.mine);
    const known = this.#summaries.get(user);
    if (newest?.kind === 'message' && newest.at >= (known?.at ?? 0)) {
      this.#summaries.set(user, { last: newest.text, lastKind: 'message', lastMine: true, at: newest.at, unread: chat?.get().unread ?? 0 });
    } else if (known && chat) {
      this.#summaries.set(user, { ...known, unread: chat.get().unread });
    }
    this.#show();
  }

  #show(): void {
    const before = new Map(this.get().list.map((one) => [one.with.id, one]));
    const list = [...this.#summaries].map(([user, { serverId: _, ...summary }]): ChatSummary => {
      const chat = this.#chats.get(user)?.get();
      const next: ChatSummary = {
        ...summary,
        with: this.#people.person(user),
        typing: chat?.typing ?? false,
        draft: (chat ? chat.draft : this.#drafts[user]) || undefined,
      };
      const was = before.get(next.with.id);
      return was && same(was, next) ? was : next;
    });
    list.sort((a, b) => (b.at ?? 0) - (a.at ?? 0));
    const was = this.get().list;
    const changed = list.length !== was.length || list.some((one, at) => one !== was[at]);
    this.set({ list: changed ? list : was, unread: list.reduce((sum, one) => sum + one.unread, 0) });
  }

  #readDrafts(): void {
    this.#drafts = {};
    const { line, platform } = this.#core;
    try {
      const stored: unknown = JSON.parse((line && platform.tab?.get(line.key('drafts'))) ?? '{}');
      for (const [user, text] of Object.entries(stored ?? {})) if (typeof text === 'string') this.#drafts[user] = text;
    } catch {
      // What cannot be read was not stored by us.
    }
  }

  #saveDrafts(): void {
    const { line, platform } = this.#core;
    if (!line) return;
    for (const [user, chat] of this.#chats) {
      const { draft } = chat.get();
      if (draft) this.#drafts[user] = draft;
      else delete this.#drafts[user];
    }
    platform.tab?.set(line.key('drafts'), JSON.stringify(this.#drafts));
  }

  #clear(): void {
    for (const chat of this.#chats.values()) chat.close();
    for (const forget of this.#unwatch) forget();
    this.#unwatch = [];
    this.#unwatchList = () => {};
    this.#chats.clear();
    this.#summaries.clear();
    this.#drafts = {};
    this.#seen = [];
    this.#answered.clear();
    this.put({ list: [], unread: 0, loading: false });
  }
}

function displayName(message: Arrived): string {
  return message.request.address('From')?.name.slice(0, 128) ?? '';
}
