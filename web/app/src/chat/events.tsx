import { useCalls } from '../board/calls.ts';
import { plain } from '../i18n/format.ts';
import { useI18n } from '../i18n/index.tsx';
import type { CallLineItem, InvitationItem } from '../model.ts';
import { AnswerButtons, leavesWords } from '../ringing/answer.tsx';
import { useModels } from '../shell/models.tsx';
import { usePick } from '../store.ts';
import { Icon } from '../ui/icon.tsx';
import { Avatar, Button, cx, ProblemNotice, Timer } from '../ui/parts.tsx';

/** A call as a line: started, who took part, how long; missed: Call back. */
export function Call({ item }: { item: CallLineItem }) {
  const { convoke } = useModels();
  const { t, format } = useI18n();
  const calls = useCalls();
  const open = usePick(convoke.conferences, (state) => state.live.some((one) => one.id === item.conference && one.open));
  const runs = item.durationMs === undefined && !item.missed;
  const nobody = !runs && !item.missed && item.people.length === 0;
  const title = item.title || t.invitation.untitled;
  const by = item.mine ? t.common.you : convoke.people.person(item.startedBy).name;
  return (
    <div className="event">
      <span className={cx('dot', item.missed && 'bad', runs && 'ok')}>
        <Icon name={item.missed || nobody ? 'missed' : 'phone'} />
      </span>
      <p className="what">
        {item.missed ? (
          <>
            <b>{t.chat.missed}</b> {t.chat.missedFrom(by)}
          </>
        ) : runs ? (
          <>
            <b>{item.mine ? t.chat.startedByYou : t.chat.startedBy(by)}</b> {t.chat.runs(title)}
          </>
        ) : nobody ? (
          <>
            <b>{title}</b>, {t.chat.notReached}
          </>
        ) : (
          <>
            <b>{title}</b>, {format.duration(item.durationMs ?? 0)} {t.chat.inIt} {format.list(item.people)}
          </>
        )}{' '}
        <time dateTime={new Date(item.at).toISOString()} data-tip={format.full(item.at)}>
          {format.time(item.at)}
        </time>
      </p>
      {runs && !open && (
        <Button small icon="board" onClick={() => calls.openBoard(item.conference)}>
          {t.chat.openBoard}
        </Button>
      )}
      {(item.missed || nobody) && !calls.running && (
        <Button small icon="phone" onClick={() => calls.callBack(item)}>
          {item.missed ? t.chat.callBack : t.chat.callAgain}
        </Button>
      )}
    </div>
  );
}

/** An invitation in the chat: answered here as in the ringing sheet. */
export function InvitationCard({ item }: { item: InvitationItem }) {
  const { convoke } = useModels();
  const { t, format } = useI18n();
  const me = usePick(convoke.session, (state) => state.me);
  const ringing = usePick(convoke.conferences, (state) => state.ringing.find((one) => one.id === item.id));
  const open = item.state === 'ringing' && !item.mine;
  const inIt = ringing?.in ?? item.in;
  const title = item.title || t.invitation.untitled;
  const stateWord = item.mine ? t.invitation.stateMine[item.state] : t.invitation.state[item.state];
  const chip =
    item.state === 'ringing' ? 'go' : item.state === 'joined' || item.state === 'called' ? 'ok' : item.state === 'over' ? '' : 'bad';
  const icon =
    item.state === 'ringing'
      ? 'bell'
      : item.state === 'joined' || item.state === 'called'
        ? 'phone'
        : item.state === 'over'
          ? 'hang'
          : item.state === 'missed'
            ? 'missed'
            : 'x';
  return (
    <article className="msg head card" aria-label={t.invitation.label(title)}>
      {item.mine && me ? <Avatar person={{ ...me, id: me.user }} bare /> : <Avatar person={item.from} bare />}
      <div className="grow">
        <p className="hd">
          <b>{item.mine ? t.common.you : item.from.name}</b>
          {!item.mine && item.from.unconfirmed && <span className="soft t12 cut">{item.from.user}</span>}
          <time dateTime={new Date(item.at).toISOString()} data-tip={format.full(item.at)}>
            {format.time(item.at)}
          </time>
        </p>
        <div className="inv">
          <div className="top">
            <span className="av sq">
              <Icon name={item.video ? 'cam' : 'phone'} />
            </span>
            <div className="grow">
              <p className="t14 strong cut">{title}</p>
              <p className="soft t12 cut">
                {item.video && `${t.invitation.video} · `}
                {item.state === 'ringing'
                  ? `${t.invitation.inIt}: ${inIt.length > 0 ? format.list(inIt) : t.invitation.nobody}`
                  : item.mine
                    ? t.invitation.yours
                    : t.invitation.invites(plain(item.from.name))}
              </p>
            </div>
            {open && item.since !== undefined ? (
              <span className="timer calm">
                <Timer since={item.since} />
              </span>
            ) : (
              <span className={cx('chip', chip)} data-invitation={item.state}>
                <Icon name={icon} size="s" />
                {stateWord}
              </span>
            )}
          </div>
          {open && (
            <div className="act">
              <AnswerButtons invitation={ringing ?? item} places={ringing?.places} answering={ringing?.answering ?? false} />
            </div>
          )}
          {open && ringing?.leaves && <p className="note">{leavesWords(ringing.leaves, t)}</p>}
          {item.problem && <ProblemNotice problem={item.problem} />}
          {item.note && <p className="note">{t.quoted(item.note)}</p>}
        </div>
      </div>
    </article>
  );
}
