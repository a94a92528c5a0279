import type { Locator, Page } from 'playwright-core';
import { choose } from './menu.ts';

/** The list of whom to call. */
export class Composer {
  constructor(readonly page: Page) {}

  get pane(): Locator {
    return this.page.getByRole('complementary', { name: 'Conference board, before the call' });
  }

  get add(): Locator {
    return this.pane.getByRole('combobox', { name: 'Add people' });
  }

  get rows(): Locator {
    return this.pane.getByRole('listitem');
  }

  row(name: string | RegExp): Locator {
    return this.rows.filter({ hasText: name });
  }

  place(name: string): Locator {
    return this.pane.getByRole('button', { name: new RegExp(`^Where to call ${name}`) });
  }

  get me(): Locator {
    return this.pane.getByRole('button', { name: /Call me at/ });
  }

  get call(): Locator {
    return this.pane.getByRole('button', { name: /^Call( \d+ (person|people))?$/ });
  }

  /** Types a name, number or several of them, and adds what was typed. */
  async type(text: string): Promise<void> {
    await this.add.fill(text);
    await this.page.keyboard.press('Enter');
  }

  /** Asks for a video conference with all on the list; where that is a kind of call, by its switch first. */
  async video(): Promise<void> {
    const ask = this.pane.getByRole('button', { name: /^Video call/ });
    const kind = this.pane.getByRole('switch', { name: /video/i });
    await ask.or(kind).first().waitFor();
    if (!(await ask.isVisible())) await kind.click();
    await ask.click();
  }

  async callMeAt(place: string | RegExp): Promise<void> {
    await choose(this.me, place);
  }

  /** Gives another number where the menu has asked for one. */
  async number(number: string): Promise<void> {
    await this.page.getByRole('textbox', { name: 'Telephone number' }).fill(number);
    await this.page.getByRole('button', { name: 'Use it' }).click();
  }
}
