import type { Locator, Page } from 'playwright-core';
import { Board } from './board.ts';
import { Chat } from './chat.ts';
import { Composer } from './composer.ts';
import { choose } from './menu.ts';
import { Palette } from './palette.ts';
import { Stage } from './stage.ts';

/** The window of somebody, by what stands on it. */
export class Window {
  readonly board: Board;
  readonly composer: Composer;
  readonly palette: Palette;
  readonly stage: Stage;

  constructor(readonly page: Page) {
    this.board = new Board(page);
    this.composer = new Composer(page);
    this.palette = new Palette(page);
    this.stage = new Stage(page);
  }

  get list(): Locator {
    return this.page.getByRole('navigation', { name: 'Conferences, people and chats' });
  }

  /** What the sheet over the chat says while somebody calls. */
  get ringing(): Locator {
    return this.page.getByRole('dialog', { name: /calls you|invites you/ });
  }

  async signIn(user: string, password = 'demo'): Promise<void> {
    await this.page.getByLabel('Name', { exact: true }).fill(user);
    await this.page.getByLabel('Password', { exact: true }).fill(password);
    await this.page.keyboard.press('Enter');
    await this.ready();
  }

  /** Signed in and connected. */
  async ready(): Promise<void> {
    await this.status('Available').waitFor();
  }

  /** My own line, with what others see of me. */
  status(word: string): Locator {
    return this.list
      .getByRole('button', { name: /Your status/ })
      .getByText(word, { exact: true })
      .first();
  }

  async reload(path = '/'): Promise<void> {
    await this.visit(path);
    await this.ready();
  }

  /** Follows an address; what it opens may hide the list. */
  async visit(path: string): Promise<void> {
    await this.page.goto(new URL(path, this.page.url()).href);
  }

  /** The lines of somebody in the list: among the contacts first, then among the chats. */
  lineOf(name: string): Locator {
    return this.list.getByRole('link', { name: new RegExp(name) });
  }

  async chatWith(name: string): Promise<Chat> {
    await this.lineOf(name).first().click();
    const chat = new Chat(this.page, name);
    await chat.field.waitFor();
    return chat;
  }

  async signOut(): Promise<void> {
    await choose(this.list.getByRole('button', { name: /Your status/ }), 'Sign out');
  }
}
