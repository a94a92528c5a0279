import type { Locator, Page } from 'playwright-core';
import { choose } from './menu.ts';

/** The live board. */
export class Board {
  constructor(readonly page: Page) {}

  get pane(): Locator {
    return this.page.getByRole('complementary', { name: 'Conference board', exact: true });
  }

  /** Everybody's line but mine. */
  row(name: string | RegExp): Locator {
    return this.pane.getByRole('listitem').filter({ hasText: name });
  }

  /** What somebody's line says: the word of their state, or why. */
  says(name: string | RegExp, words: string | RegExp): Locator {
    return this.row(name).getByText(words).first();
  }

  group(name: 'Hands' | 'In the call' | 'Being called' | 'Not reached' | 'Left'): Locator {
    return this.pane.getByRole('heading', { level: 3, name: new RegExp(`^${name}`) });
  }

  button(name: string | RegExp): Locator {
    return this.pane.getByRole('button', { name });
  }

  /** A command of a line's menu. */
  async tell(name: string, command: string): Promise<void> {
    await choose(this.button(`More about ${name}`), command);
  }

  /** Where I am to go on. */
  async callMeAt(place: string | RegExp): Promise<void> {
    await choose(this.button(/^Call me at/), place);
  }

  /** Those who left are folded. */
  async unfold(): Promise<void> {
    const left = this.button(/^Left/).and(this.page.locator('[aria-expanded]'));
    if ((await left.getAttribute('aria-expanded')) === 'false') await left.click();
  }

  async endForAll(): Promise<void> {
    await this.button('End for all').click();
    await this.page.getByRole('alertdialog', { name: 'End for all?' }).getByRole('button', { name: 'End for all' }).click();
  }
}
