/** My ways to take part in conferences, in the order in which a video conference tries them. */
import { problem, restProblem } from '../problem.js';
import type { ModeBody, ModeRow } from '../rest/api.js';
import type { RestError } from '../rest/rest.js';
import type { Core } from './core.js';
import { MyList } from './my-list.js';
import type { Mode, Modes, Problem, WantedMode } from './types.js';

export class ModesModel extends MyList<Mode, ModeRow> implements Modes {
  /** Somebody looks at them, or did. */
  #asked = false;

  constructor(core: Core) {
    super(core);
    core.onBack.add(() => {
      if (this.#asked) void this.load();
    });
    core.onClose.add(() => {
      this.#asked = false;
    });
  }

  override load(): Promise<void> {
    this.#asked = true;
    return super.load();
  }

  override save(list: readonly WantedMode[]): Promise<boolean> {
    const known = new Map(this.get().list.map((one) => [one.id, one]));
    return super.save(
      list.map((one): Mode => {
        const id = idOf(one);
        return { origin: 'by-hand', ...known.get(id), id, ...one };
      }),
    );
  }

  protected fetch() {
    return this.core.api.modes();
  }

  protected store(wanted: readonly Mode[]) {
    return this.core.api.setModes(
      wanted.map((one) => ({
        mode: one.kind,
        address: one.address?.trim() ?? null,
        video: one.video,
        ...this.#asHeard(one),
      })),
    );
  }

  protected itemOf(row: ModeRow): Mode {
    const address = row.address ?? undefined;
    return {
      id: idOf({ kind: row.mode, address }),
      kind: row.mode,
      address,
      place: row.place ?? undefined,
      video: row.video,
      origin: row.source,
      seenAt: typeof row.lastSeen === 'number' ? this.core.localTime(row.lastSeen) : undefined,
    };
  }

  /** An address that the server does not take is not a fault of ours. */
  protected whyNot(error: RestError): Problem {
    const why = restProblem(error);
    return why.code === 'internal' && error.status === 400 ? problem('not-understood', why.detail) : why;
  }

  /** Of one that is brought back, what the server had heard of it. */
  #asHeard({ id, origin, seenAt }: Mode): Pick<ModeBody, 'source' | 'lastSeen'> {
    if (origin === 'by-hand' || this.stored.some((one) => one.id === id)) return {};
    return { source: origin, lastSeen: seenAt === undefined ? null : Math.round(this.core.serverTime(seenAt)) };
  }
}

function idOf({ kind, address }: Pick<Mode, 'kind' | 'address'>): string {
  return `${kind} ${address ?? ''}`;
}
