import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import axe from 'axe-core';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pages } from '../src/fixtures/table.ts';
import { chipStates } from '../src/ui/chip-state.ts';
import { launch, take } from './browser.ts';
import { serve } from './serve.ts';

const WIDTHS = [360, 390, 1024, 1440] as const;
const THEMES = ['light', 'dark'] as const;
const HEIGHTS: Record<number, number> = { 360: 740, 390: 844, 1024: 768, 1440: 900 };
const OUT = process.env.SCREENS ?? 'screens';
/** `PAGE=board STATE=live WIDTH=1440 THEME=dark` draw only some; the table is not judged as a whole then. */
const only = { page: process.env.PAGE, state: process.env.STATE, width: process.env.WIDTH, theme: process.env.THEME };
const partly = Object.values(only).some(Boolean);
const PICTURES = process.env.PICTURES !== 'no';

let browser: Browser;
let site: { origin: string; close: () => Promise<void> };
const seen = { screens: new Set<string>(), chips: new Set<string>(), marks: new Set<string>(), invitations: new Set<string>() };

beforeAll(async () => {
  browser = await launch();
  site = await serve(process.env.FIXTURES ?? 'dist-fixtures', 'fixtures.html');
  mkdirSync(OUT, { recursive: true });
});
afterAll(async () => {
  await browser?.close();
  await site?.close();
});

const rows = Object.entries(pages).flatMap(([page, states]) =>
  Object.entries(states)
    .filter(([state]) => (!only.page || only.page === page) && (!only.state || only.state === state))
    .map(([state, row]) => ({ page, state, row })),
);

/** What a page must never do: break the policy, throw, or say something on the console. */
function watch(page: Page, faults: string[]): void {
  page.on('pageerror', (error) => faults.push(`threw ${error.message}`));
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') faults.push(`console: ${message.text()}`);
  });
}

async function judge(page: Page): Promise<string[]> {
  const found = await page.evaluate(async () => {
    // biome-ignore lint/suspicious/noExplicitAny: axe is put into the page by the test.
    const result = await (window as any).axe.run(document, {
      runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
      rules: {
        // A page in a window of its own, and a list by itself, have other landmarks than a document.
        region: { enabled: false },
        'page-has-heading-one': { enabled: false },
        'heading-order': { enabled: false },
      },
    });
    interface Found {
      id: string;
      nodes: { target: string[]; failureSummary: string }[];
    }
    return (result.violations as Found[]).flatMap((one) =>
      one.nodes.map((node) => `${one.id}: ${node.target.join(' ')} ${node.failureSummary}`),
    );
  });
  return found;
}

/** Nothing sticks out of the page, and what is operated is large enough. */
async function measure(page: Page, width: number): Promise<string[]> {
  return page.evaluate((wide) => {
    const faults: string[] = [];
    if (document.documentElement.scrollWidth > wide) faults.push(`page is ${document.documentElement.scrollWidth} px wide`);
    for (const element of document.querySelectorAll<HTMLElement>('button, a[href], input, select, textarea')) {
      const box = element.getBoundingClientRect();
      const style = getComputedStyle(element);
      if (box.width === 0 || style.visibility === 'hidden' || element.closest('[aria-hidden="true"]')) continue;
      if (element.closest('p, .text')) continue;
      if (box.right > wide + 1 || box.left < -1) {
        if (!element.closest('.sr'))
          faults.push(`${element.className || element.tagName} sticks out: ${Math.round(box.left)}..${Math.round(box.right)}`);
      }
      if (box.height < 16 || box.width < 16) faults.push(`${element.className || element.tagName} is ${box.width}x${box.height}`);
    }
    return [...new Set(faults)];
  }, width);
}

describe.each(THEMES.filter((one) => !only.theme || one === only.theme))('%s', (theme) => {
  describe.each(WIDTHS.filter((one) => !only.width || String(one) === only.width))('%i px', (width) => {
    let context: BrowserContext;
    beforeAll(async () => {
      context = await browser.newContext({
        viewport: { width, height: HEIGHTS[width] as number },
        colorScheme: theme,
        reducedMotion: 'reduce',
        locale: 'en-GB',
        timezoneId: 'Europe/London',
        deviceScaleFactor: 1,
        hasTouch: width < 720,
      });
      await context.addInitScript(() => localStorage.removeItem('convoke.voice.checked'));
    });
    afterAll(() => context?.close());

    it.each(rows)('$page: $state', async ({ page: name, state, row }) => {
      const page = await context.newPage();
      const faults: string[] = [];
      watch(page, faults);
      try {
        await page.goto(`${site.origin}/?page=${name}&state=${state}&theme=${theme}`);
        const there = !row.from || width >= row.from;
        await page.waitForSelector(row.steps || !there ? '[data-screen]' : `[data-screen="${name}"]`, {
          timeout: 5_000,
          state: 'attached',
        });
        await page.waitForFunction(() => document.querySelector('.app [aria-busy=true]') === null);
        await page.evaluate(() => document.fonts.ready);
        await page.waitForTimeout(60);
        await take(page, row.steps ?? [], width);
        await page.mouse.move(0, 0);
        await page.waitForTimeout(40);
        if (PICTURES) await page.screenshot({ path: join(OUT, `${name}.${state}.${width}.${theme}.png`) });
        const drawn = await page.evaluate(() => {
          const all = (attribute: string) =>
            [...document.querySelectorAll(`[${attribute}]`)].map((one) => one.getAttribute(attribute) as string);
          return {
            screens: all('data-screen'),
            chips: all('data-chip'),
            marks: all('data-mark'),
            invitations: all('data-invitation'),
            violation: document.documentElement.dataset.violation,
          };
        });
        for (const kind of ['screens', 'chips', 'marks', 'invitations'] as const) for (const one of drawn[kind]) seen[kind].add(one);
        if (there) expect(drawn.screens, 'the page that the table names is drawn').toContain(name);
        for (const screen of drawn.screens) expect(Object.keys(pages), 'what is drawn is in the table').toContain(screen);
        expect(drawn.violation, 'the policy holds').toBeUndefined();
        await page.evaluate(axe.source);
        expect(await judge(page), 'axe').toEqual([]);
        expect(await measure(page, width), 'measures').toEqual([]);
        expect(faults).toEqual([]);
      } finally {
        await page.close();
      }
    });
  });
});

describe('the table', () => {
  it('names every page that the code can draw', () => {
    const named = new Set<string>();
    const look = (folder: string) => {
      for (const entry of readdirSync(folder, { withFileTypes: true })) {
        const path = join(folder, entry.name);
        if (entry.isDirectory()) look(path);
        else if (/\.tsx$/.test(entry.name)) {
          const source = readFileSync(path, 'utf8');
          for (const match of source.matchAll(/(?:data-screen|screen)="([\w-]+)"/g)) named.add(match[1] as string);
          for (const match of source.matchAll(/data-screen=\{[^}]*?'([\w-]+)' : '([\w-]+)'\}/g)) {
            named.add(match[1] as string);
            named.add(match[2] as string);
          }
        }
      }
    };
    look('src');
    for (const name of named) expect(Object.keys(pages)).toContain(name);
  });
  it.skipIf(partly)('shows every state of a leg, of a message and of an invitation', () => {
    expect([...seen.chips].sort()).toEqual(expect.arrayContaining([...chipStates].sort()));
    expect([...seen.marks].sort()).toEqual(['delivered', 'failed', 'read', 'sending', 'sent']);
    expect([...seen.invitations].sort()).toEqual(expect.arrayContaining(['called', 'declined', 'joined', 'missed', 'over', 'ringing']));
    for (const name of Object.keys(pages)) expect([...seen.screens]).toContain(name);
  });
});
