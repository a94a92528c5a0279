import type { Locator, Page } from 'playwright-core';

/** *Search or call*, by Ctrl K. */
export class Palette {
  constructor(readonly page: Page) {}

  get field(): Locator {
    return this.page.getByRole('combobox', { name: 'Search or call' });
  }

  option(name: string | RegExp): Locator {
    return this.page.getByRole('option', { name });
  }

  async open(): Promise<void> {
    await this.page.keyboard.press('Control+k');
    await this.field.waitFor();
  }

  /** Types a name and takes the person whom it finds. */
  async pick(name: string, person: string): Promise<void> {
    await this.field.fill(name);
    await this.option(new RegExp(person)).waitFor();
    await this.page.keyboard.press('Tab');
  }
}
