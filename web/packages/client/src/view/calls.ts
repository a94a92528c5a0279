/** Past calls of mine. */

import { restProblem } from '../problem.js';
import { State } from '../util/store.js';
import { account, type Core } from './core.js';
import type { CallLineItem, Calls, CallsState } from './types.js';

/** Of a conference: whether it is over, and who came in, by account. */
export interface CallAbout {
  readonly over: boolean;
  readonly people: ReadonlyMap<string, { readonly joined: boolean; readonly state: string }>;
}

export class CallsModel extends State<CallsState> implements Calls {
  readonly #core: Core;
  /** By each person who was in it, newest first. */
  #with = new Map<string, CallLineItem[]>();
  #people = new Map<string, readonly string[]>();
  #about = new Map<string, CallAbout>();

  constructor(core: Core) {
    super({ list: [], loading: false });
    this.#core = core;
    core.onOpen.add(() => void this.load());
    core.onBack.add(() => void this.load());
    core.onClose.add(() => {
      this.#with = new Map();
      this.#people = new Map();
      this.#about = new Map();
      this.put({ list: [], loading: false });
    });
  }

  /** The calls in which this person was. */
  with(user: string): readonly CallLineItem[] {
    return this.#with.get(user.toLowerCase()) ?? [];
  }

  /** The call of a conference; one that runs has one too. */
  of(conference: string): CallLineItem | undefined {
    return this.get().list.find((item) => item.conference === conference);
  }

  /** Who came into a conference. */
  about(conference: string): CallAbout | undefined {
    return this.#about.get(conference);
  }

  /** Whom to call back: all others who were in it, accounts where they have one. */
  peopleOf(item: CallLineItem): readonly string[] {
    return this.#people.get(item.id) ?? item.people;
  }

  async load(): Promise<void> {
    const line = this.#core.line;
    if (!line || this.get().loading) return;
    this.set({ loading: true });
    const result = await this.#core.api.calls();
    if (this.#core.line !== line) return;
    if (!result.ok) {
      this.set({ loading: false, problem: restProblem(result.error) });
      return;
    }
    const by = new Map<string, CallLineItem[]>();
    const people = new Map<string, readonly string[]>();
    const about = new Map<string, CallAbout>();
    const list = result.data.calls.map((row): CallLineItem => {
      const starter = account(row.startedBy, line.domain);
      const item: CallLineItem = {
        kind: 'call',
        id: `call:${row.conference}`,
        conference: row.conference,
        title: row.title,
        startedBy: starter,
        mine: starter.toLowerCase() === line.user.toLowerCase(),
        at: this.#core.localTime(row.startedAt),
        durationMs: typeof row.endedAt === 'number' ? row.durationMs : undefined,
        missed: row.missed,
        people: row.people.filter((one) => one.joined).map((one) => one.name),
      };
      const accounts = row.people.map((one) => (one.user ? account(one.user, line.domain) : one.name));
      people.set(
        item.id,
        accounts.filter((one) => one.toLowerCase() !== line.user.toLowerCase()),
      );
      const came = new Map<string, { joined: boolean; state: string }>();
      about.set(row.conference, { over: typeof row.endedAt === 'number', people: came });
      for (const one of row.people) {
        const user = one.user && account(one.user, line.domain).toLowerCase();
        if (!user) continue;
        by.set(user, [...(by.get(user) ?? []), item]);
        // Who was put on the roster twice came in if they did once.
        if (!came.get(user)?.joined) came.set(user, { joined: one.joined, state: one.state });
      }
      return item;
    });
    this.#with = by;
    this.#people = people;
    this.#about = about;
    this.put({ list, loading: false });
  }
}
