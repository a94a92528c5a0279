/** Video conferences as tests begin them: people whose cameras show numbers. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll } from 'vitest';
import { numbered } from '../pages/stage.ts';
import type { Window } from '../pages/window.ts';
import { type Opening, PEOPLE, type World } from '../world.ts';
import { Cameras } from './cameras.ts';

/** What each one's camera shows. */
export const NUMBERS = { alice: 3, bob: 5, carol: 6 } as const;
type User = keyof typeof NUMBERS;

export class Meeting {
  readonly cameras = new Cameras();
  readonly #browsers = new Map<User, Browser>();

  constructor(readonly world: World) {}

  /** Somebody's window, signed in, in a browser with their camera. */
  async window(user: User, opening: Opening = {}): Promise<Window> {
    const browser = opening.browser ?? this.#browsers.get(user) ?? (await this.cameras.browser(NUMBERS[user]));
    if (!opening.browser) this.#browsers.set(user, browser);
    return this.world.newWindow(user, { permissions: ['microphone', 'camera'], ...opening, browser });
  }
}

/** For a file's tests. */
export function useMeeting(world: World): Meeting {
  const meeting = new Meeting(world);
  beforeAll(() => meeting.cameras.begin());
  afterAll(() => meeting.cameras.close());
  return meeting;
}

/** Asks for one with these people, named with commas. */
export async function askFor(window: Window, people: string): Promise<void> {
  await window.visit(`/call?to=${encodeURIComponent(people)}`);
  await window.composer.rows.nth(people.split(',').length - 1).waitFor();
  await window.composer.video();
  await window.board.pane.waitFor();
}

/** Comes in with picture by one click on the sheet that rings. */
export async function joinSeen(window: Window): Promise<void> {
  await window.ringing.getByRole('button', { name: 'Join with picture' }).click();
  await window.board.pane.waitFor();
}

/** Everybody sees the numbers of all others move. */
export async function allSeen(windows: Readonly<Partial<Record<User, Window>>>): Promise<void> {
  const all = Object.entries(windows) as [User, Window][];
  for (const [me, window] of all) {
    for (const [other] of all) {
      if (other !== me) await window.stage.until(PEOPLE[other], numbered(NUMBERS[other]));
    }
  }
}

/** A picture of the page, into the folder that SHOTS names. */
export async function shoot(page: Page, name: string): Promise<void> {
  const { SHOTS } = process.env;
  if (!SHOTS) return;
  mkdirSync(SHOTS, { recursive: true });
  await page.screenshot({ path: join(SHOTS, `${name}.png`) });
}
