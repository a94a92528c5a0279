/**
 * Chat on its way: one message at a time to each person, so that order is kept; under the same names as long as it takes, so that none is shown
 * twice; and over a reload.
 */
import { CPIM, writeCpim } from '../im/cpim.js';
import { problem } from '../problem.js';
import { LocalResponse } from '../sip/transactions.js';
import { retryAfter } from '../sip/ua.js';
import { uriOf } from '../sip/uri.js';
import { token } from '../util/ids.js';
import { pause } from '../util/timer.js';
import type { Core, Line } from './core.js';
import type { Problem } from './types.js';

/** What is told of each message. */
const WANTS = ['positive-delivery', 'display'] as const;
/** For so long the server recognises a message that comes again; after it its history is asked first. */
const RECOGNISED_MS = 25_000;
/** Messages of history that are looked at then. */
const LOOKED_AT = 50;
/** Pauses after refusals that may pass; the last is for all further ones. */
const PAUSES_MS = [1_000, 2_000, 4_000, 8_000, 15_000, 30_000] as const;
/** Refusals that may pass before a message counts as failed. */
const TRIES_MAX = 8;
/** Most messages that wait; one more fails at once. */
const WAITING_MAX = 1_000;

/** A message that waits. */
export interface Outgoing {
  readonly id: string;
  readonly user: string;
  readonly text: string;
  readonly at: number;
  readonly callId: string;
  /** When it was sent first without an answer: the server may have it. */
  doubt?: number;
}

export class Outbox {
  readonly #core: Core;
  readonly #queues = new Map<string, Outgoing[]>();
  readonly #running = new Set<string>();
  /** The server has it, under this number. */
  onSent: (item: Outgoing, serverId: number | undefined) => void = () => {};
  onFailed: (item: Outgoing, why: Problem) => void = () => {};

  constructor(core: Core) {
    this.#core = core;
    core.onOnline.add((line) => {
      for (const user of this.#queues.keys()) void this.#run(user, line);
    });
    core.onClose.add(() => {
      this.#queues.clear();
      this.#running.clear();
    });
  }

  /** Those that wait, of one person or all. */
  waiting(user?: string): Outgoing[] {
    return user === undefined ? [...this.#queues.values()].flat() : [...(this.#queues.get(user) ?? [])];
  }

  /** What waited when the window was reloaded. */
  restore(line: Line): Outgoing[] {
    try {
      const stored: unknown = JSON.parse(this.#core.platform.tab?.get(line.key('outbox')) ?? '[]');
      for (const item of Array.isArray(stored) ? stored.slice(0, WAITING_MAX) : []) {
        const { id, user, text, at, callId } = item as Record<string, unknown>;
        if (
          typeof id !== 'string' ||
          typeof user !== 'string' ||
          typeof text !== 'string' ||
          typeof at !== 'number' ||
          typeof callId !== 'string'
        )
          continue;
        // Nobody knows any more whether it had been sent.
        this.#queue(user).push({ id, user, text, at, callId, doubt: at });
      }
    } catch {
      // What cannot be read was not stored by us.
    }
    return this.waiting();
  }

  add(id: string, user: string, text: string, at: number): Outgoing {
    const item: Outgoing = { id, user, text, at, callId: token(this.#core.platform, 12) };
    const line = this.#core.line;
    if (!line || this.waiting().length >= WAITING_MAX) {
      // Whoever adds it shows it first.
      void Promise.resolve().then(() => this.onFailed(item, problem('limit-reached')));
      return item;
    }
    this.#queue(user).push(item);
    this.#store(line);
    void this.#run(user, line);
    return item;
  }

  #queue(user: string): Outgoing[] {
    const queue = this.#queues.get(user) ?? [];
    this.#queues.set(user, queue);
    return queue;
  }

  async #run(user: string, line: Line): Promise<void> {
    if (this.#running.has(user)) return;
    this.#running.add(user);
    let tries = 0;
    for (let item = this.#queues.get(user)?.[0]; item && this.#goesOn(line); item = this.#queues.get(user)?.[0]) {
      const outcome = await this.#send(item, line);
      if (this.#core.line !== line) return;
      if (outcome === 'lost') continue;
      if (typeof outcome === 'number' && tries < TRIES_MAX) {
        tries++;
        await pause(this.#core.platform, outcome || (PAUSES_MS[Math.min(tries, PAUSES_MS.length) - 1] ?? 0));
        if (this.#core.line !== line) return;
        continue;
      }
      tries = 0;
      this.#queues.get(user)?.shift();
      this.#store(line);
      if (typeof outcome === 'object' && 'serverId' in outcome) this.onSent(item, outcome.serverId);
      else this.onFailed(item, typeof outcome === 'number' ? problem('busy-server') : outcome.failed);
    }
    this.#running.delete(user);
  }

  #goesOn(line: Line): boolean {
    return this.#core.line === line && line.ua.online;
  }

  /** Sent, failed, `lost` with the connection, or a number of milliseconds to wait (0: as long as is usual). */
  async #send(item: Outgoing, line: Line): Promise<{ serverId: number | undefined } | { failed: Problem } | 'lost' | number> {
    const { ua, user } = line;
    const { platform, api } = this.#core;
    if (item.doubt !== undefined && platform.now() - item.doubt > RECOGNISED_MS) {
      const history = await api.chat(item.user, LOOKED_AT);
      const row = history.ok ? history.data.messages.find((message) => message.imdnId === item.id) : undefined;
      if (row) return { serverId: row.id };
      // The server has it not, so from now on it is as new.
      if (history.ok) item.doubt = undefined;
    }
    if (!this.#goesOn(line)) return 'lost';
    const body = writeCpim({ from: user, to: item.user, id: item.id, at: item.at, wants: WANTS }, item.text);
    // The same Call-ID, number and body: the server recognises it.
    const request = ua.outline('MESSAGE', uriOf(item.user), { callId: item.callId, fromTag: item.callId.slice(0, 12), type: CPIM, body });
    const begun = platform.now();
    const response = await ua.send(request).response;
    if (response instanceof LocalResponse) {
      item.doubt ??= begun;
      return ua.online && response.status !== 503 ? 0 : 'lost';
    }
    const serverId = Number(response.header('Convoke-Message-Id'));
    if (response.ok) return { serverId: serverId > 0 ? serverId : undefined };
    const { status } = response;
    if (status === 482 || status === 408 || status === 429 || status >= 500) return retryAfter(response) * 1_000;
    const code = status === 404 ? 'unknown' : status === 413 ? 'limit-reached' : status === 403 ? 'not-allowed' : 'internal';
    return { failed: problem(code, `SIP ${status} ${response.reason}`) };
  }

  #store(line: Line): void {
    const waiting = this.waiting().map(({ id, user, text, at, callId }) => ({ id, user, text, at, callId }));
    const { tab } = this.#core.platform;
    if (waiting.length > 0) tab?.set(line.key('outbox'), JSON.stringify(waiting));
    else tab?.remove(line.key('outbox'));
  }
}
