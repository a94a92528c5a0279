import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { bytesSent, ENDINGS, FIRST_LOAD_MAX_BYTES, worthy } from '../tools/codings.mjs';
import { launch } from './browser.ts';
import { serve } from './serve.ts';

const DIST = '../dist';

let browser: Browser;
let site: { origin: string; close: () => Promise<void> };

beforeAll(async () => {
  browser = await launch();
  site = await serve(DIST, 'index.html');
});
afterAll(async () => {
  await browser?.close();
  await site?.close();
});

/** Opens a path of what the server serves, and gives what went wrong. */
async function open(path: string): Promise<{ page: Page; faults: string[] }> {
  const context = await browser.newContext({ locale: 'en-GB' });
  const page = await context.newPage();
  const faults: string[] = [];
  page.on('pageerror', (error) => faults.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error' && !/status of 401/.test(message.text())) faults.push(message.text());
  });
  await page.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (event) =>
      console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`),
    );
  });
  await page.goto(site.origin + path);
  return { page, faults };
}

it('asks for name and password under the policy of the server', async () => {
  const { page, faults } = await open('/');
  await page.getByRole('heading', { name: 'Sign in to Convoke' }).waitFor();
  await page.getByRole('textbox', { name: 'Name' }).fill('alice');
  await page.getByRole('textbox', { name: 'Password' }).fill('wrong');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('alert').getByText('Name or password is wrong.').waitFor();
  expect(faults).toEqual([]);
});

it('keeps a link until somebody has signed in', async () => {
  const { page, faults } = await open('/call?to=tel:%2B15550100');
  await page.getByRole('heading', { name: 'Sign in to Convoke' }).waitFor();
  expect(new URL(page.url()).search).toBe('?to=tel:%2B15550100');
  expect(faults).toEqual([]);
});

it('says where the telephones to play with are, when the server has none', async () => {
  const { page, faults } = await open('/phones');
  await page.getByText('No telephones here').waitFor();
  expect(faults).toEqual([]);
});

it('loads nothing of calls, and no more than may be loaded, before somebody signs in', async () => {
  const loaded: string[] = [];
  const context = await browser.newContext();
  const page = await context.newPage();
  page.on('response', (response) => loaded.push(new URL(response.url()).pathname));
  await page.goto(site.origin);
  await page.getByRole('button', { name: 'Sign in' }).waitFor();
  expect(loaded.filter((path) => /board|bar-|ringing|voice|palette/.test(path))).toEqual([]);
  const manifest = JSON.parse(readFileSync(join(DIST, '.vite/manifest.json'), 'utf8'));
  expect(Object.keys(manifest)).toContain('src/board/board.tsx');
  const files = loaded.filter((path) => path.startsWith('/assets/') || path === '/' || path === '/icon.svg');
  for (const coding of ['br', 'gzip'] as const) {
    const bytes = files.map((path) => bytesSent(DIST, path === '/' ? 'index.html' : path, coding)).reduce((sum, one) => sum + one, 0);
    console.log(`first load: ${bytes} bytes with ${coding}`);
    expect(bytes, coding).toBeLessThanOrEqual(FIRST_LOAD_MAX_BYTES);
  }
});

it('lies there compressed as well, for the server to send', () => {
  const decode = { br: brotliDecompressSync, gzip: gunzipSync };
  const files = worthy(DIST);
  expect(files.some((name) => /^assets\/index-.*\.js$/.test(name))).toBe(true);
  for (const name of files) {
    const plain = readFileSync(join(DIST, name));
    for (const coding of ['br', 'gzip'] as const) {
      const coded = readFileSync(join(DIST, name) + ENDINGS[coding]);
      expect(coded.length, `${name}, ${coding}`).toBeLessThan(plain.length);
      expect(decode[coding](coded).equals(plain), `${name}, ${coding}`).toBe(true);
    }
  }
});

it('has no made-up data in it', () => {
  const files = readdirSync(join(DIST, 'assets')).filter((file) => file.endsWith('.js'));
  for (const file of files) {
    const text = readFileSync(join(DIST, 'assets', file), 'utf8');
    for (const word of ['Harbour Freight', 'was taken off its view model']) expect(text.includes(word), `${word} in ${file}`).toBe(false);
  }
});
