import { describe, expect, it } from 'vitest';
import { fall, loudness } from './level.ts';

describe('the level', () => {
  it('is 0 in silence, 1 at full scale, between for speech', () => {
    expect(loudness(new Float32Array(256))).toBe(0);
    expect(loudness(new Float32Array(256).fill(1))).toBe(1);
    const speech = loudness(new Float32Array(256).fill(0.05));
    expect(speech).toBeGreaterThan(0.4);
    expect(speech).toBeLessThan(0.7);
  });
  it('falls slowly', () => {
    expect(fall(0.5, 0)).toBeCloseTo(0.42);
    expect(fall(0.1, 0.6)).toBe(0.6);
  });
});
