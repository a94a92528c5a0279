import { daysBetween } from '../i18n/format.ts';
import type { ChatItem } from '../model.ts';

/** One line of the log. */
export type LogRow =
  | { readonly kind: 'day'; readonly key: string; readonly at: number }
  | { readonly kind: 'new'; readonly key: string }
  | { readonly kind: 'item'; readonly key: string; readonly item: ChatItem; readonly head: boolean };

/** Messages of one person within this time stand under one name. */
const GROUP_MS = 5 * 60_000;

/**
 * The chat as lines: a separator where a day begins and where the unread ones begin; a message continues the one before if it
 * is by the same person, within five minutes.
 */
export function logRows(items: readonly ChatItem[], firstUnread: string | undefined): LogRow[] {
  const rows: LogRow[] = [];
  let before: ChatItem | undefined;
  for (const item of items) {
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
    before = item;
  }
  return rows;
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
