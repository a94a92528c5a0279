import type { Board } from '../model.ts';
import { useStore } from '../store.ts';
import { Stage } from './stage.tsx';
import { useStage } from './use-pictures.ts';

/** The stage beside the board, above the chat. */
export default function LargeStage({ board }: { board: Board }) {
  const state = useStore(board);
  const stage = useStage(state);
  return stage ? <Stage state={state} {...stage} large /> : null;
}
