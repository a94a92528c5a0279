/** *Call these people*, from a page of another program. */
import { createConvoke } from './convoke.js';
import { type WebPlatformOptions, webPlatform } from './platform/web.js';
import type { Board, Convoke, Problem } from './view/types.js';

/** Whom to call, and as whom. */
export interface CallPeopleOptions extends WebPlatformOptions {
  /** `https://convoke.example.org`. */
  readonly server: string;
  /** A token of who calls; or `user` and `password`. */
  readonly token?: string;
  readonly user?: string;
  readonly password?: string;
  /** Names, accounts, numbers, or a whole `To:` line. */
  readonly people: readonly string[] | string;
  readonly title?: string;
  /** Where the caller is called: the label of a telephone, a number, or `browser` (needs `media`). Their usual place otherwise. */
  readonly callMeAt?: string;
}

/** What came of it. */
export type CallPeopleResult =
  | { readonly board: Board; readonly convoke: Convoke }
  /** Nobody was called. `unclear`: who could not be found. */
  | { readonly problem: Problem; readonly unclear: readonly string[] };

/** Signs in, calls everybody, and gives the live board: `board.subscribe(() => show(board.get()))`. */
export async function callPeople(options: CallPeopleOptions): Promise<CallPeopleResult> {
  const convoke = createConvoke({ server: options.server, platform: webPlatform(options) });
  const { session, conferences, telephones } = convoke;
  const fail = (problem: Problem | undefined, unclear: readonly string[] = []): CallPeopleResult => {
    convoke.close();
    return { problem: problem ?? { code: 'internal', what: 'Something went wrong.', todo: 'Try again.' }, unclear };
  };
  const signedIn = options.token ? await session.useToken(options.token) : await session.signIn(options.user ?? '', options.password ?? '');
  if (!signedIn) return fail(session.get().problem);
  await telephones.load();
  const online = await until(session, (state) => state.status === 'online' || state.status === 'offline' || state.status === 'signed-out');
  if (online.status !== 'online') return fail(online.problem);
  const composer = conferences.compose();
  composer.setTitle(options.title ?? '');
  const people = typeof options.people === 'string' ? options.people : options.people.join(', ');
  const { leftOut, unsure } = await composer.add(people);
  const unclear = [...leftOut.filter((one) => one.why !== 'already'), ...unsure].map((one) => one.text);
  if (unclear.length > 0)
    return fail({ code: 'not-understood', what: 'Some of these people are not known.', todo: 'Check their names.' }, unclear);
  if (options.callMeAt) {
    const wanted = options.callMeAt.toLowerCase();
    composer.setMyPlace(composer.get().me.places.find((place) => place.id === wanted) ?? options.callMeAt);
  }
  await composer.call();
  const { board } = conferences.get();
  return board ? { board, convoke } : fail(composer.get().problem);
}

function until<S>(store: { get(): S; subscribe(listener: () => void): () => void }, is: (state: S) => boolean): Promise<S> {
  return new Promise((done) => {
    const look = () => {
      if (!is(store.get())) return;
      stop();
      done(store.get());
    };
    const stop = store.subscribe(look);
    look();
  });
}
