import { useMemo } from 'react';
import type { Composer, Person, Place } from '../model.ts';
import { type Models, useModels } from '../shell/models.tsx';
import { memory } from '../shell/window.ts';
import { useMaybePick, usePick } from '../store.ts';

const CHECKED_KEY = 'convoke.voice.checked';

/** Before the first call from this browser the microphone is tested; afterwards one click calls. */
export const voiceCheck = {
  done: () => memory.get(CHECKED_KEY) === 'yes',
  set: () => memory.set(CHECKED_KEY, 'yes'),
};

/** Opens the list, and calls at once unless the microphone was never tried and I am called here. */
function start(models: Models, composer: Composer): void {
  show(models);
  const me = composer.get().me.place;
  if (me.kind === 'browser' && !voiceCheck.done()) return;
  void composer.call();
}

function show({ view }: Models): void {
  if (view.get().board !== 'popped') view.patch({ board: 'docked' });
  view.show('board');
}

/** The ways to call from anywhere in the window. */
export function useCalls() {
  const models = useModels();
  const { conferences } = models.convoke;
  const board = usePick(conferences, (state) => state.board);
  const phase = useMaybePick(board, (state) => state.state);
  const running = phase !== undefined && phase !== 'ended';
  return useMemo(
    () => ({
      running,
      call(people: readonly (Person | string)[], chat?: string) {
        start(models, conferences.compose(people, chat));
      },
      callAt(person: Person, place: Place, chat?: string) {
        const composer = conferences.compose([person], chat);
        composer.setPlace(person.id, place);
        start(models, composer);
      },
      compose(people: readonly (Person | string)[] = [], chat?: string) {
        conferences.compose(people, chat);
        show(models);
      },
      addToCall(person: Person) {
        void conferences.get().board?.add(person);
        show(models);
      },
      callBack(...[item]: Parameters<typeof conferences.callBack>) {
        start(models, conferences.callBack(item));
      },
      openBoard(id: string) {
        conferences.openBoard(id);
        show(models);
      },
    }),
    [models, conferences, running],
  );
}
