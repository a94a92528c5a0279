/** What is worth saying for a while. */
import type { Platform } from '../platform.js';
import { Alarm } from '../util/timer.js';

const NEWS_MS = 20_000;

export class News<T> {
  #now: T | undefined;
  readonly #ends: Alarm;
  readonly #changed: () => void;

  /** `changed` is called when there is nothing to say any more. */
  constructor(platform: Platform, changed: () => void) {
    this.#ends = new Alarm(platform);
    this.#changed = changed;
  }

  get now(): T | undefined {
    return this.#now;
  }

  say(what: T): void {
    this.#now = what;
    this.#ends.set(NEWS_MS, () => {
      this.#now = undefined;
      this.#changed();
    });
  }

  /** It was read, or nobody looks any more. */
  clear(): void {
    this.#now = undefined;
    this.#ends.clear();
  }
}
