/** What conferences look like from outside: their own presence (RFC 3856), which whoever knows the address may follow. */
import { conferenceUri } from '../im/invitation.js';
import { type Face, PIDF, readFace } from '../im/pidf.js';
import { Subscription } from '../sip/subscription.js';
import { Listeners } from '../util/store.js';
import type { Core } from './core.js';

interface Watched {
  readonly subscription: Subscription;
  /** `over`: it was there, and is not any more. */
  face?: Face | 'over';
  /** What was told first, or that nothing will be. */
  readonly first: Promise<Whether>;
  readonly tellFirst: (whether: Whether) => void;
  /** Nothing more is told of it. */
  ended?: true;
}

/** Whether a conference is there; undefined where nobody tells. */
export type Whether = 'running' | 'over' | undefined;

export class Faces {
  readonly #core: Core;
  readonly #watched = new Map<string, Watched>();
  /** This one looks different now. */
  readonly onChange = new Listeners<[string]>();

  constructor(core: Core) {
    this.#core = core;
    core.onClose.add(() => {
      // They end with the connection.
      for (const { subscription, tellFirst } of this.#watched.values()) {
        subscription.stop(true);
        tellFirst(undefined);
      }
      this.#watched.clear();
    });
  }

  /** Follows these, and no others. */
  want(ids: ReadonlySet<string>): void {
    for (const [id, { subscription, tellFirst }] of this.#watched) {
      if (ids.has(id)) continue;
      subscription.stop();
      tellFirst(undefined);
      this.#watched.delete(id);
    }
    for (const id of ids) if (!this.#watched.has(id)) this.#watch(id);
  }

  /** One whose telling has ended is asked about anew when it is wanted next. */
  forget(id: string): void {
    if (this.#watched.get(id)?.ended) this.#watched.delete(id);
  }

  /** Whether one that is followed is there, once that is told. */
  async whether(id: string): Promise<Whether> {
    const watched = this.#watched.get(id);
    if (!watched?.face) return watched?.first;
    return watched.face === 'over' ? 'over' : 'running';
  }

  /** What it looks like; undefined where nobody has told it yet, or no more. */
  get(id: string): Face | undefined {
    const face = this.#watched.get(id)?.face;
    return face === 'over' ? undefined : face;
  }

  /** It was shown, and is over: also where nobody else could tell, as after a crash. */
  isOver(id: string): boolean {
    return this.#watched.get(id)?.face === 'over';
  }

  #watch(id: string): void {
    const { line } = this.#core;
    if (!line) return;
    let tellFirst: Watched['tellFirst'] = () => {};
    const first = new Promise<Whether>((done) => {
      tellFirst = done;
    });
    const subscription = new Subscription(line.ua, {
      uri: conferenceUri(id, line.domain),
      event: 'presence',
      accept: PIDF,
      onNotify: (body, type) => {
        const told = type === PIDF ? readFace(body) : undefined;
        // Of one that never was, or is over, the server says the same; before the first word of a new one too.
        if (told !== undefined && (told !== 'over' || watched.face !== undefined)) this.#told(id, watched, told);
        if (told !== undefined) tellFirst(told === 'over' ? 'over' : 'running');
        return type === PIDF;
      },
      onOver: (status, reason) => {
        watched.ended = true;
        tellFirst(status === 404 || reason === 'noresource' ? 'over' : undefined);
        if (watched.face) this.#told(id, watched, 'over');
        // There was none yet: it is asked for again when somebody next wants it.
        else if (this.#watched.get(id) === watched) this.#watched.delete(id);
      },
    });
    const watched: Watched = { subscription, first, tellFirst };
    this.#watched.set(id, watched);
    subscription.start();
  }

  #told(id: string, watched: Watched, face: Face | 'over'): void {
    watched.face = face;
    this.onChange.tell(id);
  }
}
