import { describe, expect, it } from 'vitest';
import type { ChatSummary, ChatsState, PeopleState, Person } from '../model.ts';
import { CONTACTS_SHOWN, type LeftRow, leftRows } from './rows.ts';

function person(id: string, favourite = false): Person {
  return { id, user: id, name: id, initials: 'X', presence: 'available', places: [], favourite, contact: true };
}

const noPeople: PeopleState = { contacts: [], favourites: [], loading: false, loaded: true };
const noChats: ChatsState = { list: [], unread: 0, loading: false };
const nothing = { live: [], people: noPeople, chats: noChats };
const problem = { code: 'busy-server', what: '', todo: '' } as const;

const whyOf = (rows: readonly LeftRow[]) => rows.flatMap((row) => (row.kind === 'not-loaded' && row.problem === problem ? row.key : []));

describe('the column on the left', () => {
  it('says what to do next where nothing is', () => {
    expect(leftRows(nothing).map((row) => row.key)).toEqual(['h-live', 's-live', 'h-contacts', 's-contacts', 'h-chats', 's-chats']);
  });
  it('says why where it could not be loaded', () => {
    const rows = leftRows({ live: [], people: { ...noPeople, loaded: false, problem }, chats: { ...noChats, problem } });
    expect(whyOf(rows)).toEqual(['s-contacts', 's-chats']);
  });
  it('says what to do next where nothing is, also after a change was refused', () => {
    expect(whyOf(leftRows({ ...nothing, people: { ...noPeople, problem } }))).toEqual([]);
  });
  it('does not say so while it is loading', () => {
    const rows = leftRows({ live: [], people: { ...noPeople, loading: true }, chats: { ...noChats, loading: true } });
    expect(rows.filter((row) => row.kind === 'bones')).toHaveLength(2);
  });
  it('shows the chats once those are there who stand above them', () => {
    const chats = { ...noChats, list: [{ with: person('bob'), unread: 0 } as unknown as ChatSummary] };
    const loading = leftRows({ ...nothing, people: { ...noPeople, loading: true }, chats });
    expect(loading.filter((row) => row.kind === 'chat')).toEqual([]);
    const there = leftRows({ ...nothing, people: { ...noPeople, contacts: [person('bob')], loading: true }, chats });
    expect(there.at(-1)).toMatchObject({ kind: 'chat' });
  });
  it('shows a favourite once, and leaves thousands to the address book', () => {
    const contacts = [person('bob', true), ...Array.from({ length: 5_000 }, (_, i) => person(`p${i}`))];
    const rows = leftRows({ ...nothing, people: { ...noPeople, contacts, favourites: [contacts[0] as Person] } });
    expect(rows.filter((row) => row.kind === 'person')).toHaveLength(1 + CONTACTS_SHOWN);
    expect(rows.find((row) => row.kind === 'all')).toMatchObject({ count: 5_001 });
  });
});
