/** My own mute: here at once, told to the others one command after the other, and lifted here when they lift it. */
import type { Core } from './core.js';
import type { MyCall } from './my-call.js';

/** Commands that are under way for one conference: what is wanted in the end, and when that is settled. */
interface Series {
  wanted: boolean;
  done: Promise<boolean>;
}

export class MyMute {
  readonly #myCall: MyCall;
  /** What each conference says of me. */
  readonly #told = new Map<string, boolean>();
  readonly #series = new Map<string, Series>();
  #conference: string | undefined;

  constructor(core: Core, myCall: MyCall) {
    this.#myCall = myCall;
    myCall.subscribe(() => this.#callChanged());
    core.onClose.add(() => {
      this.#told.clear();
      this.#series.clear();
    });
  }

  /** What I want in a conference, as long as others do not know. */
  wanted(conference: string): boolean | undefined {
    return this.#series.get(conference)?.wanted;
  }

  /** A conference says whether I am muted: what changed there without a word of mine changes here too. */
  follow(conference: string, muted: boolean): void {
    const before = this.#told.get(conference);
    this.#told.set(conference, muted);
    if (before !== muted && !this.#series.has(conference) && this.#isHere(conference)) this.#myCall.mute(muted);
  }

  /** Mutes me or not; `tell` carries the command. True when the conference agrees in the end. */
  set(conference: string, on: boolean, tell: (on: boolean) => Promise<boolean>): Promise<boolean> {
    // Here at once; to the others it is told.
    if (this.#isHere(conference)) this.#myCall.mute(on);
    const running = this.#series.get(conference);
    if (running) {
      running.wanted = on;
      return running.done;
    }
    if (this.#told.get(conference) === on) return Promise.resolve(true);
    const series: Series = { wanted: on, done: Promise.resolve(true) };
    this.#series.set(conference, series);
    series.done = this.#tell(conference, series, tell);
    return series.done;
  }

  async #tell(conference: string, series: Series, tell: (on: boolean) => Promise<boolean>): Promise<boolean> {
    let told = this.#told.get(conference);
    let done = true;
    while (series.wanted !== told) {
      const now = series.wanted;
      done = await tell(now);
      if (done) told = now;
      else if (series.wanted === now) break;
    }
    if (this.#series.get(conference) === series) this.#series.delete(conference);
    // Whoever may not be heard is not heard; a mute that could not be told holds here all the same.
    if (!done && !series.wanted && this.#isHere(conference)) this.#myCall.mute(true);
    return done;
  }

  /** In another conference what held in the one before holds no more. */
  #callChanged(): void {
    const { conference } = this.#myCall.get();
    if (conference === this.#conference) return;
    this.#conference = conference;
    this.#myCall.mute((conference !== undefined && this.#told.get(conference)) || false);
  }

  #isHere(conference: string): boolean {
    return this.#myCall.get().conference === conference;
  }
}
