import { useVirtualizer } from '@tanstack/react-virtual';
import { memo, useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from 'react';
import { plain } from '../i18n/format.ts';
import { useI18n } from '../i18n/index.tsx';
import type { Chat, ChatState } from '../model.ts';
import { useModels } from '../shell/models.tsx';
import { useNow, usePick, useSlow } from '../store.ts';
import { Icon } from '../ui/icon.tsx';
import { named } from '../ui/named.ts';
import { IconButton, ProblemNotice } from '../ui/parts.tsx';
import { Call, InvitationCard } from './events.tsx';
import { hiddenRows, type LogRow, logRows, type MadeRows, WINDOW_ROWS } from './log.ts';
import { MessageView } from './message.tsx';

/** Nearer than this to the end, the log follows what comes. */
const END_PX = 48;
/** Nearer than this to the beginning, older ones are loaded. */
const OLDER_PX = 600;

const guess: Record<LogRow['kind'], number> = { day: 44, new: 28, item: 44 };

/** The messages: only those in sight are in the page, however many there are. */
export function Log({ chat, state }: { chat: Chat; state: ChatState }) {
  const { t } = useI18n();
  const name = plain(named(state.with, t).name);
  const scroll = useRef<HTMLDivElement>(null);
  const [atEnd, setAtEnd] = useState(true);
  const stick = useRef(true);
  const anchor = useRef<{ key: string; offset: number } | undefined>(undefined);
  const made = useRef<MadeRows | undefined>(undefined);
  made.current = logRows(state.items, state.firstUnread, made.current);
  const all = made.current.rows;
  const [hidden, setHidden] = useState<number | undefined>(undefined);
  const from = hiddenRows(all.length, hidden, atEnd);
  if (all.length > 0 && from !== hidden) setHidden(from);
  const rows = useMemo(() => (from === 0 ? all : all.slice(from)), [all, from]);
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroll.current,
    estimateSize: (index) => guess[(rows[index] as LogRow).kind],
    getItemKey: useCallback((index: number) => (rows[index] as LogRow).key, [rows]),
    overscan: 12,
    initialRect: { width: 640, height: 720 },
    initialOffset: 1e9,
  });
  const total = virtual.getTotalSize();
  const firstKey = rows[0]?.key;
  const before = useRef(firstKey);

  // The end stays at the end; what is read stays where it is when older ones come in above it.
  useLayoutEffect(() => {
    const element = scroll.current;
    if (!element) return;
    if (stick.current) {
      element.scrollTop = element.scrollHeight;
    } else if (before.current !== firstKey && anchor.current) {
      const index = rows.findIndex((row) => row.key === anchor.current?.key);
      const start = index < 0 ? undefined : virtual.getOffsetForIndex(index, 'start')?.[0];
      if (start !== undefined) element.scrollTop = start + anchor.current.offset;
    }
    before.current = firstKey;
  }, [rows, firstKey, total, virtual]);

  // A smaller or larger pane (keyboard of a telephone, board opened) keeps the end in sight.
  useEffect(() => {
    const element = scroll.current;
    if (!element) return;
    const watch = new ResizeObserver(() => {
      if (stick.current) element.scrollTop = element.scrollHeight;
    });
    watch.observe(element);
    return () => watch.disconnect();
  }, []);

  const moved = () => {
    const element = scroll.current;
    if (!element) return;
    const end = element.scrollHeight - element.scrollTop - element.clientHeight < END_PX;
    stick.current = end;
    setAtEnd(end);
    const first = virtual.getVirtualItems().find((item) => item.end > element.scrollTop);
    anchor.current = first && { key: String(first.key), offset: element.scrollTop - first.start };
    if (element.scrollTop >= OLDER_PX) return;
    if (from > 0) setHidden(Math.max(0, from - WINDOW_ROWS));
    else if (state.hasOlder && !state.loadingOlder) void chat.loadOlder();
  };

  const last = state.items.at(-1)?.id;
  useEffect(() => {
    if (last === undefined || !atEnd || state.loading) return;
    const read = () => document.visibilityState === 'visible' && document.hasFocus() && chat.markRead();
    // Also what makes nothing unread here: the server counts invitations until they were shown.
    read();
    window.addEventListener('focus', read);
    document.addEventListener('visibilitychange', read);
    return () => {
      window.removeEventListener('focus', read);
      document.removeEventListener('visibilitychange', read);
    };
  }, [chat, last, atEnd, state.unread, state.loading]);

  const slow = useSlow(state.loading);
  const slowOlder = useSlow(state.loadingOlder);
  if (state.items.length === 0) {
    return (
      <div className="log nothing" role="status">
        {state.problem ? (
          <ProblemNotice problem={state.problem} />
        ) : state.loading ? (
          slow && <Bones />
        ) : (
          <div className="empty">
            <h2 className="t14 strong">{t.chat.emptyTitle(name)}</h2>
            <p className="soft">{t.chat.emptySay}</p>
          </div>
        )}
      </div>
    );
  }
  return (
    <div className="logwrap">
      <div
        className="log"
        ref={scroll}
        onScroll={moved}
        role="log"
        aria-label={t.chat.messages}
        aria-live="off"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by the keyboard.
        tabIndex={0}
      >
        <div className="older">
          {state.loadingOlder ? slowOlder && t.chat.older : !state.hasOlder && from === 0 ? <span>{t.chat.start(name)}</span> : null}
        </div>
        <div className="virtual" style={{ height: total }}>
          {virtual.getVirtualItems().map((item) => (
            <div
              key={item.key}
              data-index={item.index}
              ref={virtual.measureElement}
              className="vrow"
              style={{ transform: `translateY(${item.start}px)` }}
            >
              <Line row={rows[item.index] as LogRow} chat={chat} name={name} />
            </div>
          ))}
        </div>
      </div>
      {!atEnd && (
        <IconButton
          icon="down"
          className="big toend"
          label={t.chat.toNewest}
          onClick={() => {
            stick.current = true;
            const element = scroll.current;
            if (element) element.scrollTop = element.scrollHeight;
          }}
        />
      )}
    </div>
  );
}

const Line = memo(function Line({ row, chat, name }: { row: LogRow; chat: Chat; name: string }) {
  const { t } = useI18n();
  if (row.kind === 'day') return <Day at={row.at} />;
  if (row.kind === 'new') return <p className="day new">{t.chat.newLine}</p>;
  switch (row.item.kind) {
    case 'message':
      return <MessageView chat={chat} item={row.item} head={row.head} name={name} />;
    case 'call':
      return <Call item={row.item} />;
    case 'invitation':
      return <InvitationCard item={row.item} />;
  }
});

function Day({ at }: { at: number }) {
  const { format } = useI18n();
  const now = useNow();
  return <h2 className="day">{format.day(at, now)}</h2>;
}

function Bones() {
  const { t } = useI18n();
  return (
    <div className="bones" role="status" aria-label={t.common.loading}>
      <span className="bone" />
      <span className="bone" />
      <span className="bone" />
    </div>
  );
}

/** What stands in the middle before anything is chosen. */
export function Home() {
  const { view, convoke } = useModels();
  const { t } = useI18n();
  const name = usePick(convoke.session, (state) => state.me?.name);
  return (
    <section className="chat" aria-label={t.chat.label} data-screen="home">
      <div className="empty">
        <h1 className="t16 strong">{name ? `${t.chat.homeTitle}, ${name.split(' ')[0]}` : t.chat.homeTitle}</h1>
        <p className="soft">{t.chat.homeSay}</p>
        <div className="acts">
          <button type="button" className="btn primary" onClick={() => view.patch({ palette: true })}>
            <Icon name="find" />
            {t.left.find}
          </button>
          <button type="button" className="btn" onClick={() => view.patch({ book: {} })}>
            <Icon name="book" />
            {t.left.book}
          </button>
        </div>
      </div>
    </section>
  );
}
