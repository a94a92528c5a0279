/**
 * Whom this window calls and has not invited yet: their turn comes when their leg is due, and by then the window may have begun anew. So it is kept
 * with the tab, as its call is. A window that was made as a copy of this one invites nobody.
 */
import type { Core, Line } from './core.js';

/** Conferences in which somebody waits; the oldest go. */
const CONFERENCES_MAX = 16;
/** What was kept longer ago is nobody's turn any more: a window that begins anew does so at once. */
const KEPT_MS = 120_000;
const KEY = 'expected';

/** Somebody who is to be invited: how, and with which leg of theirs; unknown until one is seen. */
export interface Waiting {
  readonly kind: 'call' | 'invite';
  readonly leg?: string;
}

type Told = [conference: string, people: [user: string, waiting: Waiting][]];

/** What stands in the tab: which window put it there, and when; and who waits. */
interface Kept {
  readonly instance: string;
  readonly at: number;
  readonly all: readonly Told[];
}

export class Expected {
  readonly #core: Core;
  /** By conference and account. */
  #all = new Map<string, Map<string, Waiting>>();
  /** Something differs from what stands in the tab. */
  #changed = false;

  constructor(core: Core) {
    this.#core = core;
    core.onOpen.add((line) => {
      this.#all = read(line, core.platform.tab?.get(line.key(KEY)), core.platform.now());
    });
    core.onClose.add(() => {
      this.#all = new Map();
      this.#changed = false;
    });
  }

  /** Whether anybody waits in a conference. */
  has(conference: string): boolean {
    return this.#all.has(conference);
  }

  get(conference: string, user: string): Waiting | undefined {
    return this.#all.get(conference)?.get(user.toLowerCase());
  }

  set(conference: string, user: string, waiting: Waiting): void {
    const people = this.#all.get(conference) ?? new Map<string, Waiting>();
    // The newest stands last.
    this.#all.delete(conference);
    this.#all.set(conference, people.set(user.toLowerCase(), waiting));
    const [oldest = ''] = this.#all.keys();
    if (this.#all.size > CONFERENCES_MAX) this.#all.delete(oldest);
    this.#changed = true;
  }

  /** They wait no more; without `user` nobody in that conference does. */
  delete(conference: string, user?: string): void {
    const people = this.#all.get(conference);
    if (user !== undefined) people?.delete(user.toLowerCase());
    if (user === undefined || people?.size === 0) this.#all.delete(conference);
    this.#changed = true;
  }

  /** Keeps with the tab what has changed: once for many, as it is written as a whole. */
  keep(): void {
    const { line, platform } = this.#core;
    if (!line || !this.#changed) return;
    this.#changed = false;
    const all = [...this.#all].map(([conference, people]): Told => [conference, [...people]]);
    const kept: Kept = { instance: line.ua.options.instance, at: platform.now(), all };
    if (all.length === 0) platform.tab?.remove(line.key(KEY));
    else platform.tab?.set(line.key(KEY), JSON.stringify(kept));
  }
}

function read(line: Line, text: string | null | undefined, now: number): Map<string, Map<string, Waiting>> {
  try {
    const { instance, at = 0, all } = JSON.parse(text ?? '{}') as Partial<Kept>;
    const mine = instance === line.ua.options.instance && Math.abs(now - at) <= KEPT_MS ? all : undefined;
    return new Map(mine?.map(([conference, people]) => [conference, new Map(people)]));
  } catch {
    // What cannot be read was not stored by us.
    return new Map();
  }
}
