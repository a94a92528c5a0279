import type { PictureEvent, PictureKind, PicturePort, ShowSession, WatchSession } from '@convoke/client';
import type { ProblemCode } from '../model.ts';
import { memory } from '../shell/window.ts';
import { createStore } from '../store.ts';
import { ofDevice } from '../voice/device.ts';
import type { Camera, CameraState } from './camera.ts';
import { CAMERA_KEY, firstState } from './lazy.ts';
import { Link } from './link.ts';

/** A picture is asked for as large as it is seen: what a browser sends at most, and what a tile needs. */
const CAMERA: MediaTrackConstraints = { width: { ideal: 1_280 }, height: { ideal: 720 }, frameRate: { ideal: 25, max: 30 } };
const SCREEN: MediaTrackConstraints = { frameRate: { ideal: 10, max: 15 } };
const CAMERA_MAX_BPS = 1_200_000;
const SCREEN_MAX_BPS = 1_500_000;

/** The browser's pictures: for the window a `Camera`, for the client library a `PicturePort`. */
export interface BrowserPictures extends Camera, PicturePort {}

/** What is thrown at the client library. */
class PictureProblem extends Error {
  constructor(readonly code: ProblemCode) {
    super(code);
  }
}

function codeOf(kind: PictureKind, fault: unknown): ProblemCode {
  if (kind === 'screen') return 'screen-refused';
  const name = fault instanceof DOMException ? fault.name : '';
  return name === 'NotAllowedError' || name === 'SecurityError' ? 'camera-refused' : 'no-camera';
}

function stop(stream: MediaStream | undefined): void {
  for (const track of stream?.getTracks() ?? []) track.stop();
}

export function createPictures(): BrowserPictures {
  const store = createStore<CameraState>(firstState());
  const patch = (part: Partial<CameraState>) => store.set((now) => ({ ...now, ...part }));
  const setProblem = (code: ProblemCode | undefined) =>
    // The window translates by the code.
    store.set(({ problem: _, ...now }) => (code ? { ...now, problem: { code, what: code, todo: '' } } : now));
  /** The camera that is shown now, if it is. */
  let shown: Show | undefined;
  /** Counts tests: a camera that comes too late for the one that wanted it is given back. */
  let turn = 0;

  async function devices(): Promise<void> {
    const all = (await navigator.mediaDevices?.enumerateDevices?.()) ?? [];
    const cameras = all.filter((one) => one.kind === 'videoinput' && one.deviceId !== '' && one.label !== '');
    patch({ devices: cameras.map((one) => ({ id: one.deviceId, label: one.label })) });
  }

  async function capture(kind: PictureKind): Promise<MediaStream> {
    const { mediaDevices } = navigator;
    try {
      if (kind === 'screen') return await mediaDevices.getDisplayMedia({ video: SCREEN, audio: false });
      const stream = await ofDevice(store.get().chosen, (device) =>
        mediaDevices.getUserMedia({ video: { ...CAMERA, ...device }, audio: false }),
      );
      // Names of cameras are told once one was given.
      void devices();
      return stream;
    } catch (fault) {
      throw new PictureProblem(codeOf(kind, fault));
    }
  }

  class Show implements ShowSession {
    onEvent: (event: PictureEvent) => void = () => {};
    readonly kind: PictureKind;
    /** The same object for whoever draws it, whichever camera is in it. */
    readonly stream: MediaStream;
    #link: Link | undefined;
    #closed = false;

    constructor(kind: PictureKind, stream: MediaStream) {
      this.kind = kind;
      this.stream = stream;
      this.#follow();
    }

    get #track(): MediaStreamTrack | undefined {
      return this.stream.getVideoTracks()[0];
    }

    /** A camera that is pulled out, and a screen that is not shared any more by the browser's own button, end their track. */
    #follow(): void {
      const track = this.#track;
      track?.addEventListener('ended', () => !this.#closed && track === this.#track && this.onEvent('ended'));
    }

    async offer(): Promise<string> {
      this.#link?.close();
      const link = new Link((event) => link === this.#link && this.onEvent(event));
      this.#link = link;
      const track = this.#track;
      if (!track) throw new Error('nothing to show');
      // Words and lines on a screen matter more than movement.
      track.contentHint = this.kind === 'screen' ? 'detail' : 'motion';
      return link.offer(track, this.stream, this.kind === 'screen' ? SCREEN_MAX_BPS : CAMERA_MAX_BPS);
    }

    async accept(answer: string): Promise<void> {
      await this.#link?.accept(answer);
    }

    /** Another camera takes the place of the one that is shown. */
    async replace(fresh: MediaStream): Promise<void> {
      const [before, next] = [this.#track, fresh.getVideoTracks()[0]];
      if (!next || this.#closed) return stop(fresh);
      await this.#link?.replace(next);
      if (before) this.stream.removeTrack(before);
      before?.stop();
      this.stream.addTrack(next);
      this.#follow();
    }

    close(): void {
      if (this.#closed) return;
      this.#closed = true;
      this.#link?.close();
      stop(this.stream);
      if (shown === this) shown = undefined;
    }
  }

  class Watch implements WatchSession {
    onEvent: (event: PictureEvent) => void = () => {};
    readonly #link = new Link((event) => this.onEvent(event));
    readonly #streams = new Map<MediaStreamTrack, MediaStream>();

    answer(offer: string): Promise<string> {
      return this.#link.answer(offer);
    }

    stream(mid: string): unknown {
      const track = this.#link.track(mid);
      if (!track) return undefined;
      const known = this.#streams.get(track) ?? new MediaStream([track]);
      this.#streams.set(track, known);
      return known;
    }

    close(): void {
      this.#link.close();
    }
  }

  navigator.mediaDevices?.addEventListener?.('devicechange', () => void devices());
  void devices();

  return {
    get: store.get,
    subscribe: store.subscribe,
    async open(kind) {
      const session = new Show(kind, await capture(kind));
      if (kind === 'camera') {
        shown = session;
        setProblem(undefined);
      }
      return session;
    },
    watch: () => new Watch(),
    async test() {
      turn += 1;
      const mine = turn;
      stop(store.get().preview);
      patch({ status: 'asking' });
      try {
        const preview = await capture('camera');
        if (mine !== turn) {
          stop(preview);
          return false;
        }
        setProblem(undefined);
        patch({ status: 'testing', preview });
        return true;
      } catch (fault) {
        if (mine !== turn) return false;
        setProblem((fault as PictureProblem).code);
        patch({ status: 'idle' });
        return false;
      }
    },
    stopTest() {
      turn += 1;
      stop(store.get().preview);
      store.set(({ preview: _, ...now }) => ({ ...now, status: 'idle' }));
    },
    async choose(id) {
      memory.set(CAMERA_KEY, id);
      patch({ chosen: id });
      try {
        if (shown) await shown.replace(await capture('camera'));
        if (store.get().status === 'testing') await this.test();
        setProblem(undefined);
        return true;
      } catch (fault) {
        setProblem((fault as PictureProblem).code);
        return false;
      }
    },
  };
}
