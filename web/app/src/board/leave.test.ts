import { expect, it } from 'vitest';
import { board, here, live, row } from '../fixtures/board-data.ts';
import { bob, carol, harbour } from '../fixtures/cast.ts';
import { heirs } from './leave.tsx';
import { endsForOthers } from './leaving.ts';

it('asks an owner who is not alone, and nobody else', () => {
  expect(endsForOthers(live)).toBe(true);
  expect(endsForOthers(board())).toBe(false);
  expect(endsForOthers({ ...live, me: here({ role: 'moderator' }) })).toBe(false);
  expect(endsForOthers({ ...live, state: 'ended' })).toBe(false);
});

it('offers moderators first, and only who can own it', () => {
  const rows = [row(carol, 'joined'), row(harbour, 'joined'), row(bob, 'joined', { role: 'moderator' })];
  expect(heirs(rows).map((one) => one.person.name)).toEqual(['Bob Keller', 'Carol Diaz']);
});
