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
    await chat.message('who').last().waitFor();
    // What it answered then stands there, and what it answers now.
    const answers = chat.log.getByRole('article');
    const before = await answers.count();
    expect(before).toBeGreaterThan(1);
    await chat.send('help');
    await expect.poll(() => answers.count()).toBeGreaterThan(before + 1);
  });

  it('has each answer of the conference service once, whichever device asked', async () => {
    const alice = await world.window('alice');
    await world.server.send('alice', 'conference', 'help').says(/./);
    const chat = await alice.chatWith('Conferences');
    const none = 'You are in no conference.';
    const answers = chat.log.getByText(none);
    const { messages } = await world.server.ask<{ messages: { text?: string }[] }>('alice', 'GET', 'me/chats/conference@localhost');
    const before = messages.filter(({ text }) => text?.includes(none)).length;
    // What was said before has come by then.
    await expect.poll(() => answers.count()).toBe(before);
    await chat.message('help').last().waitFor();
    await world.server.send('alice', 'conference', 'who').says(/./);
    await expect.poll(() => answers.count()).toBe(before + 1);
    // With what is written here the history is read, which has that answer as well.
    await chat.send('who');
    await expect.poll(() => answers.count()).toBe(before + 2);
    await alice.reload();
    const again = await alice.chatWith('Conferences');
    await again.message('who').last().waitFor();
    await expect.poll(() => again.log.getByText(none).count()).toBe(before + 2);
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
