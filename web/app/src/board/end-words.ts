import type { Words } from '../i18n/en.ts';
import { plain } from '../i18n/format.ts';
import type { BoardRow, BoardState } from '../model.ts';
import { addsToChip, chipOf, groupNames } from './row-state.ts';
import { sentence } from './sentence.ts';

/** How the server says that nobody spoke, which it tells as a fault (`conference_idle` in `conference-core/src/causes.rs`). */
const IDLE = /^nobody spoke for (\d{1,9}) (min|s)$/;
const SECONDS = { min: 60, s: 1 } as const;
/** How the server says that the bridge which mixes was lost, and there was no other (`conference_bridge_lost`, ibid.). */
const BRIDGE_LOST = /^the connection to the bridge was lost: /;
/** How the server says that an owner was never in (`conference_owner_left`, ibid.); of one who was it says that they left. */
const NOT_REACHED = / was not reached: /;

/** What stands for how long a conference took, where it is over for me alone, or may be. */
export function outWord({ end }: BoardState, t: Words): string | undefined {
  if (end?.reason === 'removed') return t.chip.removed;
  return end?.reason === 'untold' ? t.board.untold : undefined;
}

/** Why a conference ended, in a sentence: the server's, where it speaks the window's language. */
export function endWords(state: BoardState, language: string, t: Words, duration: (ms: number) => string): string {
  const { reason, words = '' } = state.end ?? {};
  // No words of the server; the window found it out.
  if (reason === 'removed' || reason === 'untold') return t.board.endReason[reason];
  if (words && (language === 'en' || !reason)) return sentence(words);
  if (!reason) return '';
  if (reason === 'owner-left') {
    const owner = ownerOf(state);
    if (owner && notReached(owner, words)) {
      const why = owner.reason && addsToChip(owner.reason) ? t.reason[owner.reason] : t.chip[chipOf(owner)];
      return owner === state.me ? t.board.endNotReached.me(why) : t.board.endNotReached.owner(plain(owner.person.name), why);
    }
  }
  const [, count, unit] = (reason === 'error' && IDLE.exec(words)) || [];
  if (reason === 'error' && BRIDGE_LOST.test(words)) return t.board.endBridgeLost;
  if (unit) return t.board.endIdle(duration(Number(count) * SECONDS[unit as keyof typeof SECONDS] * 1_000));
  return t.board.endReason[reason];
}

/** Without words it is told by how their leg ended, where that is plain: one that failed may have been in, and have lost its connection. */
function notReached({ state }: BoardRow, words: string): boolean {
  return words ? NOT_REACHED.test(words) : state !== 'left' && state !== 'failed';
}

function ownerOf({ me, groups }: BoardState): BoardRow | undefined {
  const rows = groupNames.flatMap((name) => groups[name]);
  return [...(me ? [me] : []), ...rows].find((row) => row.role === 'owner');
}
