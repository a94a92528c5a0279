/**
 * Pictures of the conference that I am in with this window, each in a call of its own beside that of my voice: my camera and my screen are offered, what
 * others show is asked for by an INVITE without an offer, again whenever the conference says that pictures came or went.
 */
import type { Followed, Seen } from '../conference/followed.js';
import { isIn, type PictureShown } from '../conference/model.js';
import type { PictureKind, PicturePort, ShowSession, WatchSession } from '../platform.js';
import { problem } from '../problem.js';
import type { CallEnd } from '../sip/call.js';
import { refuse, type Section, videoSections, withSlides } from '../sip/sdp.js';
import { State, same } from '../util/store.js';
import { Alarm } from '../util/timer.js';
import type { Core } from './core.js';
import { type Attempt, KeptCall } from './kept-call.js';
import type { MyCall } from './my-call.js';
import type { OwnPicture, Pictures, PicturesState, Problem, SeenPicture } from './types.js';

/** Nobody looks for a moment while the window draws them at another place. */
const LOOK_ENDS_MS = 1_500;
/** So long a picture that was seen is offered again although it is refused: a video server may be starting anew. */
const PATIENCE_MS = 30_000;
const OFF: OwnPicture = { status: 'off' };

/** One of mine that is shown. */
interface Shown {
  readonly session: ShowSession;
  readonly call: KeptCall;
}

export class MyPictures extends State<PicturesState> implements Pictures {
  readonly #core: Core;
  readonly #myCall: MyCall;
  readonly #port: PicturePort;
  readonly #shown = new Map<PictureKind, Shown>();
  readonly #turns: Record<PictureKind, number> = { camera: 0, screen: 0 };
  readonly #lookEnds: Alarm;
  #lookers = 0;
  #followed: { readonly id: string; readonly of: Followed; readonly forget: () => void } | undefined;
  #watch: KeptCall | undefined;
  #session: WatchSession | undefined;
  #sections: readonly Section[] = [];
  /** The pictures that were there when others were last asked for. */
  #aimed = '';

  constructor(core: Core, myCall: MyCall, port: PicturePort) {
    super({ camera: OFF, screen: OFF, watch: 'off', seen: [] });
    this.#core = core;
    this.#myCall = myCall;
    this.#port = port;
    this.#lookEnds = new Alarm(core.platform);
    myCall.subscribe(() => this.#follow());
    core.onClose.add(() => this.#end());
    core.onOnline.add(() => {
      for (const call of [this.#watch, ...[...this.#shown.values()].map((one) => one.call)]) void call?.online();
    });
    this.#follow();
  }

  showCamera(on: boolean): Promise<boolean> {
    return on ? this.#show('camera') : this.#hide('camera');
  }

  shareScreen(on: boolean): Promise<boolean> {
    return on ? this.#show('screen') : this.#hide('screen');
  }

  look(): () => void {
    this.#lookers++;
    this.#lookEnds.clear();
    this.#aim();
    let looking = true;
    return () => {
      if (looking && --this.#lookers === 0) this.#lookEnds.set(LOOK_ENDS_MS, () => this.#aim());
      looking = false;
    };
  }

  dismiss(): void {
    const { camera, screen } = this.get();
    this.set({ camera: without(camera), screen: without(screen), problem: undefined });
  }

  /** With my own call pictures begin and end. */
  #follow(): void {
    const { conference, status } = this.#myCall.get();
    const here = status === 'up' || status === 'reconnecting' ? conference : undefined;
    if (here === this.#followed?.id) return;
    this.#end();
    const { line } = this.#core;
    if (here === undefined || !line) return;
    const of = line.followed.get(here);
    const release = of.hold();
    const unsubscribe = of.subscribe(() => this.#changed());
    const forget = () => {
      unsubscribe();
      release();
    };
    this.#followed = { id: here, of, forget };
    this.set({ conference: here });
    this.#aim();
  }

  #end(): void {
    const followed = this.#followed;
    this.#followed = undefined;
    followed?.forget();
    for (const kind of ['camera', 'screen'] as const) void this.#hide(kind);
    this.#stopWatching();
    // Whoever looks does so again in the next one.
    this.put({ camera: OFF, screen: OFF, watch: 'off', seen: [] });
  }

  #changed(): void {
    if (this.#followed?.of.over) this.#end();
    else this.#aim();
  }

  // -------------------------------------------------------------------------------------------------------------- my own

  async #show(kind: PictureKind): Promise<boolean> {
    const followed = this.#followed;
    if (!followed) return false;
    if (this.#shown.has(kind) || this.get()[kind].status !== 'off') return true;
    const turn = ++this.#turns[kind];
    this.set({ [kind]: { status: 'asking' } });
    let session: ShowSession;
    try {
      session = await this.#port.open(kind);
    } catch (error) {
      if (turn === this.#turns[kind]) this.set({ [kind]: { status: 'off', problem: problemOfPort(kind, error) } });
      return false;
    }
    if (turn !== this.#turns[kind]) {
      session.close();
      return false;
    }
    let downSince: number | undefined;
    const { platform } = this.#core;
    const attempt = async (): Promise<Attempt> => {
      const offer = await session.offer();
      return { ours: kind === 'screen' ? withSlides(offer) : offer, accept: (answer) => session.accept(answer) };
    };
    const call: KeptCall = new KeptCall({
      core: this.#core,
      conference: followed.id,
      attempt,
      mend: attempt,
      refused: (end, wasUp) => {
        downSince ??= platform.now();
        const passing = end.status >= 500 || end.status === 480 || end.status === 408;
        if (wasUp && passing && platform.now() - downSince < PATIENCE_MS) return 'again';
        this.#off(kind, problemOfEnd(end));
        return 'stop';
      },
      changed: (status) => {
        if (status === 'up') downSince = undefined;
        // One that was stopped has nothing to say any more.
        if (this.#shown.get(kind)?.call === call && status !== 'off') this.set({ [kind]: { status, stream: session.stream } });
      },
    });
    this.#shown.set(kind, { session, call });
    session.onEvent = (event) => {
      if (event === 'up' || event === 'lost') call.heard(event);
      else if (event === 'ended') this.#off(kind, kind === 'camera' ? problem('no-camera') : undefined);
    };
    await call.start();
    return this.get()[kind].status === 'up';
  }

  async #hide(kind: PictureKind): Promise<boolean> {
    this.#off(kind, undefined);
    return true;
  }

  #off(kind: PictureKind, why: Problem | undefined): void {
    this.#turns[kind]++;
    const shown = this.#shown.get(kind);
    this.#shown.delete(kind);
    if (shown) {
      shown.session.onEvent = () => {};
      shown.call.stop();
      shown.session.close();
    }
    this.set({ [kind]: why ? { status: 'off', problem: why } : OFF });
  }

  // ------------------------------------------------------------------------------------------------------- those of others

  /** What others show, as the conference tells. */
  #others(): Map<string, { readonly participant: string; readonly shown: PictureShown }> {
    const me = this.#core.line?.user.toLowerCase();
    const participants: readonly Seen[] = this.#followed?.of.get().participants ?? [];
    const others = participants.filter((one) => one.user?.toLowerCase() !== me && isIn(one.leg?.state));
    return new Map(others.flatMap((one) => one.pictures.map((shown) => [shown.label, { participant: one.id, shown }] as const)));
  }

  /** Asks for what is to be seen now, where that is something else than before. */
  #aim(): void {
    const followed = this.#followed;
    const labels = [...this.#others().keys()].sort().join(' ');
    const before = this.#aimed;
    if (!followed || labels === '' || (this.#lookers === 0 && !this.#lookEnds.armed)) {
      this.#stopWatching();
      const watch = followed && this.#lookers > 0 ? 'nobody' : 'off';
      this.set({ watch, problem: undefined });
    } else if (!this.#watch || (this.#watch.over && labels !== before)) {
      this.#aimed = labels;
      this.#startWatching(followed.id);
    } else if (labels !== before) {
      this.#aimed = labels;
      void this.#watch.renew();
    }
    this.#see();
  }

  #startWatching(conference: string): void {
    const call: KeptCall = new KeptCall({
      core: this.#core,
      conference,
      attempt: async () => this.#answering(this.#port.watch(), call),
      renewal: () => this.#answering(this.#session ?? this.#port.watch(), call),
      refused: (end) => {
        // The call is hung up: what was seen by it stands still.
        if (this.#watch === call) this.#forgetSeen();
        // 480: nobody shows anything after all; what the conference says of it is on its way.
        if (end.status === 480) this.set({ watch: 'nobody', problem: undefined });
        else this.set({ problem: problemOfEnd(end) });
        return end.status === 480 || end.status >= 500 ? 'again' : 'stop';
      },
      changed: (status) => {
        if (this.#watch !== call) return;
        if (status === 'up') this.set({ watch: 'up', problem: undefined });
        // Where nobody was to be seen that stays so until somebody is.
        else if (this.get().watch !== 'nobody') this.set({ watch: status });
      },
    });
    this.#watch = call;
    this.set({ watch: 'connecting' });
    void call.start();
  }

  /** Answers offers with this session, which takes the place of the one before once its answer is there. */
  #answering(session: WatchSession, call: KeptCall): Attempt {
    let [fault, sections]: [unknown, readonly Section[]] = [undefined, []];
    session.onEvent = (event) => {
      if (this.#watch !== call || this.#session !== session) return;
      if (event === 'stalled') void call.renew();
      else if (event !== 'ended') call.heard(event);
    };
    return {
      ours: async (offer) => {
        try {
          const answer = await session.answer(offer);
          sections = videoSections(offer);
          return answer;
        } catch (error) {
          fault = error ?? new Error('no answer');
          return refuse(offer);
        }
      },
      accept: async () => {
        if (fault !== undefined || this.#watch !== call) {
          if (this.#session !== session) session.close();
          throw fault ?? new Error('not wanted any more');
        }
        if (this.#session !== session) this.#session?.close();
        this.#session = session;
        this.#sections = sections;
        this.#see();
      },
    };
  }

  #stopWatching(): void {
    const watch = this.#watch;
    this.#watch = undefined;
    watch?.stop();
    this.#aimed = '';
    this.#forgetSeen();
  }

  #forgetSeen(): void {
    this.#session?.close();
    this.#session = undefined;
    this.#sections = [];
    this.#see();
  }

  /** Whose picture comes in which section, of those who show one. */
  #see(): void {
    const others = this.#others();
    const before = this.get().seen;
    const session = this.#session;
    const seen = this.#sections.flatMap(({ label, mid, slides, sends }): SeenPicture[] => {
      const of = others.get(label);
      if (!of || !sends || !session) return [];
      const next = { label, participant: of.participant, slides: slides || of.shown.slides, stream: session.stream(mid) };
      const was = before.find((one) => one.label === label);
      return [was && same({ ...was, stream: 0 }, { ...next, stream: 0 }) && was.stream === next.stream ? was : next];
    });
    const unchanged = seen.length === before.length && seen.every((one, at) => one === before[at]);
    if (!unchanged) this.set({ seen });
  }
}

function without(own: OwnPicture): OwnPicture {
  return own.problem ? OFF : own;
}

function problemOfPort(kind: PictureKind, error: unknown): Problem {
  const code = (error as { code?: unknown } | undefined)?.code;
  if (code === 'no-camera' || code === 'camera-refused' || code === 'screen-refused') return problem(code);
  return problem(kind === 'camera' ? 'no-camera' : 'screen-refused');
}

/** Why a picture cannot be had; the server's words are for people. */
function problemOfEnd(end: CallEnd): Problem {
  const words = end.reason || undefined;
  return problem(end.status === 403 ? 'not-allowed' : end.status === 404 || end.status === 410 ? 'unknown' : 'no-picture', words);
}
