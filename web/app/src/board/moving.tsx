import { plain } from '../i18n/format.ts';
import { useI18n } from '../i18n/index.tsx';
import type { Board, Moving } from '../model.ts';
import { Button, IconButton, Notice } from '../ui/parts.tsx';
import { usePlaceWord } from '../ui/place.tsx';
import { addsToChip } from './row-state.ts';

const ends: ReadonlySet<Moving['state']> = new Set(['busy', 'no-answer', 'declined', 'unreachable', 'failed', 'left']);

/** I am called at another place while I am in: that it rings there, or why I am still where I was. */
export function MovingNotice({ board, moving }: { board: Board; moving: Moving }) {
  const { t } = useI18n();
  const word = usePlaceWord();
  const place = word(moving.place, true);
  if (!ends.has(moving.state)) {
    const stay = (
      <Button small onClick={() => void board.stay()}>
        {t.board.stayHere}
      </Button>
    );
    return (
      <Notice className="above moving" icon="phone" title={t.common.of(plain(place), t.chip[moving.state])} action={stay}>
        {t.board.movingSay}
      </Notice>
    );
  }
  const told = moving.reason && addsToChip(moving.reason) ? moving.reason : undefined;
  const reason = told ? t.reason[told] : t.chip[moving.state];
  const seen = <IconButton icon="x" label={t.common.dismiss} onClick={() => void board.stay()} />;
  return (
    <Notice className="above" look="warn" title={t.common.of(plain(place), reason)} action={seen} data-reason={told}>
      {t.board.notMovedSay}
    </Notice>
  );
}
