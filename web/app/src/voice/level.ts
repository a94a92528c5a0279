/** What is quieter than this is silence on the meter. */
const FLOOR_DB = -60;

/** How loud samples are, 0 to 1, by decibels as ears hear it. */
export function loudness(samples: Float32Array): number {
  let sum = 0;
  for (const sample of samples) sum += sample * sample;
  const rms = Math.sqrt(sum / Math.max(1, samples.length));
  if (rms <= 0) return 0;
  const db = 20 * Math.log10(rms);
  return Math.min(1, Math.max(0, (db - FLOOR_DB) / -FLOOR_DB));
}

/** Rises at once, falls slowly, so that a meter can be read. */
export function fall(before: number, now: number): number {
  return now >= before ? now : Math.max(now, before - 0.08);
}
