/** What the files of tests share: people with windows at the demo, its telephones, and what must never happen on the way. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Browser, type BrowserContext, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, inject } from 'vitest';
import { Window } from './pages/window.ts';
import { PATIENCE_MS } from './patience.ts';
import { Server } from './server.ts';
import { Telephones } from './telephones.ts';

export const URL_OF_DEMO = process.env.CONVOKE_URL ?? '';
/** The people of the demo. */
export const PEOPLE = { alice: 'Alice Martin', bob: 'Bob Keller', carol: 'Carol Diaz' } as const;
/** Where pictures of the pages of a failed test go. */
const FAILED = process.env.FAILED ?? 'e2e-failed';

export interface Opening extends BrowserContextOptions {
  readonly password?: string;
  /** Where the page is, when not at the demo itself. */
  readonly at?: string;
  /** With a camera of its own, for instance. */
  readonly browser?: Browser;
}

export class World {
  readonly server: Server;
  telephones!: Telephones;
  #browser!: Browser;
  readonly #contexts = new Set<BrowserContext>();
  readonly #windows = new Map<string, Window>();
  #faults: string[] = [];

  constructor(url: string, data: string) {
    this.server = new Server(url, data);
  }

  async begin(): Promise<void> {
    this.#browser = await chromium.connect(inject('browser'));
    this.telephones = await Telephones.follow(this.server.url);
  }

  async end(): Promise<void> {
    for (const context of this.#contexts) await context.close();
    this.telephones.close();
    await this.#browser.close();
  }

  /** A page in a browser of its own. Breaking the policy, throwing, and opening a dialog are faults. */
  async open(path = '/', { at = this.server.url, browser = this.#browser, ...options }: Opening = {}): Promise<Page> {
    const context = await browser.newContext({
      viewport: { width: 1440, height: 900 },
      locale: 'en-GB',
      timezoneId: 'Europe/London',
      permissions: ['microphone'],
      ...options,
    });
    this.#contexts.add(context);
    context.on('page', (page) => this.#watch(page));
    await context.addInitScript(() => {
      document.addEventListener('securitypolicyviolation', (event) =>
        console.error(`policy: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`),
      );
    });
    context.setDefaultTimeout(PATIENCE_MS);
    const page = await context.newPage();
    await page.goto(at + path);
    return page;
  }

  /** Somebody's window, signed in. The same one in all tests of a file, as new. */
  async window(user: keyof typeof PEOPLE): Promise<Window> {
    const known = this.#windows.get(user);
    if (known) {
      await known.reload();
      return known;
    }
    const window = await this.newWindow(user);
    this.#windows.set(user, window);
    return window;
  }

  /** One more window of somebody, signed in. */
  async newWindow(user: string, { password, ...opening }: Opening = {}): Promise<Window> {
    const window = new Window(await this.open('/', opening));
    await window.signIn(user, password);
    return window;
  }

  /** What must not happen has not happened; no call and no further window is left over. */
  async settle(): Promise<void> {
    const kept = new Set([...this.#windows.values()].map(({ page }) => page.context()));
    for (const context of this.#contexts) {
      if (kept.has(context)) continue;
      this.#contexts.delete(context);
      await context.close();
    }
    const faults = this.#faults;
    this.#faults = [];
    await this.server.endCommandLines();
    await this.server.endConferences(Object.keys(PEOPLE));
    await this.telephones.reset();
    expect(faults).toEqual([]);
  }

  async picture(name: string): Promise<void> {
    mkdirSync(FAILED, { recursive: true });
    let n = 0;
    for (const context of this.#contexts) {
      for (const page of context.pages()) {
        n += 1;
        await page.screenshot({ path: join(FAILED, `${name.replace(/\W+/g, '-')}-${n}.png`) }).catch(() => undefined);
      }
    }
  }

  #watch(page: Page): void {
    page.on('pageerror', (error) => this.#faults.push(`threw ${error.message}`));
    page.on('console', (message) => {
      if (/^policy: |Content Security Policy|TrustedHTML|TrustedScript/.test(message.text())) this.#faults.push(message.text());
    });
    page.on('dialog', (dialog) => {
      this.#faults.push(`a dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
  }
}

/** The world of a file: there before its first test, tidied after each, gone after the last. */
export function useWorld(url = URL_OF_DEMO, data = process.env.CONVOKE_DATA ?? ''): World {
  const world = new World(url, data);
  beforeAll(() => world.begin());
  afterEach(async ({ task }) => {
    if (task.result?.state === 'fail') await world.picture(task.name);
    await world.settle();
  });
  afterAll(() => world.end());
  return world;
}
