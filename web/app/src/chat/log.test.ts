import { describe, expect, it } from 'vitest';
import type { ChatItem } from '../model.ts';
import { hiddenRows, linkify, logRows, WINDOW_ROWS } from './log.ts';

const noon = new Date(2026, 10, 19, 12).getTime();

function message(id: string, at: number, mine = false): ChatItem {
  return { kind: 'message', id, mine, text: id, at, state: 'read' };
}

describe('the lines of a chat', () => {
  it('begin each day with its name', () => {
    const { rows } = logRows([message('a', noon), message('b', noon + 24 * 3_600_000)], undefined);
    expect(rows.map((row) => row.kind)).toEqual(['day', 'item', 'day', 'item']);
  });
  it('put messages of one person under one name, for five minutes', () => {
    const { rows } = logRows(
      [message('a', noon), message('b', noon + 60_000), message('c', noon + 70_000, true), message('d', noon + 400_000, true)],
      undefined,
    );
    expect(rows.filter((row) => row.kind === 'item').map((row) => row.head)).toEqual([true, false, true, true]);
  });
  it('mark where the unread ones begin', () => {
    const { rows } = logRows([message('a', noon), message('b', noon + 1)], 'b');
    expect(rows.map((row) => row.key)).toEqual(['day-a', 'a', 'new', 'b']);
    expect(rows.at(-1)).toMatchObject({ head: true });
  });
  it('take 100,000 messages in the time of a few frames', () => {
    const items = Array.from({ length: 100_000 }, (_, i) => message(`m${i}`, noon + i * 60_000));
    const start = performance.now();
    const { rows } = logRows(items, undefined);
    expect(rows.length).toBeGreaterThan(100_000);
    expect(performance.now() - start).toBeLessThan(500);
  });
});

describe('a long chat', () => {
  const items: ChatItem[] = Array.from({ length: 5_000 }, (_, n) => message(`m${n}`, noon + n * 60_000, n % 2 === 0));
  it('gets a message more without making the others again, and the same lines as if all were made', () => {
    const made = logRows(items, undefined);
    const more = [...items, message('new', noon + 5_000 * 60_000)];
    const next = logRows(more, undefined, made);
    expect(next.rows).toEqual(logRows(more, undefined).rows);
    expect(next.rows[10]).toBe(made.rows[10]);
    expect(logRows(more, undefined, next)).toBe(next);
  });
  it('gets older ones in front, a changed one, and one that is gone', () => {
    const made = logRows(items, 'm4000');
    const changes: ChatItem[][] = [
      [message('older', noon - 60_000), ...items],
      items.map((item, n) => (n === 4_990 ? ({ ...message('m4990', item.at, true), state: 'failed' } as ChatItem) : item)),
      items.slice(0, -1),
      [],
    ];
    for (const changed of changes) {
      expect(logRows(changed, 'm4000', made).rows).toEqual(logRows(changed, 'm4000').rows);
    }
    expect(logRows(items, undefined, made).rows).toEqual(logRows(items, undefined).rows);
  });
  it('lays out the newest first, more on the way up, and fewer again at the end', () => {
    expect(hiddenRows(500, undefined, true)).toBe(0);
    const hidden = hiddenRows(100_000, undefined, true);
    expect(hidden).toBe(100_000 - WINDOW_ROWS);
    expect(hiddenRows(100_001, hidden, false), 'a new one hides nothing that is read').toBe(hidden);
    expect(hiddenRows(100_000, 90_000, false)).toBe(90_000);
    expect(hiddenRows(100_000, 90_000, true)).toBe(100_000 - WINDOW_ROWS);
    expect(hiddenRows(10, 90_000, false)).toBe(10);
  });
});

describe('web addresses in messages', () => {
  it('become links, without the full stop after them', () => {
    expect(linkify('See https://files.example/gate-list. Thanks')).toEqual([
      { text: 'See ' },
      { text: 'https://files.example/gate-list', href: 'https://files.example/gate-list' },
      { text: '. Thanks' },
    ]);
  });
  it('never are scripts', () => {
    for (const hostile of ['javascript:alert(1)', 'data:text/html,<script>', 'JaVaScRiPt://https/x', '<img src=x onerror=1>']) {
      expect(linkify(hostile).every((part) => part.href === undefined || part.href.startsWith('https:'))).toBe(true);
    }
    expect(linkify('javascript:alert(1)')).toEqual([{ text: 'javascript:alert(1)' }]);
  });
});
