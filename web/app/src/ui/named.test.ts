import { expect, it } from 'vitest';
import { bob } from '../fixtures/cast.ts';
import { de } from '../i18n/de.ts';
import { en } from '../i18n/en.ts';
import { named } from './named.ts';

it('calls the conference service by the language, and people by their names', () => {
  const service = { ...bob, name: 'Conferences', service: true } as const;
  expect(named(service, de)).toMatchObject({ name: 'Konferenzen', initials: 'K' });
  expect(named(service, en)).toMatchObject({ name: 'Conferences', initials: 'C' });
  expect(named(bob, de)).toBe(bob);
});
