/** My own voice in a conference, from this window: one call at a time, mended after every change of the network. */
import { conferenceUri } from '../im/invitation.js';
import type { MediaEvent, MediaSession } from '../platform.js';
import { problem } from '../problem.js';
import { type CallEnd, SipCall } from '../sip/call.js';
import { Listeners, State } from '../util/store.js';
import { Alarm } from '../util/timer.js';
import type { Core } from './core.js';
import type { Problem } from './types.js';

/** Before a change is offered again that was lost although there is a connection. */
const AGAIN_MS = 1_000;
export interface MyCallState {
  readonly status: 'idle' | 'opening' | 'calling' | 'up' | 'reconnecting';
  readonly conference?: string;
  /** The microphone is silenced here. */
  readonly muted: boolean;
  readonly problem?: Problem;
}

export class MyCall extends State<MyCallState> {
  readonly #core: Core;
  #media: MediaSession | undefined;
  #sip: SipCall | undefined;
  /** The call before the one that is being made in its place. */
  #former: SipCall | undefined;
  /** Sound flows, as far as is known. */
  #sounds = false;
  /** Counts calls: what an earlier one still waits for is of no interest. */
  #turn = 0;
  #mending = false;
  /** The other side of our sound is gone, and there is another one that wants an offer. */
  #moved = false;
  readonly #again: Alarm;
  /** It is over, though not by us: the conference, and why. */
  readonly onOver = new Listeners<[string, CallEnd]>();

  constructor(core: Core) {
    super({ status: 'idle', muted: false });
    this.#core = core;
    this.#again = new Alarm(core.platform);
    core.onOnline.add(() => {
      if (this.get().status === 'up' || this.get().status === 'reconnecting') void this.#mend();
    });
    // A call is not hung up by a reload: the window comes back into it, and who does not come back is missed by the bridge.
    core.onClose.add(() => this.#close(!core.closing));
  }

  /** The conference that was open here before the window was reloaded. */
  get remembered(): string | undefined {
    const { line, platform } = this.#core;
    return (line && platform.tab?.get(line.key('call'))) ?? undefined;
  }

  /** Asks for the microphone. What is given is for {@link join}. */
  async open(): Promise<MediaSession | Problem> {
    const port = this.#core.platform.media;
    if (!port) return problem('no-microphone');
    try {
      return await port.open();
    } catch (error) {
      const code = (error as { code?: unknown } | undefined)?.code;
      return problem(code === 'microphone-refused' || code === 'no-microphone' ? code : 'no-sound');
    }
  }

  /** Comes into a conference, out of another one. */
  async join(conference: string, opened?: MediaSession): Promise<Problem | undefined> {
    const { line } = this.#core;
    if (this.get().conference === conference && !opened) return undefined;
    this.leave();
    const turn = ++this.#turn;
    this.set({ status: 'opening', conference, problem: undefined });
    const media = opened ?? (await this.open());
    if (turn !== this.#turn || !line) {
      if ('offer' in media) media.close();
      return problem('wrong-state');
    }
    if (!('offer' in media)) return this.#failed(media);
    this.#media = media;
    media.onEvent = (event) => this.#event(event, turn);
    media.mute(this.get().muted);
    this.set({ status: 'calling' });
    const why = await this.#invite(turn, conference);
    if (turn !== this.#turn) return problem('wrong-state');
    if (why) return this.#failed(why);
    this.set({ status: 'up' });
    this.#core.platform.tab?.set(line.key('call'), conference);
    if (this.#moved) void this.#mend();
    return undefined;
  }

  /** Hangs up. */
  leave(): void {
    this.#close(true);
  }

  /** The focus says that our leg is over: nobody has to be told. */
  ended(): void {
    this.#close(false);
  }

  /** Another bridge mixes our conference: what flows to the former one is heard by nobody. */
  soundMoved(): void {
    this.#moved = true;
    void this.#mend();
  }

  /** Silences the microphone, or lets it be heard again. */
  mute(on: boolean): void {
    this.#media?.mute(on);
    this.set({ muted: on });
  }

  async #invite(turn: number, conference: string): Promise<Problem | undefined> {
    const { line } = this.#core;
    const media = this.#media;
    if (!line || !media) return problem('internal');
    try {
      // Wherever its sound is, this offer goes there.
      this.#moved = false;
      const offer = await media.offer();
      if (turn !== this.#turn) return undefined;
      const call = new SipCall(line.ua, conferenceUri(conference, line.domain));
      this.#sip = call;
      let end: CallEnd | undefined;
      let answered = false;
      call.onEnd = (how) => {
        end = how;
        if (answered && this.#sip === call) this.#over(how);
      };
      const answer = await call.invite(offer);
      if (turn !== this.#turn) return undefined;
      if (answer === undefined) return problemOfEnd(end);
      await media.accept(answer);
      answered = true;
      return call.up ? undefined : problemOfEnd(end);
    } catch (error) {
      this.#core.platform.report?.(error);
      return problem('no-sound');
    }
  }

  #event(event: MediaEvent, turn: number): void {
    if (turn !== this.#turn) return;
    if (event === 'up' || event === 'lost') this.#sounds = event === 'up';
    if (event === 'device-lost') this.set({ problem: problem('device-lost') });
    else if (event === 'device-back') this.set({ problem: undefined });
    else if (event === 'lost') {
      // What took the sound may have taken the signalling too.
      this.#core.line?.ua.reconnect();
      void this.#mend();
    } else if (this.get().status === 'reconnecting' && !this.#mending) this.set({ status: 'up' });
  }

  /**
   * The network changed, or the connection is another one: a fresh offer within the call. Where sound flows all the same it is only made sure that the
   * other side knows the call; where it does not any more, there is a new one.
   */
  async #mend(): Promise<void> {
    const [turn, media, { conference, status }] = [this.#turn, this.#media, this.get()];
    if (this.#mending || !media || conference === undefined || (status !== 'up' && status !== 'reconnecting')) return;
    if (this.#moved) this.#sounds = false;
    const sounded = this.#sounds;
    if (!sounded) this.set({ status: 'reconnecting' });
    // It goes on with the connection.
    if (!this.#core.online) return;
    this.#mending = true;
    this.#moved = false;
    const outcome = sounded ? await this.#probe() : await this.#reoffer(media);
    this.#mending = false;
    if (turn !== this.#turn) return;
    if (this.#moved || (outcome === 'up' && sounded && !this.#sounds)) {
      // Lost, or moved on, while that was asked.
      void this.#mend();
    } else if (outcome === 'up') {
      this.set({ status: 'up' });
    } else if (outcome === 'lost') {
      // An offer may have come there all the same, so it takes another one to be sure.
      if (!sounded) this.#sounds = false;
      this.#again.set(AGAIN_MS, () => void this.#mend());
    } else {
      // Not before there is another: whoever comes in again leaves the former call by that.
      this.#former = this.#sip;
      this.#sip = undefined;
      this.set({ status: 'reconnecting' });
      this.#mending = true;
      const why = await this.#invite(turn, conference);
      this.#mending = false;
      if (turn !== this.#turn) return;
      // What fails for a moment is tried again, and must not hang up meanwhile what may still sound.
      this.#endFormer(why !== undefined && why.code !== 'unreachable');
      if (!why) {
        this.set({ status: 'up' });
        if (this.#moved) void this.#mend();
      } else if (why.code === 'unreachable') this.#again.set(AGAIN_MS, () => void this.#mend());
      else this.#over({ by: 'refused', status: 0, reason: why.code });
    }
  }

  async #probe(): Promise<'up' | 'lost' | 'refused'> {
    const call = this.#sip;
    if (!call?.reachable) return 'refused';
    const found = await call.probe();
    return found === 'there' ? 'up' : found === 'gone' ? 'refused' : 'lost';
  }

  async #reoffer(media: MediaSession): Promise<'up' | 'lost' | 'refused'> {
    const call = this.#sip;
    if (!call?.reachable) return 'refused';
    try {
      const answered = await call.reinvite(await media.offer());
      if (typeof answered === 'string') return answered;
      await media.accept(answered.answer);
      return 'up';
    } catch (error) {
      this.#core.platform.report?.(error);
      return 'refused';
    }
  }

  #over(how: CallEnd): void {
    const { conference } = this.get();
    // What is given up here is hung up there.
    this.#close(how.by !== 'them');
    if (conference !== undefined) this.onOver.tell(conference, how);
  }

  #endFormer(hangUp: boolean): void {
    const former = this.#former;
    this.#former = undefined;
    if (hangUp && former?.reachable) former.hangUp();
    else former?.abandon();
  }

  #failed(why: Problem): Problem {
    this.#close(true);
    this.set({ problem: why });
    return why;
  }

  #close(hangUp: boolean): void {
    this.#turn++;
    const call = this.#sip;
    this.#sip = undefined;
    if (hangUp) call?.hangUp();
    else call?.abandon();
    this.#endFormer(hangUp);
    if (this.#media) {
      this.#media.onEvent = () => {};
      this.#media.close();
    }
    this.#media = undefined;
    this.#sounds = false;
    this.#mending = false;
    this.#moved = false;
    this.#again.clear();
    const { line, platform } = this.#core;
    // A window that is closed or reloaded comes back into its call.
    if (line && this.get().status !== 'idle') platform.tab?.remove(line.key('call'));
    if (this.get().status !== 'idle') this.put({ status: 'idle', muted: false });
  }
}

function problemOfEnd(end: CallEnd | undefined): Problem {
  const detail = end && `SIP ${end.status} ${end.reason}`;
  if (!end || end.by === 'lost' || end.status >= 500 || end.status === 480 || end.status === 408) return problem('unreachable', detail);
  if (end.status === 404 || end.status === 410 || end.status === 481) return problem('unknown', detail);
  if (end.status === 403) return problem('not-allowed', detail);
  if (end.status === 488 || end.status === 415) return problem('no-sound', detail);
  return problem('wrong-state', detail);
}
