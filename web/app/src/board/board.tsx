import { type DragEvent, Fragment, type ReactNode, useEffect, useMemo, useRef, useState } from 'react';
import { plain } from '../i18n/format.ts';
import { useI18n } from '../i18n/index.tsx';
import type { Board, BoardState, Composer, Without } from '../model.ts';
import { PictureProblem } from '../pictures/keys.tsx';
import { Stage } from '../pictures/stage.tsx';
import { useShown, useStage } from '../pictures/use-pictures.ts';
import { useModels } from '../shell/models.tsx';
import { BackButton, PaneTabs } from '../shell/panes.tsx';
import { NARROW, useMedia, usePick, useStore, WIDE } from '../store.ts';
import { Chip } from '../ui/chip.tsx';
import { DropMenu, MenuItem, MenuLine } from '../ui/float.tsx';
import { SwitchLine } from '../ui/form.tsx';
import { Avatar, Button, cx, IconButton, Notice, ProblemNotice, Timer } from '../ui/parts.tsx';
import { toast } from '../ui/toast.tsx';
import { VoiceCheck } from '../voice/check.tsx';
import { AddBox } from './add.tsx';
import { ComposerBar, RunningBar } from './bars.tsx';
import { voiceCheck } from './calls.ts';
import { endWords, outWord } from './end-words.ts';
import { useCallFocus } from './focus.ts';
import { Foot, useAll } from './foot.tsx';
import { Groups } from './groups.tsx';
import { useLeaving } from './leaving.ts';
import { MovingNotice } from './moving.tsx';
import { noWayWords } from './no-way.ts';
import { MyPlace } from './place-menu.tsx';
import { ComposerLine, noteOf, RoleMark } from './row.tsx';
import { chipOf } from './row-state.ts';
import { useComposerTitle } from './title.ts';
import { useVideo } from './use-video.ts';
import './board.css';

/** How it looks what became of the pictures. */
const PICTURES = {
  moved: { look: 'plain', icon: 'cam' },
  back: { look: 'plain', icon: 'cam' },
  lost: { look: 'warn', icon: 'camoff' },
} as const;

/** An e-mail that is dropped may be this large. */
const EMAIL_MAX_BYTES = 512 * 1024;

const keys = new WeakMap<Composer, string>();
let lists = 0;

/** What one list is asked to be, such as a video call, is not asked of the next. */
function keyOf(composer: Composer): string {
  const key = keys.get(composer) ?? `list ${++lists}`;
  keys.set(composer, key);
  return key;
}

/** Before the call the list of whom to call, then the live board: one list, so nothing jumps. */
export default function BoardPane() {
  const { convoke, view } = useModels();
  const board = usePick(convoke.conferences, (state) => state.board);
  const composer = usePick(convoke.conferences, (state) => state.composer);
  const behind = usePick(view, (state) => state.behind);
  // A list that was just opened stands before a call that runs; each leads to the other.
  if (composer && (!board || composer !== behind)) return <ComposerView key={keyOf(composer)} composer={composer} running={board} />;
  if (board) return <BoardView key="board" board={board} next={composer} />;
  return null;
}

interface PaneProps {
  label: string;
  screen: string;
  onAdd?: (what: string) => void;
  children: ReactNode;
}

function Pane({ label, screen, onAdd, children }: PaneProps) {
  const [over, setOver] = useState(false);
  const pane = useRef<HTMLElement>(null);
  useCallFocus(pane);
  const drop = (event: DragEvent) => {
    setOver(false);
    if (!onAdd) return;
    const file = [...event.dataTransfer.files].find((one) => /\.eml$/i.test(one.name) || one.type === 'message/rfc822');
    const text = event.dataTransfer.getData('text/plain');
    if (!file && !text) return;
    event.preventDefault();
    if (file && file.size <= EMAIL_MAX_BYTES) void file.text().then(onAdd);
    else if (text) onAdd(text);
  };
  return (
    <aside
      ref={pane}
      className={cx('board', over && 'over')}
      aria-label={label}
      data-screen={screen}
      data-call=""
      tabIndex={-1}
      onDragOver={(event) => {
        if (!onAdd) return;
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={drop}
    >
      {children}
    </aside>
  );
}

/** Pop out, shrink, close: the same place always. */
function PlaceButtons({ onClose, closeLabel }: { onClose?: (() => void) | undefined; closeLabel?: string }) {
  const { view } = useModels();
  const { t } = useI18n();
  const place = usePick(view, (state) => state.board);
  const narrow = useMedia(NARROW);
  return (
    <>
      {!narrow && (
        <>
          <IconButton
            icon={place === 'popped' ? 'dock' : 'pop'}
            label={place === 'popped' ? t.board.popBack : t.board.popOut}
            onClick={() => view.patch({ board: place === 'popped' ? 'docked' : 'popped' })}
          />
          {place !== 'popped' && <IconButton icon="shrink" label={t.board.shrink} onClick={() => view.patch({ board: 'shrunk' })} />}
        </>
      )}
      {onClose && <IconButton icon="x" className="touchy" label={closeLabel ?? t.board.closeIt} onClick={onClose} />}
    </>
  );
}

// -------------------------------------------------------------------------------------------------------------- before it

const TITLE_MAX = 120;

function ComposerView({ composer, running }: { composer: Composer; running: Board | undefined }) {
  const { convoke, view, voice } = useModels();
  const { t } = useI18n();
  const state = useStore(composer);
  const me = usePick(convoke.session, (now) => now.me);
  const narrow = useMedia(NARROW);
  const [editing, setEditing] = useState(false);
  const [checked, setChecked] = useState(voiceCheck.done);
  const leaving = useLeaving();
  const count = state.rows.length;
  const title = useComposerTitle(state);
  const close = () => {
    convoke.conferences.closeComposer();
    if (view.get().pane === 'board') view.back();
  };
  const remove = (key: string) => {
    const row = state.rows.find((one) => one.key === key);
    const run = composer.remove(key);
    if (row) toast({ text: t.board.removed(plain(row.person.name)), action: { label: t.common.undo, run } });
  };
  const setPlace = useMemo(() => composer.setPlace.bind(composer), [composer]);
  const video = useVideo(composer, state);
  const trouble = video.problem ?? state.problem;
  return (
    <Pane label={t.board.before} screen="composer" onAdd={(text) => void composer.add(text)}>
      <header className="bh">
        <div className="t">
          <BackButton />
          {editing ? (
            <>
              <h2 className="sr">{title}</h2>
              <TitleField
                title={state.title || title}
                onDone={(next) => {
                  if (next) composer.setTitle(next);
                  setEditing(false);
                }}
              />
            </>
          ) : (
            <div className="name grow">
              <h2 className="cut">{title}</h2>
              <IconButton icon="pen" className="touchy" label={t.board.changeTitle} onClick={() => setEditing(true)} />
            </div>
          )}
          <PlaceButtons onClose={close} closeLabel={t.board.closeComposer} />
        </div>
        <p className="m">
          <span>{t.board.notStarted}</span>
          <span aria-hidden="true">·</span>
          <span>{t.common.people(state.rows.length)}</span>
        </p>
      </header>
      <PaneTabs />
      {running && <RunningBar board={running} inBoard onOpen={() => view.patch({ behind: composer })} />}
      <div className="myline">
        <div className="row own">
          {me && <Avatar person={{ ...me, id: me.user }} size={narrow ? 'lg' : 'm'} bare />}
          <div className="grow">
            <div className="a">
              <b>{t.common.you}</b>
              <RoleMark of="owner" person={{ user: me?.user }} />
            </div>
            <p className="b one faint t12">{video.on || state.me.place.kind === 'browser' ? t.board.talksHere : t.board.calledFirst}</p>
          </div>
          <div className="acts">
            {/* Who asks for a video call takes part in this window. */}
            {!video.on && <MyPlace place={state.me.place} places={state.me.places} onPlace={(place) => composer.setMyPlace(place)} />}
          </div>
        </div>
      </div>
      <AddBox
        onAdd={(what) => void composer.add(what)}
        notice={state.notice}
        adding={state.adding}
        onUndo={state.canUndo ? () => composer.undo() : undefined}
        autoFocus={state.rows.length === 0}
      />
      <div className="scroll">
        {(video.on || state.me.place.kind === 'browser') && !checked && (
          <VoiceCheck
            voice={voice}
            onDone={() => {
              voiceCheck.set();
              setChecked(true);
            }}
          />
        )}
        {state.rows.length > 0 ? (
          <>
            <h3 className="grp">
              {t.board.groups.toBeCalled} <span className="num">{state.rows.length}</span>
            </h3>
            <ul>
              {state.rows.map((row) => (
                <ComposerLine key={row.key} row={row} onPlace={setPlace} onRemove={remove} {...video.of(row)} />
              ))}
            </ul>
          </>
        ) : (
          <div className="empty inboard">
            <h3 className="t14 strong">{t.board.nobodyTitle}</h3>
            <p className="soft">{t.board.nobodySay}</p>
          </div>
        )}
      </div>
      {trouble && <ProblemNotice className="above" problem={trouble} />}
      <footer className="foot">
        {video.served && (
          <SwitchLine
            className="videoline"
            label={t.board.asVideo}
            say={t.board.asVideoSay}
            checked={video.on}
            disabled={video.busy}
            onChange={video.set}
          />
        )}
        <div className="twobuttons">
          {video.on ? (
            <Button
              look="primary"
              touch
              icon="cam"
              className="grow"
              disabled={count === 0 || video.busy}
              onClick={() => {
                voiceCheck.set();
                leaving.first(() => void video.call(), undefined, true);
              }}
            >
              {video.busy ? t.board.preparing : count === 0 ? t.chat.videoCall : t.board.video(count)}
            </Button>
          ) : (
            <>
              <Button
                look="primary"
                touch
                icon="phone"
                className="grow"
                disabled={count === 0 || state.busy}
                onClick={() => {
                  voiceCheck.set();
                  const call = () => void composer.call();
                  // A telephone of mine may ring beside the call that I am in here; this browser is in one at a time.
                  if (state.me.place.kind === 'browser') leaving.first(call, undefined, true);
                  else call();
                }}
              >
                {state.busy ? t.board.calling : count === 0 ? t.board.callNobody : t.board.call(count)}
              </Button>
              <Button
                touch
                disabled={state.rows.length === 0 || state.busy}
                data-tip={t.board.inviteOnlySay}
                onClick={() => void composer.inviteOnly()}
              >
                {t.board.inviteOnly}
              </Button>
            </>
          )}
        </div>
      </footer>
    </Pane>
  );
}

function TitleField({ title, onDone }: { title: string; onDone: (title: string | undefined) => void }) {
  const { t } = useI18n();
  const [text, setText] = useState(title);
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => input.current?.select(), []);
  return (
    <form
      className="grow titleform"
      onSubmit={(event) => {
        event.preventDefault();
        onDone(text.trim());
      }}
    >
      <input
        ref={input}
        className="input"
        aria-label={t.board.title}
        value={text}
        maxLength={TITLE_MAX}
        onChange={(event) => setText(event.target.value)}
        onBlur={() => onDone(text.trim())}
        onKeyDown={(event) => event.key === 'Escape' && onDone(undefined)}
      />
    </form>
  );
}

// -------------------------------------------------------------------------------------------------------------- during it

function BoardView({ board, next }: { board: Board; next: Composer | undefined }) {
  const { convoke, view } = useModels();
  const { t, format, language } = useI18n();
  const state = useStore(board);
  const narrow = useMedia(NARROW);
  const all = useAll(board, state);
  const me = state.me;
  const ended = state.state === 'ended';
  const why = ended && endWords(state, language, t, (ms) => format.duration(ms));
  // It goes on, or may, and this board of it does not.
  const out = ended && outWord(state, t);
  const removed = ended && state.end?.reason === 'removed';
  const isIn = me !== undefined && (me.state === 'joined' || me.state === 'held');
  const leaving = useLeaving();
  const shows = useShown(state);
  const stage = useStage(state);
  const large = usePick(view, (now) => now.stage === 'large');
  // Where there is room the large stage is beside the board; else it takes the place of the list.
  const beside = useMedia(WIDE) && large;
  const listed = !stage || beside || !large;
  useUndoToast(board, state);
  const lockable = state.actions.has('lock') || state.actions.has('unlock');
  const close = () => {
    convoke.conferences.closeBoard();
    if (view.get().pane === 'board') view.back();
  };
  const meNote =
    me &&
    !removed &&
    (me.mutedByModerator
      ? me.hand
        ? t.board.mutedHandUp
        : t.board.mutedByModerator
      : me.silent && me.here && !me.muted
        ? t.board.noSoundMe
        : me.hidden && !ended
          ? t.board.hiddenByModerator
          : noteOf(me, language, t));
  return (
    <Pane label={t.board.label} screen="board" {...(ended ? {} : { onAdd: (text: string) => void board.add(text) })}>
      <header className="bh">
        <div className="t">
          <BackButton />
          <div className="name grow">
            <h2 className="cut">{state.title}</h2>
          </div>
          {lockable && !ended && (
            <IconButton
              icon={state.locked ? 'lock' : 'unlock'}
              className="touchy"
              label={t.board.lock}
              aria-pressed={state.locked}
              onClick={() => void (state.locked ? board.unlock() : board.lock())}
            />
          )}
          {narrow && !ended && all.items.length > 0 && (
            <DropMenu label={t.common.more} align="end" trigger={<IconButton icon="more" className="big" label={t.common.more} />}>
              {all.items.map((item) => (
                <Fragment key={item.id}>
                  {item.bad && <MenuLine />}
                  <MenuItem icon={item.icon} bad={item.bad === true} onClick={item.run}>
                    {item.label}
                  </MenuItem>
                </Fragment>
              ))}
            </DropMenu>
          )}
          {lockable && !ended && !narrow && <span className="sep" />}
          <PlaceButtons onClose={isIn && !ended ? undefined : close} />
        </div>
        <p className="m" data-phase={state.state}>
          {out ? (
            <span className="mid">{out}</span>
          ) : ended ? (
            <>
              <span className="mid">{t.board.ended}</span>
              <span aria-hidden="true">·</span>
              <span className="cut">{t.board.endedSay(format.duration((state.endedAt ?? state.startedAt) - state.startedAt))}</span>
            </>
          ) : state.state === 'starting' || state.state === 'ending' ? (
            <span>{t.board[state.state]}</span>
          ) : (
            <>
              <span className="timer">
                <Timer since={state.startedAt} />
              </span>
              <span aria-hidden="true">·</span>
              <span>{t.board.inCall(state.count)}</span>
            </>
          )}
          {state.locked && !ended && (
            <>
              <span aria-hidden="true">·</span>
              <span className="cut">{t.board.locked}</span>
            </>
          )}
        </p>
      </header>
      <PaneTabs />
      {next && <ComposerBar composer={next} onOpen={() => view.patch({ behind: undefined })} />}
      {narrow && all.dialog}
      {stage && !beside && <Stage state={state} {...stage} large={large} />}
      {me && listed && (
        <div className="myline">
          <div className="row own">
            <Avatar person={me.person} size={narrow ? 'lg' : 'm'} bare />
            <div className="grow">
              <div className="a">
                <b>{t.common.you}</b>
                <RoleMark of={me.role} person={me.person} />
              </div>
              <div className="b one">
                <Chip
                  state={removed ? 'removed' : chipOf(me)}
                  since={me.hand ? me.hand.since : me.since}
                  {...(me.hand ? { position: me.hand.position } : {})}
                />
              </div>
            </div>
            <div className="acts">
              {!ended && me.actions.has('set-place') && (
                <MyPlace
                  place={me.place}
                  places={me.places}
                  onPlace={(place) => {
                    const move = (now = board) => void now.setMyPlace(place);
                    if (typeof place !== 'string' && place.kind === 'browser') leaving.first(move, state.id, true);
                    else move();
                  }}
                />
              )}
            </div>
            {meNote && <p className="c">{meNote}</p>}
          </div>
        </div>
      )}
      {me?.moving && !ended && listed && <MovingNotice board={board} moving={me.moving} />}
      {me?.sound && !ended && <ProblemNotice className="above" problem={me.sound} />}
      {state.stale && !ended && <Notice className="above" look="warn" icon="cloudoff" title={t.board.stale} />}
      {state.sound && <Notice className="above" look="plain" icon="cloudoff" title={t.board.soundMoved} data-sound={state.sound} />}
      {state.pictures && (
        <Notice className="above" {...PICTURES[state.pictures]} title={t.board.pictures[state.pictures]} data-pictures={state.pictures} />
      )}
      {!ended && listed && state.actions.has('add') && <AddBox onAdd={(what) => void board.add(what)} notice={state.notice} />}
      {why && (
        <div className="why" data-end={state.end?.reason ?? 'other'}>
          <p>{why}</p>
        </div>
      )}
      {state.problem && (
        <ProblemNotice
          className="above"
          problem={state.problem}
          action={<IconButton icon="x" label={t.common.dismiss} onClick={() => board.dismiss()} />}
        />
      )}
      {state.without && state.without.length > 0 && (
        <Notice
          className="above"
          look="warn"
          title={t.board.withoutTitle(state.without.length)}
          action={<IconButton icon="x" label={t.common.dismiss} onClick={() => board.dismiss()} />}
        >
          <WithoutLines without={state.without} />
        </Notice>
      )}
      {shows && <PictureProblem {...shows} />}
      {listed && <Groups board={board} state={state} />}
      <Foot board={board} state={state} />
    </Pane>
  );
}

/** Who is not asked, and why: as many as there were on the list. */
function WithoutLines({ without }: { without: readonly Without[] }) {
  const { t } = useI18n();
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by the keyboard.
    <span className="lines" tabIndex={0} role="group" aria-label={t.board.withoutTitle(without.length)}>
      {without.map((one, index) => (
        // The list stays as it was told, and names may be the same.
        <span key={index} className="line" data-no-way={one.why?.reason ?? 'other'}>
          {t.common.of(plain(one.name), noWayWords(one, t))}
        </span>
      ))}
    </span>
  );
}

/** A removal can be taken back for a while. */
function useUndoToast(board: Board, state: BoardState): void {
  const { t } = useI18n();
  const until = state.undo?.until;
  const name = state.undo?.name;
  useEffect(() => {
    if (until === undefined || name === undefined) return;
    return toast({ text: t.board.removed(plain(name)), action: { label: t.common.undo, run: () => void board.undo() } });
  }, [board, until, name, t]);
}
