import { memo } from 'react';
import { useI18n } from '../i18n/index.tsx';
import type { Chat, MessageItem, MessageState } from '../model.ts';
import { useModels } from '../shell/models.tsx';
import { usePick } from '../store.ts';
import { Icon, type IconName } from '../ui/icon.tsx';
import { Avatar, cx, problemData } from '../ui/parts.tsx';
import { linkify } from './log.ts';

const marks: Record<MessageState, IconName> = {
  sending: 'clock',
  sent: 'ok',
  delivered: 'oks',
  read: 'oks',
  failed: 'warn',
};

/** How far my message came: picture and word. */
export function Mark({ state }: { state: MessageState }) {
  const { t } = useI18n();
  return (
    <span className={cx('seen', state)} data-mark={state}>
      <Icon name={marks[state]} />
      {t.chat.state[state]}
    </span>
  );
}

interface MessageProps {
  chat: Chat;
  item: MessageItem;
  /** With avatar, name and time; otherwise it continues the one above. */
  head: boolean;
  name: string;
}

/** One message. */
export const MessageView = memo(function MessageView({ chat, item, head, name }: MessageProps) {
  const { convoke } = useModels();
  const { t, format } = useI18n();
  const me = usePick(convoke.session, (state) => state.me);
  const person = usePick(chat, (state) => state.with);
  const time = (
    <time dateTime={new Date(item.at).toISOString()} data-tip={format.full(item.at)}>
      {format.time(item.at)}
    </time>
  );
  const failed = item.state === 'failed';
  return (
    <article className={cx('msg', head ? 'head' : 'more', item.mine && 'mine')} aria-label={item.mine ? t.common.you : name}>
      {head ? (
        item.mine && me ? (
          <Avatar person={{ ...me, id: me.user }} bare />
        ) : (
          <Avatar person={person} bare />
        )
      ) : (
        <span className="again">{time}</span>
      )}
      <div className="grow">
        {head && (
          <p className="hd">
            <b>{item.mine ? t.common.you : name}</b>
            {time}
          </p>
        )}
        <div className="line">
          <p className="text">
            {linkify(item.text).map((part, index) =>
              part.href ? (
                <a key={index} href={part.href} target="_blank" rel="noopener noreferrer">
                  {part.text}
                </a>
              ) : (
                part.text
              ),
            )}
          </p>
          {item.mine && <Mark state={item.state} />}
        </div>
        {failed && (
          <p className="failure">
            <span {...problemData(item.problem)}>
              {item.problem ? `${t.problem[item.problem.code].what} ${t.problem[item.problem.code].todo}` : t.problem.internal.what}
            </span>
            <button type="button" className="btn link small" onClick={() => chat.resend(item.id)}>
              {t.chat.resend}
            </button>
            <button type="button" className="btn quiet small" onClick={() => chat.discard(item.id)}>
              {t.chat.discard}
            </button>
          </p>
        )}
      </div>
    </article>
  );
});
