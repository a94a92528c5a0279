import { useModels } from '../shell/models.tsx';
import { usePick } from '../store.ts';
import { ComposerBar, RunningBar } from './bars.tsx';

/** The board shrunk to a bar: under the list where there is room, above the lower edge on a telephone screen. */
export default function CallBar() {
  const { convoke, view } = useModels();
  const board = usePick(convoke.conferences, (state) => state.board);
  const composer = usePick(convoke.conferences, (state) => state.composer);
  const grow = () => {
    if (view.get().board === 'shrunk') view.patch({ board: 'docked' });
    view.show('board');
  };
  const toCall = () => {
    view.patch({ behind: composer });
    grow();
  };
  if (board) return <RunningBar board={board} onOpen={toCall} />;
  if (composer) return <ComposerBar composer={composer} onOpen={grow} />;
  return null;
}
