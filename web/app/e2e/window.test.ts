/** The window as people use it: Chromium, a real server, its simulated telephones. */
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { launch } from '../tests/browser.ts';

const url = process.env.CONVOKE_URL ?? '';
/** Longer than anything here takes. */
const PATIENCE = { timeout: 30_000 };

describe.skipIf(url === '')('the window at a real server', () => {
  let browser: Browser;
  const contexts: BrowserContext[] = [];
  const faults: string[] = [];

  beforeAll(async () => {
    browser = await launch(['--use-fake-ui-for-media-stream', '--use-fake-device-for-media-stream']);
  });
  afterAll(async () => {
    for (const context of contexts) await context.close();
    await browser?.close();
  });

  async function open(path = '/'): Promise<Page> {
    const context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
    contexts.push(context);
    const page = await context.newPage();
    page.on('pageerror', (error) => faults.push(error.message));
    page.on('console', (message) => {
      if (/Content Security Policy|TrustedHTML/.test(message.text())) faults.push(message.text());
    });
    await page.goto(url + path);
    return page;
  }

  async function signIn(user: string): Promise<Page> {
    const page = await open();
    await page.fill('input[name=username]', user);
    await page.fill('input[name=password]', 'demo');
    await page.keyboard.press('Enter');
    await page.getByPlaceholder('Search or call').or(page.getByText('Search or call').first()).first().waitFor(PATIENCE);
    return page;
  }

  const chatWith = async (page: Page, name: string): Promise<void> => {
    await page.getByText(name, { exact: true }).first().click(PATIENCE);
    await page.getByRole('textbox', { name: new RegExp(`Write to ${name}`) }).waitFor(PATIENCE);
  };

  it('shows colleagues and who is there, and carries chat with its marks', async () => {
    const alice = await signIn('alice');
    const bob = await signIn('bob');
    await chatWith(alice, 'Bob Keller');
    const words = `Lot 7 is confirmed <b>${Date.now()}</b>`;
    await alice.getByRole('textbox', { name: /Write to Bob Keller/ }).fill(words);
    await alice.keyboard.press('Enter');
    await alice.getByText('Delivered').first().waitFor(PATIENCE);
    await chatWith(bob, 'Alice Martin');
    await bob.getByText(words, { exact: true }).first().waitFor(PATIENCE);
    await alice.getByText('Read', { exact: true }).first().waitFor(PATIENCE);
  });

  it('rings telephones from a chat with one click and shows the board live', async () => {
    const phones = await open('/phones');
    const alice = await signIn('alice');
    await alice.goto(`${url}/call?to=${encodeURIComponent('bob,carol,+15550107')}`);
    await alice.getByRole('button', { name: /Call 3 people/ }).waitFor(PATIENCE);
    const me = alice.getByRole('button', { name: /Call me at/ });
    await me.click();
    await alice
      .getByRole('menuitemradio', { name: /work/i })
      .or(alice.getByRole('menuitem', { name: /work/i }))
      .first()
      .click(PATIENCE);
    await alice.getByRole('button', { name: /Call 3 people/ }).click();
    const bobs = phones.getByRole('region', { name: /Bob Keller/ });
    await bobs
      .getByText(/In the call/)
      .first()
      .waitFor(PATIENCE);
    await alice
      .getByText(/In the call/)
      .first()
      .waitFor(PATIENCE);
    if (process.env.PICTURE) await alice.screenshot({ path: process.env.PICTURE });
    await bobs.getByRole('button', { name: 'Hang up' }).click();
    await bobs.getByText('Idle').first().waitFor(PATIENCE);
    await alice.getByRole('button', { name: /^Left/ }).or(alice.getByText(/^Left/)).first().waitFor(PATIENCE);
    await alice.getByRole('button', { name: 'End for all' }).click();
    await alice.getByRole('dialog').or(alice.getByRole('alertdialog')).getByRole('button', { name: /End/ }).first().click(PATIENCE);
    await phones
      .getByRole('region', { name: /Alice Martin/ })
      .getByText('Idle')
      .first()
      .waitFor(PATIENCE);
  });

  it('breaks no rule of its policy on the way', () => {
    expect(faults).toEqual([]);
  });
});
