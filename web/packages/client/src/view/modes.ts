/** My ways to take part in conferences, in the order in which a video conference tries them. */
import { problem, restProblem } from '../problem.js';
import type { ModeRow } from '../rest/api.js';
import type { RestError } from '../rest/rest.js';
import { State } from '../util/store.js';
import type { Core } from './core.js';
import type { Mode, Modes, ModesState, Problem, WantedMode } from './types.js';

export class ModesModel extends State<ModesState> implements Modes {
  readonly #core: Core;

  constructor(core: Core) {
    super({ list: [], loading: false, saving: false });
    this.#core = core;
    core.onClose.add(() => this.put({ list: [], loading: false, saving: false }));
  }

  async load(): Promise<void> {
    const line = this.#core.line;
    if (!line || this.get().loading) return;
    this.set({ loading: true });
    const result = await this.#core.api.modes();
    if (this.#core.line !== line) return;
    if (result.ok) this.#take(result.data);
    this.set({ loading: false, problem: result.ok ? undefined : restProblem(result.error) });
  }

  async save(list: readonly WantedMode[]): Promise<boolean> {
    const line = this.#core.line;
    if (!line) return false;
    const before = this.get().list;
    const known = new Map(before.map((one) => [one.id, one]));
    const next = list.map((one): Mode => {
      const id = idOf(one);
      return { origin: 'by-hand', ...known.get(id), id, ...one };
    });
    this.set({ list: next, saving: true });
    const body = next.map(({ kind, address, video }) => ({ mode: kind, address: address?.trim() ?? null, video }));
    const result = await this.#core.api.setModes(body);
    if (this.#core.line !== line) return false;
    this.set({ saving: false, list: result.ok ? next : before, problem: result.ok ? undefined : whyNot(result.error) });
    // The server writes addresses in its own way.
    if (result.ok) this.#take(result.data);
    return result.ok;
  }

  #take(rows: readonly ModeRow[]): void {
    const list = rows.map((row): Mode => {
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
    this.set({ list });
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
