import { expect, it } from 'vitest';
import { de } from '../i18n/de.ts';
import { en } from '../i18n/en.ts';
import { noWayWords } from './no-way.ts';

const words = 'no gateway leads to ISDN';

it('says in the language of the window why somebody has no way in', () => {
  const none = { why: { reason: 'no-gateway', mode: 'isdn' }, words } as const;
  expect(noWayWords(none, en)).toBe('no gateway leads to ISDN (H.320)');
  expect(noWayWords(none, de)).toBe('kein Gateway führt zu ISDN (H.320)');
  const called = { why: { reason: 'not-called' }, words } as const;
  expect(noWayWords(called, de)).toBe('was bekannt ist, darf von hier nicht angerufen werden');
});

it('says it in the words of the server where those are all that is known', () => {
  expect(noWayWords({ words: 'on holiday' }, de)).toBe('on holiday');
});
