/**
 * Nothing jumps while states change: the browser itself tells what it shifted (Layout Instability API). A shift that a person caused a moment ago
 * is none; here nobody presses anything.
 */
import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import type { BoardMe, BoardRow } from '../src/model.ts';
import { settled } from './browser.ts';
import { usePages } from './pages.ts';

const pages = usePages();
let page: Page;

/** What is put on the window to hear of shifts. */
interface Watch {
  shifts: Shift[];
  observer: PerformanceObserver;
  keep: (entries: PerformanceEntryList) => void;
}

interface Shift {
  readonly value: number;
  /** The five largest of what was shifted, and how far in pixels. */
  readonly moved: readonly { readonly what: string; readonly inList: boolean; readonly px: number }[];
}

/** The places where it is looked at: beside the chat, and as the only pane. */
const SIZES = [
  { width: 1440, height: 900 },
  { width: 360, height: 740 },
];

async function open(name: string, state: string, size: { width: number; height: number }): Promise<void> {
  page = await pages.page({ viewport: size });
  await page.addInitScript(() => {
    interface LayoutShift extends PerformanceEntry {
      value: number;
      hadRecentInput: boolean;
      sources: { node: Node | null; previousRect: DOMRectReadOnly; currentRect: DOMRectReadOnly }[];
    }
    const shown = window as unknown as Watch;
    shown.keep = (entries) => {
      for (const entry of entries as LayoutShift[]) {
        if (entry.hadRecentInput) continue;
        const moved = entry.sources.map(({ node, previousRect: from, currentRect: to }) => {
          const element = node instanceof Element ? node : node?.parentElement;
          return {
            what: `${element?.tagName ?? 'gone'}.${element?.className ?? ''} ${node?.textContent?.slice(0, 40) ?? ''}`,
            inList: element?.closest('.board .scroll > ul') != null,
            px: Math.max(Math.abs(to.x - from.x), Math.abs(to.y - from.y)),
          };
        });
        shown.shifts.push({ value: entry.value, moved });
      }
    };
    shown.shifts = [];
    shown.observer = new PerformanceObserver((list) => shown.keep(list.getEntries()));
    shown.observer.observe({ type: 'layout-shift' });
  });
  await pages.show(page, name, state);
  await page.waitForSelector(`[data-screen="${name}"]`);
  await page.waitForFunction(() => document.querySelector('.app [aria-busy=true]') === null);
  await settled(page);
  await shifts();
}

/** What was shifted since the last time, once all that has changed is drawn. */
async function shifts(): Promise<readonly Shift[]> {
  await settled(page);
  return page.evaluate(async () => {
    // The browser tells of a frame after it.
    await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
    const shown = window as unknown as Watch;
    // What it has kept and not told yet.
    shown.keep(shown.observer.takeRecords());
    return shown.shifts.splice(0);
  });
}

const DAVE = 'Dave Osei';
const AROUND = ['.bh', '.myline', '.addwrap', '.foot'];

/** Dave's row is another one now, in this group. */
function put(group: string, change: object): Promise<void> {
  return page.evaluate(
    ({ group, change, name }) => {
      const { board } = window.models.convoke.conferences.get();
      board.set((now) => {
        const groups: [string, readonly BoardRow[]][] = Object.entries(now.groups);
        const before = groups.flatMap(([, rows]) => rows).find((row) => row.person.name === name) as BoardRow;
        const after = { ...before, hand: undefined, talking: false, muted: false, silent: false, reason: undefined, ...change };
        const next = groups.map(([one, rows]) => {
          if (one !== group) return [one, rows.filter((row) => row !== before)];
          return [one, rows.includes(before) ? rows.map((row) => (row === before ? after : row)) : [...rows, after]];
        });
        return { ...now, groups: Object.fromEntries(next) as typeof now.groups };
      });
    },
    { group, change, name: DAVE },
  );
}

/** Where what stands around the board's list is: its head, my own line, the box to add somebody, and the foot. */
function around(): Promise<Record<string, number[]>> {
  return page.evaluate((parts) => {
    const box = (part: string) => {
      const { x, y, width, height } = (document.querySelector(`.board ${part}`) as Element).getBoundingClientRect();
      return [x, y, width, height];
    };
    return Object.fromEntries(parts.map((part) => [part, box(part)]));
  }, AROUND);
}

/** Where the entries of the list begin. Somebody may stand among the favourites and among the chats. */
function entries(): Promise<Record<string, number>> {
  return page
    .locator('.left a[data-entry]')
    .evaluateAll((all) =>
      Object.fromEntries(all.map((one) => [`${one.className} ${one.getAttribute('href')}`, one.getBoundingClientRect().top])),
    );
}

describe('what is told of a shift', () => {
  it('is told by this browser', async () => {
    await open('board', 'live', SIZES[0] as (typeof SIZES)[0]);
    await page.evaluate(() => {
      const root = document.getElementById('root') as HTMLElement;
      root.style.paddingTop = '40px';
    });
    expect((await shifts()).length).toBeGreaterThan(0);
  });
});

describe.each(SIZES)('the board at $width px', (size) => {
  it('stands still while somebody is called, talks, is muted and put on hold', async () => {
    await open('board', 'live', size);
    for (const state of ['queued', 'dialling', 'ringing', 'answered']) {
      await put('calling', { state });
      expect(await shifts(), state).toEqual([]);
    }
    await put('in', { state: 'joined' });
    await shifts();
    for (const change of [{ talking: true }, { talking: false }, { muted: true }, { muted: false }]) {
      await put('in', { state: 'joined', ...change });
      expect(await shifts(), JSON.stringify(change)).toEqual([]);
    }
    await put('in', { state: 'held' });
    expect(await shifts(), 'held').toEqual([]);
  });

  // Where a row comes or goes, or has something to say below its name, others of the list make room; nothing else does.
  it('moves nothing but rows of its list when somebody goes from group to group', async () => {
    await open('board', 'live', size);
    const before = await around();
    expect(Object.keys(before)).toEqual(AROUND);
    const steps: [string, object][] = [
      ['calling', { state: 'confirming' }],
      ['in', { state: 'joined' }],
      ['in', { state: 'joined', silent: true }],
      ['hands', { state: 'joined', hand: { position: 3, since: Date.UTC(2026, 10, 24, 10, 36, 50) } }],
      ['in', { state: 'joined' }],
      ['left', { state: 'left', reason: 'hung-up' }],
      ['calling', { state: 'dialling' }],
      ['notReached', { state: 'busy', reason: 'busy' }],
    ];
    for (const [group, change] of steps) {
      await put(group, change);
      for (const { moved } of await shifts()) {
        // The browser names the five largest; one that named none would prove nothing.
        expect(moved.length, `into ${group}`).toBeGreaterThan(0);
        const elsewhere = moved.filter(({ inList }) => !inList);
        expect(elsewhere, `into ${group}`).toEqual([]);
      }
      expect(await around(), `into ${group}`).toEqual(before);
    }
  });

  it('stands still while I am heard, muted and have my hand up', async () => {
    await open('board', 'live', size);
    const mine = (change: object) =>
      page.evaluate((change) => {
        const { board } = window.models.convoke.conferences.get();
        board.set((now) => ({ ...now, me: { ...now.me, ...change } as BoardMe }));
      }, change);
    const hand = { position: 1, since: Date.UTC(2026, 10, 24, 10, 36, 50) };
    for (const change of [{ talking: true }, { talking: false }, { muted: true }, { muted: false }, { hand }, { hand: undefined }]) {
      await mine(change);
      expect(await shifts(), JSON.stringify(change)).toEqual([]);
    }
    for (const level of [0.2, 0.9, 0]) {
      await page.evaluate((level) => window.models.voice.set((now) => ({ ...now, level })), level);
      expect(await shifts(), `level ${level}`).toEqual([]);
    }
  });
});

describe.each(SIZES)('what is loaded at $width px', (size) => {
  it('comes into the list without moving what is there', async () => {
    await open('list', 'busy', size);
    const [people, chats] = await page.evaluate(() => {
      const { convoke } = window.models;
      return [convoke.people.get(), convoke.chats.get()] as const;
    });
    await page.close();
    for (const order of [
      ['people', 'chats'],
      ['chats', 'people'],
    ] as const) {
      await open('list', 'loading', size);
      await page.locator('.left .bones').first().waitFor();
      await shifts();
      let before = await entries();
      for (const part of order) {
        await page.evaluate(
          ({ part, people, chats }) => {
            if (part === 'people') window.models.convoke.people.set(people);
            else window.models.convoke.chats.set(chats);
          },
          { part, people, chats },
        );
        expect(await shifts(), part).toEqual([]);
        // The list places its entries by transforms, which the browser counts as none.
        const now = await entries();
        for (const [entry, top] of Object.entries(before)) expect(now[entry], `${entry} after the ${part}`).toBe(top);
        before = now;
      }
      expect(Object.keys(before).length).toBeGreaterThan(3);
      await page.close();
    }
  });

  it('comes into a chat without moving what is there', async () => {
    await open('chat', 'history', size);
    const items = await page.evaluate(() => window.models.convoke.chats.open('bob@convoke.example').get().items);
    await page.close();
    await open('chat', 'loading', size);
    await page.locator('.log .bones').waitFor();
    await shifts();
    await page.evaluate((items) => {
      const chat = window.models.convoke.chats.open('bob@convoke.example');
      chat.set((now) => ({ ...now, items, loading: false }));
    }, items);
    await page.locator('.log .msg').first().waitFor();
    expect(await shifts(), 'history').toEqual([]);
    await page.evaluate(() => {
      const chat = window.models.convoke.chats.open('bob@convoke.example');
      chat.set((now) => ({ ...now, typing: true }));
    });
    expect(await shifts(), 'typing').toEqual([]);
  });
});
