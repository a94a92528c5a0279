import type { Locator, Page } from 'playwright-core';
import { afterAll, describe, expect, it } from 'vitest';
import { ALICE, BOB, CAROL, silent } from './telephones.ts';
import { PEOPLE, useWorld } from './world.ts';

const world = useWorld();
/** The demo lets a telephone ring for twenty seconds. */
const RINGS_OUT_MS = 40_000;

/** Chooses a language in the settings, and waits until it is kept: the window shows it before, and a page that is left keeps nothing any more. */
async function choose(page: Page, label: string, language: string): Promise<void> {
  const kept = page.waitForResponse((response) => response.request().method() === 'PUT' && response.url().endsWith('/api/v1/me'));
  await page.getByLabel(label).selectOption({ label: language });
  expect((await kept).ok()).toBe(true);
}

/** Carol's window, in which she chooses German. The language of a person is kept at the server, for all their windows. */
async function germanWindow(): Promise<Page> {
  const page = await world.open('/', { locale: 'de-DE' });
  await page.getByLabel('Name', { exact: true }).fill('carol');
  await page.getByLabel('Passwort', { exact: true }).fill('demo');
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: 'Einstellungen' }).click();
  await choose(page, 'Sprache', 'Deutsch');
  await page.getByRole('heading', { level: 1, name: 'Einstellungen' }).waitFor();
  return page;
}

/** Calls people from the list in German, and her first, at her telephone. */
async function calls(page: Page, people: string, count: string): Promise<Locator> {
  await page.goto(new URL(`/call?to=${people}`, page.url()).href);
  const list = page.getByRole('complementary', { name: 'Konferenztafel vor dem Anruf' });
  await list.getByRole('button', { name: /Mich anrufen/ }).click();
  await page.getByRole('menuitemradio', { name: /^Arbeit|^Büro|^Work/ }).click();
  await list.getByRole('button', { name: `${count} anrufen` }).click();
  return page.getByRole('complementary', { name: 'Konferenztafel', exact: true });
}

describe('in German', () => {
  afterAll(() => world.server.ask('carol', 'PUT', 'me', { name: PEOPLE.carol }));

  it('is the window of a German browser until its owner chooses something else', async () => {
    const page = await world.open('/', { locale: 'de-DE' });
    await page.getByLabel('Name', { exact: true }).fill('carol');
    await page.getByLabel('Passwort', { exact: true }).fill('demo');
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Einstellungen' }).click();
    await expect.poll(() => page.getByLabel('Sprache').inputValue()).toBe('');
    await choose(page, 'Sprache', 'English');
    await page.getByRole('heading', { level: 1, name: 'Settings' }).waitFor();
    await page.reload();
    await page.getByRole('button', { name: 'Settings' }).click();
    await choose(page, 'Language', 'As the browser');
    await page.getByRole('heading', { level: 1, name: 'Einstellungen' }).waitFor();
  });

  it('signs in, calls and ends', async () => {
    await world.telephones.behave({ [ALICE]: silent(), [BOB]: { does: 'busy' }, [CAROL]: silent() });
    const page = await germanWindow();
    const board = await calls(page, 'alice,bob', '2 Personen');
    await board.getByRole('listitem').filter({ hasText: PEOPLE.alice }).getByText('Dabei').waitFor();
    await board.getByRole('listitem').filter({ hasText: PEOPLE.bob }).getByText('Besetzt').waitFor();
    await board.getByRole('button', { name: 'Für alle beenden' }).click();
    await page.getByRole('alertdialog', { name: 'Für alle beenden?' }).getByRole('button', { name: 'Für alle beenden' }).click();
    await board.getByText('Sie wurde für alle beendet.').waitFor();
  });

  it('says on the board why a conference ended whose owner was not reached', async () => {
    await world.telephones.behave({ [CAROL]: { does: 'no-answer' }, [ALICE]: silent(), [BOB]: silent() });
    const page = await germanWindow();
    const since = Date.now();
    const board = await calls(page, 'alice,bob', '2 Personen');
    await world.telephones.rings(CAROL);
    const why = 'Sie wurden nicht erreicht, damit endete die Konferenz. Grund: Keine Antwort.';
    await board.getByText(why).waitFor({ timeout: RINGS_OUT_MS });
    await world.telephones.isIdle(CAROL);
    // Nobody else was called meanwhile.
    const rang = world.telephones.log.filter(({ at, what }) => at >= since && what === 'ringing').map(({ number }) => number);
    expect(rang).toEqual([CAROL]);
  });

  it('says it in the chat to who asked in words', async () => {
    await world.telephones.behave({ [CAROL]: { does: 'busy' }, [BOB]: silent() });
    const page = await germanWindow();
    await page.goto(new URL('/chat/conference@localhost', page.url()).href);
    await world.server.send('carol', 'conference', 'rufe bob').says(/./);
    await page.getByText('Die Konferenz ist zu Ende: wer sie begann, wurde nicht erreicht.').last().waitFor();
  });
});
