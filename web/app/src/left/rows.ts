import type { ChatSummary, ChatsState, LiveConference, PeopleState, Person, Problem } from '../model.ts';

/** So many contacts stand in the column; the others are in the address book. */
export const CONTACTS_SHOWN = 12;

/** One line of the column; heights are fixed by kind, so that thousands cost nothing. */
export type LeftRow =
  | { readonly kind: 'head'; readonly key: string; readonly section: 'live' | 'favourites' | 'contacts' | 'chats' }
  | { readonly kind: 'live'; readonly key: string; readonly live: LiveConference }
  | { readonly kind: 'person'; readonly key: string; readonly person: Person; readonly also: boolean }
  | { readonly kind: 'chat'; readonly key: string; readonly chat: ChatSummary }
  | { readonly kind: 'all'; readonly key: string; readonly count: number }
  | { readonly kind: 'say'; readonly key: string; readonly section: 'live' | 'contacts' | 'chats' }
  | { readonly kind: 'not-loaded'; readonly key: string; readonly section: 'contacts' | 'chats'; readonly problem: Problem }
  | { readonly kind: 'bones'; readonly key: string };

interface What {
  readonly live: readonly LiveConference[];
  readonly people: PeopleState;
  readonly chats: ChatsState;
}

/** The column from top to bottom. A favourite is not repeated among the contacts. */
export function leftRows({ live, people, chats }: What): LeftRow[] {
  const { contacts, favourites } = people;
  // Those who stand below among the chats too.
  const below = new Set(chats.list.map((chat) => chat.with.id));
  const line = (prefix: string, person: Person): LeftRow => ({
    kind: 'person',
    key: `${prefix}-${person.id}`,
    person,
    also: below.has(person.id),
  });
  const rows: LeftRow[] = [{ kind: 'head', key: 'h-live', section: 'live' }];
  for (const one of live) rows.push({ kind: 'live', key: `l-${one.id}`, live: one });
  if (live.length === 0) rows.push({ kind: 'say', key: 's-live', section: 'live' });
  if (favourites.length > 0) {
    rows.push({ kind: 'head', key: 'h-favourites', section: 'favourites' });
    for (const person of favourites) rows.push(line('f', person));
  }
  rows.push({ kind: 'head', key: 'h-contacts', section: 'contacts' });
  const others = contacts.filter((person) => !person.favourite);
  for (const person of others.slice(0, CONTACTS_SHOWN)) rows.push(line('p', person));
  if (others.length > CONTACTS_SHOWN) rows.push({ kind: 'all', key: 'all', count: contacts.length });
  if (contacts.length === 0) {
    // Of lists that are known it says why a change was refused.
    const problem = people.loaded ? undefined : people.problem;
    rows.push(people.loading ? { kind: 'bones', key: 'b-people' } : said('contacts', problem));
  }
  rows.push({ kind: 'head', key: 'h-chats', section: 'chats' });
  // Not before those above them: they would be pushed away under the pointer.
  if (contacts.length === 0 && people.loading) return [...rows, { kind: 'bones', key: 'b-chats' }];
  for (const chat of chats.list) rows.push({ kind: 'chat', key: `c-${chat.with.id}`, chat });
  if (chats.list.length === 0) {
    rows.push(chats.loading ? { kind: 'bones', key: 'b-chats' } : said('chats', chats.problem));
  }
  return rows;
}

/** Instead of a list that is empty or not known. */
function said(section: 'contacts' | 'chats', problem: Problem | undefined): LeftRow {
  const key = `s-${section}`;
  return problem ? { kind: 'not-loaded', key, section, problem } : { kind: 'say', key, section };
}

/** Heights in pixels, as in `left.css`. */
export function rowHeight(row: LeftRow, touch: boolean): number {
  switch (row.kind) {
    case 'head':
      return row.section === 'live' ? 32 : 40;
    case 'live':
      return touch ? 88 : 80;
    case 'person':
    case 'all':
      return touch ? 44 : 32;
    case 'chat':
      return touch ? 52 : 44;
    case 'say':
      return row.section === 'live' ? 32 : 44;
    case 'not-loaded':
      return touch ? 92 : 76;
    case 'bones':
      return 96;
  }
}
