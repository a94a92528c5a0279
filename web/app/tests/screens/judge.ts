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

/** What the page shows in which states, by the names of the attributes that say so: `data-mark` for `mark`. */
export function drawn<Kind extends string>(page: Page, kinds: readonly Kind[]): Promise<Record<Kind, string[]>> {
  return page.evaluate((wanted) => {
    const all = (attribute: string) =>
      [...document.querySelectorAll(`[${attribute}]`)].flatMap((one) => one.getAttribute(attribute)?.split(' ').filter(Boolean) ?? []);
    return Object.fromEntries(wanted.map((kind) => [kind, all(`data-${kind}`)])) as Record<Kind, string[]>;
  }, kinds);
}
