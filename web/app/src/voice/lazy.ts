import { createLazy } from '../lazy.ts';
import type { VoiceState } from '../model.ts';
import { memory } from '../shell/window.ts';
import type { BrowserVoice } from './voice.ts';

/** The browser's sound, of which the code is loaded when it is first used: before that it is idle. */
export function createLazyVoice(load: () => Promise<{ createVoice: () => BrowserVoice }>): BrowserVoice {
  const microphone = memory.get('convoke.microphone');
  const speaker = memory.get('convoke.speaker');
  const first: VoiceState = {
    status: 'idle',
    level: 0,
    devices: { microphones: [], speakers: [] },
    chosen: { ...(microphone ? { microphone } : {}), ...(speaker ? { speaker } : {}) },
  };
  const lazy = createLazy<VoiceState, BrowserVoice>(first, async () => (await load()).createVoice());
  return {
    get: lazy.store.get,
    subscribe: lazy.store.subscribe,
    test: lazy.test,
    stopTest: lazy.stopTest,
    playSample: async () => (await lazy.load()).playSample(),
    choose: async (kind, id) => (await lazy.load()).choose(kind, id),
    open: async () => (await lazy.load()).open(),
  };
}
