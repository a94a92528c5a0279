import { useEffect, useMemo, useState } from 'react';
import type { People, Person } from '../model.ts';

/** How many suggestions are shown. */
export const SUGGESTIONS_MAX = 8;

/** Who fits a text: the one that is typed now, or one before it until the answer is there. */
export interface Suggestions {
  readonly for: string;
  readonly people: readonly Person[];
}

const NOBODY: Suggestions = { for: '', people: [] };

/** Those I know fit at once, the directory's follow; until anybody fits, what was found before stays in sight. */
export function useSuggestions(people: People, text: string): Suggestions {
  const [answer, setAnswer] = useState(NOBODY);
  const wanted = text.trim();
  const known = useMemo(
    () => (wanted === '' ? NOBODY : { for: wanted, people: people.find(wanted).slice(0, SUGGESTIONS_MAX) }),
    [people, wanted],
  );
  useEffect(() => {
    if (wanted === '') {
      setAnswer(NOBODY);
      return;
    }
    let current = true;
    void people.search(wanted).then((list) => current && setAnswer({ for: wanted, people: list.slice(0, SUGGESTIONS_MAX) }));
    return () => {
      current = false;
    };
  }, [people, wanted]);
  if (wanted === '') return NOBODY;
  return answer.for === wanted || known.people.length === 0 ? answer : known;
}

/** What Enter means: the person that is marked, if they were found for what is typed now; else the text as it is. */
export function meant(found: Suggestions, at: number, text: string): Person | string {
  const wanted = text.trim();
  return (found.for === wanted && found.people[at]) || wanted;
}

/** Whether text names several people, or is a line of addresses: it is taken as a whole then. */
export function namesSeveral(text: string): boolean {
  return /[,;\n]/.test(text.trim().replace(/[,;]+$/, ''));
}

/** A name split where it fits what is typed, for the mark. */
export function matched(name: string, text: string): [string, string, string] {
  const wanted = text.trim().toLocaleLowerCase();
  const at = wanted === '' ? -1 : name.toLocaleLowerCase().indexOf(wanted);
  if (at < 0) return [name, '', ''];
  return [name.slice(0, at), name.slice(at, at + wanted.length), name.slice(at + wanted.length)];
}
