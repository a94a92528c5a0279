/**
 * Numbers that this window had called. A roster tells a number to nobody, so who stands on it by a number alone can be put on another list only by
 * whoever asked for them; and that holds after a reload too.
 */
import type { Participant } from '../conference/model.js';
import type { Party } from '../soap/service.js';
import type { Core } from './core.js';

/** Conferences whose numbers are remembered; the oldest go. */
const CONFERENCES_MAX = 16;
/** Numbers that are remembered of each. */
const NUMBERS_MAX = 500;
const KEY = 'numbers';

/** Somebody who was asked for by a number. */
export interface Asked {
  readonly number: string;
  readonly name: string;
}

interface Waiting extends Asked {
  /** Who stood on the roster before: none of them is meant. */
  readonly before: ReadonlySet<string>;
}

export class Outside {
  readonly #core: Core;
  /** By conference and participant. */
  #asked = new Map<string, Map<string, Asked>>();
  /** Who was asked for and not seen on the roster yet. */
  readonly #waiting = new Map<string, Waiting[]>();

  constructor(core: Core) {
    this.#core = core;
    core.onOpen.add((line) => {
      this.#asked = read(core.platform.tab?.get(line.key(KEY)));
    });
    core.onClose.add(() => {
      this.#asked = new Map();
      this.#waiting.clear();
    });
  }

  /** Whom this window asked for when it put a participant on the roster. */
  of(conference: string, participant: string): Asked | undefined {
    return this.#asked.get(conference)?.get(participant);
  }

  /** These were put on the roster, on which `before` stood. */
  ask(conference: string, parties: readonly Party[], before: ReadonlySet<string>): void {
    const numbers = parties.flatMap(({ number, name = '' }): Waiting[] => (number ? [{ number, name, before }] : []));
    if (numbers.length > 0) this.#waiting.set(conference, [...(this.#waiting.get(conference) ?? []), ...numbers].slice(-NUMBERS_MAX));
  }

  /** What the roster shows of those who were asked for: each under the name that was given with the number. */
  see(conference: string, participants: readonly Participant[]): void {
    const waiting = this.#waiting.get(conference);
    if (!waiting) return;
    const left = waiting.filter((asked) => {
      const one = participants.find(
        ({ id, user, name }) => !user && name === asked.name.trim() && !asked.before.has(id) && !this.of(conference, id),
      );
      if (one) this.set(conference, one.id, asked);
      return !one;
    });
    if (left.length > 0) this.#waiting.set(conference, left);
    else this.#waiting.delete(conference);
  }

  /** A participant is called at this number from now on. */
  set(conference: string, participant: string, { number, name }: Asked): void {
    const known = this.#asked.get(conference) ?? new Map<string, Asked>();
    // The newest stands last.
    this.#asked.delete(conference);
    this.#asked.set(conference, known);
    if (known.size < NUMBERS_MAX || known.has(participant)) known.set(participant, { number, name });
    const [oldest = ''] = this.#asked.keys();
    if (this.#asked.size > CONFERENCES_MAX) this.#asked.delete(oldest);
    const { line, platform } = this.#core;
    if (line) platform.tab?.set(line.key(KEY), write(this.#asked));
  }
}

function write(asked: ReadonlyMap<string, ReadonlyMap<string, Asked>>): string {
  return JSON.stringify([...asked].map(([conference, known]) => [conference, [...known]]));
}

function read(text: string | null | undefined): Map<string, Map<string, Asked>> {
  const asked = new Map<string, Map<string, Asked>>();
  try {
    for (const [conference, known] of JSON.parse(text ?? '[]') as [string, [string, Asked][]][]) asked.set(conference, new Map(known));
  } catch {
    // What cannot be read was not stored by us.
  }
  return asked;
}
