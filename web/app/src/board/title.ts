import { useI18n } from '../i18n/index.tsx';
import type { ComposerState } from '../model.ts';

const NAMES_MAX = 3;

/** What the conference is called before anybody named it: by its people. */
export function useComposerTitle(state: ComposerState): string {
  const { t, format } = useI18n();
  if (state.title.trim()) return state.title;
  const names = state.rows.map((row) => row.person.name);
  if (names.length === 0) return t.left.newConference;
  if (names.length <= NAMES_MAX) return format.list(names);
  return `${names.slice(0, NAMES_MAX).join(', ')} ${t.common.andMore(names.length - NAMES_MAX)}`;
}
