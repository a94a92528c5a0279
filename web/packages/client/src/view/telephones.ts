/** My telephones. */
import { restProblem } from '../problem.js';
import type { TelephoneRow } from '../rest/api.js';
import type { RestError } from '../rest/rest.js';
import type { Core } from './core.js';
import { MyList } from './my-list.js';
import { type PeopleModel, telephoneKind } from './people.js';
import type { Telephone, Telephones } from './types.js';

export class TelephonesModel extends MyList<Telephone, TelephoneRow> implements Telephones {
  readonly #people: PeopleModel;

  constructor(core: Core, people: PeopleModel) {
    super(core);
    this.#people = people;
    core.onOpen.add(() => void this.load());
    core.onBack.add(() => void this.load());
  }

  protected fetch() {
    return this.core.api.telephones();
  }

  protected store(wanted: readonly Telephone[]) {
    return this.core.api.setTelephones(
      wanted.map((one) => ({
        ...one,
        label: one.label.trim(),
        number: one.number.trim(),
        whenToUse: one.whenToUse?.trim() ?? '',
      })),
    );
  }

  protected itemOf(row: TelephoneRow): Telephone {
    return {
      label: row.label,
      number: row.number,
      kind: telephoneKind(row.kind),
      default: row.default ?? false,
      guard: row.guard ?? false,
      whenToUse: row.whenToUse || undefined,
    };
  }

  protected whyNot(error: RestError, wanted: readonly Telephone[]) {
    return restProblem(
      error,
      wanted.map(({ number }) => number.trim()),
    );
  }

  /** They are my places, too. */
  protected override take(rows: readonly TelephoneRow[]): void {
    super.take(rows);
    const { me } = this.core;
    if (me) this.#people.learn({ user: me.user, name: me.name, places: this.stored });
  }
}
