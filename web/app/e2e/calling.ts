/** Calls as most tests begin them. */
import type { Window } from './pages/window.ts';

/** Has these people called, named with commas, with the caller at a telephone of theirs first. */
export async function callFrom(window: Window, people: string, at = 'Work'): Promise<void> {
  await window.visit(`/call?to=${encodeURIComponent(people)}`);
  const { composer, board } = window;
  await composer.rows.nth(people.split(',').length - 1).waitFor();
  await composer.callMeAt(at);
  await composer.call.click();
  await board.pane.waitFor();
}
