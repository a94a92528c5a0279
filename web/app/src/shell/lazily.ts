import { lazy } from 'react';

/** Before a part that could not be loaded is asked for again. */
const AGAIN_MS = 1_000;

/** Loads until it works: what is not to be had without a connection is there when that is back. */
export async function untilThere<T>(load: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await load();
    } catch {
      await new Promise((done) => setTimeout(done, AGAIN_MS));
    }
  }
}

/** A part of the window that is loaded when it is first drawn. */
export const lazily: typeof lazy = (load) => lazy(() => untilThere(load));
