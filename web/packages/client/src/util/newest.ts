/** Saves what a person wants, one save at a time, so that none overtakes another; of those that wait only the newest is sent. */
export class Newest<T> {
  readonly #send: (wanted: T) => Promise<boolean | undefined>;
  #waiting: { readonly wanted: T } | undefined;
  #sending: Promise<boolean> | undefined;
  #turn = 0;

  /** `send` gives whether it was taken; `undefined`: nobody waits for that any more. */
  constructor(send: (wanted: T) => Promise<boolean | undefined>) {
    this.#send = send;
  }

  /** Counts what was wanted: an answer that was asked for before it is older. */
  get turn(): number {
    return this.#turn;
  }

  /** Whether one is being saved. */
  get saving(): boolean {
    return this.#sending !== undefined;
  }

  /** Whether a newer one waits. */
  get waiting(): boolean {
    return this.#waiting !== undefined;
  }

  /** Gives whether the newest was taken, when it is known. */
  save(wanted: T): Promise<boolean> {
    this.#turn++;
    this.#waiting = { wanted };
    this.#sending ??= this.#sendAll();
    return this.#sending;
  }

  /** Forgets what waits and what is under way. */
  clear(): void {
    this.#waiting = undefined;
    this.#sending = undefined;
  }

  async #sendAll(): Promise<boolean> {
    let done = false;
    while (this.#waiting) {
      const { wanted } = this.#waiting;
      this.#waiting = undefined;
      const taken = await this.#send(wanted);
      if (taken === undefined) return false;
      done = taken;
    }
    this.#sending = undefined;
    return done;
  }
}
