import { describe, it } from 'vitest';
import { callFrom } from './calling.ts';
import { ALICE, BOB, silent } from './telephones.ts';
import { PEOPLE, useWorld } from './world.ts';

const world = useWorld();

describe('the telephones to play with', () => {
  it('ring, are answered, press keys and hang up, and each shows what the board says of it', async () => {
    await world.telephones.behave({ [ALICE]: silent() });
    const page = await world.open('/phones');
    const bobs = page.getByRole('region', { name: 'Telephone of Bob Keller, mobile' });
    await bobs.getByLabel('When called').selectOption({ label: 'Rings' });
    await world.telephones.until('it waits', () => world.telephones.phone(BOB).behaviour.does === 'by-hand');

    const alice = await world.window('alice');
    await callFrom(alice, 'bob');
    await bobs.getByText('Alice Martin calls').waitFor();
    const board = bobs.getByRole('paragraph').filter({ hasText: 'Board shows' });
    await board.getByText('Ringing').waitFor();
    const title = await alice.board.pane.getByRole('heading', { level: 2 }).textContent();
    await bobs.getByText(title ?? '', { exact: true }).waitFor();

    await bobs.getByRole('button', { name: 'Answer' }).click();
    await board.getByText('In the call').waitFor();
    await alice.board.says(PEOPLE.bob, 'In the call').waitFor();
    const keypad = bobs.getByRole('group', { name: 'Keypad' });
    await keypad.getByRole('button', { name: '*', exact: true }).click();
    await keypad.getByRole('button', { name: '5 *5 hand' }).click();
    await alice.board.says(PEOPLE.bob, 'Hand 1').waitFor();
    await board.getByText('Hand').waitFor();

    await bobs.getByRole('button', { name: 'Hang up' }).click();
    await bobs.getByText('Ready').waitFor();
    await board.getByText('Left').waitFor();
    await page.getByRole('region', { name: 'What happened' }).getByText('was disconnected').first().waitFor();
    await alice.board.group('Left').waitFor();
  });

  it('do from the next call on what is chosen for them', async () => {
    await world.telephones.behave({ [ALICE]: silent() });
    const page = await world.open('/phones');
    const bobs = page.getByRole('region', { name: 'Telephone of Bob Keller, mobile' });
    const alice = await world.window('alice');
    for (const [choice, word] of [
      ['Busy', 'Busy'],
      ['Unreachable', 'Unreachable'],
      ['Answers', 'In the call'],
    ] as const) {
      const chosen = page.waitForResponse((response) => response.url().endsWith('/behaviour'));
      await bobs.getByLabel('When called').selectOption({ label: choice });
      await chosen;
      await callFrom(alice, 'bob');
      await alice.board.says(PEOPLE.bob, word).waitFor();
      await alice.board.endForAll();
      await world.telephones.allIdle();
    }
  });
});
