/** Invitations that were sent and came, by their ids, and where each stands. */
import type { AnswerBody, InvitationBody } from '../im/invitation.js';
import { Listeners } from '../util/store.js';
import type { Core } from './core.js';
import type { InvitationState, Problem } from './types.js';

/** Most that are remembered; the oldest go. */
const KNOWN_MAX = 1_000;
/** An invitation may be answered for at most so long, whatever its sender says. */
const EXPIRES_MAX_MS = 86_400_000;

export interface InvitationRecord {
  readonly id: string;
  readonly conference: string;
  readonly title: string;
  readonly kind: 'call' | 'invite';
  /** Who sent it. */
  readonly from: string;
  readonly fromName: string;
  readonly to: string;
  readonly mine: boolean;
  readonly at: number;
  /** Its number in the server's log, where it is known. */
  readonly serverId?: number;
  /** By this device's clock. */
  readonly expiresAt: number;
  readonly in: readonly string[];
  readonly video: boolean;
  readonly state: InvitationState;
  readonly note?: string;
  readonly since?: number;
  /** Why my answer failed. */
  readonly problem?: Problem;
}

export class Invitations {
  readonly #core: Core;
  readonly #all = new Map<string, InvitationRecord>();
  /** Answers that came before what they answer: history is read from its end. */
  readonly #answers = new Map<string, { body: AnswerBody; from: string }>();
  readonly onChange = new Listeners<[InvitationRecord]>();

  constructor(core: Core) {
    this.#core = core;
    core.onClose.add(() => {
      this.#all.clear();
      this.#answers.clear();
    });
    core.onGossip.add((gossip) => {
      if (gossip.kind === 'answered') this.set(gossip.invitation, { state: gossip.state });
    });
  }

  get(id: string): InvitationRecord | undefined {
    return this.#all.get(id);
  }

  /** Those between me and somebody. */
  with(user: string): InvitationRecord[] {
    return [...this.#all.values()].filter((one) => (one.mine ? one.to : one.from).toLowerCase() === user);
  }

  /** Those into a conference, the oldest first. */
  into(conference: string): InvitationRecord[] {
    return [...this.#all.values()].filter((one) => one.conference === conference).sort((a, b) => a.at - b.at);
  }

  /** The conferences into which somebody was invited. */
  conferences(): Set<string> {
    return new Set([...this.#all.values()].map((one) => one.conference));
  }

  /** The conferences into which I was invited since then, the newest first; those that are over are left out. */
  recent(since: number): string[] {
    const all = [...this.#all.values()].filter((one) => !one.mine && one.state !== 'over' && one.at >= since);
    return [...new Set(all.sort((a, b) => b.at - a.at).map((one) => one.conference))];
  }

  /** How the invitations call their conferences. */
  titles(): [conference: string, title: string][] {
    return [...this.#all.values()].map((one) => [one.conference, one.title]);
  }

  ringing(): InvitationRecord[] {
    return [...this.#all.values()].filter((one) => one.state === 'ringing' && !one.mine);
  }

  /** Takes one that was sent or came, now or as history tells. Known ones stay as they are. */
  take(body: InvitationBody, sender: string, to: string, at: number, serverId?: number): InvitationRecord {
    const { conferences, video } = this.#core.me ?? {};
    // Conferences and the allocator invite for whoever asked them; nobody else speaks for others.
    const speaks = [conferences, video?.allocator].some((one) => one?.toLowerCase() === sender.toLowerCase());
    const from = speaks ? body.from.user.toLowerCase() : sender;
    const known = this.#all.get(body.id);
    // An id of somebody else's invitation is no way to change it.
    if (known) return known;
    if (this.#all.size >= KNOWN_MAX) this.#all.delete(this.#all.keys().next().value as string);
    const mine = from.toLowerCase() === this.#core.line?.user.toLowerCase();
    const now = this.#core.platform.now();
    const expiresAt = Math.min(this.#core.localTime(body.expires), now + EXPIRES_MAX_MS);
    const live = expiresAt > now;
    const record: InvitationRecord = {
      id: body.id,
      conference: body.conference,
      title: body.title,
      kind: body.kind,
      from,
      fromName: body.from.name,
      to,
      mine,
      at,
      serverId,
      expiresAt,
      in: body.in,
      video: body.video ?? false,
      state: live ? 'ringing' : mine ? 'over' : 'missed',
    };
    this.#all.set(body.id, record);
    const answer = this.#answers.get(body.id);
    this.#answers.delete(body.id);
    if (answer && isInvited(record, answer.from)) this.#apply(record, answer.body);
    else this.onChange.tell(record);
    return this.#all.get(body.id) ?? record;
  }

  /** Takes an answer; only the invited one's counts. */
  answer(body: AnswerBody, from: string): void {
    const record = this.#all.get(body.invitation);
    if (!record) {
      if (this.#answers.size < KNOWN_MAX) this.#answers.set(body.invitation, { body, from });
    } else if (isInvited(record, from)) {
      this.#apply(record, body);
    }
  }

  set(id: string, change: Partial<Pick<InvitationRecord, 'state' | 'in' | 'since' | 'note' | 'problem'>>): void {
    const record = this.#all.get(id);
    if (!record) return;
    const next = { ...record, ...change };
    this.#all.set(id, next);
    this.onChange.tell(next);
  }

  #apply(record: InvitationRecord, { answer, note }: AnswerBody): void {
    const state = answer === 'join' ? 'joined' : answer === 'call' ? 'called' : 'declined';
    this.set(record.id, { state, note });
  }
}

function isInvited(record: InvitationRecord, user: string): boolean {
  return record.to.toLowerCase() === user.toLowerCase();
}
