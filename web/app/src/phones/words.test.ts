import { expect, it } from 'vitest';
import { de } from '../i18n/de.ts';
import { en } from '../i18n/en.ts';
import { doings } from './model.ts';

it('says of a telephone what it will do', () => {
  for (const { phones } of [en, de]) {
    const said = doings.map((does) => phones.readySay[does]);
    expect(new Set(said).size).toBe(doings.length);
  }
  expect(en.phones.event.answered).toBe('answered');
});
