import { useI18n } from '../i18n/index.tsx';
import type { Board, BoardState, Composer } from '../model.ts';
import { useModels } from '../shell/models.tsx';
import { useStore } from '../store.ts';
import { Icon } from '../ui/icon.tsx';
import { IconButton, Timer } from '../ui/parts.tsx';
import { outWord } from './end-words.ts';
import { MyLevel } from './foot.tsx';
import { useLeaving } from './leaving.ts';
import { useComposerTitle } from './title.ts';

interface BarProps {
  /** It is drawn within the board. */
  inBoard?: boolean;
  onOpen: () => void;
}

/** The call that runs, in one line. */
export function RunningBar({ board, inBoard, onOpen }: BarProps & { board: Board }) {
  const { t } = useI18n();
  const state = useStore(board);
  const talks = [...state.groups.in, ...state.groups.hands].find((row) => row.talking);
  return (
    <section className="callbar" aria-label={t.board.callbar} data-screen="bar" data-call="" tabIndex={-1}>
      <button type="button" className="open" onClick={onOpen}>
        <span className="two">
          <span className="strong">
            <span className="cut grow">{state.title}</span>
          </span>
          <span className="sub" data-phase={state.state}>
            {state.state === 'ended' ? (
              (outWord(state, t) ?? t.board.ended)
            ) : state.state === 'starting' || state.state === 'ending' ? (
              t.board[state.state]
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
      <BarKeys board={board} state={state} inBoard={inBoard === true} />
    </section>
  );
}

function BarKeys({ board, state, inBoard }: { board: Board; state: BoardState; inBoard: boolean }) {
  const { voice } = useModels();
  const { t } = useI18n();
  const leaving = useLeaving();
  const { me } = state;
  if (!me || (me.state !== 'joined' && me.state !== 'held')) return null;
  return (
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
        <Icon name={me.muted ? 'micoff' : 'mic'} />
        <MyLevel voice={voice} here={me.here} talking={me.talking} muted={me.muted} />
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
        onClick={() => leaving.leave(board, inBoard)}
      >
        <Icon name="hang" />
      </button>
    </div>
  );
}

/** The list of whom to call next, in one line. */
export function ComposerBar({ composer, onOpen }: BarProps & { composer: Composer }) {
  const { t } = useI18n();
  const state = useStore(composer);
  const title = useComposerTitle(state);
  return (
    <section className="callbar" aria-label={t.board.before} data-screen="bar">
      <button type="button" className="open" onClick={onOpen}>
        <span className="two">
          <span className="strong">
            <span className="cut grow">{title}</span>
          </span>
          <span className="sub cut">
            {t.board.notStarted} · {t.common.people(state.rows.length)}
          </span>
        </span>
        <span className="sr">{t.board.growComposer}</span>
        <Icon name="up" />
      </button>
    </section>
  );
}
