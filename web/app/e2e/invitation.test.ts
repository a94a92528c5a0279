import { beforeEach, describe, expect, it } from 'vitest';
import { callFrom } from './calling.ts';
import { choose } from './pages/menu.ts';
import { ALICE, BOB, BOB_AT_HOME, byHand, silent } from './telephones.ts';
import { PEOPLE, useWorld } from './world.ts';

const world = useWorld();

describe('somebody who is called', () => {
  beforeEach(() => world.telephones.behave({ [ALICE]: silent(), [BOB]: byHand, [BOB_AT_HOME]: byHand }));

  it('joins from the window, and their telephone stops ringing', async () => {
    const alice = await world.window('alice');
    const bob = await world.window('bob');
    await callFrom(alice, 'bob');
    await bob.ringing.getByText('Alice Martin calls you').waitFor();
    await bob.ringing.getByText('Alice Martin', { exact: true }).first().waitFor();
    await bob.ringing.getByText(/running for/).waitFor();
    await world.telephones.rings(BOB);
    await bob.ringing.getByRole('button', { name: 'Join here' }).click();
    await world.telephones.isIdle(BOB);
    await alice.board.row(PEOPLE.bob).filter({ hasText: 'Browser' }).getByText('In the call').waitFor();
    await bob.board.says(PEOPLE.alice, 'In the call').waitFor();
    await bob.ringing.waitFor({ state: 'detached' });
    const card = (await bob.chatWith(PEOPLE.alice)).log.getByRole('article', { name: /^Invitation/ }).last();
    await card.getByText('You joined here').waitFor();
  });

  it('is called at a telephone of their choice', async () => {
    const alice = await world.window('alice');
    const bob = await world.window('bob');
    await callFrom(alice, 'bob');
    await choose(bob.ringing.getByRole('button', { name: 'Call me at' }), /^Home/);
    await world.telephones.rings(BOB_AT_HOME);
    await world.telephones.isIdle(BOB);
    await alice.board.row(PEOPLE.bob).filter({ hasText: 'Home' }).getByText('Ringing').waitFor();
    await world.telephones.act(BOB_AT_HOME, 'answer');
    await alice.board.says(PEOPLE.bob, 'In the call').waitFor();
    await bob.ringing.waitFor({ state: 'detached' });
  });

  it('declines with a message, which the caller reads', async () => {
    const alice = await world.window('alice');
    const bob = await world.window('bob');
    await callFrom(alice, 'bob');
    await choose(bob.ringing.getByRole('button', { name: 'Decline with a message' }), 'I will call you back');
    await alice.board.says(PEOPLE.bob, 'Declined').waitFor();
    await alice.board.says(PEOPLE.bob, '“I will call you back”').waitFor();
    await bob.ringing.waitFor({ state: 'detached' });
    await world.telephones.isIdle(BOB);
    await alice.board.endForAll();
  });

  it('finds a call that was missed, and calls back', async () => {
    const alice = await world.window('alice');
    const bob = await world.window('bob');
    await callFrom(alice, 'bob');
    await bob.ringing.waitFor();
    await alice.board.endForAll();
    await bob.ringing.waitFor({ state: 'detached' });
    const chat = await bob.chatWith(PEOPLE.alice);
    await chat.log.getByText('Missed call').last().waitFor();
    await chat.log.getByRole('button', { name: 'Call back' }).last().click();
    await bob.composer.row(PEOPLE.alice).waitFor();
    await world.telephones.allIdle();
  });

  it('sees who calls by REST, and joins from the window', async () => {
    const bob = await world.window('bob');
    const called = { title: 'Gate check', initiator: { person: 'alice', place: 'work' }, participants: [{ person: 'bob' }] };
    const { conference } = await world.server.ask<{ conference: { id: string } }>('alice', 'POST', 'conferences', called);
    await bob.ringing.getByText('Alice Martin calls you').waitFor();
    await bob.ringing.getByText('Gate check').waitFor();
    await world.telephones.rings(BOB);
    await bob.ringing.getByRole('button', { name: 'Join here' }).click();
    await world.telephones.isIdle(BOB);
    await bob.board.says(PEOPLE.alice, 'In the call').waitFor();
    await world.server.ask('alice', 'POST', `conferences/${conference.id}/end`);
    await bob.board.pane.getByText(/ended/).first().waitFor();
  });

  it('is rung again by a window that is reloaded, whoever sent the invitation', async () => {
    const bob = await world.window('bob');
    const called = { title: 'Gate check', initiator: { person: 'alice', place: 'work' }, participants: [{ person: 'bob' }] };
    const { conference } = await world.server.ask<{ conference: { id: string } }>('alice', 'POST', 'conferences', called);
    await bob.ringing.getByText('Gate check').waitFor();
    await bob.reload();
    await bob.ringing.getByText('Alice Martin calls you').waitFor();
    await bob.ringing.getByText('Gate check').waitFor();
    await world.telephones.rings(BOB);
    await bob.ringing.getByRole('button', { name: 'Join here' }).click();
    await world.telephones.isIdle(BOB);
    await bob.board.says(PEOPLE.alice, 'In the call').waitFor();
    await bob.ringing.waitFor({ state: 'detached' });
    await world.server.ask('alice', 'POST', `conferences/${conference.id}/end`);
    await bob.board.pane.getByText(/ended/).first().waitFor();
  });

  it('sees who calls from a command line, and declines', async () => {
    const bob = await world.window('bob');
    const call = world.server.call('alice', 'bob', '--from', 'work', '--title', 'Gate check');
    await bob.ringing.getByText('Alice Martin calls you').waitFor();
    await bob.ringing.getByText('Gate check').waitFor();
    await world.telephones.rings(BOB);
    await choose(bob.ringing.getByRole('button', { name: 'Decline with a message' }), 'I will call you back');
    await world.telephones.isIdle(BOB);
    await call.says(/"declined"/);
    await call.says(/I will call you back/);
    // What windows tell each other is nothing for people to read.
    expect(call.output).not.toContain('invitation-answer');
    const card = (await bob.chatWith(PEOPLE.alice)).log.getByRole('article', { name: /^Invitation/ }).last();
    await card.getByText('Declined', { exact: true }).first().waitFor();
  });

  it('is called also by a window that began anew before it was their turn', () => theirTurnComes('calls'));
  it('is invited also by a window that began anew before it was their turn', () => theirTurnComes('invites'));

  /** Alice is called first, and her window begins anew while her telephone rings. */
  async function theirTurnComes(does: 'calls' | 'invites'): Promise<void> {
    await world.telephones.behave({ [ALICE]: byHand });
    const alice = await world.window('alice');
    const bob = await world.window('bob');
    await alice.visit('/call?to=bob');
    await alice.composer.row(PEOPLE.bob).waitFor();
    await alice.composer.callMeAt(/^Work/);
    const begin = does === 'calls' ? alice.composer.call : alice.composer.pane.getByRole('button', { name: 'Invite only' });
    await begin.click();
    await world.telephones.rings(ALICE);
    // By then the window knows which conference it has begun.
    await alice.board.row(PEOPLE.bob).waitFor();
    await alice.reload();
    await alice.board.pane.waitFor();
    await world.telephones.act(ALICE, 'answer');
    await bob.ringing.getByText(`Alice Martin ${does} you`).waitFor();
    expect(await bob.ringing.count()).toBe(1);
    await bob.ringing.getByRole('button', { name: 'Join here' }).click();
    await alice.board.says(PEOPLE.bob, 'In the call').waitFor();
    await world.telephones.isIdle(BOB);
  }

  it('is only invited: no telephone rings, and the number in the answer is called', async () => {
    const alice = await world.window('alice');
    const bob = await world.window('bob');
    const began = Date.now();
    await alice.reload('/call?to=bob');
    await alice.composer.row(PEOPLE.bob).waitFor();
    await alice.composer.callMeAt(/^Work/);
    await alice.composer.pane.getByRole('button', { name: 'Invite only' }).click();
    await bob.ringing.getByText('Alice Martin invites you').waitFor();
    await choose(bob.ringing.getByRole('button', { name: 'Call me at' }), /^Home/);
    await world.telephones.rings(BOB_AT_HOME);
    expect(world.telephones.log.filter((line) => line.number === BOB && line.at >= began)).toEqual([]);
    await world.telephones.act(BOB_AT_HOME, 'answer');
    await alice.board.says(PEOPLE.bob, 'In the call').waitFor();
  });
});
