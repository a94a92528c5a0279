/** Moves one to another place in the order. */
export function moved<T>(list: readonly T[], from: number, to: number): T[] {
  const next = [...list];
  const [one] = next.splice(from, 1);
  if (one !== undefined) next.splice(Math.max(0, Math.min(next.length, to)), 0, one);
  return next;
}

/** With another one in the place of the one that `is` it; at the end where that is there no more. */
export function withChanged<T>(list: readonly T[], is: (one: T) => boolean, next: T): readonly T[] {
  const index = list.findIndex(is);
  return index < 0 ? [...list, next] : list.with(index, next);
}
