import type { Locator, Page } from 'playwright-core';
import { expect } from 'vitest';
import { type Numbered, numberOf } from '../../../tools/numbered.mjs';

/** Frames that must come one after the other before a picture counts as one that moves. */
const FRAMES = 3;
const FRAME_MAX_MS = 1_000;

/** What tells the number of a picture, under this name in the page. */
const DECODER = 'numberOf';

/** Of a numbered camera. */
export function numbered(number: number): Numbered {
  return { number, colour: number };
}

/** The screen that a willing browser shares: green all over. */
export const SCREEN: Numbered = { number: 0, colour: 2 };

/** The pictures of a conference. */
export class Stage {
  constructor(readonly page: Page) {}

  get pane(): Locator {
    return this.page.getByRole('region', { name: 'Pictures' });
  }

  button(name: string | RegExp): Locator {
    return this.pane.getByRole('button', { name });
  }

  /** Somebody's place, by the name on it. */
  tile(name: string): Locator {
    return this.pane.getByRole('listitem').filter({ has: this.page.getByText(name, { exact: true }) });
  }

  /** Who stands large. */
  get main(): Locator {
    return this.pane.locator('.mainplace');
  }

  /** The names on all places, from the first to the last. */
  async names(): Promise<string[]> {
    return this.pane.getByRole('listitem').locator('.nameplate .cut').allTextContents();
  }

  /** Waits until somebody's picture moves and shows this. */
  async until(name: string, wanted: Numbered): Promise<void> {
    await expect.poll(() => this.#seen(name), { message: `the picture of ${name}` }).toEqual(wanted);
  }

  /** What somebody's picture shows now, decoded. */
  async #seen(name: string): Promise<Numbered | string> {
    const videos = this.tile(name).locator('video');
    if ((await videos.count()) === 0) return 'there is none';
    await this.page.evaluate(`globalThis.${DECODER} = ${numberOf}`);
    const look = async (element: Element, { frames, most, decode }: { frames: number; most: number; decode: string }) => {
      const video = element as HTMLVideoElement;
      for (let frame = 0; frame < frames; frame += 1) {
        const came = new Promise((done) => video.requestVideoFrameCallback(() => done(true)));
        const late = new Promise((done) => setTimeout(() => done(false), most));
        if (!(await Promise.race([came, late]))) return 'it stands still';
      }
      const decoder = (globalThis as unknown as Record<string, typeof numberOf | undefined>)[decode];
      return decoder ? decoder(video) : 'nothing decodes it';
    };
    return videos.first().evaluate(look, { frames: FRAMES, most: FRAME_MAX_MS, decode: DECODER });
  }
}
