import { describe, expect, it } from 'vitest';
import { callFrom } from './calling.ts';
import { BOB, byHand, CAROL, talks } from './telephones.ts';
import { PEOPLE, useWorld } from './world.ts';

const world = useWorld();

/** The id of the conference that somebody runs. */
async function conferenceOf(user: string): Promise<string> {
  const { conferences } = await world.server.ask<{ conferences: { id: string }[] }>(user, 'GET', 'conferences');
  const [one] = conferences;
  if (!one) throw new Error(`${user} runs no conference`);
  return one.id;
}

describe('a conference in the contact list', () => {
  it('is shown with its own presence to who came by its link, lets nobody in who is not on its list, and goes with its end', async () => {
    await world.telephones.behave({ [BOB]: talks('bob'), [CAROL]: byHand });
    const alice = await world.window('alice');
    await callFrom(alice, 'bob');
    await alice.board.says(PEOPLE.bob, 'In the call').waitFor();
    const carol = await world.newWindow('carol');
    const entries = carol.list.locator('.conf');
    // Nothing says so before the list is there.
    await carol.lineOf(PEOPLE.alice).first().waitFor();
    expect(await entries.count()).toBe(0);

    const link = `/join/${await conferenceOf('alice')}`;
    await carol.reload(link);
    const entry = entries.first();
    await entry.getByText(/^2 in/).waitFor();
    await entry.getByText(`${PEOPLE.bob} talks`).waitFor();
    expect(new URL(carol.page.url()).pathname).toBe('/');
    // A moderator locks it, and the entry says so.
    await alice.board.button('Lock the conference').click();
    await entry.getByText('locked').waitFor();
    await alice.board.button('Lock the conference').click();
    await entry.getByText('locked').waitFor({ state: 'detached' });
    // It is still there after a reload, and one click asks to come in.
    await carol.reload();
    await entry.getByText(/^2 in/).waitFor();
    await entry.getByRole('button', { name: /^Join / }).click();
    await carol.page.getByText(/^You are not let into/).waitFor();
    // Once she is added, the same click joins.
    await alice.board.pane.getByRole('combobox', { name: 'Add people' }).fill('carol');
    await alice.page.keyboard.press('Enter');
    await alice.board.row(PEOPLE.carol).waitFor();
    await entry.getByRole('button', { name: /^Join / }).click();
    await carol.board.says(PEOPLE.alice, 'In the call').waitFor();
    await entry.getByText('You are in').waitFor();

    await alice.board.endForAll();
    await entry.waitFor({ state: 'detached' });

    // Whoever comes by the link now is told so, and can go on with those who were in it.
    await carol.reload(link);
    const said = carol.page.getByRole('dialog', { name: 'This conference is over' });
    await said.getByRole('button', { name: 'Choose the same people' }).click();
    await carol.composer.row(PEOPLE.alice).waitFor();
    await carol.composer.row(PEOPLE.bob).waitFor();
  });

  it('that is over, or never was, is said to be over to who comes by its link', async () => {
    const carol = await world.window('carol');
    await carol.reload('/join/0123456789abcdef');
    const said = carol.page.getByRole('dialog', { name: 'This conference is over' });
    await said.getByText(/^Nobody is in it any more/).waitFor();
    await said.getByRole('button', { name: 'Choose people' }).click();
    await carol.composer.pane.waitFor();
  });
});
