import type { Words } from '../i18n/en.ts';
import type { Person } from '../model.ts';

/** A person as they are called here: the conference service has a name in each language. */
export function named(person: Person, t: Words): Person {
  const name = t.common.service;
  return person.service ? { ...person, name, initials: name.charAt(0) } : person;
}
