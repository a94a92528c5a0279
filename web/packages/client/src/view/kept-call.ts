/** A call for pictures that is made anew by itself as long as it is wanted: after a loss of its own connection, or of the one of the signalling. */
import { conferenceUri } from '../im/invitation.js';
import { type CallEnd, type Description, SipCall } from '../sip/call.js';
import { Alarm } from '../util/timer.js';
import type { Core } from './core.js';

/** Before it is tried again; the last is for all further times. */
const PAUSES_MS = [300, 1_000, 2_000, 4_000, 8_000] as const;

const LOST: CallEnd = { by: 'lost', status: 0, reason: '' };

export type KeptStatus = 'off' | 'connecting' | 'up' | 'reconnecting';

/** What is said in one attempt, and what takes what the far end says. */
export interface Attempt {
  readonly ours: Description;
  /** Rejects where it cannot be taken: the call is ended then. */
  accept(theirs: string): Promise<void>;
}

export interface KeptParts {
  readonly core: Core;
  readonly conference: string;
  /** A new call begins. */
  attempt(): Promise<Attempt>;
  /** The same call goes on, with other pictures. */
  renewal?(): Attempt;
  /** The same call goes on over a fresh connection; without it there is a new call. */
  mend?(): Promise<Attempt>;
  /** The far end said no. `wasUp`: it said yes before. */
  refused(end: CallEnd, wasUp: boolean): 'again' | 'stop';
  changed(status: KeptStatus): void;
}

export class KeptCall {
  readonly #parts: KeptParts;
  readonly #again: Alarm;
  #call: SipCall | undefined;
  #status: KeptStatus = 'off';
  #wasUp = false;
  #over = false;
  /** Something is asked of the far end: one thing at a time. */
  #busy = false;
  /** Its connection broke while something was asked. */
  #lost = false;
  /** Other pictures are wanted than were offered last. */
  #stale = false;
  #tries = 0;

  constructor(parts: KeptParts) {
    this.#parts = parts;
    this.#again = new Alarm(parts.core.platform);
  }

  get over(): boolean {
    return this.#over;
  }

  /** Makes the call; resolves when it is up, or is not (yet). */
  start(): Promise<void> {
    return this.#make();
  }

  /** Hangs up, for good. */
  stop(): void {
    if (this.#over) return;
    this.#over = true;
    this.#again.clear();
    const call = this.#call;
    this.#call = undefined;
    call?.hangUp();
    this.#tell('off');
  }

  /** What the peer connection tells. */
  heard(event: 'up' | 'lost'): void {
    if (this.#over) return;
    if (event === 'up') {
      this.#tries = 0;
      // It mended itself before it was made anew.
      if (this.#lost && !this.#busy && this.#call?.up) {
        this.#lost = false;
        this.#again.clear();
        this.#tell('up');
      }
    } else {
      // What took the pictures may have taken the signalling too.
      this.#parts.core.line?.ua.reconnect();
      this.#lost = true;
      if (this.#status === 'up') this.#tell('reconnecting');
      this.#later();
    }
  }

  /** There is another connection for the signalling: where pictures flow it is only asked whether the call is known. */
  async online(): Promise<void> {
    const call = this.#call;
    if (this.#over || this.#busy) return;
    if (this.#status !== 'up' || !call?.reachable) return this.#make();
    this.#busy = true;
    const found = await call.probe();
    this.#busy = false;
    if (this.#over) return;
    if (found === 'gone') await this.#make();
    else if (found === 'lost') this.#again.set(PAUSES_MS[1], () => void this.online());
    else this.#settle();
  }

  /** There is something else to be seen: the far end is asked what (an INVITE within the call, without an offer). */
  async renew(): Promise<void> {
    this.#stale = true;
    const { renewal } = this.#parts;
    const call = this.#call;
    // A new call tells everything anyway.
    if (this.#over || this.#busy || this.#status !== 'up' || !renewal || !this.#parts.core.online) {
      this.#poke();
      return;
    }
    this.#stale = false;
    this.#busy = true;
    const outcome = call?.reachable ? await this.#reinvite(call, async () => renewal()) : 'refused';
    this.#busy = false;
    if (this.#over) return;
    if (outcome === 'up') this.#settle();
    else if (outcome === 'lost') this.#again.set(PAUSES_MS[1], () => void this.renew());
    else if (outcome === 'refused' || !call) await this.#make();
    else this.#refused(outcome);
  }

  /** What waits for its time is tried at once. */
  #poke(): void {
    if (this.#again.armed && this.#status !== 'up') void this.#make();
  }

  async #make(): Promise<void> {
    const { core } = this.#parts;
    // Without a connection it goes on with the next one.
    if (this.#over || this.#busy || !core.online) return;
    this.#again.clear();
    this.#busy = true;
    this.#lost = false;
    this.#stale = false;
    this.#tell(this.#wasUp ? 'reconnecting' : 'connecting');
    const mended = await this.#mend();
    const end = mended === 'up' ? undefined : mended === 'lost' ? LOST : await this.#try();
    this.#busy = false;
    if (this.#over) return;
    if (!end) {
      this.#wasUp = true;
      this.#tell('up');
      this.#settle();
    } else if (end.by === 'refused') this.#refused(end);
    else this.#later();
  }

  /** Offers anew within the call, so that those who watch need not do anything; what cannot be mended is ended. */
  async #mend(): Promise<'up' | 'lost' | 'refused'> {
    const call = this.#call;
    const mended = call?.reachable && this.#parts.mend ? await this.#reinvite(call, this.#parts.mend) : 'refused';
    if (mended === 'up' || mended === 'lost' || this.#over) return mended === 'up' ? 'up' : 'lost';
    this.#call = undefined;
    if (call?.reachable) call.hangUp();
    else call?.abandon();
    return 'refused';
  }

  async #try(): Promise<CallEnd | undefined> {
    const { core, conference } = this.#parts;
    let end: CallEnd = LOST;
    let answered = false;
    try {
      const { ours, accept } = await this.#parts.attempt();
      const { line } = core;
      if (this.#over || !line) return end;
      const call = new SipCall(line.ua, conferenceUri(conference, line.domain));
      this.#call = call;
      call.onEnd = (how) => {
        end = how;
        if (answered && this.#call === call) this.#ended(how);
      };
      const theirs = await call.invite(ours);
      if (theirs === undefined || this.#over) return end;
      await accept(theirs);
      answered = true;
      return call.up ? undefined : end;
    } catch (error) {
      core.platform.report?.(error);
      this.#call?.hangUp();
      return { by: 'refused', status: 488, reason: '' };
    }
  }

  async #reinvite(call: SipCall, attempt: () => Promise<Attempt>): Promise<'up' | 'lost' | 'refused' | CallEnd> {
    try {
      const { ours, accept } = await attempt();
      const answered = await call.reinvite(ours);
      if (answered === 'lost') return 'lost';
      // Nobody shows anything any more; what is not known any more is begun anew.
      if (answered === 'refused') return call.up && call.refusal?.status === 480 ? call.refusal : 'refused';
      await accept(answered.answer);
      return 'up';
    } catch (error) {
      this.#parts.core.platform.report?.(error);
      return 'refused';
    }
  }

  /** The far end hung up: what ended with its video server is begun anew, what we may not do any more is over. */
  #ended(end: CallEnd): void {
    this.#call = undefined;
    if (end.status === 403 || end.status === 410) this.#refused(end);
    else {
      this.#tell('reconnecting');
      this.#later();
    }
  }

  #refused(end: CallEnd): void {
    this.#call?.hangUp();
    this.#call = undefined;
    const next = this.#parts.refused(end, this.#wasUp);
    if (next === 'stop') this.stop();
    else {
      this.#tell(this.#wasUp ? 'reconnecting' : 'connecting');
      this.#later();
    }
  }

  /** What came while something was asked. */
  #settle(): void {
    if (this.#lost) this.#later();
    else if (this.#stale) void this.renew();
  }

  #later(): void {
    if (this.#busy || this.#again.armed) return;
    const pause = PAUSES_MS[Math.min(this.#tries, PAUSES_MS.length - 1)] as number;
    this.#tries++;
    this.#again.set(pause, () => void this.#make());
  }

  #tell(status: KeptStatus): void {
    if (status === this.#status) return;
    this.#status = status;
    this.#parts.changed(status);
  }
}
