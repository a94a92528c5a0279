import { describe, expect, it } from 'vitest';
import type { ChatSummary, Person } from '../model.ts';
import { CONTACTS_SHOWN, leftRows } from './rows.ts';

function person(id: string, favourite = false): Person {
  return { id, user: id, name: id, initials: 'X', presence: 'available', places: [], favourite, contact: true };
}

const nothing = { live: [], contacts: [], favourites: [], loadingPeople: false, chats: [], loadingChats: false };

describe('the column on the left', () => {
  it('says what to do next where nothing is', () => {
    expect(leftRows(nothing).map((row) => row.key)).toEqual(['h-live', 's-live', 'h-contacts', 's-contacts', 'h-chats', 's-chats']);
  });
  it('says why where it could not be loaded', () => {
    const problem = { code: 'busy-server', what: '', todo: '' } as const;
    const rows = leftRows({ ...nothing, peopleProblem: problem, chatsProblem: problem });
    expect(rows.filter((row) => row.kind === 'say' && row.problem === problem).map((row) => row.key)).toEqual(['s-contacts', 's-chats']);
  });
  it('does not say so while it is loading', () => {
    const rows = leftRows({ ...nothing, loadingPeople: true, loadingChats: true });
    expect(rows.filter((row) => row.kind === 'bones')).toHaveLength(2);
  });
  it('shows the chats once those are there who stand above them', () => {
    const chat = { with: person('bob'), unread: 0 } as unknown as ChatSummary;
    const loading = leftRows({ ...nothing, loadingPeople: true, chats: [chat] });
    expect(loading.filter((row) => row.kind === 'chat')).toEqual([]);
    const there = leftRows({ ...nothing, contacts: [person('bob')], loadingPeople: true, chats: [chat] });
    expect(there.at(-1)).toMatchObject({ kind: 'chat' });
  });
  it('shows a favourite once, and leaves thousands to the address book', () => {
    const contacts = [person('bob', true), ...Array.from({ length: 5_000 }, (_, i) => person(`p${i}`))];
    const rows = leftRows({ ...nothing, contacts, favourites: [contacts[0] as Person] });
    expect(rows.filter((row) => row.kind === 'person')).toHaveLength(1 + CONTACTS_SHOWN);
    expect(rows.find((row) => row.kind === 'all')).toMatchObject({ count: 5_001 });
  });
});
