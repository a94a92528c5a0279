/** Finds the people whom a text names. */
import { parsePeople } from '../parse.js';
import type { AddNotice, Person } from './types.js';

/** Whom an entry may mean. */
export interface Finder {
  search(text: string): Promise<readonly Person[]>;
  number(number: string, name?: string): Person;
}

/** What became of a text, before it is known who is there already. */
export type Resolved = AddNotice;

/** Finds the people whom a text names. `me` is left out silently: whoever pastes a `To:` line is often on it. */
export async function resolvePeople(text: string, finder: Finder, me: string): Promise<Resolved> {
  const { entries, recognised } = parsePeople(text);
  const added = new Map<string, Person>();
  const leftOut: { text: string; why: 'unknown' }[] = [];
  const unsure: { text: string; people: readonly Person[] }[] = [];
  for (const entry of entries) {
    if (entry.number) {
      const person = finder.number(entry.number, entry.name);
      added.set(person.id, person);
      continue;
    }
    if (entry.address === me.toLowerCase()) continue;
    const wanted = entry.address ?? entry.name ?? entry.text;
    const found = await finder.search(wanted);
    const exact = found.filter((person) =>
      entry.address
        ? person.user?.toLowerCase() === entry.address
        : person.name.toLowerCase() === wanted.toLowerCase() || person.user?.split('@')[0] === wanted.toLowerCase(),
    );
    const fits = exact.length > 0 ? exact : entry.address ? [] : found;
    const [one] = fits;
    if (fits.length === 1 && one) added.set(one.id, one);
    else if (fits.length > 1) unsure.push({ text: entry.text, people: fits });
    else leftOut.push({ text: entry.text, why: 'unknown' });
  }
  const people = [...added.values()].filter((person) => person.user?.toLowerCase() !== me.toLowerCase());
  return { added: people, leftOut, unsure, recognised };
}
