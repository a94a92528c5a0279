import { type KeyboardEvent, useLayoutEffect, useRef } from 'react';
import { useI18n } from '../i18n/index.tsx';
import type { Chat } from '../model.ts';
import { NARROW, useMedia } from '../store.ts';
import { cx, IconButton } from '../ui/parts.tsx';

/** Longer than this a message is not sent; the server keeps about as much. */
const MESSAGE_MAX = 10_000;
const HEIGHT_MAX_PX = 168;

/** Where a message is written. Enter sends, Shift Enter begins a line. */
export function Write({ chat, name, draft }: { chat: Chat; name: string; draft: string }) {
  const { t } = useI18n();
  const field = useRef<HTMLTextAreaElement>(null);
  const narrow = useMedia(NARROW);
  const empty = draft.trim().length === 0;
  const send = () => {
    if (empty) return;
    chat.send(draft);
    chat.setDraft('');
    field.current?.focus();
  };
  const key = (event: KeyboardEvent<HTMLTextAreaElement>) => {
    if (event.key !== 'Enter' || event.shiftKey || event.nativeEvent.isComposing) return;
    event.preventDefault();
    send();
  };
  // The field grows with its text; the height is set on the element, as the policy for styles asks.
  useLayoutEffect(() => {
    const element = field.current;
    if (!element) return;
    element.style.height = 'auto';
    element.style.height = `${Math.min(HEIGHT_MAX_PX, element.scrollHeight)}px`;
  }, [draft]);
  // On a telephone the keyboard would jump up by itself.
  useLayoutEffect(() => {
    if (!narrow) field.current?.focus({ preventScroll: true });
  }, [chat]);
  return (
    <div className="write">
      <textarea
        ref={field}
        rows={1}
        aria-label={t.chat.write(name)}
        placeholder={t.chat.write(name)}
        value={draft}
        maxLength={MESSAGE_MAX}
        onChange={(event) => {
          chat.setDraft(event.target.value);
          chat.typing();
        }}
        onKeyDown={key}
      />
      <IconButton icon="send" label={t.chat.send} className={cx('mid', !empty && 'filled')} aria-disabled={empty} onClick={send} />
    </div>
  );
}
