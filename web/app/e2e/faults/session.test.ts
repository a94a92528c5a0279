import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Window } from '../pages/window.ts';
import { PEOPLE, useWorld } from '../world.ts';
import { Relay } from './relay.ts';

const world = useWorld();

/** Signs in, and gives the token of the session. */
async function tokenOf(page: Page, window: Window): Promise<string> {
  const signedIn = page.waitForResponse((response) => response.url().endsWith('/api/v1/session') && response.ok());
  await window.signIn('alice');
  const { token } = (await (await signedIn).json()) as { token: string };
  return token;
}

/** Lets the time of a token be over, and with it, if that is meant, the time of its whole session. */
function expire(token: string, session: boolean): void {
  const hash = createHash('sha256').update(token).digest('hex');
  const of = `WHERE hash = x'${hash}'`;
  const statements = [`UPDATE session_tokens SET expires_at = 1 ${of}`];
  if (session) statements.push(`UPDATE sessions SET expires_at = 1 WHERE id = (SELECT session FROM session_tokens ${of})`);
  const program = [
    'import sqlite3, sys',
    'base = sqlite3.connect(sys.argv[1], timeout=10)',
    'assert [base.execute(line).rowcount for line in sys.argv[2:]] == [1] * len(sys.argv[2:])',
    'base.commit()',
  ];
  execFileSync('python3', ['-c', program.join('\n'), join(world.server.data, 'convoke.db'), ...statements]);
}

/** What REST says to a token. */
async function saysTo(token: string): Promise<{ status: number; words: string }> {
  const answer = await fetch(`${world.server.url}/api/v1/me`, { headers: { Authorization: `Bearer ${token}` } });
  return { status: answer.status, words: await answer.text() };
}

describe('a token', () => {
  it('whose time is over is refused, and the window renews it without a word', async () => {
    const page = await world.open();
    const alice = new Window(page);
    const token = await tokenOf(page, alice);
    await alice.ready();
    expect((await saysTo(token)).status).toBe(200);
    expire(token, false);
    const refused = await saysTo(token);
    expect(refused.status).toBe(401);
    expect(refused.words).toContain('a token that is unknown, expired or revoked');
    const renewed = page.waitForResponse((response) => response.url().endsWith('/session/renew') && response.ok());
    const chat = await alice.chatWith(PEOPLE.carol);
    await renewed;
    const words = `After its time ${Date.now()}`;
    await chat.send(words);
    await chat.mark(words, 'Sent').or(chat.mark(words, 'Delivered')).waitFor();
    expect(await page.getByRole('alert').count()).toBe(0);
  });

  it('of a session whose time is over too asks to sign in again, in words', async () => {
    const page = await world.open();
    const alice = new Window(page);
    const token = await tokenOf(page, alice);
    await alice.ready();
    expire(token, true);
    // The next thing that the window asks for is refused.
    await alice.lineOf(PEOPLE.carol).first().click();
    await page.getByText('Your session has ended.').waitFor();
    await page.getByText('Sign in again.').waitFor();
    await alice.signIn('alice');
  });

  it('that is not taken is renewed without a word', async () => {
    const page = await world.open();
    // One that the server does not know; the cookie of the session is good.
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
    const alice = new Window(page);
    const token = await tokenOf(page, alice);
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
