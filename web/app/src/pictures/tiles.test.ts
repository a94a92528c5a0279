import { describe, expect, it } from 'vitest';
import { board, here, me, row } from '../fixtures/board-data.ts';
import { bob, carol, dave, nina } from '../fixtures/cast.ts';
import type { BoardRow, PicturesState, SeenPicture } from '../model.ts';
import { columnsOf, mainOf, staged, tilesOf } from './tiles.ts';

const none = { hands: [], in: [], calling: [], notReached: [], left: [] };
const pictures = (more: Partial<PicturesState> = {}): PicturesState => ({
  conference: 'c1',
  camera: { status: 'off' },
  screen: { status: 'off' },
  watch: 'up',
  seen: [],
  ...more,
});
const seen = (label: string): SeenPicture => ({ label, participant: label.split('-')[0] ?? '', slides: false, stream: { label } });
const shows = (label: string, slides = false): Pick<BoardRow, 'shows'> => ({ shows: [{ label, slides }] });
const rows = {
  bob: row(bob, 'joined', { participant: 'p2' }),
  carol: row(carol, 'joined', { participant: 'p3', ...shows('p3-1') }),
  dave: row(dave, 'joined', { participant: 'p10', ...shows('p10-2', true) }),
  nina: row(nina, 'joined', { participant: 'p4', shows: [...shows('p4-1').shows, ...shows('p4-2', true).shows] }),
};

describe('the stage', () => {
  it('has screens first, then who is seen, then who is only heard, each as they came', () => {
    const state = board({ groups: { ...none, hands: [rows.dave], in: [rows.nina, rows.bob, rows.carol] } });
    const tiles = tilesOf(state, pictures({ seen: [seen('p3-1'), seen('p4-2'), seen('p9-1')] }));
    expect(tiles.map((one) => one.key)).toEqual(['p4-2', 'p10-2', 'p3-1', 'p4-1', 'p2']);
    expect(tiles.filter((one) => one.stream).map((one) => one.key)).toEqual(['p4-2', 'p3-1']);
    // A hand that goes down moves nobody.
    const down = board({ groups: { ...none, in: [rows.bob, rows.carol, rows.dave, rows.nina] } });
    expect(tilesOf(down, pictures()).map((one) => one.key)).toEqual(tiles.map((one) => one.key));
  });

  it('shows large who is pinned, else a screen, else who talked last, else the first', () => {
    const all = tilesOf(board({ groups: { ...none, in: Object.values(rows) } }), pictures());
    const people = tilesOf(board({ groups: { ...none, in: [rows.bob, rows.carol] } }), pictures());
    expect(mainOf(all, 'p3-1', 'p2')?.key).toBe('p3-1');
    expect(mainOf(all, undefined, 'p2')?.key).toBe('p4-2');
    expect(mainOf(people, undefined, 'p2')?.key).toBe('p2');
    expect(mainOf(people, 'gone', undefined)?.key).toBe('p3-1');
    expect(mainOf([], undefined, undefined)).toBeUndefined();
  });

  it('is there when somebody shows something in the conference that I am in from here', () => {
    const shown = board({ groups: { ...none, in: [rows.carol] } });
    const plain = board({ groups: { ...none, in: [rows.bob] } });
    expect(staged(here(), shown, pictures())).toBe(true);
    expect(staged(here(), plain, pictures())).toBe(false);
    expect(staged(here(), plain, pictures({ camera: { status: 'connecting' } }))).toBe(true);
    expect(staged(me(), shown, pictures())).toBe(false);
    expect(staged(here(), shown, pictures({ conference: 'another' }))).toBe(false);
    expect(staged(here(), { ...shown, state: 'ended' }, pictures())).toBe(false);
  });

  it('has room for all', () => {
    expect([1, 2, 4, 5, 9, 10, 20].map((count) => columnsOf(count, true))).toEqual([1, 2, 2, 3, 3, 4, 5]);
    expect([1, 2, 4, 9, 20].map((count) => columnsOf(count, false))).toEqual([1, 2, 2, 3, 3]);
  });
});
