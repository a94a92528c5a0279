import { describe, it } from 'vitest';
import { Window } from './pages/window.ts';
import { useWorld } from './world.ts';

const world = useWorld();

describe('signing in', () => {
  it('says in words that the password is wrong, and lets in with the right one', async () => {
    const window = new Window(await world.open());
    await window.page.getByLabel('Name', { exact: true }).fill('alice');
    await window.page.getByLabel('Password', { exact: true }).fill('not this one');
    await window.page.getByRole('button', { name: 'Sign in' }).click();
    await window.page.getByRole('alert').getByText('Name or password is wrong.').waitFor();
    await window.signIn('alice');
    await window.lineOf('Bob Keller').first().waitFor();
  });

  it('goes on after a reload, and not after signing out', async () => {
    const window = await world.newWindow('carol');
    await window.reload();
    await window.signOut();
    const form = window.page.getByRole('heading', { name: 'Sign in to Convoke' });
    await form.waitFor();
    await window.page.reload();
    await form.waitFor();
  });
});
