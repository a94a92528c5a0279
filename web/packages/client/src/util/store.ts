import type { Store } from '../view/types.js';

/** A {@link Store} whose owner sets the state. */
export class State<S extends object> implements Store<S> {
  #state: S;
  readonly #listeners = new Set<() => void>();

  constructor(state: S) {
    this.#state = state;
  }

  get(): S {
    return this.#state;
  }

  subscribe(listener: () => void): () => void {
    // A function of its own each time, so that one listener may subscribe twice.
    const own = () => listener();
    this.#listeners.add(own);
    return () => this.#listeners.delete(own);
  }

  /** Puts a new state in place; the same object again tells nobody. */
  put(state: S): void {
    if (state === this.#state) return;
    this.#state = state;
    for (const listener of [...this.#listeners]) listener();
  }

  /** Changes some fields; values that are all the same as before tell nobody. */
  set(change: Partial<S>): void {
    for (const key in change) {
      if (!Object.is(change[key], this.#state[key])) {
        this.put({ ...this.#state, ...change });
        return;
      }
    }
  }
}

/** Whom to tell about something. */
export class Listeners<A extends unknown[]> {
  readonly #listeners = new Set<(...args: A) => void>();

  add(listener: (...args: A) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  tell(...args: A): void {
    for (const listener of [...this.#listeners]) listener(...args);
  }
}

/** Whether two values say the same, through plain objects, arrays and sets: keeps states the same object where nothing changed. */
export function same(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (a instanceof Set && b instanceof Set) return a.size === b.size && [...a].every((one) => b.has(one));
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const [left, right] = [a as Record<string, unknown>, b as Record<string, unknown>];
  const keys = Object.keys(left);
  return keys.length === Object.keys(right).length && keys.every((key) => same(left[key], right[key]));
}
