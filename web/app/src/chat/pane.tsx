import { useMemo, useState } from 'react';
import { useCalls } from '../board/calls.ts';
import { noWayWords } from '../board/no-way.ts';
import { plain } from '../i18n/format.ts';
import { useI18n } from '../i18n/index.tsx';
import type { Chat, Person } from '../model.ts';
import { useContacts } from '../shell/contacts.ts';
import { useModels } from '../shell/models.tsx';
import { BackButton, PaneTabs } from '../shell/panes.tsx';
import { useTitled } from '../shell/title.ts';
import { NARROW, useMaybePick, useMedia, usePick, useStore } from '../store.ts';
import { DropMenu, MenuItem, MenuLine } from '../ui/float.tsx';
import { Icon } from '../ui/icon.tsx';
import { named } from '../ui/named.ts';
import { Avatar, Button, cx, IconButton } from '../ui/parts.tsx';
import { placeIcon, usePlaceWord } from '../ui/place.tsx';
import { toast } from '../ui/toast.tsx';
import { Log } from './log-view.tsx';
import { Write } from './write.tsx';
import './chat.css';

/** The chat with one person. */
export function ChatPane({ user }: { user: string }) {
  const { convoke } = useModels();
  const outside = user.startsWith('number:');
  const chat = useMemo(() => (outside ? undefined : convoke.chats.open(user)), [convoke, user, outside]);
  if (chat) return <WithAccount key={user} chat={chat} />;
  return <WithNumber key={user} id={user} />;
}

function WithAccount({ chat }: { chat: Chat }) {
  const state = useStore(chat);
  const { t } = useI18n();
  const person = named(state.with, t);
  useTitled(person.name);
  return (
    <section className="chat" aria-label={`${t.chat.label}: ${person.name}`} data-screen="chat">
      <Header person={person} user={person.user ?? person.id} />
      <Log chat={chat} state={state} />
      <p className="typing">
        {state.typing && (
          <>
            <span className="dots" aria-hidden="true">
              <b />
              <b />
              <b />
            </span>
            {t.chat.typing(plain(person.name))}
          </>
        )}
      </p>
      <Write chat={chat} name={plain(person.name)} draft={state.draft} />
    </section>
  );
}

/** A person without an account: they can be called. */
function WithNumber({ id }: { id: string }) {
  const { convoke } = useModels();
  const { t } = useI18n();
  useStore(convoke.people);
  const person = convoke.people.person(id);
  return (
    <section className="chat" aria-label={person.name} data-screen="chat">
      <Header person={person} />
      <div className="empty">
        <Avatar person={person} size="xl" />
        <h2 className="t16 strong">{person.name}</h2>
        <p className="soft">{t.chat.outsideSay}</p>
      </div>
    </section>
  );
}

function Header({ person, user }: { person: Person; user?: string }) {
  const contacts = useContacts();
  const { t } = useI18n();
  const say = person.presenceText
    ? `${t.presence[person.presence]} · ${person.presenceText}`
    : person.user === undefined
      ? (person.places[0]?.number ?? t.board.outside)
      : t.presence[person.presence];
  const seen = person.skills?.picture === true;
  return (
    <>
      <header className="bar">
        <BackButton />
        <span className="onlynarrow">
          <Avatar person={person} />
        </span>
        <div className="ti">
          <h1 className="cut">{plain(person.name)}</h1>
          <p className="cut">
            {person.unconfirmed ? `${person.user} · ${say}` : say}
            {seen && ` · ${t.chat.withCamera}`}
          </p>
        </div>
        <IconButton
          icon={person.favourite ? 'starred' : 'star'}
          className={cx('touchy', person.favourite && 'lit')}
          label={person.favourite ? t.chat.unfavourite : t.chat.favourite}
          aria-pressed={person.favourite}
          onClick={() => void contacts.setFavourite(person, !person.favourite)}
        />
        <CallButton person={person} {...(user ? { user } : {})} />
      </header>
      <PaneTabs />
    </>
  );
}

/** One click calls; the small button offers the ways. */
function CallButton({ person, user }: { person: Person; user?: string }) {
  const { convoke } = useModels();
  const contacts = useContacts();
  const { t } = useI18n();
  const calls = useCalls();
  const placeWord = usePlaceWord();
  const video = useVideoCall(person);
  const narrow = useMedia(NARROW);
  const board = usePick(convoke.conferences, (state) => state.board);
  const there = useMaybePick(board, ({ groups }) =>
    [...groups.hands, ...groups.in, ...groups.calling].some((row) => row.person.id === person.id),
  );
  if (calls.running && board && there) {
    return (
      <Button icon="board" className="touchy" onClick={() => calls.openBoard(board.get().id)}>
        {t.chat.openBoard}
      </Button>
    );
  }
  if (calls.running) {
    return (
      <Button icon="plus" className="touchy" onClick={() => calls.addToCall([person])}>
        {t.chat.addToCall}
      </Button>
    );
  }
  return (
    <>
      {video && !narrow && (
        <IconButton
          icon="cam"
          className="touchy"
          label={t.chat.videoNamed(plain(person.name))}
          disabled={video.busy}
          onClick={video.call}
        />
      )}
      <span className="split">
        <Button
          icon="phone"
          className="touchy"
          aria-label={t.chat.callNamed(plain(person.name))}
          onClick={() => calls.call([person], user)}
        >
          {t.chat.call}
        </Button>
        <DropMenu
          label={t.chat.callMore}
          align="end"
          trigger={
            <button type="button" className="btn touchy" aria-label={t.chat.callMore} data-tip={t.chat.callMore}>
              <Icon name="car" />
            </button>
          }
        >
          {video && narrow && (
            <MenuItem icon="cam" onClick={video.call}>
              {t.chat.videoCall}
            </MenuItem>
          )}
          {person.places
            .filter((place) => place.kind !== 'browser' || person.user !== undefined)
            .map((place) => (
              <MenuItem key={place.id} icon={placeIcon(place.kind)} onClick={() => calls.callAt(person, place, user)}>
                {t.chat.callAt(placeWord(place))}
              </MenuItem>
            ))}
          {person.places.length > 0 && <MenuLine />}
          <MenuItem icon="users" onClick={() => calls.compose([person], user)}>
            {t.chat.choose}
          </MenuItem>
          {person.contact ? (
            <MenuItem
              icon="trash"
              onClick={() => {
                void contacts.removeContact(person);
                toast({
                  text: t.chat.contactRemoved(plain(person.name)),
                  action: { label: t.common.undo, run: () => void contacts.addContact(person) },
                });
              }}
            >
              {t.chat.removeContact}
            </MenuItem>
          ) : (
            <MenuItem icon="book" onClick={() => void contacts.addContact(person)}>
              {t.chat.addContact}
            </MenuItem>
          )}
        </DropMenu>
      </span>
    </>
  );
}

/** A video conference with somebody; only where the server has somebody who is asked for one. */
function useVideoCall(person: Person): { readonly busy: boolean; readonly call: () => void } | undefined {
  const { convoke } = useModels();
  const { t } = useI18n();
  const calls = useCalls();
  const served = usePick(convoke.session, (state) => state.me?.video?.allocator !== undefined);
  const [busy, setBusy] = useState(false);
  if (!served || person.user === undefined) return undefined;
  const call = async () => {
    setBusy(true);
    toast({ text: t.chat.videoPreparing });
    const { problem, conference } = await calls.video([person]);
    setBusy(false);
    // Where there is a board it says so itself.
    if (!problem || conference) return;
    // Why there is no way to them is told of each alone.
    const [way] = (problem.code === 'no-telephone' && (await convoke.ways([person]))) || [];
    const { what, todo } = t.problem[problem.code];
    toast({ text: way && !way.mode ? t.common.of(plain(person.name), noWayWords(way, t)) : `${what} ${todo}`, bad: true });
  };
  return { busy, call: () => void call() };
}
