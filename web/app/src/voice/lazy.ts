import type { Voice, VoiceState } from '../model.ts';
import { memory } from '../shell/window.ts';
import { createStore } from '../store.ts';
import type { BrowserVoice } from './voice.ts';

/** The browser's sound, of which the code is loaded when it is first used: before that it is idle. */
export function createLazyVoice(load: () => Promise<{ createVoice: () => BrowserVoice }>): BrowserVoice {
  const microphone = memory.get('convoke.microphone');
  const speaker = memory.get('convoke.speaker');
  const store = createStore<VoiceState>({
    status: 'idle',
    level: 0,
    devices: { microphones: [], speakers: [] },
    chosen: { ...(microphone ? { microphone } : {}), ...(speaker ? { speaker } : {}) },
  });
  let real: BrowserVoice | undefined;
  let loading: Promise<BrowserVoice> | undefined;
  let tests = 0;
  const get = (): Promise<BrowserVoice> => {
    loading ??= load().then(
      ({ createVoice }) => {
        const voice = createVoice();
        real = voice;
        voice.subscribe(() => store.set(voice.get()));
        store.set(voice.get());
        return voice;
      },
      (fault: unknown) => {
        // Tried again next time: the network may be back then.
        loading = undefined;
        throw fault;
      },
    );
    return loading;
  };
  const voice: Voice = {
    get: store.get,
    subscribe: store.subscribe,
    test: async () => {
      tests += 1;
      const mine = tests;
      const loaded = await get();
      // Stopped while the code was on its way: the microphone stays closed.
      return mine === tests && loaded.test();
    },
    stopTest() {
      tests += 1;
      real?.stopTest();
    },
    playSample: async () => (await get()).playSample(),
    choose: async (kind, id) => (await get()).choose(kind, id),
  };
  return { ...voice, open: async () => (await get()).open() };
}
