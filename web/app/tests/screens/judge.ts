/** What is asked of every page in every state. */
import axe from 'axe-core';
import type { Page } from 'playwright-core';

/** What a page must never do: break the policy, throw, or say something on the console. The list is added to as it happens. */
export function watch(page: Page): string[] {
  const faults: string[] = [];
  page.on('pageerror', (error) => faults.push(`threw ${error.message}`));
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') faults.push(`console: ${message.text()}`);
  });
  return faults;
}

/** What axe finds. */
export async function judge(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  return page.evaluate(async () => {
    // It was put there.
    const result = await (window as unknown as { axe: typeof axe }).axe.run(document, {
      runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
      resultTypes: ['violations'],
    });
    return result.violations.flatMap((one) => one.nodes.map((node) => `${one.id}: ${node.target.join(' ')} ${node.failureSummary}`));
  });
}

/** Nothing sticks out of the page, and what is operated is large enough. */
export function measure(page: Page, width: number): Promise<string[]> {
  return page.evaluate((wide) => {
    const faults: string[] = [];
    if (document.documentElement.scrollWidth > wide) faults.push(`page is ${document.documentElement.scrollWidth} px wide`);
    for (const element of document.querySelectorAll<HTMLElement>('button, a[href], input, select, textarea')) {
      const box = element.getBoundingClientRect();
      const style = getComputedStyle(element);
      if (box.width === 0 || style.visibility === 'hidden' || element.closest('[aria-hidden="true"]')) continue;
      if (element.closest('p, .text')) continue;
      if (box.right > wide + 1 || box.left < -1) {
        if (!element.closest('.sr'))
          faults.push(`${element.className || element.tagName} sticks out: ${Math.round(box.left)}..${Math.round(box.right)}`);
      }
      if (box.height < 16 || box.width < 16) faults.push(`${element.className || element.tagName} is ${box.width}x${box.height}`);
    }
    return [...new Set(faults)];
  }, width);
}

/** Which pages, and which states of things on them, are drawn. */
export interface Drawn {
  readonly screens: string[];
  readonly chips: string[];
  readonly marks: string[];
  readonly invitations: string[];
  readonly ends: string[];
  readonly pictures: string[];
  readonly sounds: string[];
  readonly leftOut: string[];
  readonly own: string[];
}

export function drawn(page: Page): Promise<Drawn & { readonly violation: string | undefined }> {
  return page.evaluate(() => {
    const all = (attribute: string) =>
      [...document.querySelectorAll(`[${attribute}]`)].flatMap((one) => one.getAttribute(attribute)?.split(' ').filter(Boolean) ?? []);
    return {
      screens: all('data-screen'),
      chips: all('data-chip'),
      marks: all('data-mark'),
      invitations: all('data-invitation'),
      ends: all('data-end'),
      pictures: all('data-pictures'),
      sounds: all('data-sound'),
      leftOut: all('data-left-out'),
      own: all('data-own'),
      violation: document.documentElement.dataset.violation,
    };
  });
}
