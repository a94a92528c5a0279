/** My ways to take part in conferences, in the order in which a video conference tries them. */
import { problem, restProblem } from '../problem.js';
import type { ModeBody, ModeRow } from '../rest/api.js';
import type { RestError } from '../rest/rest.js';
import { Newest } from '../util/newest.js';
import { State } from '../util/store.js';
import type { Core } from './core.js';
import type { Mode, Modes, ModesState, Problem, WantedMode } from './types.js';

export class ModesModel extends State<ModesState> implements Modes {
  readonly #core: Core;
  /** Somebody looks at them, or did. */
  #asked = false;
  /** As the server has them. */
  #stored: readonly Mode[] = [];
  readonly #saves = new Newest<readonly Mode[]>((wanted) => this.#send(wanted));

  constructor(core: Core) {
    super({ list: [], loading: false, loaded: false, saving: false });
    this.#core = core;
    core.onBack.add(() => {
      if (this.#asked) void this.load();
    });
    core.onClose.add(() => {
      this.#asked = false;
      this.#stored = [];
      this.#saves.clear();
      this.put({ list: [], loading: false, loaded: false, saving: false });
    });
  }

  async load(): Promise<void> {
    const line = this.#core.line;
    this.#asked = true;
    // While some are saved the server may still tell what was before them; how that went says it all.
    if (!line || this.get().loading || this.#saves.saving) return;
    this.set({ loading: true });
    const { turn } = this.#saves;
    const result = await this.#core.api.modes();
    if (this.#core.line !== line) return;
    this.set({ loading: false });
    // What was saved meanwhile says more, and so does how that went.
    if (turn !== this.#saves.turn) return;
    if (result.ok) this.#take(result.data);
    this.set({ problem: result.ok ? undefined : restProblem(result.error) });
  }

  async save(list: readonly WantedMode[]): Promise<boolean> {
    // Whoever does not know what there is would wipe it.
    if (!this.#core.line || !this.get().loaded) return false;
    const known = new Map(this.get().list.map((one) => [one.id, one]));
    const next = list.map((one): Mode => {
      const id = idOf(one);
      return { origin: 'by-hand', ...known.get(id), id, ...one };
    });
    this.set({ list: next, saving: true });
    return this.#saves.save(next);
  }

  async #send(wanted: readonly Mode[]): Promise<boolean | undefined> {
    const line = this.#core.line;
    const body = wanted.map((one) => ({
      mode: one.kind,
      address: one.address?.trim() ?? null,
      video: one.video,
      ...this.#asHeard(one),
    }));
    const result = await this.#core.api.setModes(body);
    if (this.#core.line !== line) return undefined;
    // The server writes addresses in its own way.
    if (result.ok) this.#stored = this.#read(result.data);
    if (!this.#saves.waiting) this.set({ saving: false, list: this.#stored, problem: result.ok ? undefined : whyNot(result.error) });
    return result.ok;
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
