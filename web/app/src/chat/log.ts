import { daysBetween } from '../i18n/format.ts';
import type { ChatItem } from '../model.ts';

/** One line of the log. */
export type LogRow =
  | { readonly kind: 'day'; readonly key: string; readonly at: number }
  | { readonly kind: 'new'; readonly key: string }
  | { readonly kind: 'item'; readonly key: string; readonly item: ChatItem; readonly head: boolean };

/** Messages of one person within this time stand under one name. */
const GROUP_MS = 5 * 60_000;

/** Lines that were made, and of which items: the next time only what is new is made. */
export interface MadeRows {
  readonly items: readonly ChatItem[];
  readonly firstUnread: string | undefined;
  readonly rows: readonly LogRow[];
  /** Where the lines of each item begin. */
  readonly starts: readonly number[];
}

/**
 * The chat as lines: a separator where a day begins and where the unread ones begin; a message continues the one before if it
 * is by the same person, within five minutes. With what was made before, a message more costs the same in a long chat as in a short one.
 */
export function logRows(items: readonly ChatItem[], firstUnread: string | undefined, made?: MadeRows): MadeRows {
  let same = 0;
  if (made && made.firstUnread === firstUnread) {
    const most = Math.min(items.length, made.items.length);
    while (same < most && items[same] === made.items[same]) same += 1;
  }
  if (made && same === items.length && same === made.items.length) return made;
  const rows = made ? made.rows.slice(0, made.starts[same] ?? made.rows.length) : [];
  const starts = made ? made.starts.slice(0, same) : [];
  for (let at = same; at < items.length; at += 1) {
    const item = items[at] as ChatItem;
    const before = items[at - 1];
    starts.push(rows.length);
    const newDay = before === undefined || item.at - before.at > 86_400_000 || daysBetween(before.at, item.at) !== 0;
    if (newDay) rows.push({ kind: 'day', key: `day-${item.id}`, at: item.at });
    const unreadHere = item.id === firstUnread;
    if (unreadHere) rows.push({ kind: 'new', key: 'new' });
    const goesOn =
      !newDay &&
      !unreadHere &&
      before?.kind === 'message' &&
      item.kind === 'message' &&
      before.mine === item.mine &&
      item.at - before.at < GROUP_MS;
    rows.push({ kind: 'item', key: item.id, item, head: !goesOn });
  }
  return { items, firstUnread, rows, starts };
}

/** So many lines are laid out at first; more are when somebody scrolls to them. */
export const WINDOW_ROWS = 1_000;

/** How many of the oldest lines are left out: none that was shown, until one is back at the end and very many are. */
export function hiddenRows(count: number, hidden: number | undefined, atEnd: boolean): number {
  if (hidden === undefined || (atEnd && count - hidden > 3 * WINDOW_ROWS)) return Math.max(0, count - WINDOW_ROWS);
  return Math.min(hidden, count);
}

/** A text in parts: plain, or a web address that may be followed. */
export type TextPart = { readonly text: string; readonly href?: string };

const ADDRESS = /\bhttps?:\/\/[^\s<>"']+/gi;

/** Finds web addresses, `http` and `https` only; a closing mark of punctuation is not part of one. */
export function linkify(text: string): TextPart[] {
  const parts: TextPart[] = [];
  let from = 0;
  for (const match of text.matchAll(ADDRESS)) {
    let address = match[0].replace(/[.,;:!?]+$/, '');
    if (address.endsWith(')') && !address.includes('(')) address = address.slice(0, -1);
    let href: string;
    try {
      href = new URL(address).href;
    } catch {
      continue;
    }
    if (match.index > from) parts.push({ text: text.slice(from, match.index) });
    parts.push({ text: address, href });
    from = match.index + address.length;
  }
  if (from < text.length) parts.push({ text: text.slice(from) });
  return parts;
}
