/** My telephones. */

import { restProblem } from '../problem.js';
import type { TelephoneRow } from '../rest/api.js';
import { Newest } from '../util/newest.js';
import { State } from '../util/store.js';
import type { Core } from './core.js';
import { type PeopleModel, telephoneKind } from './people.js';
import type { Telephone, Telephones, TelephonesState } from './types.js';

export class TelephonesModel extends State<TelephonesState> implements Telephones {
  readonly #core: Core;
  readonly #people: PeopleModel;
  /** As the server has them. */
  #stored: readonly Telephone[] = [];
  readonly #saves = new Newest<readonly Telephone[]>((wanted) => this.#send(wanted));

  constructor(core: Core, people: PeopleModel) {
    super({ list: [], loading: false, loaded: false, saving: false });
    this.#core = core;
    this.#people = people;
    core.onOpen.add(() => void this.load());
    core.onBack.add(() => void this.load());
    core.onClose.add(() => {
      this.#stored = [];
      this.#saves.clear();
      this.put({ list: [], loading: false, loaded: false, saving: false });
    });
  }

  async load(): Promise<void> {
    const line = this.#core.line;
    // While some are saved the server may still tell what was before them; how that went says it all.
    if (!line || this.get().loading || this.#saves.saving) return;
    this.set({ loading: true });
    const { turn } = this.#saves;
    const result = await this.#core.api.telephones();
    if (this.#core.line !== line) return;
    this.set({ loading: false });
    if (turn !== this.#saves.turn) return;
    if (result.ok) this.#take(result.data);
    this.set({ problem: result.ok ? undefined : restProblem(result.error) });
  }

  async save(list: readonly Telephone[]): Promise<boolean> {
    // Whoever does not know what there is would wipe it.
    if (!this.#core.line || !this.get().loaded) return false;
    this.set({ list, saving: true });
    return this.#saves.save(list);
  }

  async #send(wanted: readonly Telephone[]): Promise<boolean | undefined> {
    const line = this.#core.line;
    const rows = wanted.map((one) => ({
      ...one,
      label: one.label.trim(),
      number: one.number.trim(),
      whenToUse: one.whenToUse?.trim() ?? '',
    }));
    const result = await this.#core.api.setTelephones(rows);
    if (this.#core.line !== line) return undefined;
    // The server writes numbers in its own way.
    if (result.ok) this.#stored = read(result.data);
    if (!this.#saves.waiting) {
      const numbers = rows.map((row) => row.number);
      this.#show({ saving: false, problem: result.ok ? undefined : restProblem(result.error, numbers) });
    }
    return result.ok;
  }

  #take(rows: readonly TelephoneRow[]): void {
    this.#stored = read(rows);
    this.#show({ loaded: true });
  }

  /** What the server has, with this. */
  #show(more: Partial<TelephonesState>): void {
    this.set({ ...more, list: this.#stored });
    const me = this.#core.me;
    if (me) this.#people.learn({ user: me.user, name: me.name, places: this.#stored });
  }
}

function read(rows: readonly TelephoneRow[]): readonly Telephone[] {
  return rows.map((row) => ({
    label: row.label,
    number: row.number,
    kind: telephoneKind(row.kind),
    default: row.default ?? false,
    guard: row.guard ?? false,
    whenToUse: row.whenToUse || undefined,
  }));
}
