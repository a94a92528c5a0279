import { useEffect, useRef, useState } from 'react';
import { useLeaving } from '../board/leaving.ts';
import type { Words } from '../i18n/en.ts';
import { useI18n } from '../i18n/index.tsx';
import type { HereConference, Invitation, InvitationAnswer, InvitationItem, Place } from '../model.ts';
import { showCamera } from '../pictures/use-pictures.ts';
import { useModels } from '../shell/models.tsx';
import { useStore } from '../store.ts';
import { DropMenu, MenuItem, MenuLine } from '../ui/float.tsx';
import { Icon } from '../ui/icon.tsx';
import { Button, cx, IconButton } from '../ui/parts.tsx';
import { placeIcon, usePlaceWord } from '../ui/place.tsx';

interface AnswerProps {
  invitation: Invitation | InvitationItem;
  places?: readonly Place[] | undefined;
  answering: boolean;
  /** In the ringing sheet: large. */
  large?: boolean;
}

/** Join here, Call me at ▾, Decline with a message. */
export function AnswerButtons({ invitation, places, answering, large }: AnswerProps) {
  const { convoke, view } = useModels();
  const { t } = useI18n();
  const placeWord = usePlaceWord();
  const mine = useStore(convoke.telephones).list;
  const leaving = useLeaving();
  const [writing, setWriting] = useState(false);
  const offered: readonly Place[] =
    places ?? mine.map((one) => ({ id: one.label, label: one.label, kind: one.kind, number: one.number, default: one.default }));
  const give = (answer: InvitationAnswer, note?: string, seen = false) => {
    void convoke.conferences.answer(invitation, answer, note).then((done) => {
      if (!done || answer === 'decline') return;
      if (seen) void showCamera(convoke);
      convoke.conferences.openBoard(invitation.conference);
      view.patch({ behind: convoke.conferences.get().composer, ...(view.get().board === 'popped' ? {} : { board: 'docked' }) });
      view.show('board');
    });
  };
  // What is left is said beside the buttons; it is asked only where it may end for others.
  const join = (seen: boolean) => {
    const { here } = convoke.conferences.get();
    const go = () => give('join', undefined, seen);
    if (here?.owner && here.others > 0) leaving.first(go, invitation.conference);
    else go();
  };
  if (writing) return <Writing onCancel={() => setWriting(false)} onSend={(note) => give('decline', note)} large={large} />;
  return (
    <>
      <Button
        icon={invitation.video ? 'cam' : 'phone'}
        look="primary"
        touch={large === true}
        className={cx(large && 'grow')}
        disabled={answering}
        onClick={() => join(invitation.video)}
      >
        {invitation.video ? t.invitation.joinSeen : t.invitation.joinHere}
      </Button>
      <DropMenu
        label={t.invitation.callMeAt}
        trigger={
          <Button touch={large === true} iconAfter="car" disabled={answering}>
            {t.invitation.callMeAt}
          </Button>
        }
      >
        {invitation.video && (
          <>
            <MenuItem icon="camoff" onClick={() => join(false)}>
              {t.invitation.joinUnseen}
            </MenuItem>
            <MenuLine />
          </>
        )}
        {offered.map((place) => (
          <MenuItem
            key={place.id}
            icon={placeIcon(place.kind)}
            side={place.default ? t.placeUsual : place.number}
            onClick={() => give({ callAt: place })}
          >
            {placeWord(place)}
          </MenuItem>
        ))}
        {offered.length > 0 && <MenuLine />}
        <MenuItem
          icon="pad"
          onClick={() =>
            view.patch({
              number: {
                give: (text) => {
                  const number = text.replace(/[^+0-9]/g, '');
                  give({ callAt: { id: `number:${number}`, label: text, kind: 'number', number } });
                },
              },
            })
          }
        >
          {t.anotherNumber}
        </MenuItem>
      </DropMenu>
      <span className="split">
        <Button look={large ? 'plain' : 'quiet'} touch={large === true} disabled={answering} onClick={() => give('decline')}>
          {t.invitation.decline}
        </Button>
        <DropMenu
          label={t.invitation.declineMore}
          align="end"
          trigger={
            <button
              type="button"
              className={cx('btn', large ? 'touch' : 'quiet')}
              aria-label={t.invitation.declineMore}
              data-tip={t.invitation.declineMore}
              disabled={answering}
            >
              <Icon name="car" />
            </button>
          }
        >
          {t.invitation.messages.map((message) => (
            <MenuItem key={message} icon="text" onClick={() => give('decline', message)}>
              {message}
            </MenuItem>
          ))}
          <MenuLine />
          <MenuItem icon="pen" onClick={() => setWriting(true)}>
            {t.invitation.ownMessage}
          </MenuItem>
        </DropMenu>
      </span>
    </>
  );
}

/** What becomes of the call that is left by joining. */
export function leavesWords({ title, owner, others }: HereConference, t: Words): string {
  if (others === 0) return t.invitation.leavesAlone(title);
  return owner ? t.invitation.leavesOwned(title) : t.invitation.leaves(title);
}

const NOTE_MAX = 200;

function Writing({ onCancel, onSend, large }: { onCancel: () => void; onSend: (note: string) => void; large?: boolean | undefined }) {
  const { t } = useI18n();
  const [text, setText] = useState('');
  const input = useRef<HTMLInputElement>(null);
  // The person has just chosen to write.
  useEffect(() => input.current?.focus(), []);
  return (
    <form
      className="decline"
      onSubmit={(event) => {
        event.preventDefault();
        onSend(text.trim());
      }}
    >
      <input
        className={cx('input', large && 'touch')}
        aria-label={t.invitation.ownMessage}
        placeholder={t.invitation.ownPlaceholder}
        value={text}
        maxLength={NOTE_MAX}
        ref={input}
        onChange={(event) => setText(event.target.value)}
        onKeyDown={(event) => event.key === 'Escape' && onCancel()}
      />
      <Button type="submit" look="primary" touch={large === true}>
        {t.invitation.declineSend}
      </Button>
      <IconButton icon="x" className={large ? 'big' : 'mid'} label={t.common.cancel} onClick={onCancel} />
    </form>
  );
}
