import type { Locator, Page } from 'playwright-core';

/** The chat with one person. */
export class Chat {
  constructor(
    readonly page: Page,
    readonly name: string,
  ) {}

  get field(): Locator {
    return this.page.getByRole('textbox', { name: `Write to ${this.name}` });
  }

  get log(): Locator {
    return this.page.getByRole('log', { name: 'Messages' });
  }

  /** One message, by its whole text. */
  message(text: string): Locator {
    return this.log.getByRole('article').filter({ has: this.page.getByText(text, { exact: true }) });
  }

  /** How far a message of mine came. */
  mark(text: string, word: 'Sending' | 'Sent' | 'Delivered' | 'Read' | 'Not sent'): Locator {
    return this.message(text).getByText(word, { exact: true });
  }

  /** Invitations as cards. */
  card(title: string): Locator {
    return this.log.getByRole('article', { name: `Invitation to ${title}` });
  }

  /** The texts of all messages, from top to bottom. */
  async texts(containing: string): Promise<string[]> {
    const all = await this.log.getByRole('article').locator('.text').allTextContents();
    return all.filter((text) => text.includes(containing));
  }

  /** The texts after the last message of this text, as far as the log holds them; none while it does not stand there. */
  async textsAfter(text: string): Promise<string[]> {
    const all = await this.texts('');
    const at = all.lastIndexOf(text);
    return at < 0 ? [] : all.slice(at + 1);
  }

  async send(text: string): Promise<void> {
    await this.field.fill(text);
    await this.page.keyboard.press('Enter');
  }
}
