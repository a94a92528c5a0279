import { useEffect } from 'react';
import type { Board, BoardState, Convoke, Pictures, PicturesState } from '../model.ts';
import { untilThere } from '../shell/lazily.ts';
import { useModels } from '../shell/models.tsx';
import { createStore, useMaybe, usePick, useStore, type Writable } from '../store.ts';
import { staged } from './tiles.ts';

interface Loaded {
  readonly pictures?: Pictures | undefined;
}

const all = new WeakMap<Convoke, Writable<Loaded>>();

function loadedOf(convoke: Convoke): Writable<Loaded> {
  const known = all.get(convoke) ?? createStore<Loaded>({});
  all.set(convoke, known);
  return known;
}

/** The pictures of the window, loaded when they are first wanted. */
export function usePictures(wanted: boolean): Pictures | undefined {
  const { convoke } = useModels();
  const loaded = loadedOf(convoke);
  const { pictures } = useStore(loaded);
  const missing = wanted && !pictures;
  useEffect(() => {
    if (!missing) return;
    let gone = false;
    void untilThere(() => convoke.pictures()).then((pictures) => !gone && loaded.set({ pictures }));
    return () => {
      gone = true;
    };
  }, [convoke, loaded, missing]);
  return pictures;
}

/** Pictures can be shown in this conference: the server has a place for them, or others do it already. */
function mayShow(served: boolean, state: BoardState | undefined): boolean {
  const me = state?.me;
  if (!me?.here || !state || (me.state !== 'joined' && me.state !== 'held')) return false;
  return served || [...state.groups.hands, ...state.groups.in].some((row) => row.shows.length > 0);
}

export function canShow(convoke: Convoke, board: Board): boolean {
  return mayShow(convoke.session.get().me?.video !== undefined, board.get());
}

export function useCanShow(state: BoardState | undefined): boolean {
  const { convoke } = useModels();
  return mayShow(
    usePick(convoke.session, (session) => session.me?.video !== undefined),
    state,
  );
}

/** The pictures of the call on this board, where there can be any. */
export function useShown(state: BoardState | undefined): { readonly pictures: Pictures; readonly shown: PicturesState } | undefined {
  const can = useCanShow(state);
  const pictures = usePictures(can);
  const shown = useMaybe(pictures);
  return can && pictures && shown && shown.conference === state?.id ? { pictures, shown } : undefined;
}

/** The same, where there is something on the stage. */
export function useStage(state: BoardState | undefined): ReturnType<typeof useShown> {
  const all = useShown(state);
  return all && state && staged(state.me, state, all.shown) ? all : undefined;
}

/** Shows the camera or hides it: for the key and the button alike. */
export async function toggleCamera(convoke: Convoke): Promise<void> {
  const pictures = await convoke.pictures();
  await pictures?.showCamera(pictures.get().camera.status === 'off');
}

/** After coming in with picture. */
export async function showCamera(convoke: Convoke): Promise<void> {
  await (await convoke.pictures())?.showCamera(true);
}
