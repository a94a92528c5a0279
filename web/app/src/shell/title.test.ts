import { expect, it } from 'vitest';
import { titleOf } from './title.ts';

it('names the tab after the chat and what is unread, both', () => {
  expect(titleOf(0, '')).toBe('Convoke');
  expect(titleOf(3, '')).toBe('(3) Convoke');
  expect(titleOf(3, 'Bob Keller')).toBe('(3) Bob Keller · Convoke');
});
