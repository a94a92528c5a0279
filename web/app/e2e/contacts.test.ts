import { describe, it } from 'vitest';
import { callFrom } from './calling.ts';
import { choose } from './pages/menu.ts';
import type { Window } from './pages/window.ts';
import { BOB, CAROL, talks } from './telephones.ts';
import { PEOPLE, useWorld } from './world.ts';

const world = useWorld();

/** Somebody's line once it says this of them. */
const shown = (window: Window, name: string, words: string) => window.lineOf(name).filter({ hasText: words }).first().waitFor();

describe('contacts', () => {
  it('show whether somebody can read a message now, and what they say of themselves', async () => {
    const alice = await world.window('alice');
    await shown(alice, PEOPLE.bob, 'Offline');
    const bob = await world.newWindow('bob');
    await shown(alice, PEOPLE.bob, 'Available');
    const status = bob.list.getByRole('button', { name: /Your status/ });
    await choose(status, 'Away');
    await shown(alice, PEOPLE.bob, 'Away');
    await choose(status, 'Note');
    await bob.page.getByRole('textbox', { name: 'Note' }).fill('At the depot');
    await bob.page.getByRole('button', { name: 'Save' }).click();
    await shown(alice, PEOPLE.bob, 'At the depot');
    await bob.page.close();
    await shown(alice, PEOPLE.bob, 'Offline');
  });

  it('show who is on the phone to somebody who is not in the call', async () => {
    await world.telephones.behave({ [BOB]: talks('bob'), [CAROL]: talks('carol') });
    const alice = await world.window('alice');
    const bob = await world.newWindow('bob');
    await callFrom(bob, 'carol', 'Mobile');
    await shown(alice, PEOPLE.bob, 'In a call');
    await shown(alice, PEOPLE.carol, 'In a call');
    await bob.board.endForAll();
    await shown(alice, PEOPLE.bob, 'Available');
    await shown(alice, PEOPLE.carol, 'Offline');
  });

  it('are as before where the server refuses a change, and it is said', async () => {
    const alice = await world.newWindow('alice');
    await alice.chatWith(PEOPLE.bob);
    const star = alice.page.getByRole('button', { name: 'Mark as a favourite' });
    await star.waitFor();
    await alice.page.route('**/api/v1/me/contacts/*', (route) => route.fulfill({ status: 503 }));
    await star.click();
    await alice.page.getByText('The server is too busy now.').waitFor();
    await star.waitFor();
    await alice.page.context().close();
  });
});
