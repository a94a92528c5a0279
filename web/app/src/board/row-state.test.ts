import { describe, expect, it } from 'vitest';
import type { BoardGroups, BoardRow, LegState } from '../model.ts';
import { arrange, chipOf, settle } from './row-state.ts';

function row(key: string, state: LegState = 'joined', more: Partial<BoardRow> = {}): BoardRow {
  return {
    key,
    participant: key,
    person: { id: key, name: key, initials: 'X', presence: 'available', places: [], favourite: false, contact: false },
    role: 'participant',
    place: { id: 'work', label: 'work', kind: 'work' },
    places: [],
    state,
    words: state,
    since: 0,
    muted: false,
    talking: false,
    silent: false,
    hidden: false,
    shows: [],
    actions: new Set(),
    changedAt: 0,
    ...more,
  };
}

const none: BoardGroups = { hands: [], in: [], calling: [], notReached: [], left: [] };

describe('the chip of a row', () => {
  it('says the hand first, then mute, then that nothing is heard', () => {
    expect(chipOf(row('a', 'joined', { hand: { position: 1, since: 0 }, muted: true }))).toBe('hand');
    expect(chipOf(row('a', 'joined', { muted: true, silent: true }))).toBe('muted');
    expect(chipOf(row('a', 'joined', { silent: true }))).toBe('silent');
    expect(chipOf(row('a', 'ringing', { muted: true }))).toBe('ringing');
    expect(chipOf(row('a', 'joined', { pending: 'remove' }))).toBe('removed');
  });
});

describe('rows under the pointer', () => {
  it('stay where they are, with what is new about them', () => {
    const held = arrange({ ...none, calling: [row('bob', 'ringing'), row('carol', 'ringing')] });
    const now = settle(held, { ...none, in: [row('bob', 'joined')], calling: [row('carol', 'ringing')] });
    expect(now.calling.map((one) => [one.key, one.state])).toEqual([
      ['bob', 'joined'],
      ['carol', 'ringing'],
    ]);
    expect(now.in).toEqual([]);
  });
  it('make room at the end for new ones, and go when they are gone', () => {
    const held = arrange({ ...none, in: [row('bob'), row('carol')] });
    const now = settle(held, { ...none, in: [row('dave'), row('carol')] });
    expect(now.in.map((one) => one.key)).toEqual(['carol', 'dave']);
  });
});
