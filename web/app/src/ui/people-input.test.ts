import { describe, expect, it } from 'vitest';
import { matched, namesSeveral } from './people-input.ts';

describe('what is typed to add people', () => {
  it('is several with commas, semicolons or lines', () => {
    expect(namesSeveral('bob, carol')).toBe(true);
    expect(namesSeveral('To: a@b.example; c@d.example')).toBe(true);
    expect(namesSeveral('bob,')).toBe(false);
    expect(namesSeveral('+1 555 0100')).toBe(false);
  });
  it('is marked in the names that fit', () => {
    expect(matched('Erin Walsh', 'er')).toEqual(['', 'Er', 'in Walsh']);
    expect(matched('Carol', 'x')).toEqual(['Carol', '', '']);
  });
});
