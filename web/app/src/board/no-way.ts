import type { Words } from '../i18n/en.ts';
import { plain } from '../i18n/format.ts';
import type { NoWay } from '../model.ts';

/** Why somebody has no way in: in our words, or in the server's where it has a reason that we do not know. */
export function noWayWords({ why, words }: { readonly why?: NoWay; readonly words: string }, t: Words): string {
  if (!why) return plain(words);
  return t.way.why[why.reason](why.mode && t.modes.kinds[why.mode]);
}
