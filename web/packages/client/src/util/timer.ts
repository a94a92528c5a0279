import type { Platform, Timer } from '../platform.js';
import type { State } from './store.js';

/** Timers cannot wait longer (2³¹ ms) and fire at once instead; whoever waits for longer looks again then. */
const LONGEST_MS = 2_000_000_000;

/** One timer that is set anew and cleared. */
export class Alarm {
  readonly #platform: Platform;
  #timer: { handle: Timer } | undefined;

  constructor(platform: Platform) {
    this.#platform = platform;
  }

  get armed(): boolean {
    return this.#timer !== undefined;
  }

  set(ms: number, callback: () => void): void {
    this.clear();
    const own = { handle: undefined as Timer };
    this.#timer = own;
    own.handle = this.#platform.setTimeout(
      () => {
        if (this.#timer !== own) return;
        this.#timer = undefined;
        callback();
      },
      Math.min(ms, LONGEST_MS),
    );
  }

  clear(): void {
    if (this.#timer) this.#platform.clearTimeout(this.#timer.handle);
    this.#timer = undefined;
  }
}

/** Waits for a state in which something is found; undefined: for so long there was none. */
export function found<S extends object, T>(
  platform: Platform,
  store: State<S>,
  find: (state: S) => T | undefined,
  ms: number,
): Promise<T | undefined> {
  return new Promise((done) => {
    const late = new Alarm(platform);
    const end = (what?: T) => {
      stop();
      late.clear();
      done(what);
    };
    const look = () => {
      const what = find(store.get());
      if (what !== undefined) end(what);
    };
    const stop = store.subscribe(look);
    late.set(ms, () => end());
    look();
  });
}

/** Waits. */
export function pause(platform: Platform, ms: number): Promise<void> {
  return new Promise((done) => platform.setTimeout(done, ms));
}
