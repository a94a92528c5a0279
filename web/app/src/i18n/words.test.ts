import { expect, it } from 'vitest';
import { de } from './de.ts';
import { en } from './en.ts';
import { createFormat } from './format.ts';

it('ends a sentence with one full stop, also after an abbreviation', () => {
  expect(de.board.endedSay(createFormat('de').duration(60_000))).toMatch(/^Sie dauerte 1\sMin\.$/);
  expect(de.board.endedSay('1 Std.')).toBe('Sie dauerte 1 Std.');
  expect(en.board.endedSay('1 min')).toBe('It lasted 1 min.');
});

it('marks what the server says in English as its words', () => {
  expect(en.serverSays('The video server is full')).toBe('The video server is full');
  expect(de.serverSays('The video server is full')).toBe('Der Server sagt: „The video server is full“.');
});
