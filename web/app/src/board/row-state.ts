import type { BoardGroups, BoardRow, EndReason } from '../model.ts';
import type { ChipState } from '../ui/chip-state.ts';

/** What the chip of a row says: a hand before everything, then what others notice, then the leg. */
export function chipOf(row: BoardRow): ChipState {
  if (row.pending === 'remove') return 'removed';
  if (row.hand) return 'hand';
  if (row.state === 'joined' && row.muted) return 'muted';
  if (row.state === 'joined' && row.silent) return 'silent';
  return row.state;
}

/** Reasons that say no more than the chip's word. */
const saidByChip = ['hung-up', 'busy', 'ring-timeout', 'declined', 'conference-ended'] as const satisfies readonly EndReason[];

/** The others, which are told beside it. */
export type ToldReason = Exclude<EndReason, (typeof saidByChip)[number]>;

export function addsToChip(reason: EndReason): reason is ToldReason {
  return !saidByChip.some((one) => one === reason);
}

export type GroupName = keyof BoardGroups;
export const groupNames: readonly GroupName[] = ['hands', 'in', 'calling', 'notReached', 'left'];

/** Which row stands where: the keys of each group, in order. */
export type Arrangement = Record<GroupName, readonly string[]>;

export function arrange(groups: BoardGroups): Arrangement {
  const out = {} as Record<GroupName, readonly string[]>;
  for (const name of groupNames) out[name] = groups[name].map((row) => row.key);
  return out;
}

/**
 * The rows as they stand now, at the places where they stood: while somebody's pointer moves over the list nothing slips away
 * under it. New rows are put at the end of their group, rows that are gone are left out.
 */
export function settle(held: Arrangement, groups: BoardGroups): Record<GroupName, readonly BoardRow[]> {
  const rows = new Map<string, { row: BoardRow; group: GroupName }>();
  for (const group of groupNames) for (const row of groups[group]) rows.set(row.key, { row, group });
  const out = { hands: [], in: [], calling: [], notReached: [], left: [] } as Record<GroupName, BoardRow[]>;
  for (const group of groupNames) {
    for (const key of held[group]) {
      const found = rows.get(key);
      if (!found) continue;
      out[group].push(found.row);
      rows.delete(key);
    }
  }
  for (const { row, group } of rows.values()) out[group].push(row);
  return out;
}

export function sameArrangement(a: Arrangement, b: Arrangement): boolean {
  return groupNames.every((name) => {
    const [one, other] = [a[name], b[name]];
    return one.length === other.length && one.every((key, index) => key === other[index]);
  });
}
