/** Contacts, the directory, and who is there. */
import { PIDF, readPidf, type Told } from '../im/pidf.js';
import { numberOf } from '../parse.js';
import { problem, restProblem } from '../problem.js';
import type { ContactRow, DirectoryRow, PlaceRow } from '../rest/api.js';
import { Subscription } from '../sip/subscription.js';
import { uriOf } from '../sip/uri.js';
import { Listeners, State, same } from '../util/store.js';
import { Alarm } from '../util/timer.js';
import { account, type Core, initialsOf } from './core.js';
import type { People, PeopleState, Person, Place, PlaceKind } from './types.js';

/** Contacts whose presence is followed without anybody looking; others when they are shown. */
const WATCHED_MAX = 300;
/** Changes of presence that come together are shown together. */
const TOGETHER_MS = 30;
/** Most pages of contacts that are read. */
const PAGES_MAX = 100;
/** Most people that a search gives. */
const FOUND_MAX = 20;
/** People that are remembered without being contacts; the oldest go. */
const KNOWN_MAX = 2_000;

/** The place of one's own clients. */
export const BROWSER: Place = { id: 'browser', label: 'browser', kind: 'browser' };

interface Known {
  user?: string;
  name: string;
  places: readonly PlaceRow[];
  numbers: readonly PlaceRow[];
  favourite: boolean;
  contact: boolean;
  /** The name is what somebody calls themselves. */
  hinted?: boolean;
}

interface Watched {
  readonly subscription: Subscription;
  holders: number;
}

export class PeopleModel extends State<PeopleState> implements People {
  readonly #core: Core;
  readonly #known = new Map<string, Known>();
  readonly #built = new Map<string, Person>();
  readonly #told = new Map<string, Told & { since?: number }>();
  readonly #watched = new Map<string, Watched>();
  /** Of `#known` those who are no contacts, the oldest first. */
  readonly #strangers = new Set<string>();
  readonly #changed = new Set<string>();
  /** Other names than those known here by which somebody was shown, so that each is looked up once. */
  readonly #renamed = new Map<string, string>();
  readonly #together: Alarm;
  #held: (() => void)[] = [];
  #unwatchContacts = () => {};
  /** These people look different now. */
  readonly onChange = new Listeners<[ReadonlySet<string>]>();

  constructor(core: Core) {
    super({ contacts: [], favourites: [], loading: false, loaded: false });
    this.#core = core;
    this.#together = new Alarm(core.platform);
    core.onOpen.add(({ user }) => {
      this.#held.push(this.watch([user]));
      void this.load();
    });
    core.onBack.add(() => void this.#load());
    core.onClose.add(() => this.#clear());
  }

  async load(): Promise<void> {
    if (!this.#core.line || this.get().loading) return;
    this.set({ loading: true });
    await this.#load();
  }

  /** Me, as others see me. */
  get me(): Person | undefined {
    return this.#core.me && this.person(this.#core.me.user);
  }

  person(userOrId: string): Person {
    const id = userOrId.includes('@') ? userOrId.toLowerCase() : userOrId;
    const built = this.#built.get(id) ?? this.#build(id);
    this.#built.set(id, built);
    return built;
  }

  find(text: string): readonly Person[] {
    const wanted = text.trim().toLowerCase();
    const words = wanted.split(/\s+/);
    const fits = (person: Person) => {
      const all = [...person.name.toLowerCase().split(/[\s.,_-]+/), person.user ?? '', ...person.places.map((place) => place.number ?? '')];
      return words.every((word) => all.some((one) => one.startsWith(word)));
    };
    const found = new Map<string, Person>();
    const add = (person: Person) => found.size < FOUND_MAX && found.set(person.id, person);
    const favourites = this.get().favourites.filter(fits);
    for (const person of [...favourites, ...this.get().contacts.filter(fits)]) add(person);
    const number = numberOf(text);
    if (number && !found.has(`number:${number}`)) add(this.number(number));
    return [...found.values()];
  }

  async search(text: string): Promise<readonly Person[]> {
    const found = new Map(this.find(text).map((person) => [person.id, person]));
    if (text.trim()) {
      const result = await this.#core.api.directory(text.trim());
      for (const row of result.ok ? result.data.people : []) {
        const person = this.learn(row);
        if (found.size < FOUND_MAX || found.has(person.id)) found.set(person.id, person);
      }
    }
    return [...found.values()];
  }

  /** Somebody who is only a number; the contact with this number if there is one. */
  number(number: string, name = ''): Person {
    const digits = digitsOf(number);
    for (const contact of this.get().contacts) {
      if (contact.places.some((place) => place.number && digitsOf(place.number) === digits)) return contact;
    }
    const id = `number:${digits}`;
    if (!this.#known.has(id)) this.#know(id, alone(number, name));
    return this.person(id);
  }

  /** Somebody who was called at a number and has no account here, also where a contact with an account has the number too. */
  outside(number: string, name: string): Person {
    const found = this.number(number, name);
    if (!found.user) return found;
    const digits = digitsOf(number);
    const id = `number:${digits}`;
    if (!this.#known.has(id)) this.#know(id, alone(number, name));
    return this.person(id);
  }

  /** What the directory tells of somebody. */
  learn(row: DirectoryRow): Person {
    const id = account(row.user, this.#core.line?.domain ?? '').toLowerCase();
    const known = this.#known.get(id);
    this.#know(id, {
      user: id,
      name: (known?.contact && known.name) || row.name,
      places: row.places,
      numbers: known?.numbers ?? [],
      favourite: known?.favourite ?? false,
      contact: known?.contact ?? false,
    });
    return this.person(id);
  }

  /**
   * A name for somebody of whom nothing better is known. `own`: it is what they call themselves, so it is shown with their account until the
   * directory knows them.
   */
  hint(user: string, name: string, own = false): void {
    const id = user.toLowerCase();
    const known = this.#known.get(id);
    if (!name) return;
    if (known && !known.hinted) {
      if (known.name !== name) void this.#renew(id, name);
      return;
    }
    if (known && own) return;
    this.#know(id, { user: id, name, places: [], numbers: [], favourite: false, contact: false, ...(own ? { hinted: true } : {}) });
    if (own) void this.complete(id);
  }

  /** Somebody is shown by another name than the one known here: they may have changed it since, or I call them otherwise. */
  async #renew(id: string, name: string): Promise<void> {
    const { api, line } = this.#core;
    if (!line || this.#renamed.get(id) === name || this.#renamed.size >= KNOWN_MAX) return;
    this.#renamed.set(id, name);
    if (this.#known.get(id)?.contact) {
      // What I call a contact, or else their own name, is in my list.
      await this.#load();
      return;
    }
    const result = await api.directory(id);
    if (this.#core.line !== line || !result.ok) return;
    const row = result.data.people.find((one) => account(one.user, line.domain).toLowerCase() === id);
    if (row) this.learn(row);
  }

  /** Asks the directory about somebody whose places are not known yet. */
  async complete(user: string): Promise<Person> {
    const id = user.toLowerCase();
    if ((this.#known.get(id)?.places.length ?? 0) === 0) {
      const result = await this.#core.api.directory(id);
      const row = result.ok
        ? result.data.people.find((one) => account(one.user, this.#core.line?.domain ?? '').toLowerCase() === id)
        : undefined;
      if (row) this.learn(row);
    }
    return this.person(id);
  }

  watch(users: readonly string[]): () => void {
    const line = this.#core.line;
    const mine = line ? [...new Set(users.map((user) => user.toLowerCase()))].filter((user) => user.includes('@')) : [];
    for (const user of mine) this.#hold(user);
    return () => {
      if (this.#core.line === line) for (const user of mine) this.#release(user);
      mine.length = 0;
    };
  }

  addContact(who: Person | { readonly number: string; readonly name: string }): Promise<boolean> {
    if ('id' in who) {
      const known = this.#known.get(who.id);
      const numbers = known?.numbers.length ? known.numbers : rowsOf(who.user ? [] : who.places);
      return this.#save(who.id, {
        user: who.user,
        name: who.name,
        places: known?.places ?? [],
        numbers,
        favourite: who.favourite,
        contact: true,
      });
    }
    const number = numberOf(who.number);
    // As it is dialled from anywhere: a number without its country belongs to nobody in particular.
    if (!number?.startsWith('+')) {
      this.set({ problem: problem('not-understood', 'expected a number in international form') });
      return Promise.resolve(false);
    }
    const numbers = [{ label: number, kind: 'other', number }];
    return this.#save(`number:${number}`, { name: who.name.trim() || number, places: [], numbers, favourite: false, contact: true });
  }

  async removeContact(person: Person): Promise<boolean> {
    const known = this.#known.get(person.id);
    if (!known?.contact) return true;
    this.#know(person.id, { ...known, contact: false, favourite: false });
    this.#list();
    const result = await this.#core.api.removeContact(keyOf(person.id));
    if (!result.ok && result.error.status !== 404) {
      this.#know(person.id, known);
      this.#list();
      this.set({ problem: restProblem(result.error) });
      return false;
    }
    this.set({ problem: undefined });
    return true;
  }

  setFavourite(person: Person, on: boolean): Promise<boolean> {
    const known = this.#known.get(person.id);
    if (!known) return Promise.resolve(false);
    // A favourite is a contact.
    return this.#save(person.id, { ...known, favourite: on, contact: known.contact || on });
  }

  /** Shown at once, and taken back if the server refuses. */
  async #save(id: string, next: Known): Promise<boolean> {
    const before = this.#known.get(id);
    this.#know(id, next);
    this.#list();
    const { favourite } = next;
    // An account that was no contact keeps its own name.
    const name = next.user && !before?.contact ? '' : next.name;
    const numbers = next.numbers.flatMap(({ label, kind, number }) => (number ? { label, kind: telephoneKind(kind), number } : []));
    const result = await this.#core.api.setContact(keyOf(id), { name, favourite, numbers });
    if (!result.ok) {
      if (before) this.#know(id, before);
      else {
        this.#known.delete(id);
        this.#strangers.delete(id);
      }
      this.#list();
    } else if (next.user && !before?.contact) {
      this.#held.push(this.watch([next.user]));
    }
    this.set({ problem: result.ok ? undefined : restProblem(result.error) });
    return result.ok;
  }

  /** Reads all contacts; those that are none any more go. */
  async #load(): Promise<void> {
    const line = this.#core.line;
    let after: string | undefined;
    const gone = new Map([...this.#known].filter(([, known]) => known.contact));
    for (let page = 0; page < PAGES_MAX; page++) {
      const result = await this.#core.api.contacts(after);
      if (this.#core.line !== line) return;
      if (!result.ok) {
        this.set({ loading: false, problem: restProblem(result.error) });
        return;
      }
      for (const row of result.data.contacts) gone.delete(this.#contact(row));
      after = result.data.next ?? undefined;
      if (!after) break;
    }
    // What was changed here meanwhile is newer.
    for (const [id, known] of gone) if (this.#known.get(id) === known) this.#know(id, { ...known, contact: false, favourite: false });
    this.#list();
    this.set({ loading: false, loaded: true, problem: undefined });
    const { favourites, contacts } = this.get();
    const users = [...favourites, ...contacts].flatMap((person) => person.user ?? []);
    const unwatch = this.#unwatchContacts;
    this.#unwatchContacts = this.watch(users.slice(0, WATCHED_MAX));
    unwatch();
  }

  #contact(row: ContactRow): string {
    const user = row.user ? account(row.user, this.#core.line?.domain ?? '').toLowerCase() : undefined;
    const id = user ?? `number:${row.key}`;
    const name = row.name || user?.split('@')[0] || row.numbers[0]?.number || '';
    this.#know(id, { user, name, places: row.places, numbers: row.numbers, favourite: row.favourite, contact: true });
    return id;
  }

  #know(id: string, known: Known): void {
    if (known.contact) this.#strangers.delete(id);
    else this.#strangers.add(id);
    if (this.#strangers.size > KNOWN_MAX) {
      const [oldest = ''] = this.#strangers;
      this.#strangers.delete(oldest);
      this.#known.delete(oldest);
    }
    this.#known.set(id, known);
    this.#touch(id);
  }

  /** Sorts the contacts anew. */
  #list(): void {
    const contacts = [...this.#known].filter(([, known]) => known.contact).map(([id]) => this.person(id));
    contacts.sort((a, b) => a.name.localeCompare(b.name) || (a.id < b.id ? -1 : 1));
    this.set({ contacts, favourites: contacts.filter((person) => person.favourite) });
  }

  #build(id: string): Person {
    const known = this.#known.get(id);
    const user = id.includes('@') && !id.startsWith('number:') ? id : known?.user;
    const own = this.#core.me?.user.toLowerCase() === id ? this.#core.me : undefined;
    const name = own?.name ?? known?.name ?? user?.split('@')[0] ?? id.replace('number:', '');
    const told = user ? this.#told.get(user) : undefined;
    return {
      id,
      user,
      name,
      initials: initialsOf(name),
      presence: told?.presence ?? 'offline',
      presenceText: told?.text,
      since: told?.since,
      places: placesOf(known, user !== undefined),
      favourite: known?.favourite ?? false,
      contact: known?.contact ?? false,
      ...(told?.skills ? { skills: told.skills } : {}),
      ...(known?.hinted && !own ? { unconfirmed: true as const } : {}),
      // Whoever has it among the contacts calls it something.
      ...(id === this.#core.line?.service.account.toLowerCase() && !known?.contact ? { service: true as const } : {}),
    };
  }

  #touch(id: string): void {
    const before = this.#built.get(id);
    if (!before) return;
    const next = this.#build(id);
    if (same(before, next)) return;
    this.#built.set(id, next);
    this.#changed.add(id);
    if (!this.#together.armed) this.#together.set(TOGETHER_MS, () => this.#tell());
  }

  #tell(): void {
    const changed = new Set(this.#changed);
    this.#changed.clear();
    const renew = (list: readonly Person[]) =>
      list.some((person) => changed.has(person.id))
        ? list.map((person) => (changed.has(person.id) ? this.person(person.id) : person))
        : list;
    const { contacts, favourites } = this.get();
    this.set({ contacts: renew(contacts), favourites: renew(favourites) });
    this.onChange.tell(changed);
  }

  #hold(user: string): void {
    const { line, platform } = this.#core;
    const known = this.#watched.get(user);
    if (known) {
      known.holders++;
      return;
    }
    if (!line) return;
    const subscription = new Subscription(line.ua, {
      uri: uriOf(user),
      event: 'presence',
      accept: PIDF,
      onNotify: (body, type, first) => {
        const told = type === PIDF ? readPidf(body) : undefined;
        if (!told) return false;
        const before = this.#told.get(user);
        const moved = before?.presence !== told.presence;
        // What was so when we began to look has been so for we do not know how long.
        const since = moved ? (first || !before ? undefined : platform.now()) : before.since;
        this.#told.set(user, { ...told, since });
        this.#touch(user);
        return true;
      },
      onOver: () => {
        this.#told.delete(user);
        this.#touch(user);
      },
    });
    this.#watched.set(user, { subscription, holders: 1 });
    // So that it is built, and its changes are told.
    this.person(user);
    subscription.start();
  }

  #release(user: string): void {
    const watched = this.#watched.get(user);
    if (!watched || --watched.holders > 0) return;
    watched.subscription.stop();
    this.#watched.delete(user);
    this.#told.delete(user);
    this.#touch(user);
  }

  #clear(): void {
    // They end with the connection.
    for (const { subscription } of this.#watched.values()) subscription.stop(true);
    for (const map of [this.#watched, this.#known, this.#strangers, this.#built, this.#told, this.#changed, this.#renamed]) map.clear();
    this.#held = [];
    this.#unwatchContacts = () => {};
    this.#together.clear();
    this.put({ contacts: [], favourites: [], loading: false, loaded: false });
  }
}

/** A number without the marks that people write in it. */
export function digitsOf(number: string): string {
  return number.replace(/[^+0-9]/g, '');
}

/** Nothing is known but the number. */
function alone(number: string, name: string): Known {
  const place = { label: number, kind: 'number', number: digitsOf(number) };
  return { name: name || number, places: [], numbers: [place], favourite: false, contact: false };
}

/** As the REST API names a contact. */
function keyOf(id: string): string {
  return id.replace('number:', '');
}

function rowsOf(places: readonly Place[]): PlaceRow[] {
  return places.flatMap((place) => (place.number ? { label: place.label, kind: 'other', number: place.number } : []));
}

const KINDS: readonly string[] = ['work', 'home', 'mobile', 'other', 'browser', 'number'];

function placesOf(known: Known | undefined, user: boolean): Place[] {
  const places: Place[] = [];
  for (const row of [...(known?.places ?? []), ...(known?.numbers ?? [])]) {
    const kind = (KINDS.includes(row.kind) ? row.kind : 'other') as PlaceKind;
    const own = known?.places.includes(row) ?? false;
    // A place of the profile is called by its label, a number that I know by itself.
    const id = own ? row.label.toLowerCase() : `number:${row.number}`;
    if (kind === 'browser' || places.some((place) => place.id === id)) continue;
    places.push({ id, label: row.label, kind, number: row.number ?? undefined, default: row.default });
  }
  if (user) places.push(BROWSER);
  return places;
}

/** Of the kinds that the server knows. */
export function telephoneKind(kind: string | null | undefined): 'work' | 'home' | 'mobile' | 'other' {
  return kind === 'work' || kind === 'home' || kind === 'mobile' ? kind : 'other';
}
