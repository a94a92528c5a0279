import { clean } from '@convoke/client';
import { useEffect, useRef, useState } from 'react';
import type { Composer, ComposerRow, ComposerState, Person, Problem, Way } from '../model.ts';
import { useModels } from '../shell/models.tsx';
import { usePick } from '../store.ts';
import { useCalls } from './calls.ts';

/** A list that changes is asked about once it rests. */
const REST_MS = 300;

/** What makes a difference to anybody's way: who is on the list, what their devices can now, and at which number somebody from outside is called. */
export function wayKey(people: readonly Person[]): string {
  return people
    .map(({ id, user, presence, skills, places }) =>
      [id, presence === 'offline', skills?.sound, skills?.picture, user === undefined && places[0]?.number].join(' '),
    )
    .join('\n');
}

/** As they are asked: somebody from outside at the number that was chosen, which is their first then. The others say themselves where. */
export function atChosen({ person, place }: Pick<ComposerRow, 'person' | 'place'>): Person {
  if (person.user !== undefined) return person;
  return { ...person, places: [place, ...person.places.filter((one) => one.id !== place.id)] };
}

/** As long as a name may be in what is asked about, and answered. */
const NAME_MAX = 64;

/** Whose way it is: by account; of whom the server knows none, by the name that they were asked about with. */
export function wayOf(ways: readonly Way[], person: Person): Way | undefined {
  const user = person.user?.toLowerCase();
  const own = user && ways.find((way) => way.user === user);
  return own || ways.find((way) => way.user === undefined && way.name === clean(person.name, NAME_MAX));
}

/** The newest answer, and what it was asked about; without ways: nobody answered. */
export interface Told {
  readonly key: string;
  readonly ways?: readonly Way[] | undefined;
}

/** What is known of somebody's way. Once the list as it is was asked about, whoever is not in the answer is not looked for any more. */
export function wayShown(told: Told | undefined, key: string, person: Person): Way | 'asking' | 'unknown' {
  const way = told?.ways && wayOf(told.ways, person);
  return way ?? (told?.key === key ? 'unknown' : 'asking');
}

/**
 * The list as a video call: in which way each would be asked, and asking for it. The question is put again when the list changes, or when what
 * somebody's devices can changes, as their presence says.
 */
export function useVideo(composer: Composer, state: ComposerState) {
  const { convoke } = useModels();
  const calls = useCalls();
  const served = usePick(convoke.session, (now) => now.me?.video?.allocator !== undefined);
  const [on, set] = useState(false);
  const [told, setTold] = useState<Told | undefined>();
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | undefined>();
  const people = useRef<readonly Person[]>([]);
  people.current = state.rows.map(atChosen);
  const key = wayKey(people.current);
  useEffect(() => {
    if (!on || key === '') return;
    let wanted = true;
    const timer = setTimeout(async () => {
      const ways = await convoke.ways(people.current);
      if (wanted) setTold({ key, ways });
    }, REST_MS);
    return () => {
      wanted = false;
      clearTimeout(timer);
    };
  }, [on, key, convoke]);
  // What went wrong is about the list as it was.
  useEffect(() => setProblem(undefined), [on, key]);
  return {
    served,
    on: on && served,
    set,
    busy,
    problem,
    of(row: ComposerRow): { way?: Way | 'asking' | 'unknown' } {
      if (!on || !served) return {};
      return { way: wayShown(told, key, row.person) };
    },
    async call() {
      setBusy(true);
      setProblem(undefined);
      const made = await calls.video(people.current, state.title.trim() || undefined);
      setBusy(false);
      if (made.conference) {
        if (convoke.conferences.get().composer === composer) convoke.conferences.closeComposer();
      } else setProblem(made.problem);
    },
  };
}
