import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import type { Window as ItsWindow } from './pages/window.ts';
import { BOB, silent } from './telephones.ts';
import { PEOPLE, useWorld } from './world.ts';

const world = useWorld();

/**
 * Longer than the fake microphone, which beeps every 500 ms, leaves a telephone at rest that is listened to every 400 ms: one look in five falls
 * on a beep at least.
 */
const SILENCE_MS = 3_000;

declare global {
  interface Window {
    /** The microphones that the page was given, in their order. */
    given: MediaStreamTrack[];
  }
}

/** Somebody's window that remembers which microphones the browser gave it. */
async function watched(user: 'alice'): Promise<ItsWindow> {
  const its = await world.newWindow(user);
  await its.page.addInitScript(() => {
    window.given = [];
    const { mediaDevices } = navigator;
    const ask = mediaDevices.getUserMedia.bind(mediaDevices);
    mediaDevices.getUserMedia = async (wanted) => {
      const stream = await ask(wanted);
      window.given.push(...stream.getAudioTracks());
      return stream;
    };
  });
  await its.reload();
  return its;
}

/** The labels of the microphones that are open now. */
const open = (page: Page) => page.evaluate(() => window.given.filter((track) => track.readyState === 'live').map((track) => track.label));

/** Whether anything is taken from a microphone now. */
const speaks = (page: Page) => page.evaluate(() => window.given.some((track) => track.readyState === 'live' && track.enabled));

describe('the microphone', () => {
  it('is tested with its level, chosen of several, remembered, and given back', async () => {
    const alice = await watched('alice');
    const { page } = alice;
    await page.getByRole('button', { name: 'Settings' }).click();
    const region = page.getByRole('region', { name: 'Settings' });
    const choice = region.getByLabel('Microphone', { exact: true });
    const level = region.getByRole('meter', { name: 'Level' });

    await region.getByRole('button', { name: 'Test the microphone' }).click();
    await level.waitFor();
    await region.getByText('It hears you.').waitFor();
    await expect.poll(async () => Number(await level.getAttribute('aria-valuenow'))).toBeGreaterThan(0.25);
    const names = (await choice.getByRole('option').allTextContents()).slice(1);
    expect(names.length).toBeGreaterThanOrEqual(2);
    const [first] = await open(page);
    const other = names.find((name) => name !== first) ?? '';

    // The test goes on with the one that is chosen, and the former one is closed.
    await choice.selectOption({ label: other });
    await expect.poll(() => open(page)).toEqual([other]);
    await expect.poll(async () => Number(await level.getAttribute('aria-valuenow'))).toBeGreaterThan(0.25);
    await region.getByRole('button', { name: 'Stop the test' }).click();
    await expect.poll(() => open(page)).toEqual([]);

    await page.reload();
    await region.getByRole('button', { name: 'Test the microphone' }).click();
    await expect.poll(() => open(page)).toEqual([other]);
    await region.getByRole('button', { name: 'Stop the test' }).click();
  });

  it('is heard with its level on the board, changed during the call, and muted but for as long as Space is held', async () => {
    const { telephones } = world;
    await telephones.behave({ [BOB]: silent() });
    const hears = (on: boolean) =>
      telephones.until(on ? 'Bob hears her' : 'Bob hears nobody', () => (telephones.phone(BOB).hears ?? false) === on);
    const silence = () => telephones.untilFor(SILENCE_MS, 'Bob hears nobody', () => telephones.phone(BOB).hears === false);
    const alice = await watched('alice');
    const { page, board, composer } = alice;
    await alice.visit('/call?to=bob');
    await composer.callMeAt(/browser|here/i);
    await composer.call.click();
    await board.says(PEOPLE.bob, 'In the call').waitFor();
    await hears(true);
    await board.pane.locator('.key .meter.level.heard').waitFor();

    const mute = board.pane.getByRole('button', { name: 'Mute', exact: true });
    await mute.click();
    await mute.and(page.locator('[aria-pressed=true]')).waitFor();
    expect(await speaks(page)).toBe(false);
    await silence();
    await board.pane.focus();
    await page.keyboard.down('Space');
    await mute.and(page.locator('[aria-pressed=false]')).waitFor();
    await hears(true);
    await page.keyboard.up('Space');
    await mute.and(page.locator('[aria-pressed=true]')).waitFor();
    expect(await speaks(page)).toBe(false);
    await silence();
    await mute.click();
    await hears(true);

    const [before] = await open(page);
    await page.getByRole('button', { name: 'Settings' }).click();
    const choice = page.getByRole('region', { name: 'Settings' }).getByLabel('Microphone', { exact: true });
    await expect.poll(() => choice.getByRole('option').count()).toBeGreaterThan(2);
    const other = (await choice.getByRole('option').allTextContents()).slice(1).find((name) => name !== before) ?? '';
    await choice.selectOption({ label: other });
    await expect.poll(() => open(page)).toEqual([other]);
    // The next of its beeps.
    await hears(false);
    await hears(true);
    await board.says(PEOPLE.bob, 'In the call').waitFor();
  });
});
