import { expect, it } from 'vitest';
import type { Telephone } from '../model.ts';
import { putBack, withUsual } from './telephones.tsx';

const tel = (label: string, usual = false): Telephone => ({ label, number: '+15550100', kind: 'work', default: usual, guard: false });

it('keeps exactly one usual telephone', () => {
  expect(withUsual([tel('a'), tel('b', true)], 'b').map((one) => one.default)).toEqual([false, true]);
  expect(withUsual([tel('a'), tel('c')], 'b').map((one) => one.default)).toEqual([true, false]);
  expect(withUsual([], 'b')).toEqual([]);
});

it('puts one back where it stood, beside what was changed since', () => {
  expect(putBack([tel('a'), tel('new', true)], tel('b', true), 1).map((one) => [one.label, one.default])).toEqual([
    ['a', false],
    ['b', false],
    ['new', true],
  ]);
  const list = [tel('b'), tel('a')];
  expect(putBack(list, tel('b'), 1)).toBe(list);
});
