import { type ClipboardEvent, type KeyboardEvent, useEffect, useId, useRef, useState } from 'react';
import { useI18n } from '../i18n/index.tsx';
import type { AddNotice, Person } from '../model.ts';
import { useModels } from '../shell/models.tsx';
import { usePick } from '../store.ts';
import { Icon } from '../ui/icon.tsx';
import { Button, cx, IconButton, Notice } from '../ui/parts.tsx';
import { meant, namesSeveral, useSuggestions } from '../ui/people-input.ts';
import { Suggestion } from '../ui/suggestion.tsx';
import { focusAdd } from './focus.ts';

interface AddProps {
  onAdd: (what: string | Person) => void;
  /** What became of the last one. */
  notice?: AddNotice | undefined;
  onUndo?: (() => void) | undefined;
  adding?: boolean;
  autoFocus?: boolean;
}

/** One box: a name, a number, an address, several at once; empty, it opens the address book. */
export function AddBox({ onAdd, notice, onUndo, adding, autoFocus }: AddProps) {
  const { convoke, view } = useModels();
  const { t } = useI18n();
  const [text, setText] = useState('');
  const [at, setAt] = useState(0);
  const [open, setOpen] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  const id = useId();
  const several = namesSeveral(text);
  const found = useSuggestions(convoke.people, several ? '' : text);
  const options = several ? [] : found.people;
  const shown = open && text.trim() !== '';
  const wanted = usePick(focusAdd, (n) => n);
  const seen = useRef(wanted);

  useEffect(() => {
    if (seen.current === wanted) return;
    seen.current = wanted;
    input.current?.focus();
  }, [wanted]);
  useEffect(() => {
    if (autoFocus) input.current?.focus({ preventScroll: true });
  }, [autoFocus]);

  const give = (what: string | Person) => {
    onAdd(what);
    setText('');
    setAt(0);
    setOpen(false);
    input.current?.focus();
  };
  const openBook = () =>
    view.patch({
      book: {
        pick: (people) => {
          for (const person of people) onAdd(person);
        },
      },
    });
  const last = options.length; // The line "Add as it is" stands after the people.

  const key = (event: KeyboardEvent<HTMLInputElement>) => {
    if (event.nativeEvent.isComposing) return;
    switch (event.key) {
      case 'ArrowDown':
        event.preventDefault();
        setOpen(true);
        setAt((now) => Math.min(now + 1, last));
        break;
      case 'ArrowUp':
        event.preventDefault();
        setAt((now) => Math.max(now - 1, 0));
        break;
      case 'Enter': {
        event.preventDefault();
        if (text.trim() === '') openBook();
        else give(shown && !several ? meant(found, at, text) : text.trim());
        break;
      }
      case 'Escape':
        if (text !== '') {
          event.preventDefault();
          event.stopPropagation();
          setText('');
          setOpen(false);
        }
        break;
    }
  };
  const paste = (event: ClipboardEvent<HTMLInputElement>) => {
    const pasted = event.clipboardData.getData('text');
    if (!namesSeveral(pasted)) return;
    event.preventDefault();
    give(pasted);
  };

  return (
    <div className="addwrap">
      <div className="add">
        <Icon name="plus" />
        <input
          ref={input}
          role="combobox"
          aria-label={t.board.addPeople}
          aria-expanded={shown}
          aria-controls={`${id}-list`}
          aria-autocomplete="list"
          aria-activedescendant={shown ? `${id}-${at}` : undefined}
          placeholder={t.board.add}
          value={text}
          autoComplete="off"
          autoCapitalize="off"
          spellCheck={false}
          onChange={(event) => {
            setText(event.target.value);
            setAt(0);
            setOpen(true);
          }}
          onKeyDown={key}
          onPaste={paste}
          onBlur={() => setOpen(false)}
          onFocus={() => setOpen(true)}
        />
        <IconButton icon="book" label={t.board.openBook} onClick={openBook} />
      </div>
      {shown && (
        <div className="pop suggest" id={`${id}-list`} role="listbox" aria-label={t.board.suggestions}>
          {options.map((person, index) => (
            <Suggestion
              key={person.id}
              id={`${id}-${index}`}
              person={person}
              text={text}
              on={index === at}
              hint={t.keys.enter}
              onOver={() => setAt(index)}
              onPick={() => give(person)}
            />
          ))}
          {/* biome-ignore lint/a11y/useKeyWithClickEvents: the keys are those of the field that owns the list. */}
          <div
            id={`${id}-${last}`}
            role="option"
            aria-selected={at === last}
            tabIndex={-1}
            className={cx('opt', at === last && 'on')}
            onPointerMove={() => setAt(last)}
            onPointerDown={(event) => event.preventDefault()}
            onClick={() => give(text.trim())}
          >
            <Icon name="plus" />
            <span className="cut">{t.board.addAsIs(text.trim())}</span>
          </div>
        </div>
      )}
      {notice && <Became notice={notice} onUndo={onUndo} onPick={give} />}
      {adding && <p className="cap slow">{t.board.adding}</p>}
    </div>
  );
}

/** What was added, what was left out, and who is meant where several fit. Nothing is said when one person was simply added. */
function Became({ notice, onUndo, onPick }: { notice: AddNotice; onUndo?: (() => void) | undefined; onPick: (person: Person) => void }) {
  const { t } = useI18n();
  const plain = notice.leftOut.length === 0 && notice.unsure.length === 0 && !notice.recognised && notice.added.length <= 1;
  if (plain) return null;
  const title = [
    notice.recognised && (notice.recognised === 'email' ? t.board.noticeEmail : t.board.noticeAddresses),
    notice.added.length > 0 ? t.board.noticeAdded(notice.added.length) : notice.unsure.length === 0 ? t.board.noticeNone : undefined,
  ].filter(Boolean);
  return (
    <>
      {(title.length > 0 || notice.leftOut.length > 0) && (
        <Notice
          className="became"
          look={notice.added.length === 0 ? 'warn' : 'plain'}
          title={title.join(', ')}
          data-recognised={notice.recognised}
          data-left-out={notice.leftOut.map(({ why }) => why).join(' ')}
          action={
            onUndo && notice.added.length > 0 ? (
              <Button small look="link" onClick={onUndo}>
                {t.common.undo}
              </Button>
            ) : undefined
          }
        >
          {notice.leftOut.length > 0 && notice.leftOut.map((one) => t.board.leftOut[one.why](one.text)).join(' ')}
        </Notice>
      )}
      {notice.unsure.map((one) => (
        <div key={one.text} className="unsure" role="group" aria-label={t.board.unsure(one.text)}>
          <p className="cap">{t.board.unsure(one.text)}</p>
          {one.people.map((person) => (
            <button key={person.id} type="button" className="opt" onClick={() => onPick(person)}>
              <Icon name="user" />
              <span className="cut">{person.name}</span>
              <span className="side">{person.user ?? person.places[0]?.number}</span>
            </button>
          ))}
        </div>
      ))}
    </>
  );
}
