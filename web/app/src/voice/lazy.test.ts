import { expect, it, vi } from 'vitest';
import { createLazyVoice } from './lazy.ts';
import type { BrowserVoice } from './voice.ts';

it('opens no microphone for a test that was stopped while its code was loaded', async () => {
  const test = vi.fn(async () => true);
  const real = { get: () => ({}), subscribe: () => () => {}, test, stopTest: vi.fn() } as unknown as BrowserVoice;
  let loaded = (_: { createVoice: () => BrowserVoice }) => {};
  const voice = createLazyVoice(() => new Promise((done) => (loaded = done)));
  const first = voice.test();
  voice.stopTest();
  loaded({ createVoice: () => real });
  expect(await first).toBe(false);
  expect(test).not.toHaveBeenCalled();
  expect(await voice.test()).toBe(true);
  expect(test).toHaveBeenCalledTimes(1);
});
