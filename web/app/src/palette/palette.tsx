import { type KeyboardEvent, useEffect, useId, useMemo, useRef, useState } from 'react';
import { useCalls } from '../board/calls.ts';
import { focusCall } from '../board/focus.ts';
import { useLeaving } from '../board/leaving.ts';
import { useI18n } from '../i18n/index.tsx';
import type { Person } from '../model.ts';
import { useModels } from '../shell/models.tsx';
import { Modal } from '../ui/float.tsx';
import { Icon, type IconName } from '../ui/icon.tsx';
import { Avatar, cx } from '../ui/parts.tsx';
import { meant, namesSeveral, useSuggestions } from '../ui/people-input.ts';
import { Suggestion } from '../ui/suggestion.tsx';
import './palette.css';

interface Command {
  readonly id: string;
  readonly icon: IconName;
  readonly label: string;
  readonly keys?: string;
  readonly run: () => void;
}

/** Everything the window can do from here, now. Nothing that cannot be done is offered. */
function useCommands(): readonly Command[] {
  const { convoke, view } = useModels();
  const { t } = useI18n();
  const calls = useCalls();
  const leaving = useLeaving();
  return useMemo(() => {
    const board = convoke.conferences.get().board;
    const state = board?.get();
    const me = state?.me;
    const isIn = me && (me.state === 'joined' || me.state === 'held');
    const list: (Command | false | undefined)[] = [
      { id: 'conference', icon: 'users', label: t.left.newConference, run: () => calls.compose() },
      isIn && !me.mutedByModerator && board
        ? {
            id: 'mute',
            icon: me.muted ? 'mic' : 'micoff',
            label: me.muted ? t.board.micOn : t.board.mic,
            keys: 'Ctrl Shift M',
            run: () => void board.muteMe(!me.muted),
          }
        : undefined,
      isIn && board
        ? {
            id: 'hand',
            icon: 'hand',
            label: me.hand ? t.board.handDown : t.board.hand,
            keys: 'Ctrl Shift H',
            run: () => void (me.hand ? board.lowerHand() : board.raiseHand()),
          }
        : undefined,
      isIn && board ? { id: 'leave', icon: 'hang', label: t.board.leave, run: () => leaving.leave(board) } : undefined,
      { id: 'book', icon: 'book', label: t.left.book, run: () => view.patch({ book: {} }) },
      { id: 'telephones', icon: 'phone', label: t.telephones.title, run: () => view.go({ page: 'telephones' }) },
      { id: 'settings', icon: 'gear', label: t.settings.title, run: () => view.go({ page: 'settings' }) },
      { id: 'light', icon: 'sun', label: `${t.settings.theme}: ${t.settings.themes.light}`, run: () => view.setTheme('light') },
      { id: 'dark', icon: 'moon', label: `${t.settings.theme}: ${t.settings.themes.dark}`, run: () => view.setTheme('dark') },
      { id: 'system', icon: 'system', label: `${t.settings.theme}: ${t.settings.themes.system}`, run: () => view.setTheme('system') },
      { id: 'keys', icon: 'keyboard', label: t.keys.title, run: () => view.patch({ help: true }) },
    ];
    return list.filter((one) => one !== false && one !== undefined);
  }, [convoke, view, calls, leaving, t]);
}

/** The words that are complete, and the one that is being typed. */
export function splitNames(text: string): { done: string[]; last: string } {
  const parts = text.split(/[,;]/);
  const last = parts.pop() ?? '';
  return { done: parts.map((part) => part.trim()).filter(Boolean), last: last.trim() };
}

/** Ctrl K: names, numbers, addresses, several at once; Enter writes, Ctrl Enter calls them all. */
export default function Palette({ onClose }: { onClose: () => void }) {
  const { convoke, view } = useModels();
  const { t } = useI18n();
  const calls = useCalls();
  const commands = useCommands();
  const [text, setText] = useState('');
  const [chosen, setChosen] = useState<readonly (Person | string)[]>([]);
  const [at, setAt] = useState(0);
  const input = useRef<HTMLInputElement>(null);
  /** It was closed by calling: the call has the focus then, not the page behind it. */
  const called = useRef(false);
  const list = useRef<HTMLDivElement>(null);
  const id = useId();
  const wanted = text.trim().toLocaleLowerCase();
  const found = useSuggestions(convoke.people, text);
  const newest = useRef(text);
  newest.current = text;
  const taken = new Set(chosen.map((one) => (typeof one === 'string' ? one : one.id)));
  const offered = wanted === '' ? convoke.people.get().favourites.slice(0, 5) : found.people;
  const people = offered.filter((person) => !taken.has(person.id));
  /** What is marked, if it was found for what is typed now. */
  const marked = (): Person | string => (wanted === '' ? (people[at] ?? '') : meant({ for: found.for, people }, at, text));
  const fitting = chosen.length > 0 ? [] : commands.filter((one) => wanted === '' || one.label.toLocaleLowerCase().includes(wanted));
  const count = people.length + fitting.length;
  useEffect(() => {
    list.current?.querySelector(`[id="${id}-${at}"]`)?.scrollIntoView({ block: 'nearest' });
  }, [at, id]);

  const clear = () => {
    setText('');
    setAt(0);
    input.current?.focus();
  };
  const choose = (person: Person) => {
    setChosen((now) => [...now, person]);
    clear();
  };
  const write = (person: Person) => {
    onClose();
    view.go({ page: 'chat', user: person.user ?? person.id });
  };
  const everyone = (): readonly (Person | string)[] => (wanted === '' ? chosen : [...chosen, marked()]);
  const call = () => {
    const all = everyone();
    if (all.length === 0) return;
    called.current = true;
    focusCall.set((n) => n + 1);
    onClose();
    if (calls.running) calls.addToCall(all);
    else calls.call(all);
  };
  const enter = () => {
    const one = marked();
    const person = typeof one === 'string' ? undefined : one;
    // What is shown was found for something else: whoever is found first for this is meant, unless somebody goes on typing.
    if (wanted !== '' && found.for !== text.trim() && !fitting[at - people.length]) {
      void convoke.people.search(text).then(([first]) => {
        if (!first || newest.current !== text) return;
        if (chosen.length > 0) choose(first);
        else write(first);
      });
      return;
    }
    if (chosen.length > 0) {
      if (person && wanted !== '') choose(person);
      else if (wanted === '' && chosen.length === 1 && typeof chosen[0] === 'object') write(chosen[0]);
      else if (wanted === '') {
        onClose();
        calls.compose(chosen);
      }
      return;
    }
    if (person) write(person);
    else {
      const command = fitting[at - people.length];
      if (!command) return;
      onClose();
      command.run();
    }
  };
  const type = (next: string) => {
    if (!namesSeveral(`${next} `) && !/[,;]/.test(next)) {
      setText(next);
      setAt(0);
      return;
    }
    // A comma takes the person that is marked; a whole pasted line is taken as it is.
    const { done, last } = splitNames(next);
    const add: readonly (Person | string)[] = done.length === 1 && wanted !== '' && done[0] === text.trim() ? [marked()] : done;
    setChosen((now) => [...now, ...add]);
    setText(last);
    setAt(0);
  };
  const key = (event: KeyboardEvent<HTMLInputElement>) => {
    if (event.nativeEvent.isComposing) return;
    if (event.key === 'Enter') {
      event.preventDefault();
      if (event.ctrlKey || event.metaKey) call();
      else enter();
    } else if (event.key === 'ArrowDown') {
      event.preventDefault();
      setAt((now) => (count === 0 ? 0 : (now + 1) % count));
    } else if (event.key === 'ArrowUp') {
      event.preventDefault();
      setAt((now) => (count === 0 ? 0 : (now + count - 1) % count));
    } else if (event.key === 'Tab' && !event.shiftKey && people[at] && wanted !== '') {
      event.preventDefault();
      choose(people[at] as Person);
    } else if (event.key === 'Backspace' && text === '' && chosen.length > 0) {
      setChosen((now) => now.slice(0, -1));
    }
  };

  return (
    <Modal title={t.palette.label} hideTitle onClose={onClose} className="palette" givesBack={() => !called.current}>
      <div data-screen="palette" className="palettebody">
        <div className="top">
          <Icon name="find" />
          {chosen.map((one) => {
            const name = typeof one === 'string' ? one : one.name;
            return (
              <span key={typeof one === 'string' ? one : one.id} className="token">
                {typeof one !== 'string' && <Avatar person={one} size="sm" bare />}
                <span className="cut">{name}</span>
                <button
                  type="button"
                  aria-label={t.palette.remove(name)}
                  onClick={() => {
                    setChosen((now) => now.filter((other) => other !== one));
                    input.current?.focus();
                  }}
                >
                  <Icon name="x" size="s" />
                </button>
              </span>
            );
          })}
          <input
            ref={input}
            role="combobox"
            aria-label={t.palette.label}
            aria-expanded="true"
            aria-controls={`${id}-list`}
            aria-autocomplete="list"
            aria-activedescendant={count > 0 ? `${id}-${at}` : undefined}
            placeholder={chosen.length === 0 ? t.palette.placeholder : ''}
            value={text}
            autoComplete="off"
            autoCapitalize="off"
            spellCheck={false}
            onChange={(event) => type(event.target.value)}
            onKeyDown={key}
          />
        </div>
        <div className="found" id={`${id}-list`} role="listbox" aria-label={t.palette.label} ref={list}>
          {people.length > 0 && (
            <div role="group" aria-label={t.palette.people}>
              <div className="cap" aria-hidden="true">
                {t.palette.people}
              </div>
              {people.map((person, index) => (
                <Suggestion
                  key={person.id}
                  id={`${id}-${index}`}
                  person={person}
                  text={text}
                  on={index === at}
                  hint={t.keys.enter}
                  onOver={() => setAt(index)}
                  onPick={() => (chosen.length > 0 ? choose(person) : write(person))}
                />
              ))}
            </div>
          )}
          {fitting.length > 0 && (
            <div role="group" aria-label={t.palette.commands}>
              <div className="cap" aria-hidden="true">
                {t.palette.commands}
              </div>
              {fitting.map((command, index) => {
                const own = index + people.length;
                return (
                  // biome-ignore lint/a11y/useKeyWithClickEvents: the keys are those of the field that owns the list.
                  <div
                    key={command.id}
                    id={`${id}-${own}`}
                    role="option"
                    aria-selected={own === at}
                    tabIndex={-1}
                    className={cx('opt', own === at && 'on')}
                    onPointerMove={() => setAt(own)}
                    onPointerDown={(event) => event.preventDefault()}
                    onClick={() => {
                      onClose();
                      command.run();
                    }}
                  >
                    <Icon name={command.icon} />
                    <span className="cut">{command.label}</span>
                    {command.keys && <span className="side">{command.keys}</span>}
                  </div>
                );
              })}
            </div>
          )}
          {count === 0 && (
            <div className="cap none" role="option" aria-selected="false" aria-disabled="true" tabIndex={-1}>
              {chosen.length > 0 && wanted === '' ? t.palette.hint : t.palette.none}
            </div>
          )}
        </div>
        <div className="hints">
          <span>
            <kbd>Enter</kbd> {t.palette.write}
          </span>
          <span>
            <kbd>Tab</kbd> {t.palette.pick}
          </span>
          <button type="button" className="btn small" disabled={everyone().length === 0} onClick={call}>
            <Icon name="phone" />
            {calls.running ? t.palette.addAll : t.palette.callAll}
            <kbd>Ctrl Enter</kbd>
          </button>
        </div>
      </div>
    </Modal>
  );
}
