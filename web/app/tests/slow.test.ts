/** What is there within 300 ms is waited for in silence; what takes longer says that it does. The page's clock is held, and moved by hand. */
import type { Page } from 'playwright-core';
import { expect, it } from 'vitest';
import type { Writable } from '../src/store.ts';
import { settled } from './browser.ts';
import { usePages } from './pages.ts';

const BEFORE_MS = 299;
const AFTER_MS = 301;
/** The clock is held this far from where it is: it goes on until it is told, and does not go back. */
const AHEAD_MS = 10_000;

const pages = usePages();
let page: Page;

type Of = 'session' | 'people' | 'telephones' | 'chat' | 'composer';

async function open(name: string, state: string): Promise<void> {
  page = await pages.page();
  await page.clock.install();
  await pages.show(page, name, state);
  await page.waitForFunction(() => document.querySelector('.app [aria-busy=true]') === null);
  await settled(page);
}

/** Something begins, or is there. */
function put(of: Of, change: object): Promise<void> {
  return page.evaluate(
    async ({ of, change }) => {
      const { convoke, view } = window.models;
      const { route } = view.get();
      const { chats, conferences } = convoke;
      const store =
        of === 'chat' ? chats.open('user' in route ? route.user : '') : of === 'composer' ? conferences.get().composer : convoke[of];
      (store as Writable<object>).set((now) => ({ ...now, ...change }));
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
  await page.clock.pauseAt((await page.evaluate(() => Date.now())) + AHEAD_MS);
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
