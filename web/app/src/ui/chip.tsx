import { useI18n } from '../i18n/index.tsx';
import type { ChipState } from './chip-state.ts';
import { Icon, type IconName } from './icon.tsx';
import { cx, Timer } from './parts.tsx';

type Tone = 'idle' | 'go' | 'warn' | 'ok' | 'bad';

/** Steady states are quiet (no ground), changing ones are filled: the eye goes to who rings and who was not reached. */
const looks: Record<ChipState, { icon: IconName; tone: Tone; plain?: boolean; runs?: boolean }> = {
  queued: { icon: 'clock', tone: 'idle' },
  dialling: { icon: 'out', tone: 'go' },
  ringing: { icon: 'bell', tone: 'go', runs: true },
  answered: { icon: 'phone', tone: 'go' },
  confirming: { icon: 'key1', tone: 'warn' },
  joined: { icon: 'phone', tone: 'ok', plain: true, runs: true },
  held: { icon: 'pause', tone: 'idle' },
  muted: { icon: 'micoff', tone: 'idle' },
  silent: { icon: 'warn', tone: 'warn' },
  hand: { icon: 'hand', tone: 'warn', runs: true },
  busy: { icon: 'ban', tone: 'bad' },
  'no-answer': { icon: 'missed', tone: 'bad' },
  declined: { icon: 'x', tone: 'bad' },
  unreachable: { icon: 'warn', tone: 'bad' },
  failed: { icon: 'warn', tone: 'bad' },
  removed: { icon: 'x', tone: 'idle' },
  left: { icon: 'hang', tone: 'idle' },
  idle: { icon: 'phone', tone: 'idle' },
};

interface ChipProps {
  state: ChipState;
  /** Since when, for those that run. */
  since?: number | undefined;
  /** The place in the queue of hands. */
  position?: number;
}

/** A state: icon, word and colour, never colour alone. */
export function Chip({ state, since, position }: ChipProps) {
  const { t } = useI18n();
  const look = looks[state];
  return (
    <span className={cx('chip', look.tone !== 'idle' && look.tone, look.plain && 'plain')} data-chip={state}>
      <span className="word">
        <Icon name={look.icon} size="s" />
        <span className="cut">
          <span className="name">{t.chip[state]}</span>
          {position !== undefined && ` ${position}`}
        </span>
      </span>
      {/* Another state has another time. */}
      {look.runs && since !== undefined && <Timer key={state} since={since} />}
    </span>
  );
}
