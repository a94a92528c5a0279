/** Who is to be called, and where, before anybody is. */

import { problem } from '../problem.js';
import { State } from '../util/store.js';
import type { Core } from './core.js';
import { BROWSER, type PeopleModel } from './people.js';
import { isNamed, placeFrom, usualPlace, withPlace } from './places.js';
import { resolvePeople } from './resolve.js';
import type { TelephonesModel } from './telephones.js';
import type { AddNotice, Composer, ComposerRow, ComposerState, Person, Place, Problem } from './types.js';

/** Most people that the service takes in one command. */
export const PEOPLE_MAX = 500;
/** Changes that can be taken back. */
const UNDO_MAX = 50;

/** A row as it was chosen; what is known of the person changes meanwhile. */
interface Chosen {
  readonly key: string;
  /** Undefined: the usual one, whatever becomes known. */
  readonly place?: Place;
}

/** Why a conference was not started, and the row that this is about, if it is about one. */
export interface NotStarted {
  readonly problem: Problem;
  readonly row?: string;
}

/** Starts the conference; why not, if it did not work. */
export type Start = (composer: ComposerModel, inviteOnly: boolean) => Promise<NotStarted | undefined>;

export class ComposerModel extends State<ComposerState> implements Composer {
  readonly #core: Core;
  readonly #people: PeopleModel;
  readonly #telephones: TelephonesModel;
  readonly #start: Start;
  #rows: readonly Chosen[] = [];
  #myPlace: Place | undefined;
  #past: (readonly Chosen[])[] = [];
  #forget: (() => void)[];
  #unwatch = () => {};
  #adding = 0;
  /** The row that the problem is about. */
  #refused: string | undefined;
  /** Over when everybody who is being added is known. */
  #pending: Promise<unknown> = Promise.resolve();

  constructor(core: Core, people: PeopleModel, telephones: TelephonesModel, start: Start, chat: string | undefined) {
    super({ title: '', me: { place: BROWSER, places: [BROWSER] }, rows: [], canUndo: false, busy: false, adding: false, chat });
    this.#core = core;
    this.#people = people;
    this.#telephones = telephones;
    this.#start = start;
    this.#forget = [people.onChange.add((changed) => this.#peopleChanged(changed)), telephones.subscribe(() => this.#show())];
    this.#show();
  }

  setTitle(title: string): void {
    this.set({ title });
  }

  add(what: string | Person): Promise<AddNotice> {
    return this.#adds(what);
  }

  /** Fills the list: says of all together who could not be taken, and they are taken back together. */
  async addAll(people: readonly (string | Person)[]): Promise<void> {
    const past = this.#past.length;
    let before: AddNotice = { added: [], leftOut: [], unsure: [] };
    for (const one of people) before = await this.#adds(one, before);
    this.#past.splice(past + 1);
  }

  /** `before`: what became of those who were added with this one. */
  #adds(what: string | Person, before?: AddNotice): Promise<AddNotice> {
    const adding = this.#add(what, before);
    this.#pending = Promise.allSettled([this.#pending, adding]);
    return adding;
  }

  async #add(what: string | Person, before: AddNotice | undefined): Promise<AddNotice> {
    const me = this.#core.line?.user ?? '';
    this.set({ adding: ++this.#adding > 0, problem: undefined });
    const resolved: AddNotice =
      typeof what === 'string' ? await resolvePeople(what, this.#people, me) : { added: [what], leftOut: [], unsure: [] };
    const there = new Set(this.#rows.map((row) => row.key));
    const added: Person[] = [];
    const leftOut = [...resolved.leftOut];
    for (const person of resolved.added) {
      if (there.has(person.id)) leftOut.push({ text: person.name, why: 'already' });
      else if (there.size >= PEOPLE_MAX) leftOut.push({ text: person.name, why: 'limit' });
      else if (!isNamed(person)) leftOut.push({ text: person.name, why: 'no-number' });
      else if (person.user?.toLowerCase() !== me.toLowerCase()) {
        there.add(person.id);
        added.push(person);
      }
    }
    const notice: AddNotice = {
      added: [...(before?.added ?? []), ...added],
      leftOut: [...(before?.leftOut ?? []), ...leftOut],
      unsure: [...(before?.unsure ?? []), ...resolved.unsure],
      recognised: resolved.recognised ?? before?.recognised,
    };
    // Of a list that is as it was asked for there is nothing to say.
    const plain = before !== undefined && notice.leftOut.length + notice.unsure.length === 0;
    if (added.length > 0) this.#change([...this.#rows, ...added.map((person) => ({ key: person.id }))]);
    this.set({ notice: plain ? undefined : notice });
    // Until their telephones are known, nobody would be called on them: it still counts as adding.
    await Promise.allSettled(added.map(({ user }) => user && this.#people.complete(user)));
    this.set({ adding: --this.#adding > 0 });
    this.#show();
    return notice;
  }

  remove(key: string): () => void {
    const at = this.#rows.findIndex((row) => row.key === key);
    const row = this.#rows[at];
    if (!row) return () => {};
    this.#change(this.#rows.toSpliced(at, 1));
    return () => {
      if (!this.#rows.some((one) => one.key === key)) this.#change(this.#rows.toSpliced(at, 0, row));
    };
  }

  undo(): void {
    const before = this.#past.pop();
    if (before) this.#rows = before;
    this.set({ notice: undefined, problem: undefined });
    this.#show();
  }

  setPlace(key: string, place: Place | string): void {
    const chosen = placeFrom(place);
    if (!chosen) this.set({ problem: problem('not-understood') });
    else if (this.#rows.some((row) => row.key === key)) {
      this.#change(this.#rows.map((row) => (row.key === key ? { key, place: chosen } : row)));
    }
  }

  setMyPlace(place: Place | string): void {
    const chosen = placeFrom(place);
    if (!chosen) {
      this.set({ problem: problem('not-understood') });
      return;
    }
    this.#myPlace = chosen;
    rememberPlace(this.#core, chosen);
    this.set({ problem: undefined });
    this.#show();
  }

  call(): Promise<boolean> {
    return this.#go(false);
  }

  inviteOnly(): Promise<boolean> {
    return this.#go(true);
  }

  close(): void {
    for (const forget of this.#forget) forget();
    this.#forget = [];
    this.#unwatch();
  }

  async #go(inviteOnly: boolean): Promise<boolean> {
    if (this.get().busy) return false;
    this.set({ busy: true, problem: undefined, notice: undefined });
    await this.#pending;
    if (this.#rows.length === 0) {
      this.set({ busy: false });
      return false;
    }
    const why = await this.#start(this, inviteOnly);
    this.#refused = why?.row;
    this.set({ busy: false, problem: why?.problem });
    // The row that it is about says it too.
    this.#show();
    return why === undefined;
  }

  #change(rows: readonly Chosen[]): void {
    this.#past.push(this.#rows);
    if (this.#past.length > UNDO_MAX) this.#past.shift();
    this.#rows = rows;
    this.set({ notice: undefined, problem: undefined });
    this.#show();
    const unwatch = this.#unwatch;
    this.#unwatch = this.#people.watch(rows.map((row) => row.key));
    unwatch();
  }

  #peopleChanged(changed: ReadonlySet<string>): void {
    if (this.#rows.some((row) => changed.has(row.key))) this.#show();
  }

  #show(): void {
    const { problem } = this.get();
    const known = new Map(this.get().rows.map((row) => [row.key, row]));
    const rows = this.#rows.map(({ key, place: chosen }): ComposerRow => {
      const person = this.#people.person(key);
      const was = known.get(key);
      const place = chosen ?? usualPlace(person);
      const why = problem?.refused && key === this.#refused ? problem : undefined;
      if (was && was.person === person && was.place.id === place.id && was.problem === why) return was;
      const places = withPlace(person.places, place);
      return { key, person, place, places, onlyInvite: person.places.every((one) => one.kind === 'browser'), problem: why };
    });
    const mine = myPlaces(this.#core, this.#telephones);
    const remembered = recallPlace(this.#core, mine);
    const place = this.#myPlace ?? remembered ?? mine[0] ?? BROWSER;
    this.set({ rows, canUndo: this.#past.length > 0, me: { place, places: withPlace(mine, place) } });
  }
}

/** Where I can be called: this browser where it has sound, and my telephones. */
export function myPlaces(core: Core, telephones: TelephonesModel): readonly Place[] {
  const places = telephones.get().list.map(
    ({ label, kind, number, default: usual }): Place => ({
      id: label.toLowerCase(),
      label,
      kind,
      number,
      default: usual,
    }),
  );
  return core.platform.media ? [BROWSER, ...places] : places;
}

/** The place of last time is the first choice. */
export function rememberPlace(core: Core, place: Place): void {
  const { line, platform } = core;
  if (line) platform.memory?.set(line.key('place'), place.id);
}

function recallPlace(core: Core, places: readonly Place[]): Place | undefined {
  const { line, platform } = core;
  const id = line && platform.memory?.get(line.key('place'));
  if (!id) return undefined;
  return places.find((place) => place.id === id) ?? placeFrom(id.replace('number:', ''));
}
