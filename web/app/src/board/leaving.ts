import { useMemo } from 'react';
import type { Board, BoardState } from '../model.ts';
import { useModels } from '../shell/models.tsx';

/** Whether it may end for others when I leave: I own it, and am not alone. */
export function endsForOthers({ me, state, groups }: BoardState): boolean {
  return me?.role === 'owner' && state !== 'ended' && groups.in.length + groups.hands.length > 0;
}

/** The ways out of a call; nothing ends for others unasked. */
export function useLeaving() {
  const { convoke, view } = useModels();
  return useMemo(
    () => ({
      /** Leaves; an owner of others is asked what becomes of it. `inBoard`: where the board is, which may be a window of its own. */
      leave(board: Board, inBoard = false) {
        if (endsForOthers(board.get())) view.patch({ leaving: { board, inBoard } });
        else void board.leave();
      },
      /** Goes into another conference; says first which one is left. That shows the board of this one, so `go` gets the target's anew. */
      first(go: (board?: Board) => void, target?: string, inBoard = false) {
        const { here } = convoke.conferences.get();
        if (!here || here.id === target) return go();
        const again = () => go(target === undefined ? undefined : convoke.conferences.openBoard(target));
        view.patch({ leaving: { board: convoke.conferences.openBoard(here.id), go: again, inBoard } });
      },
      /** Signs out. What is heard here is hung up by it, so an owner of others is asked as when leaving. */
      signOut() {
        const { here } = convoke.conferences.get();
        const go = () => void convoke.session.signOut();
        if (here?.owner && here.others > 0) {
          view.patch({ leaving: { board: convoke.conferences.openBoard(here.id), go, inBoard: false } });
        } else go();
      },
    }),
    [convoke, view],
  );
}
