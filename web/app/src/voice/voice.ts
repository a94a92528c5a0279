import type { Problem, ProblemCode, Voice, VoiceState, VoiceStatus } from '../model.ts';
import { memory } from '../shell/window.ts';
import { createStore } from '../store.ts';
import { ofDevice } from './device.ts';
import { fall, loudness } from './level.ts';
import { Peer, type PeerEvent } from './peer.ts';

const LEVEL_EVERY_MS = 50;
/** A microphone that is gone is looked for so often: browsers do not tell of every one that is plugged in. */
const LOOK_AGAIN_MS = 2_000;
const MICROPHONE_KEY = 'convoke.microphone';
const SPEAKER_KEY = 'convoke.speaker';
/** What browsers are asked to do for every voice. */
const TREATED: MediaTrackConstraints = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };

/** The sound of one call, as the client library asks for it (`MediaSession`). */
export interface VoiceSession {
  offer(): Promise<string>;
  accept(answer: string): Promise<void>;
  mute(on: boolean): void;
  close(): void;
  onEvent: (event: PeerEvent | 'device-lost' | 'device-back') => void;
}

/** The browser's sound: for the window a `Voice`, for the client library a `MediaPort`. */
export interface BrowserVoice extends Voice {
  open(): Promise<VoiceSession>;
}

/** What is thrown at the client library when there is no microphone. */
class MicrophoneProblem extends Error {
  constructor(readonly code: ProblemCode) {
    super(code);
  }
}

function problem(code: ProblemCode): Problem {
  // The window translates by the code.
  return { code, what: code, todo: '' };
}

function codeOf(fault: unknown): ProblemCode {
  const name = fault instanceof DOMException ? fault.name : '';
  return name === 'NotAllowedError' || name === 'SecurityError' ? 'microphone-refused' : 'no-microphone';
}

export function createVoice(): BrowserVoice {
  const microphone = memory.get(MICROPHONE_KEY);
  const speaker = memory.get(SPEAKER_KEY);
  const store = createStore<VoiceState>({
    status: 'idle',
    level: 0,
    devices: { microphones: [], speakers: [] },
    chosen: { ...(microphone ? { microphone } : {}), ...(speaker ? { speaker } : {}) },
  });
  const patch = (part: Partial<VoiceState>) => store.set((now) => ({ ...now, ...part }));
  const setProblem = (code: ProblemCode | undefined) =>
    store.set(({ problem: _, ...now }) => (code ? { ...now, problem: problem(code) } : now));

  let stream: MediaStream | undefined;
  let context: AudioContext | undefined;
  let analyser: AnalyserNode | undefined;
  let source: MediaStreamAudioSourceNode | undefined;
  let ticking: ReturnType<typeof setInterval> | undefined;
  let testing = false;
  let muted = false;
  let session: Session | undefined;
  /** Counts tests and calls: a microphone that comes too late for the one that wanted it is given back. */
  let turn = 0;
  /** Calls that wait for the microphone. */
  let opening = 0;
  let looking: ReturnType<typeof setTimeout> | undefined;

  const track = () => stream?.getAudioTracks()[0];
  const applyMute = () => {
    const now = track();
    if (now) now.enabled = testing || !muted;
  };

  function meter(on: boolean): void {
    source?.disconnect();
    source = undefined;
    if (!on || !stream) {
      clearInterval(ticking);
      ticking = undefined;
      if (store.get().level !== 0) patch({ level: 0 });
      return;
    }
    context ??= new AudioContext();
    void context.resume();
    analyser ??= new AnalyserNode(context, { fftSize: 1024, smoothingTimeConstant: 0 });
    source = context.createMediaStreamSource(stream);
    source.connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    ticking ??= setInterval(() => {
      analyser?.getFloatTimeDomainData(samples);
      const level = fall(store.get().level, loudness(samples));
      if (Math.abs(level - store.get().level) > 0.005) patch({ level });
    }, LEVEL_EVERY_MS);
  }

  async function devices(): Promise<void> {
    const all = (await navigator.mediaDevices?.enumerateDevices?.()) ?? [];
    const named = (kind: MediaDeviceKind) =>
      all
        .filter((one) => one.kind === kind && one.deviceId !== '' && one.label !== '' && one.deviceId !== 'communications')
        .map((one) => ({ id: one.deviceId, label: one.label }));
    patch({ devices: { microphones: named('audioinput'), speakers: named('audiooutput') } });
  }

  async function capture(): Promise<MediaStream> {
    if (!navigator.mediaDevices?.getUserMedia) throw new MicrophoneProblem('no-microphone');
    try {
      return await ofDevice(store.get().chosen.microphone, (device) =>
        navigator.mediaDevices.getUserMedia({ audio: { ...TREATED, ...device }, video: false }),
      );
    } catch (fault) {
      throw new MicrophoneProblem(codeOf(fault));
    }
  }

  async function take(): Promise<void> {
    if (track()?.readyState !== 'live') adopt(await capture());
  }

  /** This is the microphone from now on. */
  function adopt(fresh: MediaStream): void {
    for (const old of stream?.getTracks() ?? []) old.stop();
    stream = fresh;
    const own = track();
    own?.addEventListener('ended', () => {
      if (stream !== fresh) return;
      setProblem('device-lost');
      meter(false);
      session?.onEvent('device-lost');
      // Another microphone takes over if there is one.
      void again();
    });
    setProblem(undefined);
    applyMute();
    meter(true);
    void devices();
  }

  async function again(): Promise<void> {
    clearTimeout(looking);
    if (!testing && !session) return;
    try {
      await take();
      await session?.replace();
      session?.onEvent('device-back');
    } catch {
      // The problem is shown meanwhile.
      looking = setTimeout(() => void again(), LOOK_AGAIN_MS);
    }
  }

  function release(): void {
    if (testing || session || opening > 0) return;
    clearTimeout(looking);
    meter(false);
    for (const one of stream?.getTracks() ?? []) one.stop();
    stream = undefined;
    void context?.suspend();
    muted = false;
    patch({ status: 'idle' });
  }

  class Session implements VoiceSession {
    onEvent: VoiceSession['onEvent'] = () => {};
    /** How its sound stands, also while a microphone is asked for. */
    status: VoiceStatus = 'connecting';
    #peer: Peer | undefined;
    /** Offered; it takes over when it has connected. */
    #next: Peer | undefined;
    #answered = false;
    #closed = false;
    #online = () => this.#tell('lost');

    constructor() {
      // The browser's word that the network changed comes seconds before the connection is found broken.
      window.addEventListener('online', this.#online);
      (navigator as { connection?: EventTarget }).connection?.addEventListener('change', this.#online);
    }

    async offer(): Promise<string> {
      this.#next?.close();
      this.#answered = false;
      this.#become(this.#peer ? 'reconnecting' : 'connecting');
      const peer = new Peer(stream as MediaStream, store.get().chosen.speaker, (event) => this.#heard(peer, event));
      this.#next = peer;
      return peer.offer();
    }

    async accept(answer: string): Promise<void> {
      const peer = this.#next;
      if (!peer) throw new Error('an answer without an offer');
      await peer.accept(answer);
      this.#answered = true;
      // There is nothing that could go on until it is connected.
      if (!this.#peer) this.#takeOver();
    }

    /** The next peer carries the sound from now on. */
    #takeOver(): void {
      this.#peer?.close();
      this.#peer = this.#next;
      this.#next = undefined;
    }

    mute(on: boolean): void {
      muted = on;
      applyMute();
    }

    async replace(): Promise<void> {
      await this.#peer?.replace(track() ?? null);
      await this.#next?.replace(track() ?? null);
    }

    sink(id: string): void {
      this.#peer?.sink(id);
      this.#next?.sink(id);
    }

    close(): void {
      if (this.#closed) return;
      this.#closed = true;
      window.removeEventListener('online', this.#online);
      (navigator as { connection?: EventTarget }).connection?.removeEventListener('change', this.#online);
      this.#peer?.close();
      this.#next?.close();
      if (session === this) session = undefined;
      release();
    }

    #become(status: VoiceStatus): void {
      this.status = status;
      patch({ status });
    }

    #heard(peer: Peer, event: PeerEvent): void {
      if (this.#closed || (peer !== this.#peer && peer !== this.#next)) return;
      if (event === 'up') {
        if (peer === this.#next) this.#takeOver();
        this.#become('connected');
      }
      // That of one whose answer is still awaited is for whoever asks; the former one is being replaced already.
      else if (this.#next && (peer !== this.#next || !this.#answered)) return;
      this.#tell(event);
    }

    #tell(event: PeerEvent): void {
      if (this.#closed || (event === 'lost' && !this.#peer)) return;
      if (event === 'lost') this.#become('reconnecting');
      this.onEvent(event);
    }
  }

  navigator.mediaDevices?.addEventListener?.('devicechange', () => {
    void devices();
    if (store.get().problem?.code === 'device-lost') void again();
  });
  void devices();

  return {
    get: store.get,
    subscribe: store.subscribe,
    async open() {
      turn += 1;
      opening += 1;
      patch({ status: 'asking' });
      try {
        await take();
      } catch (fault) {
        opening -= 1;
        const code = fault instanceof MicrophoneProblem ? fault.code : 'no-sound';
        setProblem(code);
        patch({ status: session?.status ?? 'idle' });
        throw Object.assign(new Error(code), { code });
      }
      testing = false;
      session?.close();
      opening -= 1;
      muted = false;
      session = new Session();
      applyMute();
      return session;
    },
    async test() {
      if (session) return true;
      turn += 1;
      const mine = turn;
      patch({ status: 'asking' });
      try {
        await take();
      } catch (fault) {
        if (mine !== turn) return false;
        setProblem(fault instanceof MicrophoneProblem ? fault.code : 'no-sound');
        patch({ status: 'idle' });
        return false;
      }
      if (mine !== turn) {
        // Nobody wants it any more, unless a call or another test took it over.
        release();
        return false;
      }
      testing = true;
      applyMute();
      patch({ status: 'testing' });
      return true;
    },
    stopTest() {
      if (!session) turn += 1;
      testing = false;
      applyMute();
      release();
    },
    async playSample() {
      const sinkId = store.get().chosen.speaker;
      const player = new AudioContext();
      if (sinkId) await (player as { setSinkId?: (id: string) => Promise<void> }).setSinkId?.(sinkId).catch(() => {});
      const volume = new GainNode(player, { gain: 0 });
      volume.connect(player.destination);
      const start = player.currentTime + 0.05;
      for (const [index, pitch] of [523.25, 659.25, 783.99].entries()) {
        const tone = new OscillatorNode(player, { frequency: pitch });
        tone.connect(volume);
        tone.start(start + index * 0.18);
        tone.stop(start + index * 0.18 + 0.2);
      }
      volume.gain.setTargetAtTime(0.2, start, 0.02);
      volume.gain.setTargetAtTime(0, start + 0.5, 0.05);
      await new Promise((done) => setTimeout(done, 900));
      await player.close();
    },
    async choose(kind, id) {
      memory.set(kind === 'microphone' ? MICROPHONE_KEY : SPEAKER_KEY, id);
      store.set((now) => ({ ...now, chosen: { ...now.chosen, [kind]: id } }));
      if (kind === 'speaker') {
        session?.sink(id);
        return true;
      }
      if (!stream) return true;
      try {
        adopt(await capture());
        await session?.replace();
        return true;
      } catch (fault) {
        setProblem(fault instanceof MicrophoneProblem ? fault.code : 'no-sound');
        return false;
      }
    },
  };
}
