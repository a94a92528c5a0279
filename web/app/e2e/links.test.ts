import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { launching } from '../tests/browser.ts';
import { Composer } from './pages/composer.ts';
import { Window } from './pages/window.ts';
import { ALICE, BOB, byHand, DRIVER, silent } from './telephones.ts';
import { PEOPLE, useWorld } from './world.ts';

const world = useWorld();

describe('a link', () => {
  const fills = (path: string) => async () => {
    const { telephones } = world;
    await telephones.behave({ [ALICE]: silent(), [BOB]: byHand, [DRIVER]: byHand });
    const alice = await world.window('alice');
    const opened = Date.now();
    await alice.reload(path);
    await alice.composer.row(PEOPLE.bob).waitFor();
    await alice.composer.row('+15550107').waitFor();
    await alice.composer.callMeAt(/^Work/);
    const called = Date.now();
    await alice.page.getByRole('button', { name: 'Call 2 people' }).click();
    await telephones.rings(BOB);
    await telephones.rings(DRIVER);
    const rang = telephones.log.filter((line) => line.what === 'ringing' && line.at >= opened);
    expect(rang.length).toBeGreaterThanOrEqual(2);
    for (const line of rang) expect(line.at, `${line.number} rang before somebody pressed Call`).toBeGreaterThanOrEqual(called);
  };

  const named = `/call?to=bob&to=${encodeURIComponent('+15550107')}`;
  it('of another program fills the list and rings nobody by itself', fills(named));

  // As the browser asks for it where the window handles `tel:` and `sip:`.
  const schemes = `/call?to=${encodeURIComponent('sip:bob@localhost')},${encodeURIComponent('tel:+1-555-0107')}`;
  it('of the schemes tel and sip fills the list and rings nobody by itself', fills(schemes));

  it('in another page comes here once the window was made the browser’s program for it', async () => {
    // Only a browser that remembers things, and asks about them, lets a page have its links.
    const profile = mkdtempSync(join(tmpdir(), 'convoke-browser-'));
    const browser = await chromium.launchPersistentContext(profile, { ...launching(), locale: 'en-GB' });
    try {
      const page = await browser.newPage();
      await page.goto(world.server.url);
      await new Window(page).signIn('alice');
      // As somebody answers whom the browser asks whether this page may.
      const control = await browser.newCDPSession(page);
      await control.send('Page.setRPHRegistrationMode', { mode: 'autoAccept' });
      await page.getByRole('button', { name: 'Settings' }).click();
      await page.getByRole('button', { name: 'Open tel: and sip: links here' }).click();
      await page.getByText('Your browser now asks, or has remembered it.').waitFor();
      for (const [link, name] of [
        ['tel:+1-555-0107', '+15550107'],
        ['sip:bob@localhost', PEOPLE.bob],
      ] as const) {
        const other = await browser.newPage();
        await other.setContent(`<a href="${link}">Call the gate</a>`);
        await other.getByRole('link').click();
        await new Composer(other).row(name).waitFor();
        expect(new URL(other.url()).origin).toBe(new URL(world.server.url).origin);
        await other.close();
      }
      expect(world.telephones.ringing).toEqual([]);
    } finally {
      await browser.close();
      rmSync(profile, { recursive: true, force: true });
    }
  });

  it('is kept while somebody signs in', async () => {
    const page = await world.open('/call?to=carol');
    await page.getByLabel('Name', { exact: true }).fill('bob');
    await page.getByLabel('Password', { exact: true }).fill('demo');
    await page.keyboard.press('Enter');
    const list = page.getByRole('complementary', { name: 'Conference board, before the call' }).getByRole('listitem');
    await list.filter({ hasText: PEOPLE.carol }).waitFor();
  });
});

describe('another program', () => {
  it('starts a conference that the window shows live, and ends it', async () => {
    await world.telephones.behave({ [ALICE]: silent(), [BOB]: silent() });
    const alice = await world.window('alice');
    const title = `By a program ${Date.now()}`;
    const { conference } = await world.server.ask<{ conference: { id: string } }>('alice', 'POST', 'conferences', {
      title,
      participants: [{ person: 'bob' }],
    });
    const entry = alice.list.getByRole('button', { name: new RegExp(title) }).first();
    await entry.click();
    await alice.board.says(PEOPLE.bob, 'In the call').waitFor();
    await world.server.ask('alice', 'POST', `conferences/${conference.id}/end`);
    await alice.board.pane.getByText(/ ended it\.$/).waitFor();
  });
});
