/** My ways to take part in conferences, in the order in which a video conference tries them. */
import { problem, restProblem } from '../problem.js';
import type { ModeBody, ModeRow } from '../rest/api.js';
import type { RestError } from '../rest/rest.js';
import { State } from '../util/store.js';
import type { Core, Line } from './core.js';
import type { Mode, Modes, ModesState, Problem, WantedMode } from './types.js';

export class ModesModel extends State<ModesState> implements Modes {
  readonly #core: Core;
  /** Somebody looks at them, or did. */
  #asked = false;
  /** As the server has them. */
  #stored: readonly Mode[] = [];
  /** The newest that is wanted, until it is sent: one save is under way at a time, so that none overtakes another. */
  #wanted: readonly Mode[] | undefined;
  #sending: Promise<boolean> | undefined;
  /** Counts what was wanted: an answer that was asked for before it is older. */
  #turn = 0;

  constructor(core: Core) {
    super({ list: [], loading: false, loaded: false, saving: false });
    this.#core = core;
    core.onBack.add(() => {
      if (this.#asked) void this.load();
    });
    core.onClose.add(() => {
      this.#asked = false;
      this.#stored = [];
      this.#wanted = undefined;
      this.#sending = undefined;
      this.put({ list: [], loading: false, loaded: false, saving: false });
    });
  }

  async load(): Promise<void> {
    const line = this.#core.line;
    this.#asked = true;
    // While some are saved the server may still tell what was before them; how that went says it all.
    if (!line || this.get().loading || this.#sending) return;
    this.set({ loading: true });
    const turn = this.#turn;
    const result = await this.#core.api.modes();
    if (this.#core.line !== line) return;
    this.set({ loading: false });
    // What was saved meanwhile says more, and so does how that went.
    if (turn !== this.#turn) return;
    if (result.ok) this.#take(result.data);
    this.set({ problem: result.ok ? undefined : restProblem(result.error) });
  }

  async save(list: readonly WantedMode[]): Promise<boolean> {
    const line = this.#core.line;
    // Whoever does not know what there is would wipe it.
    if (!line || !this.get().loaded) return false;
    const known = new Map(this.get().list.map((one) => [one.id, one]));
    const next = list.map((one): Mode => {
      const id = idOf(one);
      return { origin: 'by-hand', ...known.get(id), id, ...one };
    });
    this.#turn++;
    this.#wanted = next;
    this.set({ list: next, saving: true });
    this.#sending ??= this.#send(line);
    return this.#sending;
  }

  /** Sends what is wanted until nothing newer waits. Returns whether the newest was taken. */
  async #send(line: Line): Promise<boolean> {
    let done = false;
    while (this.#wanted) {
      const body = this.#wanted.map((one) => ({
        mode: one.kind,
        address: one.address?.trim() ?? null,
        video: one.video,
        ...this.#asHeard(one),
      }));
      this.#wanted = undefined;
      const result = await this.#core.api.setModes(body);
      if (this.#core.line !== line) return false;
      done = result.ok;
      // The server writes addresses in its own way.
      if (result.ok) this.#stored = this.#read(result.data);
      if (!this.#wanted) this.set({ saving: false, list: this.#stored, problem: result.ok ? undefined : whyNot(result.error) });
    }
    this.#sending = undefined;
    return done;
  }

  /** Of one that is brought back, what the server had heard of it. */
  #asHeard({ id, origin, seenAt }: Mode): Pick<ModeBody, 'source' | 'lastSeen'> {
    if (origin === 'by-hand' || this.#stored.some((one) => one.id === id)) return {};
    return { source: origin, lastSeen: seenAt === undefined ? null : Math.round(this.#core.serverTime(seenAt)) };
  }

  #take(rows: readonly ModeRow[]): void {
    this.#stored = this.#read(rows);
    this.set({ list: this.#stored, loaded: true });
  }

  #read(rows: readonly ModeRow[]): readonly Mode[] {
    return rows.map((row): Mode => {
      const address = row.address ?? undefined;
      return {
        id: idOf({ kind: row.mode, address }),
        kind: row.mode,
        address,
        place: row.place ?? undefined,
        video: row.video,
        origin: row.source,
        seenAt: typeof row.lastSeen === 'number' ? this.#core.localTime(row.lastSeen) : undefined,
      };
    });
  }
}

/** An address that the server does not take is not a fault of ours. */
function whyNot(error: RestError): Problem {
  const why = restProblem(error);
  return why.code === 'internal' && error.status === 400 ? problem('not-understood', why.detail) : why;
}

function idOf({ kind, address }: Pick<Mode, 'kind' | 'address'>): string {
  return `${kind} ${address ?? ''}`;
}
