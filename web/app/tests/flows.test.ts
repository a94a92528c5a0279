import type { Page } from 'playwright-core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Rows } from '../src/fixtures/shown.ts';
import type { BoardRow, ChatItem, LiveConference } from '../src/model.ts';
import { settled } from './browser.ts';
import { usePages } from './pages.ts';

const pages = usePages({
  args: ['--use-fake-ui-for-media-stream', '--use-fake-device-for-media-stream', '--autoplay-policy=no-user-gesture-required'],
});
let page: Page;
let faults: string[];

beforeEach(async () => {
  page = await pages.page();
  faults = [];
  page.on('pageerror', (error) => faults.push(error.message));
  page.on('console', (message) => message.type() === 'error' && faults.push(message.text()));
});
afterEach(() => expect(faults).toEqual([]));

const open = (name: string, state: string) => pages.show(page, name, state);
const me = () => page.evaluate(() => window.models.convoke.conferences.get().board.get().me as BoardRow);

describe('the microphone test before the first call', () => {
  it('is not offered while a call uses the microphone', async () => {
    await open('composer', 'in-a-call');
    const check = page.locator('[data-screen=voice-check]');
    await page.locator('[data-screen=composer]').waitFor();
    expect(await check.count()).toBe(0);
    await page.evaluate(() => window.models.voice.set((now) => ({ ...now, status: 'idle' })));
    await check.waitFor();
  });
});

describe('chat', () => {
  it('shows a message at once, as being sent, and keeps the cursor', async () => {
    await open('chat', 'history');
    await page.getByRole('textbox', { name: 'Write to Bob Keller' }).fill('Hello');
    await page.keyboard.press('Enter');
    await page.getByText('Hello', { exact: true }).waitFor();
    expect(await page.locator('[data-mark=sending]').count()).toBe(1);
    expect(await page.getByRole('textbox', { name: 'Write to Bob Keller' }).inputValue()).toBe('');
    expect(await page.evaluate(() => document.activeElement?.tagName)).toBe('TEXTAREA');
  });
  it('begins a line with Shift Enter and does not send while a name is composed', async () => {
    await open('chat', 'history');
    const field = page.getByRole('textbox', { name: 'Write to Bob Keller' });
    await field.fill('one');
    await page.keyboard.press('Shift+Enter');
    await page.keyboard.type('two');
    expect(await field.inputValue()).toBe('one\ntwo');
  });
  it('stays where it is when older messages come in above', async () => {
    await open('chat', 'scrolled');
    const log = page.getByRole('log', { name: 'Messages' });
    await log.evaluate((element) => {
      element.scrollTop = 3_000;
    });
    await settled(page);
    const before = await page.evaluate(() => {
      const top = document.querySelector('.log')?.getBoundingClientRect().top ?? 0;
      const rows = [...document.querySelectorAll('.log .msg')];
      const first = rows.find((row) => row.getBoundingClientRect().top > top + 50) as HTMLElement;
      return { text: first.textContent, at: first.getBoundingClientRect().top };
    });
    await page.evaluate(() => {
      const chat = window.models.convoke.chats.open('bob@convoke.example');
      chat.set((now) => ({
        ...now,
        items: [
          ...Array.from(
            { length: 50 },
            (_, n): ChatItem => ({
              kind: 'message',
              id: `older-${n}`,
              mine: false,
              text: `older ${n}`,
              at: (now.items[0]?.at ?? 0) - (51 - n) * 600_000,
              state: 'read',
            }),
          ),
          ...now.items,
        ],
      }));
    });
    const moved = () =>
      page.evaluate(({ text, at }) => {
        const row = [...document.querySelectorAll('.log .msg')].find((one) => one.textContent === text);
        return row ? Math.abs(row.getBoundingClientRect().top - at) : Number.POSITIVE_INFINITY;
      }, before);
    await expect.poll(moved).toBeLessThan(4);
  });
  it('follows the newest while the end is in sight', async () => {
    await open('chat', 'history');
    for (let n = 0; n < 12; n += 1) {
      await page.getByRole('textbox', { name: 'Write to Bob Keller' }).fill(`line ${n}`);
      await page.keyboard.press('Enter');
    }
    await page.getByText('line 11', { exact: true }).waitFor();
    const left = await page.locator('.log').evaluate((element) => element.scrollHeight - element.scrollTop - element.clientHeight);
    expect(left).toBeLessThan(2);
  });
});

describe('keyboard', () => {
  it('mutes, raises the hand and asks for people when the call has the focus', async () => {
    await open('board', 'live');
    await page.locator('.board').focus();
    await page.keyboard.press('m');
    expect((await me()).muted).toBe(true);
    await page.keyboard.press('h');
    expect((await me()).hand).toBeDefined();
    await page.keyboard.press('h');
    expect((await me()).hand).toBeUndefined();
    await page.keyboard.press('p');
    await page.waitForFunction(() => document.activeElement?.getAttribute('aria-label') === 'Add people');
    await page.keyboard.press('m');
    expect(await page.locator('.add input').inputValue(), 'letters typed are text').toBe('m');
  });
  it('does the same with Ctrl Shift from the chat', async () => {
    await open('board', 'live');
    await page.getByRole('textbox', { name: 'Write to Bob Keller' }).focus();
    await page.keyboard.press('m');
    expect((await me()).muted).toBe(false);
    await page.keyboard.press('Control+Shift+m');
    expect((await me()).muted).toBe(true);
    await page.keyboard.press('Control+Shift+h');
    expect((await me()).hand).toBeDefined();
  });
  it('lets a muted one talk while Space is held', async () => {
    await open('board', 'muted');
    await page.evaluate(() => {
      const { board } = window.models.convoke.conferences.get();
      (window as unknown as { held: boolean[] }).held = [];
      Object.assign(board, { pushToTalk: (down: boolean) => (window as unknown as { held: boolean[] }).held.push(down) });
    });
    await page.locator('.board').focus();
    await page.keyboard.down('Space');
    await page.keyboard.up('Space');
    expect(await page.evaluate(() => (window as unknown as { held: boolean[] }).held)).toEqual([true, false]);
  });
  it('opens the search with Ctrl K and writes with Enter', async () => {
    await open('chat', 'history');
    await page.keyboard.press('Control+k');
    await page.getByRole('combobox', { name: 'Search or call' }).fill('carol');
    await page.getByRole('option', { name: /Carol Diaz/ }).waitFor();
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Carol Diaz', level: 1 }).waitFor();
  });
  it('calls several at once with Ctrl Enter', async () => {
    await open('chat', 'history');
    await page.keyboard.press('Control+k');
    for (const name of ['bob', 'carol']) {
      await page.getByRole('combobox', { name: 'Search or call' }).fill(name);
      await page
        .getByRole('option', { name: new RegExp(name, 'i') })
        .first()
        .waitFor();
      await page.keyboard.press('Tab');
    }
    await page.keyboard.press('Control+Enter');
    await page.waitForSelector('[data-screen=composer]');
    expect(await page.locator('li.row').count()).toBe(2);
    await expect
      .poll(() => page.evaluate(() => document.activeElement?.closest('[data-call]')?.getAttribute('aria-label')), { timeout: 5_000 })
      .toBe('Conference board, before the call');
  });
  it('adds to the call that runs with Ctrl Enter, and never hangs it up', async () => {
    await open('board', 'live');
    await page.evaluate(() => {
      const { board } = window.models.convoke.conferences.get();
      Object.assign(window, { added: [] });
      board.add = async (who: string | { name: string }) => {
        (window as unknown as { added: string[] }).added.push(typeof who === 'string' ? who : who.name);
        return { added: [], leftOut: [], unsure: [] };
      };
    });
    await page.keyboard.press('Control+k');
    await page.getByRole('combobox', { name: 'Search or call' }).fill('grace');
    await page.getByRole('option', { name: /Grace Lindqvist/ }).waitFor();
    await page.getByRole('button', { name: /Add to the call/ }).waitFor();
    await page.keyboard.press('Control+Enter');
    await expect.poll(() => page.evaluate(() => (window as unknown as { added: string[] }).added)).toEqual(['Grace Lindqvist']);
    expect(await page.locator('[data-screen=composer]').count()).toBe(0);
  });
  it('takes the text as it is when nobody was found for it yet', async () => {
    await open('composer', 'empty');
    await page.evaluate(() => {
      const { people, conferences } = window.models.convoke;
      const { search, find } = people;
      // The directory does not answer any more.
      people.search = (text: string) => (text === 'er' ? search.call(people, text) : new Promise(() => {}));
      people.find = (text: string) => (text === 'er' ? find.call(people, text) : []);
      const { composer } = conferences.get();
      Object.assign(window, { added: [] });
      composer.add = async (who: string | { name: string }) => {
        (window as unknown as { added: string[] }).added.push(typeof who === 'string' ? who : who.name);
        return { added: [], leftOut: [], unsure: [] };
      };
    });
    const field = page.getByRole('combobox', { name: 'Add people' });
    await field.fill('er');
    await page.getByRole('option', { name: /Erin Walsh/ }).waitFor();
    await field.fill('erna');
    await field.press('Enter');
    expect(await page.evaluate(() => (window as unknown as { added: string[] }).added)).toEqual(['erna']);
  });
  it('comes by who calls before everything else, and goes there by Ctrl Shift L', async () => {
    await open('ringing', 'call');
    await page.getByRole('dialog', { name: 'Erin Walsh calls you' }).waitFor();
    expect(await page.evaluate(() => document.querySelector('.app button')?.closest('.sheet') !== null)).toBe(true);
    const field = page.getByRole('textbox', { name: 'Write to Bob Keller' });
    await field.focus();
    await page.keyboard.type('L');
    expect(await field.inputValue()).toBe('L');
    await page.keyboard.press('Control+Shift+l');
    expect(await page.evaluate(() => document.activeElement?.textContent)).toContain('Join here');
  });
  it('closes what is open with Escape and gives the focus back', async () => {
    await open('board', 'participant');
    await page.locator('.sel').focus();
    await page.keyboard.press('Enter');
    await page.locator('.pop').waitFor();
    await page.keyboard.press('Escape');
    await page.locator('.pop').waitFor({ state: 'detached' });
    expect(await page.evaluate(() => document.activeElement?.className)).toContain('sel');
  });
});

describe('the list', () => {
  it('asks again for contacts and for chats that did not load', async () => {
    await open('list', 'problem');
    const again = page.locator('.left').getByRole('button', { name: 'Try again' });
    await again.nth(1).click();
    await page.locator('.left .bones').waitFor({ state: 'attached' });
    expect(await page.evaluate(() => [window.models.convoke.people.get().loading, window.models.convoke.chats.get().loading])).toEqual([
      false,
      true,
    ]);
    await again.click();
    await again.waitFor({ state: 'detached' });
    expect(await page.locator('.left .bones').count()).toBe(2);
  });
});

describe('my telephones', () => {
  it('that is being changed stays the same one while the server refuses what was done before', async () => {
    await open('telephones', 'list');
    const numbers = () => page.locator('.tel .num').allTextContents();
    const before = await page.evaluate(() => window.models.convoke.telephones.get().list);
    await page.locator('.tel:nth-child(1) [aria-haspopup=menu]').click();
    await page.locator('.pop .bad').click();
    await expect.poll(numbers).toEqual(['+1 555 0111', '+1 555 0121']);
    await page.locator('.tel:nth-child(1) [aria-haspopup=menu]').click();
    await page.locator('.pop > [role=menuitem]').first().click();
    await page.locator('.dialog input[type=tel]').fill('+1 555 0112');
    await page.evaluate((list) => window.models.convoke.telephones.set((now) => ({ ...now, list })), before);
    await page.locator('.dialog button[type=submit]').click();
    await expect.poll(numbers).toEqual(['+1 555 0101', '+1 555 0112', '+1 555 0121']);
  });
});

describe('the board', () => {
  it('goes into a window of its own and comes back', async () => {
    await open('board', 'live');
    const [other] = await Promise.all([
      page.context().waitForEvent('page'),
      page.getByRole('button', { name: 'Open in its own window' }).click(),
    ]);
    await other.getByRole('heading', { name: 'Delivery plan, week 48' }).waitFor();
    expect(await other.evaluate(() => getComputedStyle(document.querySelector('.key.leave') as Element).backgroundColor)).toBe(
      'rgb(196, 51, 42)',
    );
    await page.getByText('The board is in its own window').waitFor();
    await other.getByRole('button', { name: 'More about Bob Keller' }).click();
    await other.getByRole('menuitem', { name: 'Make owner in my place' }).waitFor();
    await other.keyboard.press('Escape');
    await other.locator('.board').focus();
    await other.keyboard.press('m');
    expect((await me()).muted).toBe(true);
    await other.getByRole('button', { name: /Where to call Erin Walsh/ }).click();
    await other.getByRole('menuitem', { name: 'Another number' }).click();
    await other.getByRole('dialog', { name: 'Call Erin Walsh at another number' }).getByRole('button', { name: 'Cancel' }).click();
    await other.close();
    await page.locator('[data-screen=board]').waitFor();
  });
  it('shrinks to a bar and grows again', async () => {
    await open('board', 'live');
    await page.getByRole('button', { name: 'Shrink to a bar' }).click();
    await page.locator('[data-screen=bar]').waitFor();
    await page.locator('.callbar .open').click();
    await page.locator('[data-screen=board]').waitFor();
  });
  it('takes a removal back', async () => {
    await open('composer', 'people');
    await page.getByRole('button', { name: 'Take Carol Diaz off the list' }).click();
    expect(await page.locator('li.row').count()).toBe(3);
    await page.getByRole('button', { name: 'Undo' }).click();
    expect(await page.locator('li.row').count()).toBe(4);
  });
  it('asks before it ends for all, and a No changes nothing', async () => {
    await open('board', 'live');
    await page.getByRole('button', { name: 'End for all' }).click();
    const ask = page.getByRole('alertdialog', { name: 'End for all?' });
    await ask.getByRole('button', { name: 'Keep it going' }).click();
    await ask.waitFor({ state: 'detached' });
    await page.getByRole('button', { name: 'End for all' }).click();
    await ask.getByRole('button', { name: 'End for all' }).click();
    await page.getByText('It was ended for all.').waitFor();
  });
  it('keeps rows under the pointer and lets them go afterwards', async () => {
    await page.clock.install();
    await open('board', 'live');
    await page.locator('li[data-group=calling]').first().hover();
    await page.mouse.move(1_200, 540);
    await page.evaluate(() => {
      const { board } = window.models.convoke.conferences.get();
      board.set((now) => {
        const [dave, ...calling] = now.groups.calling as Rows;
        return { ...now, groups: { ...now.groups, in: [...now.groups.in, { ...dave, state: 'joined' as const }], calling } };
      });
    });
    const group = () =>
      page.evaluate(() => {
        const row = [...document.querySelectorAll<HTMLElement>('li.row')].find((one) => one.textContent?.includes('Dave Osei'));
        return row?.dataset.group;
      });
    expect(await group()).toBe('calling');
    await page.clock.runFor(10_000);
    expect(await group(), 'also while the pointer rests').toBe('calling');
    await page.mouse.move(600, 300);
    await expect.poll(group).toBe('in');
  });
  /** Erin is called again, as it is when Redial is pressed. */
  const erinIsCalled = () =>
    page.evaluate(() => {
      const { board } = window.models.convoke.conferences.get();
      board.set((now) => {
        const [erin, ...notReached] = now.groups.notReached as Rows;
        const actions: BoardRow['actions'] = new Set(['disconnect', 'redial', 'set-place', 'text', 'remove']);
        const called: BoardRow = { ...erin, state: 'dialling', actions };
        return { ...now, groups: { ...now.groups, calling: [called, ...now.groups.calling], notReached } };
      });
    });
  const focused = () => page.evaluate(() => document.activeElement?.getAttribute('aria-label'));
  it('keeps the focus in a row that goes to another group, though its button is gone', async () => {
    await open('board', 'live');
    await page.getByRole('button', { name: 'Redial: Erin Walsh' }).focus();
    await erinIsCalled();
    await page.locator('li[data-group=calling]').filter({ hasText: 'Erin Walsh' }).waitFor();
    expect(await focused()).toBe('Stop calling: Erin Walsh');
    await page.getByRole('textbox', { name: 'Write to Bob Keller' }).focus();
    await page.evaluate(() => window.models.convoke.conferences.get().board.dismiss());
    expect(await focused(), 'it is not taken back').toBe('Write to Bob Keller');
  });
  it('keeps the menu of a row open while its state changes', async () => {
    await open('board', 'live');
    await page.getByRole('button', { name: 'More about Erin Walsh' }).click();
    await page.getByRole('menuitem', { name: 'Redial', exact: true }).waitFor();
    await erinIsCalled();
    await page.locator('li[data-group=calling]').filter({ hasText: 'Erin Walsh' }).waitFor();
    await page.getByRole('menuitem', { name: 'Stop calling' }).click();
    expect(await focused()).toBe('More about Erin Walsh');
  });
  it('asks an owner who leaves others what becomes of it', async () => {
    await open('board', 'live');
    await page.evaluate(() => {
      const { board } = window.models.convoke.conferences.get();
      Object.assign(window, { done: [] });
      for (const name of ['handOver', 'leave', 'endForAll']) {
        const act = async (who?: string) => {
          (window as unknown as { done: string[] }).done.push([name, who].filter(Boolean).join(' '));
          return true;
        };
        Object.assign(board, { [name]: act });
      }
    });
    const done = () => page.evaluate(() => (window as unknown as { done: string[] }).done);
    const ask = page.getByRole('alertdialog', { name: 'Leave Delivery plan, week 48?' });
    await page.locator('.key.leave').click();
    await ask.getByRole('button', { name: 'Stay' }).click();
    expect(await done()).toEqual([]);
    await page.locator('.key.leave').click();
    expect(await ask.getByRole('combobox', { name: 'New owner' }).inputValue(), 'a moderator first').toBe('bob@convoke.example');
    await ask.getByRole('button', { name: 'Hand over and leave' }).click();
    await expect.poll(done).toEqual(['handOver bob@convoke.example', 'leave']);
    await page.locator('.key.leave').click();
    await ask.getByRole('button', { name: 'End for all' }).click();
    await expect.poll(done).toEqual(['handOver bob@convoke.example', 'leave', 'endForAll']);
  });
  it('asks an owner of others also when they sign out, and leaves no words behind', async () => {
    await open('board', 'live');
    await page.evaluate(() => {
      const { conferences, session } = window.models.convoke;
      const { board } = conferences.get();
      Object.assign(window, { done: [] });
      const { done } = window as unknown as { done: string[] };
      board.handOver = async (who: string) => done.push(`handOver ${who}`) > 0;
      const { signOut } = session;
      session.signOut = () => {
        done.push('signOut');
        return signOut.call(session);
      };
      conferences.set((now) => ({ ...now, here: { id: board.get().id, title: 'Delivery plan', owner: true, others: 3 } }));
    });
    const done = () => page.evaluate(() => (window as unknown as { done: string[] }).done);
    const signOut = async () => {
      await page.getByRole('button', { name: /Your status/ }).click();
      await page.getByRole('menuitem', { name: 'Sign out' }).click();
    };
    const ask = page.getByRole('alertdialog', { name: 'Leave Delivery plan, week 48?' });
    await signOut();
    await ask.getByRole('button', { name: 'Stay' }).click();
    expect(await done()).toEqual([]);
    await page.evaluate(() => {
      const { tell, convoke } = window.models;
      tell({ kind: 'message', from: convoke.people.person('bob@convoke.example'), text: 'for Alice alone', id: 'm1' });
    });
    await page.getByText('Bob Keller writes: for Alice alone').waitFor({ state: 'attached' });
    await signOut();
    await ask.getByRole('button', { name: 'Hand over and leave' }).click();
    await page.locator('[data-screen=sign-in]').waitFor();
    expect(await done()).toEqual(['handOver bob@convoke.example', 'signOut']);
    expect(await page.locator('[aria-live]').allTextContents()).toEqual(['', '']);
  });
  it('stays in reach beside a list of whom to call next', async () => {
    await open('board', 'live');
    await page.getByRole('button', { name: 'New conference' }).click();
    await page.locator('[data-screen=composer]').waitFor();
    await page.getByRole('button', { name: /Delivery plan.*Show the board/ }).click();
    await page.locator('[data-screen=board]').waitFor();
    await page.getByRole('button', { name: /Show the list/ }).click();
    await page.locator('[data-screen=composer]').waitFor();
    await page.getByRole('button', { name: 'Close without calling' }).click();
    await page.locator('[data-screen=board]').waitFor();
  });
  it('that is over makes room for calling them again', async () => {
    await open('board', 'ended');
    await page.getByRole('button', { name: 'Call them again' }).click();
    await page.locator('[data-screen=composer]').waitFor();
    expect(await page.locator('li.row').count()).toBe(6);
  });
  it('says first what is left by joining another conference', async () => {
    await open('list', 'leave-for-another');
    await page.evaluate(() => {
      const { conferences } = window.models.convoke;
      Object.assign(window, { joined: [] });
      conferences.join = async (id: string) => void (window as unknown as { joined: string[] }).joined.push(id);
    });
    const joined = () => page.evaluate(() => (window as unknown as { joined: string[] }).joined);
    await page.getByRole('button', { name: 'Join Dock inspection' }).click();
    const ask = page.getByRole('alertdialog', { name: 'Leave Delivery plan, week 48?' });
    await ask.getByText('It goes on without you.').waitFor();
    expect(await joined()).toEqual([]);
    await ask.getByRole('button', { name: 'Leave it' }).click();
    await expect.poll(joined).toEqual(['c2']);
  });
  it('takes a pasted line of addresses as people', async () => {
    await open('composer', 'empty');
    await page.locator('.add input').focus();
    await page.evaluate(() => {
      const data = new DataTransfer();
      data.setData('text', 'Bob; Carol');
      document.activeElement?.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }));
    });
    await page.locator('li.row').first().waitFor();
    expect(await page.locator('li.row').count()).toBe(1);
  });
});

describe('a name that turns the direction', () => {
  it('stands plain in every sentence', async () => {
    await open('list', 'hostile');
    await page.getByRole('button', { name: 'Join <b>"elit' }).click();
    await page.getByText('You are not let into <b>"elit. Ask').waitFor();
    await page.getByText(/<img src=x onerror=alert\(1\)> "Bob talks/).waitFor();
    await open('board', 'without-many');
    const reasons = page.getByRole('group', { name: /^32 people/ });
    expect(await reasons.locator('.line').first().textContent()).toBe('<img src=x onerror=alert(1)> "Bob: none of their clients is there');
    expect(await reasons.locator('.line').count()).toBe(32);
    expect(await reasons.evaluate((one) => one.scrollHeight > one.clientHeight && one.clientHeight < 200)).toBe(true);
  });
});

describe('a link', () => {
  it('fills the list and calls nobody', async () => {
    await page.addInitScript(() => history.replaceState(null, '', `/call${location.search}&to=bob@convoke.example,tel:%2B15550177`));
    await page.goto(`${pages.origin}/?page=chat&state=history&theme=light`);
    await page.waitForSelector('[data-screen=composer]');
    expect(await page.locator('li.row').count()).toBe(2);
    expect(new URL(page.url()).pathname, 'a reload does not do it again').toBe('/');
    expect(await page.evaluate(() => window.models.convoke.conferences.get().board)).toBeUndefined();
  });
  it('of a conference that is over says so, and no more once it runs after all', async () => {
    await open('over', 'stranger');
    const dialog = page.getByRole('dialog', { name: 'This conference is over' });
    await dialog.waitFor();
    await page.evaluate(() => {
      const { conferences } = window.models.convoke;
      conferences.set((now) => ({ ...now, live: [...now.live, { ...(now.live[0] as LiveConference), id: 'gone', title: 'Late shift' }] }));
    });
    await dialog.waitFor({ state: 'detached' });
    await page.getByRole('navigation').getByText('Late shift').waitFor();
  });
});

describe('sound of the browser', () => {
  const lab = async () => {
    await page.context().grantPermissions(['microphone'], { origin: pages.origin });
    await page.goto(`${pages.origin}/?lab=1`);
    await page.waitForFunction(() => 'lab' in window);
  };
  it('shows a level in the test and gives the microphone back', async () => {
    await lab();
    const levels = await page.evaluate(async () => {
      const voice = window.lab.createVoice();
      const worked = await voice.test();
      const seen: number[] = [];
      for (let n = 0; n < 30; n += 1) {
        await new Promise((done) => setTimeout(done, 50));
        seen.push(voice.get().level);
      }
      const names = voice.get().devices.microphones.length;
      voice.stopTest();
      return { worked, loudest: Math.max(...seen), names, status: voice.get().status, level: voice.get().level };
    });
    expect(levels.worked).toBe(true);
    expect(levels.loudest).toBeGreaterThan(0.2);
    expect(levels.names).toBeGreaterThan(0);
    expect(levels.status).toBe('idle');
    expect(levels.level).toBe(0);
  });
  it('is heard at the other end, silent when muted, heard again, and goes on over a fresh connection', async () => {
    await lab();
    const result = await page.evaluate(async () => {
      const voice = window.lab.createVoice();
      const session = await voice.open();
      const events: string[] = [];
      session.onEvent = (event: string) => events.push(event);
      const context = new AudioContext();
      const answer = async () => {
        const other = new RTCPeerConnection();
        const heard = new Promise<MediaStream>((done) =>
          other.addEventListener('track', (event) => done(event.streams[0] ?? new MediaStream([event.track]))),
        );
        await other.setRemoteDescription({ type: 'offer', sdp: await session.offer() });
        // As a conference does, the other side sends all the time.
        const [tone, sent] = [context.createOscillator(), context.createMediaStreamDestination()];
        tone.connect(sent);
        tone.start();
        const [sends] = sent.stream.getAudioTracks();
        if (sends) other.addTrack(sends);
        await other.setLocalDescription(await other.createAnswer());
        await new Promise<void>((done) => {
          if (other.iceGatheringState === 'complete') done();
          other.addEventListener('icegatheringstatechange', () => other.iceGatheringState === 'complete' && done());
          setTimeout(done, 1_000);
        });
        await session.accept(other.localDescription?.sdp ?? '');
        const stream = await heard;
        // A stream is only pulled when something plays it.
        const audio = new Audio();
        audio.srcObject = stream;
        audio.muted = true;
        void audio.play();
        const analyser = context.createAnalyser();
        context.createMediaStreamSource(stream).connect(analyser);
        return { other, analyser };
      };
      const loudest = async (analyser: AnalyserNode, ms: number) => {
        const samples = new Float32Array(analyser.fftSize);
        let most = 0;
        const until = performance.now() + ms;
        while (performance.now() < until) {
          await new Promise((done) => setTimeout(done, 20));
          analyser.getFloatTimeDomainData(samples);
          for (const sample of samples) most = Math.max(most, Math.abs(sample));
        }
        return most;
      };
      const first = await answer();
      const open = await loudest(first.analyser, 2_500);
      session.mute(true);
      await loudest(first.analyser, 500);
      const muted = await loudest(first.analyser, 1_500);
      session.mute(false);
      const pushed = await loudest(first.analyser, 2_500);
      const second = await answer();
      const again = await loudest(second.analyser, 2_500);
      const status = voice.get().status;
      session.close();
      return {
        open,
        muted,
        pushed,
        again,
        status,
        after: voice.get().status,
        ups: events.filter((one) => one === 'up').length,
        audios: document.querySelectorAll('audio').length,
      };
    });
    expect(result.open).toBeGreaterThan(0.05);
    expect(result.muted).toBeLessThan(0.01);
    expect(result.pushed).toBeGreaterThan(0.05);
    expect(result.again).toBeGreaterThan(0.05);
    expect(result.status).toBe('connected');
    expect(result.ups).toBeGreaterThanOrEqual(2);
    expect(result.after).toBe('idle');
    expect(result.audios).toBe(0);
  });
  it('says in words when the microphone is refused', async () => {
    const refusing = await pages.browser.newContext({ locale: 'en-GB' });
    const other = await refusing.newPage();
    await other.addInitScript(() => {
      navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('no', 'NotAllowedError'));
    });
    await other.goto(`${pages.origin}/?lab=1`);
    await other.waitForFunction(() => 'lab' in window);
    const result = await other.evaluate(async () => {
      const voice = window.lab.createVoice();
      const code = await voice.open().then(
        () => 'opened',
        (fault: { code: string }) => fault.code,
      );
      return { code, problem: voice.get().problem?.code, worked: await voice.test(), status: voice.get().status };
    });
    await refusing.close();
    expect(result).toEqual({ code: 'microphone-refused', problem: 'microphone-refused', worked: false, status: 'idle' });
  });
  it('tells when the microphone is pulled out, and takes another', async () => {
    await lab();
    const result = await page.evaluate(async () => {
      const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
      const taken: MediaStream[] = [];
      navigator.mediaDevices.getUserMedia = async (wanted) => {
        const stream = await real(wanted);
        taken.push(stream);
        return stream;
      };
      const voice = window.lab.createVoice();
      const session = await voice.open();
      const events: string[] = [];
      const back = new Promise<void>((done) => {
        session.onEvent = (event: string) => {
          events.push(event);
          if (event === 'device-back') done();
        };
      });
      await session.offer();
      const track = taken[0]?.getAudioTracks()[0] as MediaStreamTrack;
      track.stop();
      track.dispatchEvent(new Event('ended'));
      await back;
      const state = { events, taken: taken.length, problem: voice.get().problem?.code };
      session.close();
      return state;
    });
    expect(result.events).toContain('device-lost');
    expect(result.taken).toBe(2);
    expect(result.problem).toBeUndefined();
  });
});

describe('with 5,000 contacts and 100,000 messages', () => {
  it('draws few rows, answers a key at once, and scrolls without long tasks', async () => {
    await page.addInitScript(() => {
      const tasks: number[] = [];
      Object.assign(window, { tasks });
      new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) tasks.push(entry.duration);
      }).observe({ type: 'longtask' });
    });
    await page.goto(`${pages.origin}/?heavy=1`);
    await page.getByText('Message 99999', { exact: false }).first().waitFor();
    expect(await page.locator('.log .vrow').count()).toBeLessThan(60);
    expect(await page.locator('.left .vrow').count()).toBeLessThan(60);
    await settled(page);
    await page.evaluate(() => {
      (window as unknown as { tasks: number[] }).tasks.length = 0;
    });
    const answered = await page.evaluate(async () => {
      const field = document.querySelector('.write textarea') as HTMLTextAreaElement;
      const set = Object.getOwnPropertyDescriptor(HTMLTextAreaElement.prototype, 'value')?.set;
      const times: number[] = [];
      for (let n = 0; n < 20; n += 1) {
        const start = performance.now();
        set?.call(field, `${'x'.repeat(n + 1)}`);
        field.dispatchEvent(new Event('input', { bubbles: true }));
        field.getBoundingClientRect();
        times.push(performance.now() - start);
        await new Promise((done) => requestAnimationFrame(done));
      }
      return times.sort((a, b) => a - b)[10] as number;
    });
    const scrolled = await page.evaluate(async () => {
      const log = document.querySelector('.log') as HTMLElement;
      const times: number[] = [];
      for (let n = 0; n < 60; n += 1) {
        log.scrollTop -= 400;
        await new Promise((done) => requestAnimationFrame(done));
        const start = performance.now();
        await new Promise((done) => setTimeout(done));
        times.push(performance.now() - start);
      }
      return times.sort((a, b) => a - b)[30] as number;
    });
    const sent = await page.evaluate(async () => {
      const log = document.querySelector('.log') as HTMLElement;
      log.scrollTop = log.scrollHeight;
      await new Promise((done) => setTimeout(done, 300));
      const chat = window.models.convoke.chats.open('bob@convoke.example');
      const times: number[] = [];
      for (let n = 0; n < 9; n += 1) {
        const start = performance.now();
        chat.send(`sent ${n}`);
        log.getBoundingClientRect();
        await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
        times.push(performance.now() - start);
      }
      return times.sort((a, b) => a - b)[4] as number;
    });
    const long = await page.evaluate(() => (window as unknown as { tasks: number[] }).tasks);
    const words = [
      `a key: ${answered.toFixed(1)} ms`,
      `a frame of scrolling: ${scrolled.toFixed(1)} ms`,
      `a message sent: ${sent.toFixed(1)} ms`,
      `long tasks: ${long.map((ms) => ms.toFixed(0)).join(', ') || 'none'}`,
    ];
    console.log(words.join('; '));
    // Medians, with room for a busy machine; what counts is that nothing grows with the thousands.
    expect(answered).toBeLessThan(50);
    expect(scrolled).toBeLessThan(50);
    expect(sent).toBeLessThan(150);
  });
});
