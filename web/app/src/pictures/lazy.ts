import type { WatchSession } from '@convoke/client';
import { memory } from '../shell/window.ts';
import { createStore } from '../store.ts';
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
  const store = createStore<CameraState>(firstState());
  let real: BrowserPictures | undefined;
  let loading: Promise<BrowserPictures> | undefined;
  let tests = 0;
  const get = (): Promise<BrowserPictures> => {
    loading ??= load().then(
      ({ createPictures }) => {
        const pictures = createPictures();
        real = pictures;
        pictures.subscribe(() => store.set(pictures.get()));
        store.set(pictures.get());
        return pictures;
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
    get: store.get,
    subscribe: store.subscribe,
    open: async (kind) => (await get()).open(kind),
    watch: () => (real ? real.watch() : watchLater(get)),
    test: async () => {
      tests += 1;
      const mine = tests;
      const loaded = await get();
      // Stopped while the code was on its way: the camera stays closed.
      return mine === tests && loaded.test();
    },
    stopTest() {
      tests += 1;
      real?.stopTest();
    },
    choose: async (id) => (await get()).choose(id),
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
