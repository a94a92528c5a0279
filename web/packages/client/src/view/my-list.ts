/** A list of mine at the server: read, and replaced as a whole. */
import { restProblem } from '../problem.js';
import type { RestError, RestResult } from '../rest/rest.js';
import { Newest } from '../util/newest.js';
import { State } from '../util/store.js';
import type { Core } from './core.js';
import type { Problem } from './types.js';

interface MyListState<Item> {
  readonly list: readonly Item[];
  readonly loading: boolean;
  readonly loaded: boolean;
  readonly saving: boolean;
  readonly problem?: Problem | undefined;
}

const NOTHING = { list: [], loading: false, loaded: false, saving: false } as const;

/** What is saved stands at once, and is as the server has it where that is refused. */
export abstract class MyList<Item, Row> extends State<MyListState<Item>> {
  protected readonly core: Core;
  /** As the server has it. */
  protected stored: readonly Item[] = [];
  readonly #saves = new Newest<readonly Item[]>((wanted) => this.#send(wanted));

  constructor(core: Core) {
    super(NOTHING);
    this.core = core;
    core.onClose.add(() => {
      this.stored = [];
      this.#saves.clear();
      this.put(NOTHING);
    });
  }

  protected abstract fetch(): Promise<RestResult<readonly Row[]>>;
  protected abstract store(wanted: readonly Item[]): Promise<RestResult<readonly Row[]>>;
  protected abstract itemOf(row: Row): Item;
  /** Why the server did not take it. */
  protected abstract whyNot(error: RestError, wanted: readonly Item[]): Problem;

  async load(): Promise<void> {
    const { line } = this.core;
    // While some are saved the server may still tell what was before them; how that went says it all.
    if (!line || this.get().loading || this.#saves.saving) return;
    this.set({ loading: true });
    const { turn } = this.#saves;
    const result = await this.fetch();
    if (this.core.line !== line) return;
    this.set({ loading: false });
    // What was saved meanwhile says more, and so does how that went.
    if (turn !== this.#saves.turn) return;
    if (!result.ok) return this.set({ problem: restProblem(result.error) });
    this.take(result.data);
    this.set({ list: this.stored, loaded: true, problem: undefined });
  }

  async save(list: readonly Item[]): Promise<boolean> {
    // Whoever does not know what there is would wipe it.
    if (!this.core.line || !this.get().loaded) return false;
    this.set({ list, saving: true });
    return this.#saves.save(list);
  }

  /** The server has these, and writes numbers and addresses in its own way. */
  protected take(rows: readonly Row[]): void {
    this.stored = rows.map((row) => this.itemOf(row));
  }

  async #send(wanted: readonly Item[]): Promise<boolean | undefined> {
    const { line } = this.core;
    const result = await this.store(wanted);
    if (this.core.line !== line) return undefined;
    if (result.ok) this.take(result.data);
    if (!this.#saves.waiting) {
      this.set({ saving: false, list: this.stored, problem: result.ok ? undefined : this.whyNot(result.error, wanted) });
    }
    return result.ok;
  }
}
