/** What the tests of pages with made-up data share: one browser for a file, a new page for each test, and what the page puts on its window. */
import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll } from 'vitest';
import { launch } from './browser.ts';
import { serve } from './serve.ts';

/** What a file of tests needs besides. */
export interface Needs {
  /** Words of the browser's command line: a fake microphone. */
  readonly args?: readonly string[];
}

export class Pages {
  browser!: Browser;
  #site!: { origin: string; close: () => Promise<void> };
  readonly #needs: Needs;
  readonly #open: BrowserContext[] = [];

  constructor(needs: Needs) {
    this.#needs = needs;
  }

  async begin(): Promise<void> {
    this.browser = await launch(this.#needs.args);
    this.#site = await serve('dist-fixtures', 'fixtures.html');
  }

  async end(): Promise<void> {
    await this.browser?.close();
    await this.#site?.close();
  }

  get origin(): string {
    return this.#site.origin;
  }

  /** A page in a browser of its own, as large as a desk unless it is told; what it shows says {@link show}. */
  async page(options: BrowserContextOptions = {}): Promise<Page> {
    const context = await this.browser.newContext({
      viewport: { width: 1440, height: 900 },
      locale: 'en-GB',
      timezoneId: 'Europe/London',
      ...options,
    });
    this.#open.push(context);
    return context.newPage();
  }

  /** Shows a page of the table in one of its states. `more`: of the address, `&lang=own`. */
  async show(page: Page, name: string, state: string, more = ''): Promise<void> {
    await page.goto(`${this.origin}/?page=${name}&state=${state}&theme=light${more}`);
    await page.waitForSelector('[data-screen]', { state: 'attached' });
  }

  async close(): Promise<void> {
    for (const context of this.#open.splice(0)) await context.close();
  }
}

/** The pages of a file of tests. */
export function usePages(needs: Needs = {}): Pages {
  const pages = new Pages(needs);
  beforeAll(() => pages.begin());
  afterEach(() => pages.close());
  afterAll(() => pages.end());
  return pages;
}
