import { afterEach, expect, it, vi } from 'vitest';
import { startRinging, stopRinging } from './ring.ts';

afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

it('puts no tones on a player that the browser keeps silent, and rings at once when it may', async () => {
  vi.useFakeTimers();
  let started = 0;
  let allow = () => {};
  const node = { connect() {}, start: () => started++, stop() {}, gain: { setTargetAtTime() {} } };
  const player = {
    state: 'suspended',
    currentTime: 0,
    destination: {},
    resume: async () => {
      await new Promise<void>((done) => {
        allow = done;
      });
      player.state = 'running';
    },
    suspend: async () => {},
  };
  vi.stubGlobal('AudioContext', function Player() {
    return player;
  });
  for (const name of ['GainNode', 'OscillatorNode']) {
    vi.stubGlobal(name, function Node() {
      return node;
    });
  }
  startRinging();
  await vi.advanceTimersByTimeAsync(30_000);
  expect(started).toBe(0);
  allow();
  await vi.advanceTimersByTimeAsync(0);
  expect(started).toBe(4);
  await vi.advanceTimersByTimeAsync(3_000);
  expect(started).toBe(8);
  stopRinging();
  await vi.advanceTimersByTimeAsync(10_000);
  expect(started).toBe(8);
});
