/** One browser for all files: starting it takes longer than most of what is tested in it. */
import { chromium } from 'playwright-core';
import type { TestProject } from 'vitest/node';
import { launching } from '../tests/browser.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    browser: string;
  }
}

export default async function (project: TestProject): Promise<() => Promise<void>> {
  const browser = await chromium.launchServer(
    launching(['--use-fake-ui-for-media-stream', '--use-fake-device-for-media-stream', '--autoplay-policy=no-user-gesture-required']),
  );
  project.provide('browser', browser.wsEndpoint());
  return () => browser.close();
}
