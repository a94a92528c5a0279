import { describe, expect, it } from 'vitest';
import { board, me, row } from '../fixtures/board-data.ts';
import { bob, carol } from '../fixtures/cast.ts';
import { de } from '../i18n/de.ts';
import { en } from '../i18n/en.ts';
import { createFormat } from '../i18n/format.ts';
import type { BoardState } from '../model.ts';
import { endWords } from './end-words.ts';

const none = { hands: [], in: [], calling: [], notReached: [], left: [] };

/** In both languages, without the space that is none of ours. */
function said(part: Partial<BoardState>): { en: string; de: string } {
  const state = board({ state: 'ended', groups: none, ...part });
  const words = (language: 'en' | 'de', t: typeof en) =>
    endWords(state, language, t, (ms) => createFormat(language).duration(ms)).replaceAll('\u00a0', ' ');
  return { en: words('en', en), de: words('de', de) };
}

describe('the end of a conference', () => {
  it('is told in the words of the server where they are in the language of the window', () => {
    expect(said({ end: { reason: 'by-command', words: 'Alice Martin ended it' } })).toEqual({
      en: 'Alice Martin ended it.',
      de: 'Sie wurde für alle beendet.',
    });
    const lost = { reason: 'error', words: 'the connection to the bridge was lost: closed' } as const;
    expect(said({ end: lost })).toEqual({
      en: 'The connection to the bridge was lost: closed.',
      de: 'Die Verbindung zur Konferenzbrücke ging verloren, damit endete die Konferenz.',
    });
    expect(said({ end: { reason: 'error', words: 'whatever' } }).de).toBe('Sie endete wegen eines Fehlers.');
    expect(said({ end: { words: 'over' } })).toEqual({ en: 'Over.', de: 'Over.' });
    expect(said({ end: { words: '' } })).toEqual({ en: '', de: '' });
  });

  it('tells an owner who left from one who was not reached, and why', () => {
    const left = { reason: 'owner-left', words: 'Alice Martin left' } as const;
    expect(said({ end: left, me: me({ state: 'left', reason: 'hung-up' }) })).toEqual({
      en: 'Alice Martin left.',
      de: 'Die Leitung ging, damit endete sie.',
    });
    // Whose connection was lost had been in.
    const lost = me({ state: 'failed', reason: 'network' });
    expect(said({ end: left, me: lost })).toEqual({ en: 'Alice Martin left.', de: 'Die Leitung ging, damit endete sie.' });
    const busy = { reason: 'owner-left', words: 'Alice Martin was not reached: The line is busy.' } as const;
    expect(said({ end: busy, me: me({ state: 'busy', reason: 'busy' }) })).toEqual({
      en: 'Alice Martin was not reached: The line is busy.',
      de: 'Sie wurden nicht erreicht, damit endete die Konferenz. Grund: Besetzt.',
    });
    const notReached = [row(carol, 'busy', { reason: 'busy' }), row(bob, 'unreachable', { role: 'owner', reason: 'unreachable' })];
    expect(said({ end: busy, me: me({ role: 'participant', state: 'left' }), groups: { ...none, notReached } }).de).toBe(
      'Bob Keller wurde nicht erreicht, damit endete die Konferenz. Grund: Die Nummer ist nicht zu erreichen.',
    );
    const noLine = { reason: 'owner-left', words: 'Alice Martin was not reached: all 4 lines in use' } as const;
    expect(said({ end: noLine, me: me({ state: 'failed', reason: 'no-line' }) }).de).toMatch(/^Sie wurden nicht erreicht, /);
  });

  it('tells silence from a fault', () => {
    expect(said({ end: { reason: 'error', words: 'nobody spoke for 120 min' } })).toEqual({
      en: 'Nobody spoke for 120 min.',
      de: '2 Std. lang sprach niemand, damit endete sie.',
    });
    expect(said({ end: { reason: 'error', words: 'nobody spoke for 20 s' } }).de).toBe('20 Sek. lang sprach niemand, damit endete sie.');
  });

  it('is none for who was removed', () => {
    expect(said({ end: { reason: 'removed', words: 'you were removed' } })).toEqual({
      en: 'You were removed from the conference. It goes on without you.',
      de: 'Sie wurden aus der Konferenz entfernt; sie geht ohne Sie weiter.',
    });
  });

  it('is left open for who was away', () => {
    expect(said({ end: { reason: 'untold', words: 'it ended, or you are no longer in it' } })).toEqual({
      en: 'It ended, or you are no longer in it.',
      de: 'Die Konferenz ist beendet, oder Sie sind nicht mehr dabei.',
    });
  });

  it('is told without words of the server too', () => {
    expect(said({ end: { reason: 'empty', words: '' } }).en).toBe('Everybody had left.');
    expect(said({ end: { reason: 'owner-left', words: '' }, me: me({ state: 'busy', reason: 'busy' }) }).en).toBe(
      'You were not reached, which ended it. Reason: Busy.',
    );
    // Whether they were in before it failed nobody told.
    expect(said({ end: { reason: 'owner-left', words: '' }, me: me({ state: 'failed', reason: 'network' }) }).en).toBe(
      'The owner left, which ended it.',
    );
  });
});
