import type { BoardMe, BoardRow, BoardState, PicturesState } from '../model.ts';

/** One place on the stage: somebody's picture, their screen, or who they are. */
export interface Tile {
  readonly key: string;
  readonly row: BoardRow;
  /** Absent: nothing is seen of them (yet). */
  readonly stream?: MediaStream;
  readonly slides: boolean;
}

export type Layout = 'grid' | 'speaker';

/** In the order in which people came: nothing moves when a hand goes up or somebody talks. */
const byComing = (a: BoardRow, b: BoardRow) => a.participant.localeCompare(b.participant, 'en', { numeric: true });

/** Who is on the stage: screens first, then who is seen, then who is only heard. Not I: I have a place of my own. */
export function tilesOf(state: BoardState, pictures: PicturesState): Tile[] {
  const rows = [...state.groups.hands, ...state.groups.in].sort(byComing);
  const seen = new Map(pictures.seen.map((one) => [one.label, one]));
  const tiles = rows.flatMap((row): Tile[] => {
    const shown = row.shows.map(({ label, slides }): Tile => {
      const stream = seen.get(label)?.stream as MediaStream | undefined;
      return { key: label, row, slides, ...(stream ? { stream } : {}) };
    });
    // Somebody who shows only a screen is seen by that.
    return shown.length > 0 ? shown : [{ key: row.participant, row, slides: false }];
  });
  const rank = ({ slides, row }: Tile) => (slides ? 0 : row.shows.length > 0 ? 1 : 2);
  return tiles
    .map((tile, at) => ({ tile, at }))
    .sort((a, b) => rank(a.tile) - rank(b.tile) || a.at - b.at)
    .map(({ tile }) => tile);
}

/** Who stands large: the one that was pinned, a screen, who talked last, else the first. */
export function mainOf(tiles: readonly Tile[], pinned: string | undefined, talked: string | undefined): Tile | undefined {
  return (
    tiles.find((one) => one.key === pinned) ??
    tiles.find((one) => one.slides) ??
    tiles.find((one) => one.row.participant === talked && !one.slides) ??
    tiles[0]
  );
}

/** There is something to be seen, or will be: whoever only talks needs no stage. */
export function staged(me: BoardMe | undefined, state: BoardState, pictures: PicturesState): boolean {
  if (!me?.here || pictures.conference !== state.id || state.state === 'ended') return false;
  const mine = pictures.camera.status !== 'off' || pictures.screen.status !== 'off';
  return mine || [...state.groups.hands, ...state.groups.in].some((row) => row.shows.length > 0);
}

/** Columns of a grid for so many. */
export function columnsOf(count: number, wide: boolean): number {
  if (count <= 1) return 1;
  if (count <= 4) return 2;
  if (count <= 9 || !wide) return 3;
  return count <= 16 ? 4 : 5;
}
