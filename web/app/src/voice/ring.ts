const EVERY_MS = 3_000;
const VOLUME = 0.12;

let player: AudioContext | undefined;
let ringing: ReturnType<typeof setInterval> | undefined;

function once(): void {
  // What is put on a player that stands still would all sound at once when it goes on.
  if (player?.state !== 'running') return;
  const volume = new GainNode(player, { gain: 0 });
  volume.connect(player.destination);
  const start = player.currentTime + 0.02;
  for (const [index, pitch] of [659.25, 523.25, 659.25, 523.25].entries()) {
    const tone = new OscillatorNode(player, { type: 'triangle', frequency: pitch });
    tone.connect(volume);
    tone.start(start + index * 0.22);
    tone.stop(start + index * 0.22 + 0.2);
  }
  volume.gain.setTargetAtTime(VOLUME, start, 0.02);
  volume.gain.setTargetAtTime(0, start + 0.86, 0.06);
}

/** Rings until it is stopped. A browser that has not been touched yet stays silent; the sheet is seen all the same. */
export function startRinging(): void {
  if (ringing !== undefined) return;
  player ??= new AudioContext();
  // Allowed at once, or when the person first touches the page.
  void player.resume().then(() => ringing !== undefined && once());
  ringing = setInterval(once, EVERY_MS);
}

export function stopRinging(): void {
  clearInterval(ringing);
  ringing = undefined;
  void player?.suspend();
}
