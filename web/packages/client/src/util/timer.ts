import type { Platform, Timer } from '../platform.js';

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

/** Waits. */
export function pause(platform: Platform, ms: number): Promise<void> {
  return new Promise((done) => platform.setTimeout(done, ms));
}
