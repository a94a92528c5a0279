import { useState } from 'react';
import { useI18n } from '../i18n/index.tsx';
import type { Board, BoardState, ConferenceAction, Voice } from '../model.ts';
import { PictureKeys } from '../pictures/keys.tsx';
import { useShown } from '../pictures/use-pictures.ts';
import { useModels } from '../shell/models.tsx';
import { usePick } from '../store.ts';
import { Ask } from '../ui/float.tsx';
import { Icon } from '../ui/icon.tsx';
import { Button, cx, LevelMeter, Meter } from '../ui/parts.tsx';
import { toast } from '../ui/toast.tsx';
import { outWord } from './end-words.ts';
import { useLeaving } from './leaving.ts';

/** The microphone's level; drawn again as it moves, and nothing else with it. */
export function MyLevel({ voice, here, talking, muted }: { voice: Voice; here: boolean; talking: boolean; muted: boolean }) {
  const { t } = useI18n();
  if (here && !muted) return <LiveLevel voice={voice} label={t.board.level} />;
  return <Meter state={talking && !muted ? 'on' : 'off'} label={talking && !muted ? t.board.talking : t.board.quiet} />;
}

function LiveLevel({ voice, label }: { voice: Voice; label: string }) {
  // Rounded, so that silence draws nothing.
  const level = usePick(voice, (state) => Math.round(state.level * 24) / 24);
  return <LevelMeter level={level} label={label} />;
}

/** Mute, camera, screen, hand, leave: real toggles with their state. */
export function Keys({ board, state, bar }: { board: Board; state: BoardState; bar?: boolean }) {
  const { voice } = useModels();
  const { t } = useI18n();
  const leaving = useLeaving();
  const shows = useShown(state);
  const me = state.me;
  const isIn = me !== undefined && (me.state === 'joined' || me.state === 'held');
  if (!me || !isIn) return null;
  const { muted } = me;
  return (
    <div className={cx('keys', bar && 'inbar', shows && 'withpictures')}>
      <button
        type="button"
        className="key"
        aria-label={t.board.mic}
        aria-pressed={me.muted}
        aria-disabled={me.mutedByModerator}
        data-tip={me.mutedByModerator ? t.board.mutedByModerator : me.muted && me.here ? t.board.micHint : undefined}
        data-tip-keys={me.mutedByModerator ? undefined : 'M'}
        onClick={() => !me.mutedByModerator && void board.muteMe(!me.muted)}
      >
        <span className="pair">
          <Icon name={muted ? 'micoff' : 'mic'} size="l" />
          <MyLevel voice={voice} here={me.here} talking={me.talking} muted={muted} />
        </span>
        {t.board.mic}
      </button>
      {shows && <PictureKeys {...shows} />}
      <button
        type="button"
        className="key"
        aria-pressed={me.hand !== undefined}
        data-tip-keys="H"
        data-tip={me.hand ? t.board.handDown : t.board.hand}
        onClick={() => void (me.hand ? board.lowerHand() : board.raiseHand())}
      >
        <span className="pair">
          <Icon name="hand" size="l" />
          {me.hand && <span className="num">{me.hand.position}</span>}
        </span>
        {t.chip.hand}
      </button>
      <button type="button" className="key leave" onClick={() => leaving.leave(board, true)}>
        <span className="pair">
          <Icon name="hang" size="l" />
        </span>
        {t.board.leave}
      </button>
    </div>
  );
}

/** For moderators: all at once. */
export function useAll(board: Board, state: BoardState) {
  const { t } = useI18n();
  const [asking, setAsking] = useState(false);
  const has = (action: ConferenceAction) => state.actions.has(action);
  const everyone = [...state.groups.hands, ...state.groups.in];
  const allMuted = everyone.length > 0 && everyone.every((row) => row.muted || row.role !== 'participant');
  const disconnectAll = () =>
    void board.disconnectAll().then((done) => {
      if (done) toast({ text: t.board.allDisconnected, action: { label: t.board.callAll, run: () => void board.callAll() } });
    });
  const items = [
    allMuted && has('unmute-all')
      ? { id: 'unmute-all', icon: 'mic', label: t.board.unmuteAll, run: () => void board.unmuteAll() }
      : has('mute-all') && { id: 'mute-all', icon: 'micoff', label: t.board.muteAll, run: () => void board.muteAll() },
    has('call-all') && { id: 'call-all', icon: 'out', label: t.board.callAll, run: () => void board.callAll() },
    has('disconnect-all') && { id: 'disconnect-all', icon: 'hang', label: t.board.disconnectAll, run: disconnectAll },
    has('end') && { id: 'end', icon: 'x', label: t.board.endForAll, run: () => setAsking(true), bad: true },
  ].filter((item) => item !== false) as readonly {
    id: string;
    icon: 'mic' | 'micoff' | 'out' | 'hang' | 'x';
    label: string;
    run: () => void;
    bad?: boolean;
  }[];
  const dialog = asking && (
    <Ask
      title={t.board.endTitle}
      say={t.board.endSay(state.count)}
      no={t.board.keepOn}
      yes={t.board.endForAll}
      onNo={() => setAsking(false)}
      onYes={() => {
        setAsking(false);
        void board.endForAll();
      }}
    />
  );
  return { items, dialog };
}

/** The foot of the live board. */
export function Foot({ board, state }: { board: Board; state: BoardState }) {
  const { convoke } = useModels();
  const { t } = useI18n();
  const leaving = useLeaving();
  const all = useAll(board, state);
  const me = state.me;
  const isIn = me !== undefined && (me.state === 'joined' || me.state === 'held');
  const coming = me !== undefined && ['queued', 'dialling', 'ringing', 'answered', 'confirming'].includes(me.state);
  if (state.state === 'ended') {
    const people = [...state.groups.hands, ...state.groups.in, ...state.groups.left, ...state.groups.notReached].map((row) => row.person);
    return (
      <footer className="foot">
        <div className="twobuttons">
          {!outWord(state, t) && (
            <Button
              look="primary"
              touch
              icon="phone"
              className="grow"
              onClick={() => convoke.conferences.compose(people)}
              disabled={people.length === 0}
            >
              {t.board.callThemAgain}
            </Button>
          )}
          <Button touch onClick={() => convoke.conferences.closeBoard()}>
            {t.common.close}
          </Button>
        </div>
      </footer>
    );
  }
  return (
    <footer className="foot">
      {isIn ? (
        <Keys board={board} state={state} />
      ) : (
        <div className="twobuttons">
          {state.actions.has('join') && (
            <Button
              look={coming ? 'plain' : 'primary'}
              touch
              icon="phone"
              className="grow"
              onClick={() => leaving.first((now = board) => void now.join(), state.id, true)}
            >
              {t.board.joinHere}
            </Button>
          )}
          {coming && state.actions.has('leave') && (
            <Button touch icon="hang" className="grow" onClick={() => leaving.leave(board, true)}>
              {t.board.leave}
            </Button>
          )}
        </div>
      )}
      {all.items.length > 0 && (
        <div className="mods">
          {all.items.map((item) => (
            <Button key={item.id} small look="quiet" className={cx(item.bad && 'bad')} onClick={item.run}>
              {item.label}
            </Button>
          ))}
        </div>
      )}
      {all.dialog}
    </footer>
  );
}
