import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import type { Rows } from '../src/fixtures/shown.ts';
import type { Place, Way } from '../src/model.ts';
import { settled } from './browser.ts';
import { usePages } from './pages.ts';

const pages = usePages();
let page: Page;

const open = async (name: string, state: string, width: number, locale = 'en-GB', more = '') => {
  page = await pages.page({ viewport: { width, height: 900 }, locale });
  await pages.show(page, name, state, more);
  await settled(page);
};

/** The texts of which a part is not seen. */
const cut = (selector: string) =>
  page.locator(selector).evaluateAll((all) => all.filter((one) => one.scrollWidth > one.clientWidth).map((one) => one.textContent));

/** What is drawn beyond the right edge of the board. */
const beyond = (selector: string) =>
  page.locator(selector).evaluateAll((all) => {
    const edge = document.querySelector('.board')?.getBoundingClientRect().right ?? 0;
    return all.filter((one) => one.getBoundingClientRect().right > edge).map((one) => one.textContent);
  });

describe('a reason', () => {
  for (const state of ['every-state', 'german']) {
    for (const width of [360, 390, 432, 1024, 1440]) {
      it(`is read whole: ${state} at ${width} px`, async () => {
        await open('board', state, width);
        const reasons = ['notReached', 'left'].map((group) => `li[data-group=${group}] .chip .word > .cut`).join();
        await expect.poll(() => page.locator(reasons).count()).toBeGreaterThan(5);
        expect(await cut(reasons)).toEqual([]);
        expect(await beyond('.row .acts button')).toEqual([]);
      });
    }
  }
});

describe('a raised hand', () => {
  it('hides neither the mute of who raised it nor how to lift it', async () => {
    await open('board', 'live', 1440);
    await page.evaluate(() => {
      const { board } = window.models.convoke.conferences.get();
      board.set((now) => {
        const [carol, ...hands] = now.groups.hands as Rows;
        return { ...now, groups: { ...now.groups, hands: [{ ...carol, muted: true }, ...hands] } };
      });
    });
    const row = page.locator('li[data-group=hands]').filter({ hasText: 'Carol Diaz' });
    await row.getByText('Muted', { exact: true }).waitFor();
    expect(await row.getByRole('button', { name: 'Mute: Carol Diaz' }).getAttribute('aria-pressed')).toBe('true');
    await row.getByRole('button', { name: 'Give floor: Carol Diaz' }).waitFor();
    expect(await cut('li[data-group=hands] .chip .word > .cut')).toEqual([]);
  });
});

describe('a message that continues another', () => {
  it('stands close to it where times are long', async () => {
    await open('chat', 'history', 1440, 'en-US');
    await page.locator('.msg.more .again').first().waitFor({ state: 'attached' });
    const heights = await page
      .locator('.msg.more:not(:has(.failure)) .again')
      .evaluateAll((all) => all.map((one) => one.getBoundingClientRect().height));
    expect(heights.length).toBeGreaterThan(0);
    expect(Math.max(...heights)).toBeLessThanOrEqual(20);
  });
});

describe('an outside number on the list', () => {
  it('is shown whole', async () => {
    await open('composer', 'refused', 360);
    await page.locator('.board .place', { hasText: '+15550107' }).waitFor();
    expect(await cut('.board .row .place .cut')).toEqual([]);
  });
  it('is told by its end where it is the name too', async () => {
    await open('board', 'live', 1440);
    await page.evaluate(() => {
      const { board } = window.models.convoke.conferences.get();
      const place: Place = { id: 'number:+15550107', label: '+15550107', kind: 'number', number: '+15550107' };
      board.set((now) => {
        const [bob, ...others] = now.groups.in as Rows;
        const { user: _, ...known } = bob.person;
        const person = { ...known, id: place.id, name: '+15550107', places: [place] };
        return { ...now, groups: { ...now.groups, in: [{ ...bob, key: place.id, person, place, places: [place] }, ...others] } };
      });
    });
    await page.locator('li.row .place', { hasText: '…07' }).waitFor();
    expect(await cut('li[data-group=in] .place .cut')).toEqual([]);
  });
  it('that is refused is named, and its row says why', async () => {
    await open('composer', 'refused', 1440);
    const words = '+493012345678 is abroad, and this server does not call there.';
    await page.locator('.notice').getByText(words).waitFor();
    await page.locator('.board li.row').nth(1).getByText(words).waitFor();
  });
});

describe('the way in which somebody is asked', () => {
  const modes = ['computer', 'mobile', 'pstn', 'sip', 'h323', 'isdn', 'atm', 'gateway'] as const;
  for (const state of ['video', 'video-german']) {
    for (const width of [360, 390, 1024, 1440]) {
      it(`is read whole, and so is the number beside it: ${state} at ${width} px`, async () => {
        await open('composer', state, width);
        for (const mode of modes) {
          await page.evaluate((mode) => {
            const { convoke } = window.models;
            const { rows } = convoke.conferences.get().composer.get();
            const people = rows.map((row) => row.person);
            convoke.ways = async () => people.map(({ name, user }) => wayOf(name, user));
            const wayOf = (name: string, user: string | undefined): Way =>
              // A number is called on the telephone, whatever the others like best.
              user === undefined ? { name, mode: 'pstn', picture: false, words: '' } : { name, user, mode, picture: true, words: '' };
          }, mode);
          const list = page.getByRole('switch', { name: state === 'video' ? 'As a video call' : 'Als Videoanruf' });
          await list.click();
          const ways = page.locator('.board .row .wayin[data-way]');
          // What was told before stands there until the answer comes.
          await expect.poll(() => page.locator(`.board .row .wayin[data-way=${mode}]`).count(), { message: mode }).toBeGreaterThan(2);
          expect(await ways.count(), mode).toBe(4);
          expect(await cut('.board .row .wayin .cut'), mode).toEqual([]);
          expect(await cut('.board .row .place .cut'), mode).toEqual([]);
          await list.click();
          await ways.first().waitFor({ state: 'detached' });
        }
      });
    }
  }
});

describe('who is in the call already', () => {
  it('is not offered to be added from the chat', async () => {
    await open('board', 'live', 1440);
    await page.locator('header').getByRole('button', { name: 'Open the board' }).waitFor();
    expect(await page.locator('.chat header').getByRole('button', { name: 'Add to the call' }).count()).toBe(0);
  });
});

describe('the language of the page where one signs in', () => {
  it('is the person’s from then on', async () => {
    await open('sign-in', 'fresh', 1440, 'en-GB', '&lang=own');
    await page.getByRole('combobox', { name: 'Language' }).selectOption('de');
    await page.evaluate(() => {
      void window.models.convoke.session.signIn('alice', 'demo');
    });
    await page.waitForSelector('.app');
    const language = () => page.evaluate(() => window.models.convoke.session.get().me?.language);
    await expect.poll(language).toBe('de');
    const shown = () => page.evaluate(() => document.documentElement.lang);
    await expect.poll(shown).toBe('de');
    // As the browser, whatever was chosen on this device.
    await page.evaluate(() => {
      void window.models.convoke.session.setLanguage(undefined);
    });
    await expect.poll(shown).toBe('en');
  });
});

describe('telephones to play with', () => {
  it('are as high when one talks as when none does', async () => {
    const heights = async (state: string) => {
      await open('phones', state, 1440);
      await page.locator('.tel').first().waitFor();
      return page.locator('.tel').evaluateAll((all) => [...new Set(all.map((one) => one.getBoundingClientRect().height))]);
    };
    const quiet = await heights('quiet');
    await page.getByText('Answers when it is called').first().waitFor();
    expect(await heights('all')).toEqual(quiet);
  });
});
