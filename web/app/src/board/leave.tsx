import { useId, useState } from 'react';
import { useI18n } from '../i18n/index.tsx';
import type { BoardRow } from '../model.ts';
import type { Leaving } from '../shell/window.ts';
import { useStore } from '../store.ts';
import { Ask } from '../ui/float.tsx';
import { Button, Select } from '../ui/parts.tsx';
import { endsForOthers } from './leaving.ts';

/** Who can own it in my place: moderators first. */
export function heirs(rows: readonly BoardRow[]): readonly BoardRow[] {
  const able = rows.filter((row) => row.actions.has('hand-over'));
  return [...able.filter((row) => row.role === 'moderator'), ...able.filter((row) => row.role !== 'moderator')];
}

/** Asked before I leave: of an owner, whether it ends for all or goes on; else only what is left for another conference. */
export default function LeaveAsk({ leaving, onClose }: { leaving: Leaving; onClose: () => void }) {
  const { board, go } = leaving;
  const { t } = useI18n();
  const state = useStore(board);
  const others = [...state.groups.hands, ...state.groups.in];
  const able = heirs(others);
  const id = useId();
  const [chosen, setChosen] = useState<string | undefined>();
  const heir = able.find((row) => row.participant === chosen) ?? able[0];
  if (!endsForOthers(state)) {
    return (
      <Ask
        title={t.board.leaveTitle(state.title)}
        say={others.length > 0 ? t.board.leaveSay : t.board.leaveAlone}
        no={t.board.stay}
        yes={t.board.leaveIt}
        onNo={onClose}
        onYes={() => {
          onClose();
          // Whoever comes in elsewhere leaves by that; nothing is lost if it fails.
          if (go) go();
          else void board.leave();
        }}
      />
    );
  }
  const after = (done: Promise<boolean>, then: () => void) => {
    onClose();
    void done.then((worked) => worked && then());
  };
  return (
    <Ask
      title={t.board.leaveTitle(state.title)}
      say={t.board.leaveOwned(others.length)}
      no={t.board.stay}
      yes={t.board.endForAll}
      onNo={onClose}
      onYes={() => after(board.endForAll(), () => go?.())}
      other={
        heir && (
          <Button onClick={() => after(board.handOver(heir.participant), go ?? (() => void board.leave()))}>
            {t.board.handOverAndLeave}
          </Button>
        )
      }
    >
      {heir && (
        <div className="field heir">
          <label className="label" htmlFor={id}>
            {t.board.newOwner}
          </label>
          <Select
            id={id}
            value={heir.participant}
            options={able.map((row) => [row.participant, row.person.name] as const)}
            onChange={(event) => setChosen(event.target.value)}
          />
        </div>
      )}
    </Ask>
  );
}
