import { describe, expect, it } from 'vitest';
import { PEOPLE, useWorld } from './world.ts';

const world = useWorld();

describe('a chat', () => {
  it('tells how far a message came, who types, and what is unread', async () => {
    const alice = await world.window('alice');
    const bob = await world.window('bob');
    const mine = await alice.chatWith(PEOPLE.bob);
    const words = `Lot 7 is confirmed ${Date.now()}`;
    await mine.send(words);
    await mine.mark(words, 'Delivered').waitFor();
    await bob.lineOf(PEOPLE.alice).filter({ hasText: 'unread' }).waitFor();
    await bob.page.waitForFunction(() => /^\(\d+\) /.test(document.title));
    const theirs = await bob.chatWith(PEOPLE.alice);
    await theirs.message(words).waitFor();
    await mine.mark(words, 'Read').waitFor();
    await bob.lineOf(PEOPLE.alice).filter({ hasText: 'unread' }).waitFor({ state: 'detached' });
    await theirs.field.pressSequentially('I am');
    await alice.page.getByText('Bob Keller is typing').waitFor();
    await theirs.send('I am at the gate');
    await mine.message('I am at the gate').last().waitFor();
    await alice.page.getByText('Bob Keller is typing').waitFor({ state: 'detached' });
  });

  it('keeps what was said, under its day, and what was not sent', async () => {
    const alice = await world.window('alice');
    const chat = await alice.chatWith(PEOPLE.bob);
    const words = `Kept ${Date.now()}`;
    await chat.send(words);
    await chat.mark(words, 'Sent').or(chat.mark(words, 'Delivered')).or(chat.mark(words, 'Read')).waitFor();
    await chat.field.fill('Not yet');
    await alice.reload(new URL(alice.page.url()).pathname);
    await chat.message(words).waitFor();
    // Much may have been said today: the day stands above all of it.
    const day = chat.log.getByText('Today', { exact: true });
    const upwards = async () => {
      await chat.log.press('Home');
      return day.isVisible();
    };
    await expect.poll(upwards).toBe(true);
    await chat.log.press('End');
    await alice.page.getByRole('textbox', { name: 'Write to Bob Keller' }).and(alice.page.getByText('Not yet')).waitFor();
    await chat.field.fill('');
  });

  it('is kept with the conference service too, for who commands it in words', async () => {
    const alice = await world.window('alice');
    const written = world.server.send('alice', 'conference', 'who');
    await written.says(/./);
    await alice.lineOf('Conferences').waitFor();
    await alice.reload();
    const chat = await alice.chatWith('Conferences');
    // What it answered then stands there, and what it answers now.
    await expect.poll(() => chat.textsAfter('who')).not.toEqual([]);
    const asked = `What now ${Date.now()}`;
    await chat.send(asked);
    await expect.poll(() => chat.textsAfter(asked)).not.toEqual([]);
  });

  it('has each answer of the conference service once, whichever device asked', async () => {
    const alice = await world.window('alice');
    // It is counted from here: of what was said before, the log holds what is near.
    const stamp = `Nothing that it knows ${Date.now()}`;
    await world.server.send('alice', 'conference', stamp).says(/./);
    const chat = await alice.chatWith('Conferences');
    const answers = async () => (await chat.textsAfter(stamp)).filter((text) => text.includes('You are in no conference.')).length;
    await chat.message(stamp).waitFor();
    await world.server.send('alice', 'conference', 'who').says(/./);
    await expect.poll(answers).toBe(1);
    // With what is written here the history is read, which has that answer as well.
    await chat.send('who');
    await expect.poll(answers).toBe(2);
    await alice.reload();
    await alice.chatWith('Conferences');
    await expect.poll(answers).toBe(2);
  });

  it('has at once what its person writes at another computer, and what becomes of it', async () => {
    const alice = await world.window('alice');
    // Browsers of their own: what they know of each other, the server tells them.
    const elsewhere = await world.newWindow('alice');
    const here = await alice.chatWith(PEOPLE.carol);
    const there = await elsewhere.chatWith(PEOPLE.carol);
    // Carol is away, and nothing of hers makes a window look into the history.
    const stamp = String(Date.now());
    const words = [`From one computer ${stamp}`, `From another one ${stamp}`] as const;
    await here.send(words[0]);
    await there.mark(words[0], 'Sent').waitFor();
    await there.send(words[1]);
    await here.mark(words[1], 'Sent').waitFor();
    for (const window of [alice, elsewhere]) {
      await window.lineOf(PEOPLE.carol).filter({ hasText: words[1] }).waitFor();
      expect(await window.lineOf(PEOPLE.carol).filter({ hasText: 'unread' }).count()).toBe(0);
    }
    const carol = await world.newWindow('carol');
    await carol.chatWith(PEOPLE.alice);
    for (const chat of [here, there]) {
      for (const text of words) await chat.mark(text, 'Read').waitFor();
      expect(await chat.texts(stamp)).toEqual(words);
    }
  });

  it('keeps a message for who is away', async () => {
    const alice = await world.window('alice');
    const chat = await alice.chatWith(PEOPLE.carol);
    const words = `For later ${Date.now()}`;
    await chat.send(words);
    await chat.mark(words, 'Sent').waitFor();
    const carol = await world.newWindow('carol');
    await chat.mark(words, 'Delivered').waitFor();
    await (await carol.chatWith(PEOPLE.alice)).message(words).waitFor();
    await chat.mark(words, 'Read').waitFor();
  });
});
