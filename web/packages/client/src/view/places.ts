/** Where somebody is called, and how the service is told. */

import { numberOf } from '../parse.js';
import type { Party } from '../soap/service.js';
import { BROWSER } from './people.js';
import type { Person, Place } from './types.js';

/** A number that somebody typed; undefined where it is none. */
export function typedPlace(text: string): Place | undefined {
  const number = numberOf(text);
  return number ? { id: `number:${number}`, label: text.trim(), kind: 'number', number } : undefined;
}

/** A place or a typed number as a place. */
export function placeFrom(place: Place | string): Place | undefined {
  return typeof place === 'string' ? typedPlace(place) : place;
}

/** Where somebody is called unless another place is chosen. */
export function usualPlace(person: Person): Place {
  const telephones = person.places.filter((place) => place.kind !== 'browser');
  return telephones.find((place) => place.default) ?? telephones[0] ?? person.places[0] ?? BROWSER;
}

/** With a place that is not in the list yet. */
export function withPlace(places: readonly Place[], place: Place): readonly Place[] {
  return places.some((one) => one.id === place.id) ? places : [...places, place];
}

/** How `create` and `add` name somebody at a place. */
export function partyOf(person: Pick<Person, 'user' | 'name' | 'places'>, place: Place): Party {
  const number =
    place.id.startsWith('number:') || !person.user ? (place.number ?? person.places.find((one) => one.number)?.number) : undefined;
  if (number) return { number, name: person.name };
  return { person: person.user ?? person.name, place: place.id === 'browser' ? 'browser' : place.label };
}

/** How `call` names a place. */
export function callAt(place: Place): { place?: string; number?: string } {
  if (place.id.startsWith('number:') && place.number) return { number: place.number };
  return { place: place.kind === 'browser' ? 'browser' : place.label };
}

/** Whether `create` and `add` can name somebody at all: by an account, or by a number that is known here. */
export function isNamed(person: Pick<Person, 'user' | 'places'>): boolean {
  return person.user !== undefined || person.places.some((place) => place.number !== undefined);
}

/** The place that a roster tells by its label: one of these, or one of its own. */
export function placeNamed(label: string, places: readonly Place[]): Place {
  const wanted = label.trim().toLowerCase();
  const known = places.find((place) => place.id === wanted || place.label.toLowerCase() === wanted);
  if (known) return known;
  if (wanted === 'browser') return BROWSER;
  // Of a number others are told no more than how it ends, or that it is one of outside.
  return { id: `roster:${wanted}`, label, kind: wanted.startsWith('number') || wanted === 'outside' ? 'number' : 'other' };
}
