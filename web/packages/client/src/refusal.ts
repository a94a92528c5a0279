/** Why the service calls a number not, from the words of its fault (`api/src/dialplan.rs`, `conference-core/src/focus/operations.rs`). */
import type { RefusedNumber, WhyRefused } from './view/types.js';

/** Emergency numbers are short; telephone numbers are not. */
const SHORT = 4;

/** `numbers`: those that the command named. */
export function refusedNumber(expected: string, came: string, numbers: readonly string[]): RefusedNumber {
  const why = reason(expected, came);
  return { why, number: which(why, came, numbers) };
}

function reason(expected: string, came: string): WhyRefused {
  if (came === 'an emergency number') return 'emergency';
  if (/ abroad$/.test(came)) return 'abroad';
  if (/premium/.test(expected)) return 'premium';
  if (/trunk's route/.test(expected)) return 'no-route';
  if (came === 'a national number') return 'national';
  if (/^a number, such as/.test(expected)) return 'no-number';
  return 'other';
}

/** The service shows no more of a number than how long it is and how it ends. */
function which(why: WhyRefused, came: string, numbers: readonly string[]): string | undefined {
  const bare = numbers.map((number) => ({ number, digits: number.replace(/\D/g, '') }));
  const one = (found: typeof bare) => (found.length === 1 ? found[0]?.number : undefined);
  if (bare.length === 1) return bare[0]?.number;
  if (why === 'emergency') return one(bare.filter(({ digits }) => digits.length < SHORT));
  const [, hidden = '', end] = /^(•+)(\d+)/.exec(came) ?? [];
  if (end === undefined) return undefined;
  const ends = bare.filter(({ digits }) => digits.endsWith(end));
  return one(ends.filter(({ digits }) => digits.length === hidden.length + end.length)) ?? one(ends);
}
