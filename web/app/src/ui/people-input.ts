import { useEffect, useState } from 'react';
import type { People, Person } from '../model.ts';

/** How many suggestions are shown. */
export const SUGGESTIONS_MAX = 8;

/** Who fits what is typed; the last answer stays until the next is there, and a late one does not overwrite it. */
export function useSuggestions(people: People, text: string): readonly Person[] {
  const [found, setFound] = useState<readonly Person[]>([]);
  const wanted = text.trim();
  useEffect(() => {
    if (wanted === '') {
      setFound([]);
      return;
    }
    let current = true;
    void people.search(wanted).then((list) => current && setFound(list.slice(0, SUGGESTIONS_MAX)));
    return () => {
      current = false;
    };
  }, [people, wanted]);
  return found;
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
