import { expect, it } from 'vitest';
import { splitNames } from './palette.tsx';

it('splits what is typed into names that are complete and the one being typed', () => {
  expect(splitNames('bob, carol; da')).toEqual({ done: ['bob', 'carol'], last: 'da' });
  expect(splitNames('bob,')).toEqual({ done: ['bob'], last: '' });
  expect(splitNames(', ,')).toEqual({ done: [], last: '' });
});
