import type { WatchSession } from '@convoke/client';
import { createLazy } from '../lazy.ts';
import { memory } from '../shell/window.ts';
import type { CameraState } from './camera.ts';
import type { BrowserPictures } from './port.ts';

export const CAMERA_KEY = 'convoke.camera';

/** Before anything is asked of the browser. */
export function firstState(): CameraState {
  const chosen = memory.get(CAMERA_KEY);
  const screens = typeof navigator.mediaDevices?.getDisplayMedia === 'function';
  return { devices: [], status: 'idle', screens, ...(chosen ? { chosen } : {}) };
}

/** The browser's pictures, of which the code is loaded when they are first used: before that it is idle. */
export function createLazyPictures(load: () => Promise<{ createPictures: () => BrowserPictures }>): BrowserPictures {
  const lazy = createLazy<CameraState, BrowserPictures>(firstState(), async () => (await load()).createPictures());
  return {
    get: lazy.store.get,
    subscribe: lazy.store.subscribe,
    open: async (kind) => (await lazy.load()).open(kind),
    watch: () => lazy.now()?.watch() ?? watchLater(lazy.load),
    test: lazy.test,
    stopTest: lazy.stopTest,
    choose: async (id) => (await lazy.load()).choose(id),
  };
}

/** Waits for the code with the first offer. */
function watchLater(get: () => Promise<BrowserPictures>): WatchSession {
  let inner: WatchSession | undefined;
  let closed = false;
  const session: WatchSession = {
    onEvent: () => {},
    async answer(offer) {
      if (!inner) {
        inner = (await get()).watch();
        inner.onEvent = (event) => session.onEvent(event);
      }
      if (closed) {
        inner.close();
        throw new Error('closed');
      }
      return inner.answer(offer);
    },
    stream: (mid) => inner?.stream(mid),
    close() {
      closed = true;
      inner?.close();
    },
  };
  return session;
}
