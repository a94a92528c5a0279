import { createStore, type Writable } from './store.ts';

/** Something with a state of which the code is loaded when it is first used. */
export interface Lazy<S, T> {
  /** Its state; before it is loaded, the first one. */
  readonly store: Writable<S>;
  /** It, if it is loaded. */
  now(): T | undefined;
  load(): Promise<T>;
  /** Loads it and tests with it; what was stopped while the code was on its way does not begin. */
  test(): Promise<boolean>;
  stopTest(): void;
}

interface Loaded<S> {
  get(): S;
  subscribe(listener: () => void): unknown;
  test(): Promise<boolean>;
  stopTest(): void;
}

export function createLazy<S, T extends Loaded<S>>(first: S, make: () => Promise<T>): Lazy<S, T> {
  const store = createStore<S>(first);
  let real: T | undefined;
  let loading: Promise<T> | undefined;
  let tests = 0;
  const load = (): Promise<T> => {
    loading ??= make().then(
      (made) => {
        real = made;
        made.subscribe(() => store.set(made.get()));
        store.set(made.get());
        return made;
      },
      (fault: unknown) => {
        // Tried again next time: the network may be back then.
        loading = undefined;
        throw fault;
      },
    );
    return loading;
  };
  return {
    store,
    now: () => real,
    load,
    test: async () => {
      tests += 1;
      const mine = tests;
      const loaded = await load();
      return mine === tests && loaded.test();
    },
    stopTest() {
      tests += 1;
      real?.stopTest();
    },
  };
}
