/** Why the service calls a number not, and which: by the code of its fault and the place of the number in the request. */
import type { RefusedNumber, WhyRefused } from './view/types.js';

const WHYS: ReadonlySet<string> = new Set<WhyRefused>(['emergency', 'abroad', 'premium', 'no-route', 'national', 'no-number']);

/** `numbers`: those that the request names, in its order; of whom it names otherwise nothing. */
export function refusedNumber(
  { why, index }: { readonly why?: string; readonly index?: number },
  numbers: readonly (string | undefined)[],
): RefusedNumber {
  const at = index ?? (numbers.length === 1 ? 0 : undefined);
  return {
    why: why !== undefined && WHYS.has(why) ? (why as WhyRefused) : 'other',
    number: at === undefined ? undefined : numbers[at],
    index: at,
  };
}
