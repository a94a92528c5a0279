import { describe, expect, it } from 'vitest';
import { choose } from './pages/menu.ts';
import { PEOPLE, useWorld } from './world.ts';

const world = useWorld();

describe('the composer', () => {
  it('offers the places of each person, and remembers where I am called', async () => {
    const alice = await world.window('alice');
    const { composer } = alice;
    await alice.reload('/call?to=bob');
    await composer.pane.getByText('Owner').waitFor();
    await composer.row(PEOPLE.bob).getByText('Mobile').waitFor();
    await choose(composer.place(PEOPLE.bob), 'Home');
    await composer.row(PEOPLE.bob).getByText('Home').waitFor();
    await choose(composer.place(PEOPLE.bob), 'Another number');
    await composer.number('+1 555 0107');
    await composer.row(PEOPLE.bob).getByText('+15550107').waitFor();
    await composer.callMeAt('Another number');
    await composer.number('+1 555 0109');
    await composer.me.getByText('+15550109').waitFor();
    await alice.reload('/call?to=carol');
    await composer.me.getByText('+15550109').waitFor();
    await composer.callMeAt(/^Work/);
    await alice.reload('/call?to=carol');
    await composer.me.getByText('Work').waitFor();
  });

  it('adds by name and by number, and everybody once', async () => {
    const alice = await world.window('alice');
    const { composer } = alice;
    await alice.list.getByRole('button', { name: 'New conference' }).click();
    await composer.type('bob');
    await composer.row(PEOPLE.bob).waitFor();
    await composer.type('+1 555 0107');
    await composer.row('+15550107').waitFor();
    await composer.add.fill('Carol');
    await alice.page.getByRole('option', { name: /Carol Diaz/ }).click();
    await composer.row(PEOPLE.carol).waitFor();
    await composer.type('Bob Keller, carol');
    await composer.pane.getByText('Bob Keller is on the list already.').waitFor();
    await composer.type('Nobody of this name');
    await composer.pane.getByText('Nobody of this name: nobody of this name is known.').waitFor();
    expect(await composer.rows.count()).toBe(3);
  });

  it('takes somebody off, and back again', async () => {
    const alice = await world.window('alice');
    const { composer } = alice;
    await alice.reload('/call?to=bob,carol');
    await composer.row(PEOPLE.carol).waitFor();
    await composer.pane.getByRole('button', { name: 'Take Carol Diaz off the list' }).click();
    await composer.row(PEOPLE.carol).waitFor({ state: 'detached' });
    await alice.page.getByRole('button', { name: 'Undo' }).click();
    await composer.row(PEOPLE.carol).waitFor();
  });

  it('opens the address book from an empty box', async () => {
    const alice = await world.window('alice');
    const { composer, page } = alice;
    await alice.list.getByRole('button', { name: 'New conference' }).click();
    await composer.type('');
    const book = page.getByRole('dialog', { name: 'Address book' });
    for (const name of [PEOPLE.bob, PEOPLE.carol]) await book.getByRole('checkbox', { name: new RegExp(name) }).click();
    await book.getByRole('button', { name: 'Add 2 people' }).click();
    await composer.row(PEOPLE.bob).waitFor();
    await composer.row(PEOPLE.carol).waitFor();
  });
});
