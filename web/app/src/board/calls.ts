import { useMemo } from 'react';
import type { Composer, Person, Place, Store, VideoCall } from '../model.ts';
import { showCamera } from '../pictures/use-pictures.ts';
import { type Models, useModels } from '../shell/models.tsx';
import { memory } from '../shell/window.ts';
import { useMaybePick, usePick } from '../store.ts';

const CHECKED_KEY = 'convoke.voice.checked';

/** Before the first call from this browser the microphone is tested; afterwards one click calls. */
export const voiceCheck = {
  done: () => memory.get(CHECKED_KEY) === 'yes',
  set: () => memory.set(CHECKED_KEY, 'yes'),
};

/** Names are looked up for at most this long before one click calls; the list stays open if it takes longer. */
const RESOLVE_MAX_MS = 4_000;
/** Somebody's telephones may still be on their way from the server; whoever has none is called in their browser. */
const PLACES_WAIT_MS = 600;

/** Resolves when the state fits, or with false when time is up. */
function until<S>(store: Store<S>, fits: (state: S) => boolean, ms: number): Promise<boolean> {
  if (fits(store.get())) return Promise.resolve(true);
  return new Promise((done) => {
    const end = (there: boolean) => {
      clearTimeout(timer);
      stop();
      done(there);
    };
    const timer = setTimeout(() => end(false), ms);
    const stop = store.subscribe(() => fits(store.get()) && end(true));
  });
}

/**
 * Opens the list, and calls at once: unless the microphone was never tried and I am called here, or somebody of those who were asked for is not
 * clear. Then the list stays, and the person decides.
 */
async function start(models: Models, composer: Composer, count: number): Promise<void> {
  show(models);
  const { conferences } = models.convoke;
  const known = await until(composer, (state) => !state.adding && state.rows.length >= count, RESOLVE_MAX_MS);
  if (!known) return;
  await until(composer, (state) => !state.rows.some((row) => row.onlyInvite), PLACES_WAIT_MS);
  const state = composer.get();
  if (conferences.get().composer !== composer || state.rows.length < count) return;
  // The call that I am in would be left by it: the list says so when its button is pressed.
  if (conferences.get().here) return;
  if (state.me.place.kind === 'browser' && !voiceCheck.done()) return;
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
        void start(models, conferences.compose(people, chat), people.length);
      },
      callAt(person: Person, place: Place, chat?: string) {
        const composer = conferences.compose([person], chat);
        composer.setPlace(person.id, place);
        void start(models, composer, 1);
      },
      /** A video conference, asked for of the allocator; the camera is shown when it is there. */
      async video(people: readonly Person[], title?: string): Promise<VideoCall> {
        voiceCheck.set();
        const made = await models.convoke.videoCall(people, title);
        // Where there is a conference its board says what went wrong.
        if (made.conference) show(models);
        if (made.conference && !made.problem) void showCamera(models.convoke);
        return made;
      },
      compose(people: readonly (Person | string)[] = [], chat?: string) {
        conferences.compose(people, chat);
        show(models);
      },
      /** Into the call that runs; where I may not add, they stand on a list. */
      addToCall(people: readonly (Person | string)[]) {
        const { board } = conferences.get();
        show(models);
        if (board?.get().actions.has('add')) {
          models.view.patch({ behind: conferences.get().composer });
          void (async () => {
            for (const one of people) await board.add(one);
          })();
        } else conferences.compose(people);
      },
      callBack(...[item]: Parameters<typeof conferences.callBack>) {
        void start(models, conferences.callBack(item), 1);
      },
      openBoard(id: string) {
        conferences.openBoard(id);
        models.view.patch({ behind: conferences.get().composer });
        show(models);
      },
    }),
    [models, conferences, running],
  );
}
