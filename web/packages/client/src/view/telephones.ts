/** My telephones. */

import { restProblem } from '../problem.js';
import type { TelephoneRow } from '../rest/api.js';
import { State } from '../util/store.js';
import type { Core } from './core.js';
import { type PeopleModel, telephoneKind } from './people.js';
import type { Telephone, Telephones, TelephonesState } from './types.js';

export class TelephonesModel extends State<TelephonesState> implements Telephones {
  readonly #core: Core;
  readonly #people: PeopleModel;

  constructor(core: Core, people: PeopleModel) {
    super({ list: [], loading: false, saving: false });
    this.#core = core;
    this.#people = people;
    core.onOpen.add(() => void this.load());
    core.onBack.add(() => void this.load());
    core.onClose.add(() => this.put({ list: [], loading: false, saving: false }));
  }

  async load(): Promise<void> {
    const line = this.#core.line;
    if (!line || this.get().loading) return;
    this.set({ loading: true });
    const result = await this.#core.api.telephones();
    if (this.#core.line !== line) return;
    if (result.ok) this.#take(result.data);
    this.set({ loading: false, problem: result.ok ? undefined : restProblem(result.error) });
  }

  async save(list: readonly Telephone[]): Promise<boolean> {
    const line = this.#core.line;
    if (!line) return false;
    this.set({ saving: true });
    const rows = list.map((one) => ({
      ...one,
      label: one.label.trim(),
      number: one.number.trim(),
      whenToUse: one.whenToUse?.trim() ?? '',
    }));
    const result = await this.#core.api.setTelephones(rows);
    if (this.#core.line !== line) return false;
    const numbers = rows.map((row) => row.number);
    this.set({ saving: false, problem: result.ok ? undefined : restProblem(result.error, numbers) });
    // The server writes numbers in its own way.
    if (result.ok) this.#take(result.data);
    return result.ok;
  }

  #take(rows: readonly TelephoneRow[]): void {
    const list = rows.map(
      (row): Telephone => ({
        label: row.label,
        number: row.number,
        kind: telephoneKind(row.kind),
        default: row.default ?? false,
        guard: row.guard ?? false,
        whenToUse: row.whenToUse || undefined,
      }),
    );
    this.set({ list });
    const me = this.#core.me;
    if (me) this.#people.learn({ user: me.user, name: me.name, places: list });
  }
}
