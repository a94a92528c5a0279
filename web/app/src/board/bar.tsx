import { useI18n } from '../i18n/index.tsx';
import type { Board, BoardState, Composer } from '../model.ts';
import { useModels } from '../shell/models.tsx';
import { useMaybe, usePick, useStore } from '../store.ts';
import { Icon } from '../ui/icon.tsx';
import { IconButton, Timer } from '../ui/parts.tsx';
import { MyLevel } from './foot.tsx';
import { useComposerTitle } from './title.ts';

/** The board shrunk to a bar: under the list where there is room, above the lower edge on a telephone screen. */
export default function CallBar() {
  const { convoke } = useModels();
  const board = usePick(convoke.conferences, (state) => state.board);
  const composer = usePick(convoke.conferences, (state) => state.composer);
  const state = useMaybe(board);
  if (board && state) return <Running board={board} state={state} />;
  if (composer) return <Waiting composer={composer} />;
  return null;
}

function useGrow() {
  const { view } = useModels();
  return () => {
    if (view.get().board === 'shrunk') view.patch({ board: 'docked' });
    view.show('board');
  };
}

function Running({ board, state }: { board: Board; state: BoardState }) {
  const { convoke, voice } = useModels();
  const { t } = useI18n();
  const grow = useGrow();
  const pushing = usePick(voice, (now) => now.pushing);
  const me = state.me;
  const isIn = me !== undefined && (me.state === 'joined' || me.state === 'held');
  const muted = me?.muted === true && !pushing;
  const talks = [...state.groups.in, ...state.groups.hands].find((row) => row.talking);
  return (
    <section className="callbar" aria-label={t.board.callbar} data-screen="bar" data-call="" tabIndex={-1}>
      <button
        type="button"
        className="open"
        onClick={() => {
          // A list in its place is put away.
          if (convoke.conferences.get().composer) convoke.conferences.closeComposer();
          grow();
        }}
      >
        <span className="two">
          <span className="strong">
            <span className="cut grow">{state.title}</span>
          </span>
          <span className="sub">
            {state.state === 'ended' ? (
              t.board.ended
            ) : state.state === 'starting' ? (
              t.board.starting
            ) : (
              <>
                <span className="timer t12">
                  <Timer since={state.startedAt} />
                </span>
                <span className="cut">{talks ? t.left.talks(talks.person.name) : t.board.inCall(state.count)}</span>
              </>
            )}
          </span>
        </span>
        <span className="sr">{t.board.grow}</span>
        <Icon name="up" />
      </button>
      {isIn && me && (
        <div className="barkeys">
          <button
            type="button"
            className="btn quiet barmic"
            aria-pressed={me.muted}
            aria-label={t.board.mic}
            aria-disabled={me.mutedByModerator}
            data-tip={me.mutedByModerator ? t.board.mutedByModerator : t.board.mic}
            onClick={() => !me.mutedByModerator && void board.muteMe(!me.muted)}
          >
            <Icon name={muted ? 'micoff' : 'mic'} />
            <MyLevel voice={voice} here={me.here} talking={me.talking} muted={muted} />
          </button>
          <IconButton
            icon="hand"
            className="mid"
            label={t.board.hand}
            aria-pressed={me.hand !== undefined}
            onClick={() => void (me.hand ? board.lowerHand() : board.raiseHand())}
          />
          <button
            type="button"
            className="btn danger barleave"
            aria-label={t.board.leave}
            data-tip={t.board.leave}
            onClick={() => void board.leave()}
          >
            <Icon name="hang" />
          </button>
        </div>
      )}
    </section>
  );
}

function Waiting({ composer }: { composer: Composer }) {
  const { t } = useI18n();
  const state = useStore(composer);
  const grow = useGrow();
  const title = useComposerTitle(state);
  return (
    <section className="callbar" aria-label={t.board.before} data-screen="bar">
      <button type="button" className="open" onClick={grow}>
        <span className="two">
          <span className="strong">
            <span className="cut grow">{title}</span>
          </span>
          <span className="sub cut">
            {t.board.notStarted} · {t.common.people(state.rows.length)}
          </span>
        </span>
        <span className="sr">{t.board.grow}</span>
        <Icon name="up" />
      </button>
    </section>
  );
}
