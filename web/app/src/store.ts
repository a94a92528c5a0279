import { useEffect, useRef, useState, useSyncExternalStore } from 'react';
import type { Store } from './model.ts';

/** A small store for what belongs to the window itself: panes, theme, toasts. */
export interface Writable<S> extends Store<S> {
  set(next: S | ((now: S) => S)): void;
}

export function createStore<S>(first: S): Writable<S> {
  let state = first;
  const listeners = new Set<() => void>();
  return {
    get: () => state,
    set(next) {
      const value = typeof next === 'function' ? (next as (now: S) => S)(state) : next;
      if (Object.is(value, state)) return;
      state = value;
      for (const listener of [...listeners]) listener();
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

interface Bound<S> {
  get(): S;
  subscribe(listener: () => void): () => void;
}

const bounds = new WeakMap<object, Bound<unknown>>();

/** The two methods of a store as functions that stay the same: view models are objects, whose methods need them. */
function bound<S>(store: Store<S>): Bound<S> {
  const known = bounds.get(store);
  if (known) return known as Bound<S>;
  const fresh: Bound<S> = { get: () => store.get(), subscribe: (listener) => store.subscribe(listener) };
  bounds.set(store, fresh);
  return fresh;
}

const never: Store<undefined> = createStore(undefined);

/** The state of a store; the component follows it. */
export function useStore<S>(store: Store<S>): S {
  const { subscribe, get } = bound(store);
  return useSyncExternalStore(subscribe, get, get);
}

/** As `useStore`, for a store that may not be there. */
export function useMaybe<S>(store: Store<S> | undefined): S | undefined {
  return useStore<S | undefined>(store ?? never);
}

/** A part of a state; the component is drawn again only when the part changed. */
export function usePick<S, T>(store: Store<S>, pick: (state: S) => T): T {
  const get = () => pick(store.get());
  return useSyncExternalStore(bound(store).subscribe, get, get);
}

/** As `usePick`, for a store that may not be there. */
export function useMaybePick<S, T>(store: Store<S> | undefined, pick: (state: S) => T): T | undefined {
  const get = () => (store ? pick(store.get()) : undefined);
  return useSyncExternalStore(bound<unknown>(store ?? never).subscribe, get, get);
}

/** The clock of the window; tests with made-up data stop it. */
export const clock = { now: () => Date.now(), stopped: false };

const seconds = createStore(0);
let ticking: ReturnType<typeof setInterval> | undefined;
let followers = 0;

function followSeconds(listener: () => void): () => void {
  followers += 1;
  ticking ??= clock.stopped ? undefined : setInterval(() => seconds.set((n) => n + 1), 1_000);
  const stop = seconds.subscribe(listener);
  return () => {
    stop();
    followers -= 1;
    if (followers === 0 && ticking !== undefined) {
      clearInterval(ticking);
      ticking = undefined;
    }
  };
}

/** The time now, again each second: one timer for all that show times. */
export function useNow(): number {
  useSyncExternalStore(followSeconds, seconds.get, seconds.get);
  return clock.now();
}

/** Whether something lasts longer than 300 ms: before that nothing spins. */
export function useSlow(busy: boolean, afterMs = 300): boolean {
  const [slow, setSlow] = useState(false);
  useEffect(() => {
    if (!busy) {
      setSlow(false);
      return;
    }
    const timer = setTimeout(() => setSlow(true), afterMs);
    return () => clearTimeout(timer);
  }, [busy, afterMs]);
  return busy && slow;
}

/** The newest of a value, for listeners that are set up once. */
export function useLatest<T>(value: T): { readonly current: T } {
  const ref = useRef(value);
  ref.current = value;
  return ref;
}

/** Whether a media query holds. */
export function useMedia(query: string): boolean {
  return useSyncExternalStore(
    (listener) => {
      const list = window.matchMedia(query);
      list.addEventListener('change', listener);
      return () => list.removeEventListener('change', listener);
    },
    () => window.matchMedia(query).matches,
  );
}

/** One pane at a time. */
export const NARROW = '(max-width: 719.98px)';
/** List, chat and board beside each other. */
export const WIDE = '(min-width: 1000px)';
