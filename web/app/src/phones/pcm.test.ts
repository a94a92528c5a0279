import { describe, expect, it } from 'vitest';
import { FRAME_SAMPLES, framer, fromPcm, toPcm } from './pcm.ts';

describe('the sound of a simulated telephone', () => {
  it('survives the way there and back', () => {
    const samples = Float32Array.from([0, 0.5, -0.5, 1, -1, 2]);
    const back = fromPcm(toPcm(samples));
    for (const [index, sample] of [0, 0.5, -0.5, 1, -1, 1].entries()) expect(back[index]).toBeCloseTo(sample, 3);
    expect(fromPcm(new ArrayBuffer(3))).toHaveLength(1);
  });
  it('is 8 kHz in frames of 20 ms, from any rate', () => {
    for (const rate of [8_000, 44_100, 48_000]) {
      let frames = 0;
      const feed = framer(rate, (frame) => {
        frames += 1;
        expect(frame).toHaveLength(FRAME_SAMPLES);
      });
      for (let sent = 0; sent < rate; sent += 128) feed(new Float32Array(128));
      expect(frames).toBeGreaterThanOrEqual(49);
      expect(frames).toBeLessThanOrEqual(51);
    }
  });
  it('keeps a tone', () => {
    const got: number[] = [];
    const feed = framer(48_000, (frame) => got.push(...frame));
    feed(Float32Array.from({ length: 48_000 }, (_, n) => Math.sin((2 * Math.PI * 400 * n) / 48_000)));
    const crossings = got.filter((sample, n) => n > 0 && (got[n - 1] as number) <= 0 && sample > 0).length;
    expect(crossings).toBeGreaterThanOrEqual(395);
    expect(crossings).toBeLessThanOrEqual(402);
  });
});
