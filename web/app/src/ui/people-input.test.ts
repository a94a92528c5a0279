import { describe, expect, it } from 'vitest';
import { bob, carol } from '../fixtures/cast.ts';
import { matched, meant, namesSeveral } from './people-input.ts';

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
  it('means who is marked only if they were found for what is typed now', () => {
    const found = { for: 'bo', people: [bob, carol] };
    expect(meant(found, 1, ' bo ')).toBe(carol);
    expect(meant(found, 0, 'bos')).toBe('bos');
    expect(meant(found, 2, 'bo')).toBe('bo');
  });
});
