/** The sound of a simulated telephone: mono, 8,000 samples a second, 16 bit little-endian, 20 ms a frame. */
export const RATE_HZ = 8_000;
export const FRAME_SAMPLES = 160;

/** Samples between -1 and 1 as bytes. */
export function toPcm(samples: Float32Array): ArrayBuffer {
  const bytes = new ArrayBuffer(samples.length * 2);
  const view = new DataView(bytes);
  samples.forEach((sample, index) => {
    view.setInt16(index * 2, Math.round(Math.max(-1, Math.min(1, sample)) * 32_767), true);
  });
  return bytes;
}

/** Bytes as samples; an odd last byte is left out. */
export function fromPcm(bytes: ArrayBuffer): Float32Array<ArrayBuffer> {
  const view = new DataView(bytes);
  const samples = new Float32Array(Math.floor(bytes.byteLength / 2));
  for (let index = 0; index < samples.length; index += 1) samples[index] = view.getInt16(index * 2, true) / 32_768;
  return samples;
}

/** Brings sound to 8 kHz by the mean of what falls on each sample, and cuts it into frames. */
export function framer(rate: number, give: (frame: Float32Array) => void): (samples: Float32Array) => void {
  const step = rate / RATE_HZ;
  let frame = new Float32Array(FRAME_SAMPLES);
  let filled = 0;
  let sum = 0;
  let count = 0;
  let left = step;
  return (samples) => {
    for (const sample of samples) {
      sum += sample;
      count += 1;
      left -= 1;
      if (left > 0) continue;
      left += step;
      frame[filled] = sum / count;
      sum = 0;
      count = 0;
      filled += 1;
      if (filled < FRAME_SAMPLES) continue;
      give(frame);
      frame = new Float32Array(FRAME_SAMPLES);
      filled = 0;
    }
  };
}
