import { afterAll, describe, expect, it } from 'vitest';
import { choose } from './pages/menu.ts';
import { CAROL } from './telephones.ts';
import { useWorld } from './world.ts';

const world = useWorld();

describe('my telephones', () => {
  afterAll(() => world.server.ask('carol', 'PUT', 'me/telephones', [{ label: 'work', number: CAROL, default: true }]));

  it('are added, changed, ordered, made the usual one, and removed with a way back', async () => {
    const carol = await world.newWindow('carol');
    const { page } = carol;
    await page.getByRole('button', { name: 'Settings' }).click();
    await page.getByRole('button', { name: 'My telephones' }).click();
    const lines = page.getByRole('region', { name: 'My telephones' }).getByRole('listitem');
    await lines.filter({ hasText: 'Work' }).waitFor();

    await page.getByRole('button', { name: 'Add a telephone' }).click();
    const form = page.getByRole('dialog', { name: 'Add a telephone' });
    await form.getByLabel('Number').fill('none');
    await form.getByRole('button', { name: 'Save' }).click();
    await form.getByText('Enter a number: digits, spaces and a + in front.').waitFor();
    await form.getByLabel('Number').fill('+1 555 0109');
    await form.getByLabel('Name').fill('Car');
    await form.getByLabel('When to use it').fill('from 18:00');
    await form.getByRole('button', { name: 'Save' }).click();
    await lines.nth(1).filter({ hasText: 'Car' }).filter({ hasText: 'from 18:00' }).waitFor();

    const more = (name: string) => page.getByRole('button', { name: `More about ${name}` });
    await choose(more('Car'), 'Earlier');
    await lines.nth(0).filter({ hasText: 'Car' }).waitFor();
    await choose(more('Car'), 'Make it the usual one');
    await lines.nth(0).filter({ hasText: 'Usual' }).waitFor();
    await page.reload();
    await lines.nth(0).filter({ hasText: 'Car' }).filter({ hasText: 'Usual' }).waitFor();

    await choose(more('Car'), 'Remove');
    await lines.filter({ hasText: 'Car' }).waitFor({ state: 'detached' });
    await page.getByRole('button', { name: 'Undo' }).click();
    await lines.nth(0).filter({ hasText: 'Car' }).waitFor();
    await page.reload();
    await lines.nth(0).filter({ hasText: 'Car' }).waitFor();
    expect(await lines.count()).toBe(2);

    // What is stored here is where the composer calls.
    await carol.reload('/call?to=bob');
    await carol.composer.callMeAt(/^Car/);
    await carol.composer.me.getByText('Car').waitFor();
  });
});
