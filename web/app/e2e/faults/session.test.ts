import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Window } from '../pages/window.ts';
import { PEOPLE, useWorld } from '../world.ts';
import { Relay } from './relay.ts';

const world = useWorld();

describe('a token', () => {
  it('that has expired is renewed without a word', async () => {
    const page = await world.open();
    // A token that the server does not take any more; the cookie of the session is good.
    await page.route('**/api/v1/session', async (route) => {
      const response = await route.fetch();
      await route.fulfill({ response, json: { ...(await response.json()), token: `cvs_${'0'.repeat(40)}` } });
    });
    const renewed = page.waitForResponse((response) => response.url().endsWith('/session/renew') && response.ok());
    const alice = new Window(page);
    await alice.signIn('alice');
    await renewed;
    const chat = await alice.chatWith(PEOPLE.bob);
    const words = `After a renewal ${Date.now()}`;
    await chat.send(words);
    await chat.mark(words, 'Sent').or(chat.mark(words, 'Delivered')).waitFor();
    expect(await page.getByRole('alert').count()).toBe(0);
  });

  it('is renewed before it expires', async () => {
    const page = await world.open();
    await page.clock.install();
    const alice = new Window(page);
    await page.reload();
    await alice.signIn('alice');
    const renewed = page.waitForResponse((response) => response.url().endsWith('/session/renew') && response.ok());
    await page.clock.fastForward('11:00');
    await renewed;
    await alice.ready();
  });
});

describe('a session that is revoked', () => {
  let relay: Relay;
  beforeAll(async () => {
    relay = await Relay.open(world.server.url);
  });
  afterAll(() => relay.close());

  it('asks to sign in again, in words, and loses nothing that was written', async () => {
    const page = await world.open('/', { at: relay.url });
    const signedIn = page.waitForResponse((response) => response.url().endsWith('/api/v1/session') && response.ok());
    const alice = new Window(page);
    await alice.signIn('alice');
    const { token } = (await (await signedIn).json()) as { token: string };
    const waiting = `Written before it was revoked ${Date.now()}`;
    const carols = await alice.chatWith(PEOPLE.carol);
    await carols.field.fill('Half a sentence to Carol');
    const bobs = await alice.chatWith(PEOPLE.bob);
    relay.cut();
    await bobs.send(waiting);
    await bobs.mark(waiting, 'Sending').waitFor();
    await bobs.field.fill('Half a sentence');
    const ended = await fetch(`${world.server.url}/api/v1/session`, {
      method: 'DELETE',
      headers: { Authorization: `Bearer ${token}`, 'X-Convoke': '1' },
    });
    expect(ended.ok).toBe(true);
    relay.mend();

    await page.getByText('Your session has ended.').waitFor({ timeout: 40_000 });
    await page.getByText('Sign in again.').waitFor();
    await alice.signIn('alice');
    const sent = bobs.mark(waiting, 'Sent').or(bobs.mark(waiting, 'Delivered')).or(bobs.mark(waiting, 'Read'));
    await sent.waitFor();
    expect(await bobs.field.inputValue()).toBe('Half a sentence');
    await alice.chatWith(PEOPLE.carol);
    expect(await carols.field.inputValue()).toBe('Half a sentence to Carol');
    await carols.field.fill('');
  });
});
