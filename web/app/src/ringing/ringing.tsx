import { useEffect } from 'react';
import { useI18n } from '../i18n/index.tsx';
import type { Invitation } from '../model.ts';
import { useModels } from '../shell/models.tsx';
import { NARROW, useMedia, usePick } from '../store.ts';
import { Icon } from '../ui/icon.tsx';
import { Avatar, ProblemNotice, Timer } from '../ui/parts.tsx';
import { usePlaceWord } from '../ui/place.tsx';
import { startRinging, stopRinging } from '../voice/ring.ts';
import { AnswerButtons, leavesWords } from './answer.tsx';
import './ringing.css';

/** So many sheets are shown over each other, one on a narrow screen; the others are counted. */
const SHEETS_MAX = 2;

/** Who calls me, over the top of the chat; the newest messages stay free. */
export default function Ringing({ silent }: { silent?: boolean }) {
  const { convoke } = useModels();
  const { t } = useI18n();
  const ringing = usePick(convoke.conferences, (state) => state.ringing);
  const most = useMedia(NARROW) ? 1 : SHEETS_MAX;
  const some = ringing.some((one) => !one.answering);
  useEffect(() => {
    if (!some || silent) return;
    startRinging();
    return stopRinging;
  }, [some, silent]);
  return (
    <section className="sheets" aria-label={t.invitation.sheets}>
      {ringing.slice(0, most).map((invitation) => (
        <Sheet key={invitation.id} invitation={invitation} />
      ))}
      {ringing.length > most && <p className="moresheets">{t.invitation.more(ringing.length - most)}</p>}
    </section>
  );
}

function Sheet({ invitation }: { invitation: Invitation }) {
  const { t, format } = useI18n();
  const word = usePlaceWord();
  const name = invitation.from.name;
  const title = invitation.kind === 'call' ? t.invitation.calls(name) : t.invitation.invites(name);
  const also = invitation.alsoRinging.map((label) =>
    word(invitation.places.find((place) => place.label === label) ?? { id: label, label, kind: 'other' }),
  );
  return (
    <section className="sheet" role="dialog" aria-label={title} data-screen="ringing" data-ring={invitation.kind}>
      <div className="head">
        <Avatar person={invitation.from} size="xl" />
        <div className="grow">
          <h2 className="t16 strong cut">{title}</h2>
          {invitation.from.unconfirmed && <p className="soft t12 cut">{invitation.from.user}</p>}
          <p className="soft cut">
            {invitation.video && `${t.invitation.video} · `}
            {invitation.title}
            {invitation.since !== undefined && (
              <>
                {invitation.title && ', '}
                {t.invitation.running} <Timer since={invitation.since} />
              </>
            )}
          </p>
        </div>
        <span className="chip go" data-chip="ringing">
          <Icon name="bell" size="s" />
          {invitation.answering ? t.invitation.joining : t.chip.ringing} <Timer since={invitation.at} />
        </span>
      </div>
      <dl className="facts">
        <dt>{t.invitation.inIt}</dt>
        <dd>{invitation.in.length > 0 ? format.list(invitation.in) : t.invitation.nobody}</dd>
        {also.length > 0 && (
          <>
            <dt>{t.invitation.alsoRinging}</dt>
            <dd>{t.invitation.untilAnswered(format.list(also))}</dd>
          </>
        )}
      </dl>
      {invitation.leaves && <p className="leaves">{leavesWords(invitation.leaves, t)}</p>}
      {invitation.problem && <ProblemNotice problem={invitation.problem} className="sheetproblem" />}
      <div className="act">
        <AnswerButtons invitation={invitation} places={invitation.places} answering={invitation.answering} large />
      </div>
    </section>
  );
}
