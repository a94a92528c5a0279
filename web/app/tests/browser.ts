import { type Browser, chromium, type LaunchOptions, type Page } from 'playwright-core';
import type { Step } from '../src/fixtures/table.ts';

/** How Debian's Chromium is started; nothing is downloaded. */
export function launching(more: readonly string[] = []): LaunchOptions {
  return {
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      ...more,
    ],
  };
}

export async function launch(more: readonly string[] = []): Promise<Browser> {
  return chromium.launch(launching(more));
}

/** Does what a person would do before the picture. */
export async function take(page: Page, steps: readonly Step[], width: number): Promise<void> {
  for (const step of steps) {
    if ('click' in step) {
      if (step.on === 'narrow' && width >= 720) continue;
      if (step.on === 'wide' && width < 720) continue;
      await page.locator(step.click).first().click({ timeout: 5_000 });
    } else if ('type' in step) {
      await page.locator(step.type[0]).first().fill(step.type[1]);
    } else if ('press' in step) {
      await page.keyboard.press(step.press);
    } else if ('scroll' in step) {
      const [selector, to] = step.scroll;
      await page
        .locator(selector)
        .first()
        .evaluate((element, top) => {
          element.scrollTop = top as number;
        }, to);
    } else {
      await page.locator(step.see).first().waitFor({ timeout: 5_000 });
    }
  }
}

/** Until what changed is drawn: fonts are there, what moves once has come to its end. */
export async function settled(page: Page): Promise<void> {
  await page.evaluate(async () => {
    const frame = () => new Promise((done) => requestAnimationFrame(done));
    await document.fonts.ready;
    // What effects of the last change set is drawn with the second frame.
    await frame();
    const once = document.getAnimations().filter((one) => one.effect?.getComputedTiming().iterations !== Number.POSITIVE_INFINITY);
    await Promise.allSettled(once.map((one) => one.finished));
    await frame();
  });
}
