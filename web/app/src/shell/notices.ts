import { useEffect } from 'react';
import { chipOf } from '../board/row-state.ts';
import { useI18n } from '../i18n/index.tsx';
import { useLatest } from '../store.ts';
import { announce, silence } from '../ui/announce.tsx';
import { named } from '../ui/named.ts';
import { clearToasts } from '../ui/toast.tsx';
import { useModels } from './models.tsx';

/** Tells screen readers what changes: who rings, who is in, who writes. */
export function useNotices(): void {
  const { convoke, view } = useModels();
  const latest = useLatest(useI18n());
  useEffect(
    () =>
      convoke.onNotice((notice) => {
        const { t } = latest.current;
        switch (notice.kind) {
          case 'row':
            announce(t.board.announce(notice.row.person.name, t.chip[chipOf(notice.row)]));
            break;
          case 'ringing':
            announce(t.board.announceRinging(notice.invitation.from.name));
            break;
          case 'conference-ended':
            announce(t.board.announceEnded(notice.title));
            break;
          case 'removed':
            announce(t.board.announceRemoved(notice.title));
            break;
          case 'untold':
            announce(t.board.announceUntold(notice.title));
            break;
          case 'message':
            announce(t.board.announceMessage(named(notice.from, t).name, notice.text));
            break;
          case 'ringing-over':
            break;
        }
      }),
    [convoke, latest],
  );
  // Signed out: nothing of it is for whoever comes next.
  useEffect(
    () => () => {
      silence();
      clearToasts();
    },
    [],
  );
  useEffect(() => {
    // Without a call, nobody needs the board's pane.
    let before = convoke.conferences.get();
    return convoke.conferences.subscribe(() => {
      const now = convoke.conferences.get();
      const was = before.board ?? before.composer;
      before = now;
      if (was && !now.board && !now.composer && view.get().pane === 'board') view.back();
    });
  }, [convoke, view]);
}
