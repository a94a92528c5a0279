import type { Locator } from 'playwright-core';

/** Opens the menu of a button and chooses an entry of it. */
export async function choose(button: Locator, name: string | RegExp): Promise<void> {
  await button.click();
  const page = button.page();
  await page.getByRole('menuitem', { name }).or(page.getByRole('menuitemradio', { name })).first().click();
}
