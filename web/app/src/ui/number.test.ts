import { expect, it } from 'vitest';
import { isNumber } from './number.ts';

it('takes numbers as people write them, and nothing else', () => {
  for (const good of ['+1 555 0100', '(030) 1234-567', '201', '+44 20/7946.0000']) expect(isNumber(good)).toBe(true);
  for (const bad of ['', '+', 'bob', '1', '+1 555 0100 x', '1234567890123456']) expect(isNumber(bad)).toBe(false);
});
