import { type DragEvent, Fragment, type ReactNode, useEffect, useMemo, useRef, useState } from 'react';
import { useI18n } from '../i18n/index.tsx';
import type { Board, BoardState, Composer } from '../model.ts';
import { useModels } from '../shell/models.tsx';
import { BackButton, PaneTabs } from '../shell/panes.tsx';
import { NARROW, useMedia, usePick, useStore } from '../store.ts';
import { Chip } from '../ui/chip.tsx';
import { DropMenu, MenuItem, MenuLine } from '../ui/float.tsx';
import { Icon } from '../ui/icon.tsx';
import { Avatar, Button, cx, IconButton, Notice, ProblemNotice, Timer } from '../ui/parts.tsx';
import { toast } from '../ui/toast.tsx';
import { VoiceCheck } from '../voice/check.tsx';
import { AddBox } from './add.tsx';
import { voiceCheck } from './calls.ts';
import { Foot, useAll } from './foot.tsx';
import { MyPlace } from './place-menu.tsx';
import { BoardLine, ComposerLine, noteOf, RoleMark } from './row.tsx';
import { arrange, chipOf, type GroupName, groupNames, sameArrangement, settle } from './row-state.ts';
import { useComposerTitle } from './title.ts';
import './board.css';

/** An e-mail that is dropped may be this large. */
const EMAIL_MAX_BYTES = 512 * 1024;

/** Before the call the list of whom to call, then the live board: one list, so nothing jumps. */
export default function BoardPane() {
  const { convoke } = useModels();
  const board = usePick(convoke.conferences, (state) => state.board);
  const composer = usePick(convoke.conferences, (state) => state.composer);
  // Whoever makes a list while a call runs sees the list; closing it, or opening the call again, brings the board back.
  if (composer) return <ComposerView composer={composer} />;
  if (board) return <BoardView key="board" board={board} />;
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

function ComposerView({ composer }: { composer: Composer }) {
  const { convoke, view, voice } = useModels();
  const { t } = useI18n();
  const state = useStore(composer);
  const me = usePick(convoke.session, (now) => now.me);
  const narrow = useMedia(NARROW);
  const [editing, setEditing] = useState(false);
  const [checked, setChecked] = useState(voiceCheck.done);
  const count = state.rows.length;
  const title = useComposerTitle(state);
  const close = () => {
    convoke.conferences.closeComposer();
    if (view.get().pane === 'board') view.back();
  };
  const remove = (key: string) => {
    const row = state.rows.find((one) => one.key === key);
    composer.remove(key);
    if (row) toast({ text: t.board.removed(row.person.name), action: { label: t.common.undo, run: () => composer.undo() } });
  };
  const setPlace = useMemo(() => composer.setPlace.bind(composer), [composer]);
  return (
    <Pane label={t.board.before} screen="composer" onAdd={(text) => void composer.add(text)}>
      <header className="bh">
        <div className="t">
          <BackButton />
          {editing ? (
            <TitleField
              title={state.title || title}
              onDone={(next) => {
                if (next) composer.setTitle(next);
                setEditing(false);
              }}
            />
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
      <div className="myline">
        <div className="row own">
          {me && <Avatar person={{ ...me, id: me.user }} size={narrow ? 'lg' : 'm'} bare />}
          <div className="grow">
            <div className="a">
              <b>{t.common.you}</b>
              <RoleMark of="owner" person={{ user: me?.user }} />
            </div>
            <p className="b one faint t12">{state.me.place.kind === 'browser' ? t.board.talksHere : t.board.calledFirst}</p>
          </div>
          <div className="acts">
            <MyPlace place={state.me.place} places={state.me.places} onPlace={(place) => composer.setMyPlace(place)} />
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
        {state.me.place.kind === 'browser' && !checked && (
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
                <ComposerLine key={row.key} row={row} onPlace={setPlace} onRemove={remove} />
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
      {state.problem && <ProblemNotice className="above" problem={state.problem} />}
      <footer className="foot">
        <div className="twobuttons">
          <Button
            look="primary"
            touch
            icon="phone"
            className="grow"
            disabled={count === 0 || state.busy}
            onClick={() => {
              voiceCheck.set();
              void composer.call();
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

function BoardView({ board }: { board: Board }) {
  const { convoke, view } = useModels();
  const { t, format, language } = useI18n();
  const state = useStore(board);
  const narrow = useMedia(NARROW);
  const all = useAll(board, state);
  const me = state.me;
  const ended = state.state === 'ended';
  const isIn = me !== undefined && (me.state === 'joined' || me.state === 'held');
  useUndoToast(board, state);
  const lockable = state.actions.has('lock') || state.actions.has('unlock');
  const close = () => {
    convoke.conferences.closeBoard();
    if (view.get().pane === 'board') view.back();
  };
  const meNote =
    me &&
    (me.mutedByModerator
      ? me.hand
        ? t.board.mutedHandUp
        : t.board.mutedByModerator
      : me.silent && me.here && !me.muted
        ? t.board.noSoundMe
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
        <p className="m">
          {ended ? (
            <>
              <span className="mid">{t.board.ended}</span>
              <span aria-hidden="true">·</span>
              <span className="cut">{t.board.endedSay(format.duration((state.endedAt ?? state.startedAt) - state.startedAt))}</span>
            </>
          ) : state.state === 'starting' ? (
            <span>{t.board.starting}</span>
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
      {narrow && all.dialog}
      {me && (
        <div className="myline">
          <div className="row own">
            <Avatar person={me.person} size={narrow ? 'lg' : 'm'} bare />
            <div className="grow">
              <div className="a">
                <b>{t.common.you}</b>
                <RoleMark of={me.role} person={me.person} />
              </div>
              <div className="b one">
                <Chip state={chipOf(me)} since={me.hand ? me.hand.since : me.since} {...(me.hand ? { position: me.hand.position } : {})} />
              </div>
            </div>
            <div className="acts">
              {!ended && me.actions.has('set-place') && (
                <MyPlace place={me.place} places={me.places} onPlace={(place) => void board.setMyPlace(place)} />
              )}
            </div>
            {meNote && <p className="c">{meNote}</p>}
          </div>
        </div>
      )}
      {state.stale && !ended && <Notice className="above" look="warn" icon="cloudoff" title={t.board.stale} />}
      {!ended && state.actions.has('add') && <AddBox onAdd={(what) => void board.add(what)} notice={state.notice} />}
      {ended && state.end && (
        <div className="why">
          <p>{state.end.reason ? t.board.endReason[state.end.reason] : state.end.words}</p>
        </div>
      )}
      {state.problem && (
        <ProblemNotice
          className="above"
          problem={state.problem}
          action={<IconButton icon="x" label={t.common.dismiss} onClick={() => board.dismiss()} />}
        />
      )}
      <Groups board={board} state={state} />
      <Foot board={board} state={state} />
    </Pane>
  );
}

/** A removal can be taken back for a while. */
function useUndoToast(board: Board, state: BoardState): void {
  const { t } = useI18n();
  const until = state.undo?.until;
  const name = state.undo?.name;
  useEffect(() => {
    if (until === undefined || name === undefined) return;
    return toast({ text: t.board.removed(name), action: { label: t.common.undo, run: () => void board.undo() } });
  }, [board, until, name, t]);
}

/** While the pointer has moved over the list within this time, rows keep their places. */
const HOLD_MS = 1_500;

function Groups({ board, state }: { board: Board; state: BoardState }) {
  const { t } = useI18n();
  const [held, setHeld] = useState(() => arrange(state.groups));
  const holding = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const newest = useRef(state.groups);
  newest.current = state.groups;
  // Those who left are folded while others are in; when it is over they are everybody.
  const [unfolded, setUnfolded] = useState<boolean | undefined>();
  const folded = !(unfolded ?? state.state === 'ended');

  const wanted = arrange(state.groups);
  const same = sameArrangement(held, wanted);
  useEffect(() => {
    if (!same && holding.current === undefined) setHeld(arrange(state.groups));
  }, [same, state.groups]);
  useEffect(() => () => clearTimeout(holding.current), []);
  const release = () => {
    clearTimeout(holding.current);
    holding.current = undefined;
    setHeld(arrange(newest.current));
  };
  const hold = () => {
    clearTimeout(holding.current);
    holding.current = setTimeout(release, HOLD_MS);
  };

  const rows = settle(holding.current === undefined ? wanted : held, state.groups);
  const empty = groupNames.every((name) => rows[name].length === 0);
  if (empty) {
    return (
      <div className="scroll">
        {state.state !== 'ended' && (
          <div className="empty inboard">
            <h3 className="t14 strong">{t.board.aloneTitle}</h3>
            <p className="soft">{t.board.aloneSay}</p>
          </div>
        )}
      </div>
    );
  }
  return (
    <div className="scroll" onPointerMove={(event) => event.pointerType === 'mouse' && hold()} onPointerLeave={release}>
      {groupNames.map((name) =>
        rows[name].length === 0 ? null : name === 'left' ? (
          <section key={name}>
            <h3>
              <button type="button" className="grp fold" aria-expanded={!folded} onClick={() => setUnfolded(folded)}>
                <Icon name={folded ? 'right' : 'car'} size="s" />
                {t.board.groups.left} <span className="num">{rows.left.length}</span>
              </button>
            </h3>
            {!folded && <Rows board={board} rows={rows.left} name={name} />}
          </section>
        ) : (
          <section key={name}>
            <h3 className="grp">
              {t.board.groups[name]} <span className="num">{rows[name].length}</span>
            </h3>
            <Rows board={board} rows={rows[name]} name={name} />
          </section>
        ),
      )}
    </div>
  );
}

function Rows({ board, rows, name }: { board: Board; rows: ReturnType<typeof settle>[GroupName]; name: GroupName }) {
  return (
    <ul>
      {rows.map((row) => (
        <BoardLine key={row.key} board={board} row={row} group={name} />
      ))}
    </ul>
  );
}
