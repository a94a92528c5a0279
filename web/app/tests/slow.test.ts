/** What is there within 300 ms is waited for in silence; what takes longer says that it does. The page's clock is held, and moved by hand. */
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { launch, settled } from './browser.ts';
import { serve } from './serve.ts';

const BEFORE_MS = 299;
const AFTER_MS = 301;

let browser: Browser;
let site: { origin: string; close: () => Promise<void> };
let page: Page;

beforeAll(async () => {
  browser = await launch();
  site = await serve('dist-fixtures', 'fixtures.html');
});
afterAll(async () => {
  await browser?.close();
  await site?.close();
});
afterEach(() => page.close());

interface Store {
  // biome-ignore lint/suspicious/noExplicitAny: made-up data.
  set(change: (now: any) => object): void;
}
interface Shown {
  readonly models: {
    readonly convoke: {
      readonly session: Store;
      readonly people: Store;
      readonly telephones: Store;
      readonly chats: { open(user: string): Store };
      readonly conferences: { get(): { composer: Store } };
    };
    readonly view: { get(): { route: { user: string } } };
  };
}
type Of = 'session' | 'people' | 'telephones' | 'chat' | 'composer';

async function open(name: string, state: string): Promise<void> {
  page = await browser.newPage({ viewport: { width: 1440, height: 900 }, locale: 'en-GB', timezoneId: 'Europe/London' });
  await page.clock.install();
  await page.goto(`${site.origin}/?page=${name}&state=${state}&theme=light`);
  await page.waitForSelector(`[data-screen="${name}"]`);
  await page.waitForFunction(() => document.querySelector('.app [aria-busy=true]') === null);
  await settled(page);
}

/** Something begins, or is there. */
function put(of: Of, change: object): Promise<void> {
  return page.evaluate(
    async ({ of, change }) => {
      const { convoke, view } = (window as unknown as Shown).models;
      const store =
        of === 'chat' ? convoke.chats.open(view.get().route.user) : of === 'composer' ? convoke.conferences.get().composer : convoke[of];
      store.set((now) => ({ ...now, ...change }));
      // Until it is on the page. Frames and timers stand still.
      for (let turn = 0; turn < 4; turn++) {
        await new Promise((done) => {
          const { port1, port2 } = new MessageChannel();
          port1.onmessage = done;
          port2.postMessage(undefined);
        });
      }
    },
    { of, change },
  );
}

/** Holds the clock of scripts here. */
async function hold(): Promise<void> {
  await page.clock.pauseAt((await page.evaluate(() => Date.now())) + 1_000);
}

/** How many of these a person sees. */
function seen(selector: string, words = ''): Promise<number> {
  return page
    .locator(selector)
    .evaluateAll(
      (all, words) =>
        all.filter((one) => one.textContent?.includes(words) && one.checkVisibility({ opacityProperty: true, visibilityProperty: true }))
          .length,
      words,
    );
}

it.each([
  ['signing in', 'sign-in', 'fresh', 'session', { status: 'signed-out' }, { status: 'signing-in' }, 'button[type=submit]', 'Signing in'],
  ['a chat', 'chat', 'empty', 'chat', { loading: false }, { loading: true }, '.log .bones', ''],
  ['my telephones', 'telephones', 'loading', 'telephones', { loading: false }, { loading: true }, '.page .bones', ''],
] as const)('%s says after 300 ms, and not before, that it takes long', async (_, name, state, of, rest, busy, selector, words) => {
  await open(name, state);
  await put(of, rest);
  await hold();
  expect(await seen(selector, words)).toBe(0);
  await put(of, busy);
  expect(await seen(selector, words)).toBe(0);
  await page.clock.runFor(BEFORE_MS);
  expect(await seen(selector, words)).toBe(0);
  await page.clock.runFor(AFTER_MS - BEFORE_MS);
  await put(of, {});
  expect(await seen(selector, words)).toBe(1);
  // What comes soon after that makes room at once.
  await put(of, rest);
  expect(await seen(selector, words)).toBe(0);
});

it.each([
  ['the list', 'list', 'empty', 'people', { loading: true }, '.left .bones'],
  ['the box to add people', 'composer', 'people', 'composer', { adding: true }, '.cap.slow'],
] as const)('%s says after 300 ms, and not before, that it takes long', async (_, name, state, of, busy, selector) => {
  await open(name, state);
  expect(await page.locator(selector).count()).toBe(0);
  await put(of, busy);
  await page.locator(selector).first().waitFor({ state: 'attached' });
  /** Puts its style there where it is then. */
  const at = (ms: number) =>
    page.locator(selector).evaluateAll((all, ms) => {
      for (const one of all) {
        const moves = one.getAnimations();
        if (moves.length === 0) throw new Error('nothing makes it appear');
        for (const move of moves) {
          move.pause();
          move.currentTime = ms;
        }
      }
    }, ms);
  await at(BEFORE_MS);
  expect(await seen(selector)).toBe(0);
  await at(AFTER_MS);
  expect(await seen(selector)).toBe(await page.locator(selector).count());
});
