import { beforeEach, describe, expect, it } from 'vitest';
import { callFrom } from './calling.ts';
import { ALICE, BOB, BUSY, byHand, CAROL, DECLINES, DRIVER, MAILBOX, talks } from './telephones.ts';
import { PEOPLE, useWorld } from './world.ts';

const world = useWorld();

/** How boards name a number that is nobody's: whole where it was typed, else its end. */
const outside = (number: string) => new RegExp(`\\${number}|…${number.slice(-2)}`);

describe('the live board', () => {
  beforeEach(() => world.telephones.behave({ [ALICE]: talks('alice'), [BOB]: talks('bob'), [CAROL]: talks('carol') }));

  it('shows who rings, who is in, and who was not reached, with the reason in words', async () => {
    await world.telephones.behave({
      [BOB]: byHand,
      [DECLINES]: { does: 'decline', after_ms: 500 },
      [MAILBOX]: { does: 'refuse', status: 404 },
    });
    const alice = await world.window('alice');
    const { board } = alice;
    await callFrom(alice, `bob,carol,${BUSY},${DECLINES},${MAILBOX}`);
    await board.says(PEOPLE.bob, 'Ringing').waitFor();
    await board
      .row(PEOPLE.bob)
      .filter({ hasText: /Ringing\s*0:0[1-9]/ })
      .waitFor();
    await board.says(PEOPLE.carol, 'In the call').waitFor();
    await board
      .row(PEOPLE.carol)
      .filter({ hasText: /In the call\s*0:0[1-9]/ })
      .waitFor();
    await board.says(outside(BUSY), 'Busy').waitFor();
    await board.says(outside(DECLINES), 'Declined').waitFor();
    await board.says(outside(MAILBOX), 'Unreachable').waitFor();
    await board.row(outside(MAILBOX)).getByText('This number does not exist.').waitFor();
    await board.group('Being called').waitFor();
    await board.group('Not reached').filter({ hasText: '3' }).waitFor();
    await world.telephones.act(BOB, 'answer');
    await board.says(PEOPLE.bob, 'In the call').waitFor();
    await board.group('Being called').waitFor({ state: 'detached' });
  });

  it('says that nobody picked up, and that a machine did', { timeout: 90_000 }, async () => {
    await world.telephones.behave({ [BOB]: { does: 'no-answer' }, [MAILBOX]: { does: 'voicemail', after_ms: 300 } });
    const alice = await world.window('alice');
    const { board } = alice;
    await callFrom(alice, `bob,${MAILBOX}`);
    await board.says(outside(MAILBOX), 'Confirming').waitFor();
    await board.says(outside(MAILBOX), 'Answered; waits for key 1').waitFor();
    await board.says(PEOPLE.bob, 'No answer').waitFor({ timeout: 40_000 });
    await board
      .row(outside(MAILBOX))
      .getByText(/machine|pressed 1/)
      .waitFor({ timeout: 40_000 });
  });

  it('calls again who was not reached, disconnects and connects', async () => {
    await world.telephones.behave({ [BOB]: { does: 'busy' } });
    const alice = await world.window('alice');
    const { board } = alice;
    await callFrom(alice, 'bob,carol');
    await board.says(PEOPLE.bob, 'Busy').waitFor();
    await world.telephones.behave({ [BOB]: talks('bob') });
    await board.button(`Redial: ${PEOPLE.bob}`).click();
    await board.says(PEOPLE.bob, 'In the call').waitFor();
    await board.button(`Disconnect: ${PEOPLE.bob}`).click();
    await board.group('Left').waitFor();
    await board.unfold();
    await board.says(PEOPLE.bob, 'Disconnected by Alice Martin').waitFor();
    await world.telephones.isIdle(BOB);
    await board.button(`Connect: ${PEOPLE.bob}`).click();
    await board.says(PEOPLE.bob, 'In the call').waitFor();
    await world.telephones.isIn(BOB);
  });

  it('adds somebody to the call, removes them, and takes that back', async () => {
    const alice = await world.window('alice');
    const { board, page } = alice;
    await callFrom(alice, 'bob');
    await board.says(PEOPLE.bob, 'In the call').waitFor();
    await board.pane.getByRole('combobox', { name: 'Add people' }).fill('carol');
    await page.keyboard.press('Enter');
    await board.says(PEOPLE.carol, 'In the call').waitFor();
    // What they were there they are again.
    await board.tell(PEOPLE.carol, 'Make moderator');
    await board.says(PEOPLE.carol, 'Moderator').waitFor();
    await board.button(`Mute: ${PEOPLE.carol}`).click();
    await board.says(PEOPLE.carol, 'Muted').waitFor();
    await board.tell(PEOPLE.carol, 'Remove from the conference');
    await board.row(PEOPLE.carol).waitFor({ state: 'detached' });
    await world.telephones.isIdle(CAROL);
    await page.getByRole('button', { name: 'Undo' }).click();
    await world.telephones.isIn(CAROL);
    await board.says(PEOPLE.carol, 'Muted').waitFor();
    await board.says(PEOPLE.carol, 'Moderator').waitFor();
    await board.button(`Mute: ${PEOPLE.carol}`).click();
    await board.says(PEOPLE.carol, 'In the call').waitFor();
  });

  it('tells who is removed so, and not that it has ended', async () => {
    // Their window rings as long as it does.
    await world.telephones.behave({ [BOB]: byHand });
    const [alice, bob] = [await world.window('alice'), await world.window('bob')];
    await callFrom(alice, 'bob,carol');
    await bob.ringing.getByRole('button', { name: 'Join here' }).click();
    await bob.board.says(PEOPLE.carol, 'In the call').waitFor();
    await alice.board.tell(PEOPLE.bob, 'Remove from the conference');
    await bob.board.pane.getByText('You were removed from the conference. It goes on without you.').waitFor();
    await bob.board.pane.locator('.myline').getByText('Removed', { exact: true }).waitFor();
    // Of who goes on nothing is said, least of all that they left.
    const spoken = bob.page.locator('.sr[role=log]');
    await spoken.getByText(`You were removed from ${PEOPLE.alice}, ${PEOPLE.carol}`).waitFor({ state: 'attached' });
    expect((await spoken.allInnerTexts()).join()).not.toMatch(/has ended|Left/);
    expect(await bob.board.pane.getByText(/Ended|Left/).count()).toBe(0);
    expect(await bob.board.pane.getByRole('listitem').count()).toBe(0);
    await alice.board.says(PEOPLE.carol, 'In the call').waitFor();
    await world.telephones.isIn(CAROL);
  });

  it('shows who hung up as having left', async () => {
    const alice = await world.window('alice');
    const { board } = alice;
    await callFrom(alice, 'bob,carol');
    await board.says(PEOPLE.bob, 'In the call').waitFor();
    await board.says(PEOPLE.carol, 'In the call').waitFor();
    await world.telephones.act(BOB, 'hangup');
    await board.group('Left').waitFor();
    await board.unfold();
    await board.row(PEOPLE.bob).filter({ hasText: 'Left' }).waitFor();
  });

  it('tells that the initiator left and that the conference ended by it', async () => {
    const alice = await world.window('alice');
    const { board } = alice;
    await callFrom(alice, 'bob');
    await board.says(PEOPLE.bob, 'In the call').waitFor();
    await world.telephones.act(ALICE, 'hangup');
    await board.pane.getByText('Alice Martin left.', { exact: true }).waitFor();
    await board.pane.getByText('Left', { exact: true }).first().waitFor();
    await world.telephones.isIdle(BOB);
  });

  it('tells that the initiator was not reached, and why', async () => {
    await world.telephones.behave({ [ALICE]: { does: 'busy' } });
    const alice = await world.window('alice');
    const { board } = alice;
    await callFrom(alice, 'bob');
    await board.pane.getByText('Alice Martin was not reached: The line is busy.', { exact: true }).waitFor();
    await board.pane.getByText('Ended', { exact: true }).waitFor();
    // My own line too: I was not in, and did not leave.
    await board.pane.locator('.myline').getByText('Busy', { exact: true }).waitFor();
    await world.telephones.allIdle();
  });

  it('keeps me in the call until my other telephone answers, and where I was if it does not', async () => {
    await world.telephones.behave({ [DRIVER]: byHand });
    const alice = await world.window('alice');
    const { board, composer } = alice;
    await callFrom(alice, 'bob');
    await board.says(PEOPLE.bob, 'In the call').waitFor();
    await board.callMeAt('Another number');
    await composer.number(BUSY);
    await board.pane
      .getByText(`…${BUSY.slice(-2)}: Busy`)
      .or(board.pane.getByText(`${BUSY}: Busy`))
      .waitFor();
    await board.pane.getByText('You are still in the call where you were.').waitFor();
    await world.telephones.isIn(ALICE);
    await board.button('Dismiss').click();
    await board.pane.getByText('You are still in the call where you were.').waitFor({ state: 'detached' });
    // It rings there, I talk here; and I think better of it.
    const rings = board.pane.getByText('You stay in the call here until you answer there.');
    for (const stays of [true, false]) {
      await board.callMeAt('Another number');
      await composer.number(DRIVER);
      await world.telephones.rings(DRIVER);
      await rings.waitFor();
      await world.telephones.isIn(ALICE);
      if (!stays) break;
      await board.button('Stay here').click();
      await world.telephones.isIdle(DRIVER);
      await rings.waitFor({ state: 'detached' });
    }
    // A number of outside is asked for a key; until it is pressed nothing has changed.
    await world.telephones.act(DRIVER, 'answer');
    await board.pane.getByText(/: Confirming$/).waitFor();
    await world.telephones.isIn(ALICE);
    await world.telephones.press(DRIVER, '1');
    await world.telephones.isIdle(ALICE);
    await world.telephones.isIn(DRIVER);
    await rings.waitFor({ state: 'detached' });
    await board.says(PEOPLE.bob, 'In the call').waitFor();
  });

  it('shows who talks, and that others are silent', async () => {
    await world.telephones.behave({ [BOB]: { does: 'answer', after_ms: 300, says: 'nothing' } });
    const alice = await world.window('alice');
    const { board } = alice;
    await callFrom(alice, 'bob,carol');
    await board.row(PEOPLE.carol).getByRole('img', { name: 'talks' }).waitFor();
    await board.row(PEOPLE.bob).getByRole('img', { name: 'silent' }).waitFor();
    await alice.list.getByText(/Carol Diaz talks|Alice Martin talks/).waitFor();
  });
});
