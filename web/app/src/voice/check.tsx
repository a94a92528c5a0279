import { useEffect, useState } from 'react';
import { useI18n } from '../i18n/index.tsx';
import type { Voice, VoiceStatus } from '../model.ts';
import { usePick, useStore } from '../store.ts';
import { Button, cx, ProblemNotice } from '../ui/parts.tsx';
import './voice.css';

/** The level as a long bar. */
export function LevelBar({ voice }: { voice: Voice }) {
  const { t, format } = useI18n();
  const level = usePick(voice, (state) => Math.round(state.level * 50) / 50);
  return (
    <div
      className="levelbar"
      role="meter"
      aria-label={t.sound.level}
      aria-valuemin={0}
      aria-valuemax={1}
      aria-valuenow={level}
      aria-valuetext={format.percent(level)}
    >
      <span style={{ transform: `scaleX(${level})` }} />
    </div>
  );
}

const HEARD = 0.25;

/** Whether the test has heard something. */
export function useHeard(voice: Voice): boolean {
  const loud = usePick(voice, (state) => state.status === 'testing' && state.level > HEARD);
  const testing = usePick(voice, (state) => state.status === 'testing');
  const [heard, setHeard] = useState(false);
  useEffect(() => {
    if (loud) setHeard(true);
    if (!testing) setHeard(false);
  }, [loud, testing]);
  return heard || loud;
}

/** What is drawn where there is no call. */
export type TestStatus = 'idle' | 'asking' | 'testing';

/** What a call does with the sound says more than a test. */
function isInCall(status: VoiceStatus): status is Exclude<VoiceStatus, TestStatus> {
  return status === 'connecting' || status === 'connected' || status === 'reconnecting';
}

/** Before the first call: does the microphone work? */
export function VoiceCheck({ voice, onDone }: { voice: Voice; onDone: () => void }) {
  const { t } = useI18n();
  const state = useStore(voice);
  const heard = useHeard(voice);
  useEffect(() => () => voice.stopTest(), [voice]);
  if (isInCall(state.status)) return null;
  const testing = state.status === 'testing';
  return (
    <section className="voicecheck" aria-label={t.sound.firstTitle} data-screen="voice-check" data-check={state.status}>
      <p className="mid">{t.sound.firstTitle}</p>
      <p className="soft t12" aria-live="polite">
        {testing && heard ? t.sound.hears : t.sound.status[state.status] || t.sound.firstSay}
      </p>
      {testing && <LevelBar voice={voice} />}
      {state.problem && <ProblemNotice problem={state.problem} />}
      <div className="acts">
        {testing ? (
          <Button small look={heard ? 'primary' : 'plain'} onClick={onDone}>
            {t.sound.good}
          </Button>
        ) : (
          <Button small icon="mic" disabled={state.status === 'asking'} onClick={() => void voice.test()}>
            {t.sound.test}
          </Button>
        )}
        <Button small onClick={() => void voice.playSample()}>
          {t.sound.sample}
        </Button>
        <Button small look="quiet" className={cx('skip')} onClick={onDone}>
          {t.sound.skip}
        </Button>
      </div>
    </section>
  );
}
