import captureUrl from './capture-worklet.js?url';
import { framer, fromPcm, RATE_HZ, toPcm } from './pcm.ts';

/** What arrives later than this is played at once, so that the delay does not grow. */
const AHEAD_MAX_S = 0.3;
const AHEAD_S = 0.06;
/** More than this is not kept for a connection that does not take it. */
const BUFFERED_MAX_BYTES = 32_000;

export interface PhoneSound {
  /** False: it is heard, but there is no microphone. */
  readonly speaks: boolean;
  close(): void;
}

/** Talks and listens through a simulated telephone. */
export async function openSound(number: string, base = '/phones/api'): Promise<PhoneSound> {
  const player = new AudioContext();
  await player.resume();
  const stream = await navigator.mediaDevices?.getUserMedia({ audio: true }).catch(() => undefined);
  const address = new URL(`${base}/${encodeURIComponent(number)}/audio`, location.href);
  address.protocol = address.protocol === 'https:' ? 'wss:' : 'ws:';
  const socket = new WebSocket(address);
  socket.binaryType = 'arraybuffer';

  let next = 0;
  socket.addEventListener('message', (event: MessageEvent<ArrayBuffer | string>) => {
    if (typeof event.data === 'string') return;
    const samples = fromPcm(event.data);
    if (samples.length === 0) return;
    const buffer = player.createBuffer(1, samples.length, RATE_HZ);
    buffer.copyToChannel(samples, 0);
    const source = new AudioBufferSourceNode(player, { buffer });
    source.connect(player.destination);
    const now = player.currentTime;
    if (next < now || next > now + AHEAD_MAX_S) next = now + AHEAD_S;
    source.start(next);
    next += buffer.duration;
  });

  if (stream) {
    await player.audioWorklet.addModule(captureUrl);
    const capture = new AudioWorkletNode(player, 'convoke-capture', { numberOfOutputs: 0 });
    const feed = framer(player.sampleRate, (frame) => {
      if (socket.readyState === WebSocket.OPEN && socket.bufferedAmount < BUFFERED_MAX_BYTES) socket.send(toPcm(frame));
    });
    capture.port.onmessage = (event: MessageEvent<Float32Array>) => feed(event.data);
    player.createMediaStreamSource(stream).connect(capture);
  }
  return {
    speaks: stream !== undefined,
    close() {
      socket.close();
      for (const track of stream?.getTracks() ?? []) track.stop();
      void player.close();
    },
  };
}
