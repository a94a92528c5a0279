import { describe, expect, it } from 'vitest';
import { choose } from './pages/menu.ts';
import { useWorld } from './world.ts';

const world = useWorld();

interface Row {
  mode: string;
  address: string | null;
  video: boolean;
  source: string;
  lastSeen: number | null;
}

describe('my ways to take part', () => {
  it('come by themselves, are added, ordered by keyboard and pointer, changed, and removed with a way back', async () => {
    const carol = await world.newWindow('carol');
    const { page } = carol;
    // The page shows what was done before the server has it.
    const stored = () => world.server.ask<Row[]>('carol', 'GET', 'me/modes');
    await page.getByRole('button', { name: 'Settings' }).click();
    await page.getByRole('button', { name: 'My ways to take part' }).click();
    const region = page.getByRole('region', { name: 'My ways to take part' });
    const lines = region.getByRole('listitem');
    // Her window registered, and she has a telephone.
    await lines.filter({ hasText: 'Computer' }).filter({ hasText: 'registered by a device' }).waitFor();
    await lines.filter({ hasText: 'from your telephones' }).first().waitFor();
    const before = await lines.count();

    await region.getByRole('button', { name: 'Add a way' }).click();
    const form = page.getByRole('dialog', { name: 'Add a way' });
    await form.getByLabel('Address').fill('a room');
    await form.getByRole('button', { name: 'Save' }).click();
    await form.getByText('Enter an address with an @, such as sip:room@video.example.org.').waitFor();
    await form.getByLabel('Address').fill('room-4@video.example.org');
    await form.getByRole('button', { name: 'Save' }).click();
    const room = lines.filter({ hasText: 'room-4@video.example.org' });
    await room.filter({ hasText: 'written in' }).filter({ hasText: 'with picture' }).waitFor();

    await region.getByRole('button', { name: 'Add a way' }).click();
    await form.getByLabel('Kind').selectOption('isdn');
    await form.getByLabel('Number').fill('+49 30 12345');
    await form.getByRole('button', { name: 'Save' }).click();
    const isdn = lines.filter({ hasText: 'ISDN (H.320)' });
    await isdn.filter({ hasText: '+493012345' }).waitFor();
    const last = async () => (await stored()).at(-1);
    await expect.poll(last).toMatchObject({ mode: 'isdn', address: 'isdn:+493012345', video: true, source: 'by-hand' });

    // By keyboard, on its handle: up by one.
    await isdn.getByRole('button', { name: /^Move ISDN/ }).focus();
    await page.keyboard.press('ArrowUp');
    await lines.nth(before).filter({ hasText: 'ISDN' }).waitFor();
    expect(await page.evaluate(() => document.activeElement?.getAttribute('aria-label'))).toMatch(/^Move ISDN/);
    await page
      .getByRole('log')
      .getByText(`ISDN (H.320) is now ${before + 1} of ${before + 2}`)
      .waitFor({ state: 'attached' });

    // By pointer: to the top.
    const from = await isdn.getByRole('button', { name: /^Move ISDN/ }).boundingBox();
    const to = await lines.first().boundingBox();
    if (!from || !to) throw new Error('no line to drag');
    await page.mouse.move(from.x + from.width / 2, from.y + from.height / 2);
    await page.mouse.down();
    await page.mouse.move(to.x + 20, to.y + 4, { steps: 8 });
    await page.mouse.up();
    await lines.first().filter({ hasText: 'ISDN' }).waitFor();

    await choose(isdn.getByRole('button', { name: /^More about ISDN/ }), 'Change');
    const change = page.getByRole('dialog', { name: 'Change this way' });
    await change.getByLabel('Number').fill('+49 30 54321');
    await change.getByRole('switch', { name: 'Carries pictures' }).click();
    await change.getByRole('button', { name: 'Save' }).click();
    await lines.first().filter({ hasText: '+493054321' }).waitFor();
    const changed = [{ mode: 'isdn', address: 'isdn:+493054321', video: false }, ...Array(before + 1).fill({})];
    await expect.poll(stored).toMatchObject(changed);
    await page.reload();
    await lines.first().filter({ hasText: '+493054321' }).waitFor();

    await choose(room.getByRole('button', { name: /^More about Video room/ }), 'Remove');
    await room.waitFor({ state: 'detached' });
    await page.getByRole('button', { name: 'Undo' }).click();
    await room.waitFor();
    expect(await lines.count()).toBe(before + 2);
    await expect.poll(async () => (await stored()).filter((one) => one.mode === 'sip').length).toBe(1);

    // One that came by itself comes back as what it was.
    const telephone = lines.filter({ hasText: 'from your telephones' }).first();
    const ofProfile = async () =>
      (await stored()).filter((one) => one.source === 'profile').map(({ lastSeen, ...one }) => ({ ...one, heard: lastSeen !== null }));
    const known = await ofProfile();
    await choose(telephone.getByRole('button', { name: /^More about/ }), 'Remove');
    await expect.poll(ofProfile).toEqual(known.slice(1));
    await page.getByRole('button', { name: 'Undo' }).last().click();
    await expect.poll(ofProfile).toEqual(known);
    await telephone.waitFor();

    // A telephone is changed where it belongs.
    await choose(telephone.getByRole('button', { name: /^More about/ }), 'Change it among my telephones');
    await page.getByRole('region', { name: 'My telephones' }).waitFor();
    await world.server.ask(
      'carol',
      'PUT',
      'me/modes',
      (await stored()).filter((one) => one.source !== 'by-hand').map(({ mode, address, video }) => ({ mode, address, video })),
    );
  });
});
