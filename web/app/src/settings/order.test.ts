import { expect, it } from 'vitest';
import { moved, withChanged } from './order.ts';

it('moves one earlier or later, and not out of the list', () => {
  expect(moved(['a', 'b', 'c'], 2, 1)).toEqual(['a', 'c', 'b']);
  expect(moved(['a', 'b', 'c'], 0, -1)).toEqual(['a', 'b', 'c']);
  expect(moved(['a', 'b', 'c'], 1, 9)).toEqual(['a', 'c', 'b']);
});

it('changes one where it stands, and adds it where it went meanwhile', () => {
  const isB = (one: string) => one === 'b';
  expect(withChanged(['b', 'a'], isB, 'c')).toEqual(['c', 'a']);
  expect(withChanged(['a'], isB, 'c')).toEqual(['a', 'c']);
});
