/** Browsers with cameras of their own: each shows a number in a colour of its own, so that what arrives is recognised from the decoded picture. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { camera } from '../../../tools/numbered.mjs';
import { launch } from '../../tests/browser.ts';

/** Answers the browser's questions with yes, and shares a screen of its own making: a green one, with a clock. */
const WILLING = ['--use-fake-ui-for-media-stream'];
const DEVICES = ['--use-fake-device-for-media-stream', '--autoplay-policy=no-user-gesture-required'];

export class Cameras {
  readonly #browsers: Browser[] = [];
  #dir = '';

  begin(): void {
    this.#dir = mkdtempSync(join(tmpdir(), 'convoke-cameras-'));
  }

  /** A browser whose camera shows this number. One that is not willing asks whether a page may have camera and microphone. */
  async browser(number: number, willing = true): Promise<Browser> {
    const file = join(this.#dir, `${number}.y4m`);
    writeFileSync(file, camera(number));
    const browser = await launch([...DEVICES, ...(willing ? WILLING : []), `--use-file-for-fake-video-capture=${file}`]);
    this.#browsers.push(browser);
    return browser;
  }

  async close(): Promise<void> {
    for (const browser of this.#browsers) await browser.close();
    rmSync(this.#dir, { recursive: true, force: true });
  }
}

/** Forbids a page the camera, as a person does who is asked. */
export async function forbidCamera(page: Page): Promise<void> {
  const context: BrowserContext = page.context();
  const { targetInfo } = await (await context.newCDPSession(page)).send('Target.getTargetInfo');
  const control = await context.browser()?.newBrowserCDPSession();
  await control?.send('Browser.setPermission', {
    permission: { name: 'camera' },
    setting: 'denied',
    origin: new URL(page.url()).origin,
    ...(targetInfo.browserContextId ? { browserContextId: targetInfo.browserContextId } : {}),
  });
}
