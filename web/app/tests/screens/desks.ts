/** Pages that are used again and again, some at once: opening one for each picture takes longer than drawing it. */
import type { Browser, Page } from 'playwright-core';
import { watch } from './judge.ts';

export const WIDTHS = [360, 390, 1024, 1440] as const;
export const THEMES = ['light', 'dark'] as const;
export type Width = (typeof WIDTHS)[number];
export type Theme = (typeof THEMES)[number];

const HEIGHTS: Record<Width, number> = { 360: 740, 390: 844, 1024: 768, 1440: 900 };
/** Narrower than this it is a telephone that is touched. */
const TOUCH_BELOW_PX = 720;

export interface Desk {
  readonly page: Page;
  /** What went wrong since it was taken. */
  readonly faults: string[];
}

/** Lends pages of the size and theme that is wanted. */
export class Desks {
  readonly #browser: Browser;
  readonly #free = { touch: [] as Desk[], mouse: [] as Desk[] };

  constructor(browser: Browser) {
    this.#browser = browser;
  }

  async use<T>(width: Width, theme: Theme, work: (desk: Desk) => Promise<T>): Promise<T> {
    const kind = width < TOUCH_BELOW_PX ? 'touch' : 'mouse';
    const desk = this.#free[kind].pop() ?? (await this.#make(kind === 'touch'));
    desk.faults.length = 0;
    await desk.page.setViewportSize({ width, height: HEIGHTS[width] });
    await desk.page.emulateMedia({ colorScheme: theme, reducedMotion: 'reduce' });
    const done = await work(desk);
    // One that failed is not used again: nobody knows how it stands.
    this.#free[kind].push(desk);
    return done;
  }

  async #make(hasTouch: boolean): Promise<Desk> {
    const context = await this.#browser.newContext({ locale: 'en-GB', timezoneId: 'Europe/London', deviceScaleFactor: 1, hasTouch });
    await context.addInitScript(() => {
      localStorage.clear();
      sessionStorage.clear();
    });
    const page = await context.newPage();
    return { page, faults: watch(page) };
  }
}
