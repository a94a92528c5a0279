import { CSPProvider } from '@base-ui/react/csp-provider';
import { Suspense, useEffect, useState } from 'react';
import { Home } from '../chat/log-view.tsx';
import { ChatPane } from '../chat/pane.tsx';
import { browserLanguage, I18nProvider, isLanguage, type Language, useI18n } from '../i18n/index.tsx';
import { Left } from '../left/left.tsx';
import { NARROW, useMedia, useNow as useNowSeconds, usePick, useStore, WIDE } from '../store.ts';
import { Announcer } from '../ui/announce.tsx';
import { Button, cx, IconButton, Notice, problemData } from '../ui/parts.tsx';
import { Toasts } from '../ui/toast.tsx';
import { Tooltips } from '../ui/tooltip.tsx';
import { lazily, untilThere } from './lazily.ts';
import { joinTarget, linkTargets } from './links.ts';
import { type Models, ModelsProvider, useModels } from './models.tsx';
import { useNotices } from './notices.ts';
import { SignIn } from './sign-in.tsx';
import { useTitle } from './title.ts';
import { useKeys } from './use-keys.ts';
import { applyTheme, memory } from './window.ts';
import '../ui/tokens.css';
import '../ui/base.css';
import './shell.css';

// What a call needs is loaded when it is needed, and what is seldom opened when it is opened.
const loadBoard = () => import('../board/board.tsx');
const BoardPane = lazily(loadBoard);
const CallBar = lazily(() => import('../board/bar.tsx'));
const Popout = lazily(() => import('../board/popout.tsx'));
const PoppedNote = lazily(() => import('../board/popout.tsx').then((module) => ({ default: module.PoppedNote })));
const LargeStage = lazily(() => import('../pictures/large.tsx'));
const Ringing = lazily(() => import('../ringing/ringing.tsx'));
const Settings = lazily(() => import('../settings/settings.tsx'));
const Telephones = lazily(() => import('../settings/telephones.tsx'));
const Modes = lazily(() => import('../settings/modes.tsx'));
const Palette = lazily(() => import('../palette/palette.tsx'));
const Book = lazily(() => import('../palette/book.tsx'));
const Help = lazily(() => import('./help.tsx'));
const NumberDialog = lazily(() => import('./number.tsx'));
const OverDialog = lazily(() => import('./over.tsx'));
const LeaveAsk = lazily(() => import('../board/leave.tsx'));

const LANGUAGE_KEY = 'convoke.language';

/** The window. `silent`: without the ring tone, for pictures and tests. */
export function App({ models, language: fixed, silent }: { models: Models; language?: Language; silent?: boolean }) {
  const own = usePick(models.convoke.session, (state) => state.me?.language);
  const signedIn = usePick(models.convoke.session, (state) => state.me !== undefined);
  const theme = usePick(models.view, (state) => state.theme);
  const [chosen, setChosen] = useState<Language | undefined>(() => {
    const kept = memory.get(LANGUAGE_KEY);
    return isLanguage(kept) ? kept : undefined;
  });
  // What was chosen on the page where one signs in is what the person wants, whatever the account said before.
  const [picked, setPicked] = useState<Language | undefined>();
  useEffect(() => {
    if (!signedIn || picked === undefined) return;
    const kept = () => setPicked((now) => (now === picked ? undefined : now));
    if (own === picked) kept();
    else void models.convoke.session.setLanguage(picked).then(kept, kept);
  }, [models, own, signedIn, picked]);
  useEffect(() => applyTheme(theme), [theme]);
  useEffect(() => models.view.follow(), [models]);
  // For who is signed in the account says it; what was once chosen on this device was perhaps another person's.
  const fallback = (signedIn ? undefined : chosen) ?? browserLanguage();
  const language = fixed ?? picked ?? (isLanguage(own) ? own : fallback);
  return (
    <CSPProvider disableStyleElements>
      <I18nProvider language={language}>
        <ModelsProvider models={models}>
          <Root
            silent={silent === true}
            onLanguage={(next) => {
              memory.set(LANGUAGE_KEY, next);
              setChosen(next);
              setPicked(next);
            }}
          />
          <Toasts />
          <Tooltips />
          <Announcer />
        </ModelsProvider>
      </I18nProvider>
    </CSPProvider>
  );
}

function Root({ silent, onLanguage }: { silent: boolean; onLanguage: (language: Language) => void }) {
  const { convoke } = useModels();
  const session = useStore(convoke.session);
  // A short wait for the session of last time shows nothing rather than a page that goes away again.
  const [resuming, setResuming] = useState(session.status === 'signing-in');
  useEffect(() => {
    if (session.status !== 'signing-in') setResuming(false);
  }, [session.status]);
  if (session.me) return <Shell silent={silent} />;
  if (resuming && session.problem) return <Unreachable />;
  if (resuming) return <main className="signin" aria-busy="true" />;
  return <SignIn onLanguage={onLanguage} />;
}

/** The session of last time is there, but not the server: tried again by itself. */
function Unreachable() {
  const { convoke } = useModels();
  const { t, format } = useI18n();
  const session = useStore(convoke.session);
  const now = useNowSeconds();
  const words = session.problem ? t.problem[session.problem.code] : undefined;
  return (
    <main className="signin" data-screen="resuming" data-session={session.status}>
      <div className="signbox">
        <img src="/icon.svg" width="40" height="40" alt="" />
        <h1>{t.connection.offline}</h1>
        <p className="soft" {...problemData(session.problem)}>
          {words?.what} {session.retryAt !== undefined && `${t.connection.retryIn(format.timer(Math.max(0, session.retryAt - now)))}.`}
        </p>
        <Button touch onClick={() => convoke.session.reconnect()}>
          {t.connection.retryNow}
        </Button>
      </div>
    </main>
  );
}

/** List, chat and board beside each other, or one at a time. */
function Shell({ silent }: { silent: boolean }) {
  const { convoke, view } = useModels();
  const { t } = useI18n();
  const state = useStore(view);
  const conferences = useStore(convoke.conferences);
  const narrow = useMedia(NARROW);
  const wide = useMedia(WIDE);
  useKeys();
  useNotices();
  useCallLink();
  useJoinLink();
  useTitle();

  const there = conferences.board !== undefined || conferences.composer !== undefined;
  const popped = there && state.board === 'popped' && !narrow;
  const shrunk = there && state.board === 'shrunk' && !narrow;
  const docked = there && !popped && !shrunk;
  // The empty column is only for windows with much room.
  const roomy = useMedia('(min-width: 1280px)');
  const column = wide && (docked || popped || (!there && state.column && roomy));
  const boardShown = wide ? column : docked && state.pane === 'board';
  const onList = narrow && state.pane === 'list';
  // What is not seen is not there: a chat behind the list must not be taken for read.
  const mainShown = !onList && (wide || state.pane !== 'board' || !boardShown);
  const bar = there && (narrow ? state.pane !== 'board' || !boardShown : shrunk || (!wide && !popped && !boardShown));
  useEffect(() => {
    // The code of the board comes while the person still looks.
    const timer = setTimeout(() => void untilThere(loadBoard), 2_000);
    return () => clearTimeout(timer);
  }, []);

  // What the board asks for is asked where the board is.
  const ofBoard = (
    <>
      {state.book?.pick && <Book book={state.book} onClose={() => view.patch({ book: undefined })} />}
      {state.number?.board && <NumberDialog asked={state.number} onClose={() => view.patch({ number: undefined })} />}
      {state.leaving?.inBoard && <LeaveAsk leaving={state.leaving} onClose={() => view.patch({ leaving: undefined })} />}
    </>
  );
  return (
    <div className={cx('app', column && 'withboard', there && 'incall')} data-pane={!there && state.pane === 'board' ? 'main' : state.pane}>
      {conferences.ringing.length > 0 && (
        // First in the page, so that the keyboard comes by it before everything else.
        <div className="ringing">
          <Suspense>
            <Ringing silent={silent} />
          </Suspense>
        </div>
      )}
      <div className="leftside" role={onList ? 'main' : undefined}>
        {onList && <h1 className="sr">{t.left.label}</h1>}
        <Left />
        {bar && !narrow && (
          <Suspense fallback={<div className="callbar" aria-busy="true" />}>
            <CallBar />
          </Suspense>
        )}
      </div>
      {mainShown && (
        <main className="middle">
          <Connection />
          {wide && state.stage === 'large' && conferences.board && (
            <Suspense>
              <LargeStage board={conferences.board} />
            </Suspense>
          )}
          <Suspense fallback={<section className="chat" aria-busy="true" />}>
            {state.route.page === 'chat' ? (
              <ChatPane user={state.route.user} />
            ) : state.route.page === 'settings' ? (
              <Settings />
            ) : state.route.page === 'telephones' ? (
              <Telephones />
            ) : state.route.page === 'modes' ? (
              <Modes />
            ) : (
              <Home />
            )}
          </Suspense>
        </main>
      )}
      {boardShown && (
        <div className="boardside" role={mainShown ? undefined : 'main'}>
          {!mainShown && <h1 className="sr">{t.board.label}</h1>}
          <Suspense fallback={<aside className="board" aria-busy="true" />}>
            {popped ? <PoppedNote /> : there ? <BoardPane /> : <NoBoard />}
          </Suspense>
        </div>
      )}
      {bar && narrow && (
        <Suspense fallback={<div className="callbar" aria-busy="true" />}>
          <CallBar />
        </Suspense>
      )}
      {popped && (
        <Suspense>
          <Popout>
            <BoardPane />
            <Suspense>{ofBoard}</Suspense>
          </Popout>
        </Suspense>
      )}
      <Suspense>
        {state.palette && <Palette onClose={() => view.patch({ palette: false })} />}
        {state.help && <Help onClose={() => view.patch({ help: false })} />}
        {state.book && !state.book.pick && <Book book={state.book} onClose={() => view.patch({ book: undefined })} />}
        {state.number && !state.number.board && <NumberDialog asked={state.number} onClose={() => view.patch({ number: undefined })} />}
        {state.over !== undefined && <OverDialog id={state.over} onClose={() => view.patch({ over: undefined })} />}
        {state.leaving && !state.leaving.inBoard && <LeaveAsk leaving={state.leaving} onClose={() => view.patch({ leaving: undefined })} />}
        {!popped && ofBoard}
      </Suspense>
    </div>
  );
}

/** The empty column: what to do next. */
function NoBoard() {
  const { convoke, view } = useModels();
  const { t } = useI18n();
  return (
    <aside className="board" aria-label={t.board.label} data-screen="no-board">
      <div className="empty">
        <h2 className="t14 strong">{t.board.noneTitle}</h2>
        <p className="soft">{t.board.noneSay}</p>
        <div className="acts">
          <Button
            look="primary"
            icon="users"
            onClick={() => {
              convoke.conferences.compose();
              view.patch({ board: 'docked' });
            }}
          >
            {t.board.choosePeople}
          </Button>
        </div>
      </div>
      <IconButton icon="x" className="hidecolumn" label={t.board.closeIt} onClick={() => view.setColumn(false)} />
    </aside>
  );
}

/** Says that the connection is away, and when it is tried again; nothing at all for a short cut. */
function Connection() {
  const { convoke } = useModels();
  const { t } = useI18n();
  const session = useStore(convoke.session);
  const [long, setLong] = useState(false);
  const away = session.status === 'offline' || session.status === 'connecting';
  useEffect(() => {
    if (!away) {
      setLong(false);
      return;
    }
    const timer = setTimeout(() => setLong(true), session.status === 'offline' ? 1_000 : 2_000);
    return () => clearTimeout(timer);
  }, [away, session.status]);
  if (!away || !long) return null;
  if (session.status === 'connecting')
    return <Notice className="connection" icon="cloudoff" title={t.connection.connecting} data-session={session.status} />;
  return (
    <Notice
      className="connection"
      look="warn"
      icon="cloudoff"
      data-session={session.status}
      title={
        <>
          {t.connection.offline}
          {session.retryAt !== undefined && <Retry at={session.retryAt} />}
        </>
      }
      action={
        <Button small look="link" onClick={() => convoke.session.reconnect()}>
          {t.connection.retryNow}
        </Button>
      }
    >
      {t.connection.offlineSay}
    </Notice>
  );
}

function Retry({ at }: { at: number }) {
  const { t, format } = useI18n();
  const now = useNowSeconds();
  return <span className="soft"> · {t.connection.retryIn(format.timer(Math.max(0, at - now)))}</span>;
}

/** `/call?to=…` fills the list; it never calls. */
function useCallLink(): void {
  const { convoke, view } = useModels();
  useEffect(() => {
    if (location.pathname !== '/call') return;
    const targets = linkTargets(location.search);
    history.replaceState({ pane: 'board' }, '', '/');
    convoke.conferences.compose(targets);
    view.patch({ board: 'docked', pane: 'board', route: { page: 'home' } });
  }, [convoke, view]);
}

/** A link into a conference shows its entry, which one click joins; it enters nothing by itself. Of one that is over it says that. */
function useJoinLink(): void {
  const { convoke, view } = useModels();
  useEffect(() => {
    const id = joinTarget(location.pathname);
    if (!id) return;
    history.replaceState({ pane: 'list' }, '', '/');
    void convoke.conferences.visit(id).then((whether) => whether === 'over' && view.patch({ over: id }));
    view.patch({ pane: 'list', route: { page: 'home' } });
  }, [convoke, view]);
}
