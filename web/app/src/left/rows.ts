import type { ChatSummary, LiveConference, Person, Problem } from '../model.ts';

/** So many contacts stand in the column; the others are in the address book. */
export const CONTACTS_SHOWN = 12;

/** One line of the column; heights are fixed by kind, so that thousands cost nothing. */
export type LeftRow =
  | { readonly kind: 'head'; readonly key: string; readonly section: 'live' | 'favourites' | 'contacts' | 'chats' }
  | { readonly kind: 'live'; readonly key: string; readonly live: LiveConference }
  | { readonly kind: 'person'; readonly key: string; readonly person: Person; readonly also: boolean }
  | { readonly kind: 'chat'; readonly key: string; readonly chat: ChatSummary }
  | { readonly kind: 'all'; readonly key: string; readonly count: number }
  | { readonly kind: 'say'; readonly key: string; readonly section: 'live' | 'contacts' | 'chats'; readonly problem?: Problem | undefined }
  | { readonly kind: 'bones'; readonly key: string };

interface What {
  readonly live: readonly LiveConference[];
  readonly contacts: readonly Person[];
  readonly favourites: readonly Person[];
  readonly loadingPeople: boolean;
  /** Why they could not be loaded: that nobody is there is not known then. */
  readonly peopleProblem?: Problem | undefined;
  readonly chats: readonly ChatSummary[];
  readonly loadingChats: boolean;
  readonly chatsProblem?: Problem | undefined;
}

/** The column from top to bottom. A favourite is not repeated among the contacts. */
export function leftRows(what: What): LeftRow[] {
  // Those who stand below among the chats too.
  const chats = new Set(what.chats.map((chat) => chat.with.id));
  const line = (prefix: string, person: Person): LeftRow => ({
    kind: 'person',
    key: `${prefix}-${person.id}`,
    person,
    also: chats.has(person.id),
  });
  const rows: LeftRow[] = [{ kind: 'head', key: 'h-live', section: 'live' }];
  for (const live of what.live) rows.push({ kind: 'live', key: `l-${live.id}`, live });
  if (what.live.length === 0) rows.push({ kind: 'say', key: 's-live', section: 'live' });
  if (what.favourites.length > 0) {
    rows.push({ kind: 'head', key: 'h-favourites', section: 'favourites' });
    for (const person of what.favourites) rows.push(line('f', person));
  }
  rows.push({ kind: 'head', key: 'h-contacts', section: 'contacts' });
  const others = what.contacts.filter((person) => !person.favourite);
  for (const person of others.slice(0, CONTACTS_SHOWN)) rows.push(line('p', person));
  if (others.length > CONTACTS_SHOWN) rows.push({ kind: 'all', key: 'all', count: what.contacts.length });
  if (what.contacts.length === 0) {
    const say = { kind: 'say', key: 's-contacts', section: 'contacts', problem: what.peopleProblem } as const;
    rows.push(what.loadingPeople ? { kind: 'bones', key: 'b-people' } : say);
  }
  rows.push({ kind: 'head', key: 'h-chats', section: 'chats' });
  // Not before those above them: they would be pushed away under the pointer.
  if (what.contacts.length === 0 && what.loadingPeople) return [...rows, { kind: 'bones', key: 'b-chats' }];
  for (const chat of what.chats) rows.push({ kind: 'chat', key: `c-${chat.with.id}`, chat });
  if (what.chats.length === 0) {
    const say = { kind: 'say', key: 's-chats', section: 'chats', problem: what.chatsProblem } as const;
    rows.push(what.loadingChats ? { kind: 'bones', key: 'b-chats' } : say);
  }
  return rows;
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
    case 'bones':
      return 96;
  }
}
