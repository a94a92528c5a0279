import { useVirtualizer } from '@tanstack/react-virtual';
import { type KeyboardEvent, type MouseEvent, memo, useLayoutEffect, useMemo, useRef, useState } from 'react';
import { useLeaving } from '../board/leaving.ts';
import { plain } from '../i18n/format.ts';
import { useI18n } from '../i18n/index.tsx';
import type { ChatSummary, LiveConference, Person, Problem, ProblemCode } from '../model.ts';
import { useModels } from '../shell/models.tsx';
import { pathOf, type Route } from '../shell/window.ts';
import { NARROW, useMedia, useNow, usePick, useStore } from '../store.ts';
import { Icon } from '../ui/icon.tsx';
import { named } from '../ui/named.ts';
import { Avatar, Badge, Button, cx, IconButton, Meter, ProblemLine, problemWords, Timer } from '../ui/parts.tsx';
import { toast } from '../ui/toast.tsx';
import { Mine } from './mine.tsx';
import { type LeftRow, leftRows, rowHeight } from './rows.ts';
import './left.css';

/** Live conferences, favourites, contacts, chats. */
export function Left() {
  const { convoke, view } = useModels();
  const { t } = useI18n();
  const live = usePick(convoke.conferences, (state) => state.live);
  const people = useStore(convoke.people);
  const chats = useStore(convoke.chats);
  const touch = useMedia(NARROW);
  const rows = useMemo(() => leftRows({ live, people, chats }), [live, people, chats]);
  const scroll = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroll.current,
    estimateSize: (index) => rowHeight(rows[index] as LeftRow, touch),
    getItemKey: (index) => (rows[index] as LeftRow).key,
    overscan: 8,
    initialRect: { width: 272, height: 800 },
  });
  // Heights go with what stands where.
  useLayoutEffect(() => virtual.measure(), [virtual, rows, touch]);
  return (
    <nav className="left" aria-label={t.left.label} data-screen="list">
      <Mine />
      <button type="button" className="find" onClick={() => view.patch({ palette: true })}>
        <Icon name="find" />
        <span className="grow cut">{t.left.find}</span>
        <kbd>Ctrl K</kbd>
      </button>
      {/* biome-ignore lint/a11y/noStaticElementInteractions: the arrows move between the links in it. */}
      <div className="scroll" ref={scroll} onKeyDown={moveByArrows}>
        <div className="virtual" style={{ height: virtual.getTotalSize() }}>
          {virtual.getVirtualItems().map((item) => {
            const row = rows[item.index] as LeftRow;
            return (
              <div key={item.key} className="vrow" style={{ height: item.size, transform: `translateY(${item.start}px)` }}>
                <Line row={row} />
              </div>
            );
          })}
        </div>
      </div>
    </nav>
  );
}

/** Up and down move between the entries; Tab still does. */
function moveByArrows(event: KeyboardEvent<HTMLDivElement>): void {
  if (event.key !== 'ArrowDown' && event.key !== 'ArrowUp') return;
  const entries = [...event.currentTarget.querySelectorAll<HTMLElement>('[data-entry]')];
  const at = entries.indexOf(document.activeElement as HTMLElement);
  const next = entries[at + (event.key === 'ArrowDown' ? 1 : -1)];
  if (at < 0 || !next) return;
  event.preventDefault();
  next.focus();
  next.scrollIntoView({ block: 'nearest' });
}

function Line({ row }: { row: LeftRow }) {
  switch (row.kind) {
    case 'head':
      return <Head section={row.section} />;
    case 'live':
      return <Live live={row.live} />;
    case 'person':
      return <PersonLine person={row.person} also={row.also} />;
    case 'chat':
      return <ChatLine chat={row.chat} />;
    case 'all':
      return <All count={row.count} />;
    case 'say':
      return <Say section={row.section} />;
    case 'not-loaded':
      return <NotLoaded section={row.section} problem={row.problem} />;
    case 'bones':
      return <Bones />;
  }
}

function Head({ section }: { section: 'live' | 'favourites' | 'contacts' | 'chats' }) {
  const { convoke, view } = useModels();
  const { t } = useI18n();
  return (
    <div className={cx('sec', section === 'live' && 'first')}>
      <h2>{t.left[section]}</h2>
      {section === 'live' && (
        <IconButton
          icon="plus"
          label={t.left.newConference}
          onClick={() => {
            convoke.conferences.compose();
            view.patch({ board: 'docked' });
            view.show('board');
          }}
        />
      )}
      {section === 'contacts' && <IconButton icon="book" label={t.left.book} onClick={() => view.patch({ book: {} })} />}
      {section === 'chats' && <IconButton icon="pen" label={t.left.newChat} onClick={() => view.patch({ palette: true })} />}
    </div>
  );
}

/** The conference itself says no, or does not say that there is one. */
const NOT_LET: ReadonlySet<ProblemCode> = new Set(['not-allowed', 'unknown']);

const Live = memo(function Live({ live }: { live: LiveConference }) {
  const { convoke, view } = useModels();
  const { t } = useI18n();
  const leaving = useLeaving();
  const [joining, setJoining] = useState(false);
  const open = () => {
    convoke.conferences.openBoard(live.id);
    view.patch({ board: view.get().board === 'popped' ? 'popped' : 'docked', behind: convoke.conferences.get().composer });
    view.show('board');
  };
  const title = live.title || t.invitation.untitled;
  const join = async () => {
    setJoining(true);
    const why = await convoke.conferences.join(live.id);
    setJoining(false);
    if (!why || !live.outside) open();
    else toast({ text: NOT_LET.has(why.code) ? t.left.notLet(plain(title)) : problemWords(why, t).what, bad: true });
  };
  const head = (
    <>
      <span className="cut grow strong">{title}</span>
      {live.locked && (
        <span className="mark" data-tip={t.left.locked}>
          <Icon name="lock" size="s" />
          <span className="sr">{t.left.locked}</span>
        </span>
      )}
      {live.since !== undefined && (
        <span className="timer calm">
          <Timer since={live.since} />
        </span>
      )}
    </>
  );
  return (
    <div className={cx('conf', live.open && 'here')} data-outside={live.outside ? '' : undefined}>
      {live.outside ? (
        // There is nothing to open before one is in.
        <p className="r">{head}</p>
      ) : (
        <button type="button" className="r opens" data-entry onClick={open}>
          {head}
        </button>
      )}
      <div className="r">
        <Meter state={live.talking ? 'on' : 'off'} label={live.talking ? t.board.talking : t.board.quiet} />
        <span className="cut grow">
          {t.left.inCount(live.count)}
          {live.video && ` · ${t.left.withPictures}`}
          {live.talking && ` · ${t.left.talks(plain(live.talking))}`}
        </span>
        {live.iAmIn ? (
          <span className="chip go">
            <Icon name="phone" size="s" />
            {t.left.youAreIn}
          </span>
        ) : (
          <Button
            small
            aria-label={t.left.joinNamed(plain(title))}
            {...(live.outside ? { 'data-entry': '' } : {})}
            disabled={joining}
            // One that I am not let into yet has no board to come back to.
            onClick={() => leaving.first(() => void join(), live.outside ? undefined : live.id)}
          >
            {t.left.join}
          </Button>
        )}
      </div>
    </div>
  );
});

/** A link that is followed inside the window; with a key held it opens elsewhere, as links do. */
export function useGo(route: Route) {
  const { view } = useModels();
  return {
    href: pathOf(route),
    onClick(event: MouseEvent<HTMLAnchorElement>) {
      if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
      event.preventDefault();
      view.go(route);
    },
  };
}

const MINUTE_MS = 60_000;

function PresenceSince({ person }: { person: Person }) {
  const { t, format } = useI18n();
  const now = useNow();
  const word = person.presenceText ?? t.presence[person.presence];
  const ms = person.since === undefined ? 0 : now - person.since;
  if (person.presence !== 'away' || ms < MINUTE_MS) return <>{word}</>;
  return <>{t.presenceFor(word, format.duration(ms))}</>;
}

const PersonLine = memo(function PersonLine({ person, also }: { person: Person; also: boolean }) {
  const { view } = useModels();
  const { t } = useI18n();
  const user = person.user ?? person.id;
  // One line is marked as the one that is open: that of the chat, where there is one.
  const here = usePick(view, (state) => !also && state.route.page === 'chat' && state.route.user === user);
  const go = useGo({ page: 'chat', user });
  return (
    <a className="li" data-entry {...go} aria-current={here ? 'page' : undefined}>
      <Avatar person={person} size="sm" />
      <span className="cut grow">{person.name}</span>
      <span className="side cut">
        {person.user === undefined ? t.left.numbers(Math.max(1, person.places.length)) : <PresenceSince person={person} />}
      </span>
    </a>
  );
});

const ChatLine = memo(function ChatLine({ chat }: { chat: ChatSummary }) {
  const { view } = useModels();
  const { t, format } = useI18n();
  const person = named(chat.with, t);
  const user = person.user ?? person.id;
  const here = usePick(view, (state) => state.route.page === 'chat' && state.route.user === user);
  const go = useGo({ page: 'chat', user });
  return (
    <a className="li tall" data-entry {...go} aria-current={here ? 'page' : undefined}>
      <Avatar person={person} size="sm" />
      <span className="two">
        <span>
          <span className={cx('cut grow', chat.unread > 0 && 'strong')}>{person.name}</span>
          {chat.at !== undefined && <ShortTime at={chat.at} format={format.short} />}
        </span>
        <span className="sub">
          <span className={cx('cut grow', chat.typing && 'types')}>
            <LastWords chat={chat} t={t.left} />
          </span>
          {chat.unread > 0 && <Badge count={chat.unread} />}
        </span>
      </span>
    </a>
  );
});

function ShortTime({ at, format }: { at: number; format: (at: number, now: number) => string }) {
  const now = useNow();
  return <time className="faint t12">{format(at, now)}</time>;
}

function LastWords({ chat, t }: { chat: ChatSummary; t: ReturnType<typeof useI18n>['t']['left'] }) {
  if (chat.typing) return t.typing;
  if (chat.draft) return t.draft(chat.draft);
  if (chat.lastKind === 'invitation') return t.lastInvitation;
  if (chat.lastKind === 'call') return t.lastCall;
  if (chat.last === undefined) return '';
  return chat.lastMine ? t.mine(chat.last) : chat.last;
}

function All({ count }: { count: number }) {
  const { view } = useModels();
  const { t } = useI18n();
  return (
    <button type="button" className="li" data-entry onClick={() => view.patch({ book: {} })}>
      <span className="glyph">
        <Icon name="book" />
      </span>
      <span className="cut">{t.left.allContacts(count)}</span>
    </button>
  );
}

function Say({ section }: { section: 'live' | 'contacts' | 'chats' }) {
  const { t } = useI18n();
  const words = { live: t.left.noLive, contacts: t.left.noContacts, chats: t.left.noChats };
  return <p className="say">{words[section]}</p>;
}

/** Why it is not known what stands here; it is asked again by a click. */
function NotLoaded({ section, problem }: { section: 'contacts' | 'chats'; problem: Problem }) {
  const { convoke } = useModels();
  const { t } = useI18n();
  const list = section === 'contacts' ? convoke.people : convoke.chats;
  return (
    <div className="say" role="status">
      <ProblemLine problem={problem} />
      <Button small onClick={() => void list.load()}>
        {t.common.tryAgain}
      </Button>
    </div>
  );
}

function Bones() {
  const { t } = useI18n();
  return (
    <div className="bones slow" role="status" aria-label={t.common.loading}>
      <span className="bone" />
      <span className="bone" />
      <span className="bone" />
    </div>
  );
}
