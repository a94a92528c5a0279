import { useState } from 'react';
import { useLeaving } from '../board/leaving.ts';
import { useI18n } from '../i18n/index.tsx';
import type { OwnPresence, Presence } from '../model.ts';
import { useModels } from '../shell/models.tsx';
import { usePick, useStore } from '../store.ts';
import { DropMenu, MenuItem, MenuLine, MenuRadio, MenuRadios, Modal } from '../ui/float.tsx';
import { FormActs } from '../ui/form.tsx';
import { Avatar, Field, IconButton, PresenceDot } from '../ui/parts.tsx';

const choices: readonly OwnPresence[] = ['available', 'away', 'busy', 'dnd'];

/** What others see, from what is set and whether one is in a call. */
export function seenAs(own: OwnPresence, inCall: boolean, online: boolean): Presence | 'busy' {
  if (!online) return 'offline';
  if (inCall) return 'in-call';
  return own;
}

/** My name, my status, and how it is set. */
export function Mine() {
  const { convoke, view } = useModels();
  const { t } = useI18n();
  const session = useStore(convoke.session);
  const inCall = usePick(convoke.conferences, (state) => state.live.some((one) => one.iAmIn));
  const [noting, setNoting] = useState(false);
  const leaving = useLeaving();
  const me = session.me;
  if (!me) return null;
  const seen = seenAs(session.presence, inCall, session.status === 'online');
  const word = seen === 'in-call' || seen === 'offline' ? t.presence[seen] : t.own[session.presence];
  const dark = () =>
    document.documentElement.dataset.theme
      ? document.documentElement.dataset.theme === 'dark'
      : window.matchMedia('(prefers-color-scheme: dark)').matches;
  return (
    <div className="me" data-own={seen}>
      <DropMenu
        label={t.left.status}
        trigger={
          <button type="button" className="who">
            <Avatar person={{ ...me, id: me.user, presence: seen === 'busy' ? 'dnd' : seen }} />
            <span className="two">
              <span className="strong cut">{me.name}</span>
              <span className="sub cut">{session.note || word}</span>
              <span className="sr">{t.left.status}</span>
            </span>
          </button>
        }
      >
        <MenuRadios value={session.presence} onChange={(next: OwnPresence) => convoke.session.setPresence(next, session.note)}>
          {choices.map((one) => (
            <MenuRadio key={one} value={one} before={<PresenceDot presence={one} />}>
              {t.own[one]}
            </MenuRadio>
          ))}
        </MenuRadios>
        <MenuLine />
        <MenuItem icon="pen" onClick={() => setNoting(true)} {...(session.note ? { side: session.note } : {})}>
          {t.left.noteLabel}
        </MenuItem>
        <MenuItem icon="gear" onClick={() => view.go({ page: 'settings' })}>
          {t.left.settings}
        </MenuItem>
        <MenuItem icon="signout" onClick={() => leaving.signOut()}>
          {t.left.signOut}
        </MenuItem>
      </DropMenu>
      <IconButton icon="moon" label={t.left.theme} onClick={() => view.setTheme(dark() ? 'light' : 'dark')} />
      <IconButton icon="gear" label={t.left.settings} onClick={() => view.go({ page: 'settings' })} />
      {noting && (
        <NoteDialog
          note={session.note ?? ''}
          onClose={() => setNoting(false)}
          onSave={(note) => {
            convoke.session.setPresence(session.presence, note || undefined);
            setNoting(false);
          }}
        />
      )}
    </div>
  );
}

const NOTE_MAX = 80;

function NoteDialog({ note, onClose, onSave }: { note: string; onClose: () => void; onSave: (note: string) => void }) {
  const { t } = useI18n();
  const [text, setText] = useState(note);
  return (
    <Modal title={t.left.status} onClose={onClose}>
      <form
        className="stack"
        onSubmit={(event) => {
          event.preventDefault();
          onSave(text.trim());
        }}
      >
        <Field
          label={t.left.noteLabel}
          hint={t.left.notePlaceholder}
          value={text}
          maxLength={NOTE_MAX}
          onChange={(event) => setText(event.target.value)}
        />
        <FormActs onCancel={onClose} />
      </form>
    </Modal>
  );
}
