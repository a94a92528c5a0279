import { describe, expect, it } from 'vitest';
import { Window } from './pages/window.ts';
import { BOB, byHand, CAROL, DRIVER } from './telephones.ts';
import { useWorld } from './world.ts';

const world = useWorld();
const ACTIONS_MAX = 4;
const TIME_MAX_MS = 60_000;

describe('a newcomer', () => {
  it('has three telephones ringing after at most four actions', async () => {
    const { telephones } = world;
    await telephones.behave({ [BOB]: byHand, [CAROL]: byHand, [DRIVER]: byHand });
    const began = Date.now();
    const { page, composer } = new Window(await world.open());
    // An action is a form that is filled in and sent off, or a press of one button.
    const actions: [string, () => Promise<void>][] = [
      [
        'sign in',
        async () => {
          await page.getByLabel('Name', { exact: true }).fill('alice');
          await page.getByLabel('Password', { exact: true }).fill('demo');
          await page.getByRole('button', { name: 'Sign in' }).click();
        },
      ],
      ['choose people', () => page.getByRole('button', { name: 'Choose people' }).click()],
      ['name them', () => composer.type('Bob, Carol, +1 555 0107')],
      ['call', () => page.getByRole('button', { name: 'Call 3 people' }).click()],
    ];
    for (const [, act] of actions) await act();
    await Promise.all([BOB, CAROL, DRIVER].map((number) => telephones.rings(number)));
    expect(telephones.ringing).toHaveLength(3);
    expect(actions.length).toBeLessThanOrEqual(ACTIONS_MAX);
    expect(Date.now() - began).toBeLessThan(TIME_MAX_MS);
  });
});
