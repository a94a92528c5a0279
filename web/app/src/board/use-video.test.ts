import { expect, it } from 'vitest';
import type { Person, Way } from '../model.ts';
import { atChosen, wayKey, wayOf, wayShown } from './use-video.ts';

const person = (name: string, more: Partial<Person> = {}): Person => ({
  id: `${name.toLowerCase()}@example.org`,
  user: `${name.toLowerCase()}@example.org`,
  name,
  initials: name.charAt(0),
  presence: 'available',
  places: [],
  favourite: false,
  contact: true,
  ...more,
});

it('finds somebody’s way by their account, and who has none by the name', () => {
  const ways: Way[] = [
    { name: 'Bobby', user: 'bob@example.org', mode: 'computer', picture: true, words: '' },
    { name: 'Depot', mode: 'pstn', picture: false, words: '' },
    { name: 'Carol', picture: false, words: 'nobody is called so' },
  ];
  expect(wayOf(ways, person('Bob'))).toBe(ways[0]);
  const { user: _, ...outside } = person('Depot');
  expect(wayOf(ways, outside)).toBe(ways[1]);
  // Of whom the server knows no account it answers by the name that was asked for.
  expect(wayOf(ways, person('Carol'))).toBe(ways[2]);
  expect(wayOf(ways, person('Dave'))).toBeUndefined();
});

it('knows who was asked about by a name that was sent in another way', () => {
  const { user: _, ...gate } = person(`  The  gate\n${'x'.repeat(80)}`);
  const ways: Way[] = [{ name: `The gate ${'x'.repeat(55)}`, mode: 'pstn', picture: false, words: '' }];
  expect(wayOf(ways, gate)).toBe(ways[0]);
});

it('looks for nobody any more whom the answer leaves out', () => {
  const [bob, dave] = [person('Bob'), person('Dave')];
  const way: Way = { name: 'Bob', user: 'bob@example.org', mode: 'computer', picture: true, words: '' };
  expect(wayShown(undefined, 'now', bob)).toBe('asking');
  const told = { key: 'now', ways: [way] };
  expect(wayShown(told, 'now', bob)).toBe(way);
  expect(wayShown(told, 'now', dave)).toBe('unknown');
  // The list was changed since: whose way was told keeps it, the others are asked about.
  expect(wayShown(told, 'later', bob)).toBe(way);
  expect(wayShown(told, 'later', dave)).toBe('asking');
  expect(wayShown({ key: 'now' }, 'now', bob)).toBe('unknown');
});

it('calls somebody from outside at the number that was chosen, and asks again when it is another', () => {
  const [office, night] = ['+15550107', '+15550108'].map((number) => ({
    id: `number:${number}`,
    label: 'other',
    kind: 'other' as const,
    number,
  }));
  if (!office || !night) throw new Error('two numbers');
  const { user: _, ...gate } = person('The gate', { places: [office, night] });
  const chosen = atChosen({ person: gate, place: night });
  expect(chosen.places).toEqual([night, office]);
  expect(atChosen({ person: gate, place: office })).toEqual(gate);
  expect(wayKey([chosen])).not.toBe(wayKey([gate]));
  // Whoever has an account has an order of their own.
  const bob = person('Bob', { places: [office, night] });
  expect(atChosen({ person: bob, place: night })).toBe(bob);
  expect(wayKey([{ ...bob, places: [night, office] }])).toBe(wayKey([bob]));
});

it('asks again when what somebody can changes, and not for what they do', () => {
  const before = wayKey([person('Bob')]);
  expect(wayKey([person('Bob', { presence: 'away' })])).toBe(before);
  expect(wayKey([person('Bob', { presence: 'offline' })])).not.toBe(before);
  expect(wayKey([person('Bob', { skills: { sound: true, picture: true } })])).not.toBe(before);
  expect(wayKey([person('Bob'), person('Carol')])).not.toBe(before);
});
