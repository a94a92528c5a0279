import { useVirtualizer } from '@tanstack/react-virtual';
import { type FormEvent, useEffect, useRef, useState } from 'react';
import { useI18n } from '../i18n/index.tsx';
import type { Person } from '../model.ts';
import { useContacts } from '../shell/contacts.ts';
import { useModels } from '../shell/models.tsx';
import { NARROW, useMedia, useStore } from '../store.ts';
import { Modal } from '../ui/float.tsx';
import { FormActs } from '../ui/form.tsx';
import { Icon } from '../ui/icon.tsx';
import { isNumber } from '../ui/number.ts';
import { Avatar, Button, cx, Field, IconButton } from '../ui/parts.tsx';
import { useSuggestions } from '../ui/people-input.ts';
import { usePlaceWord } from '../ui/place.tsx';
import { toast } from '../ui/toast.tsx';
import './palette.css';

interface BookProps {
  /** With `pick` people are chosen; without, one is written to. */
  book: { readonly pick?: (people: readonly Person[]) => void };
  onClose: () => void;
}

/** Everybody I know, however many; found by name or number. */
export default function Book({ book, onClose }: BookProps) {
  const { convoke, view } = useModels();
  const { t } = useI18n();
  const state = useStore(convoke.people);
  const touch = useMedia(NARROW);
  const [text, setText] = useState('');
  const [chosen, setChosen] = useState<readonly Person[]>([]);
  const [adding, setAdding] = useState(false);
  const found = useSuggestions(convoke.people, text).people;
  const list = text.trim() === '' ? state.contacts : found;
  const scroll = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: list.length,
    getScrollElement: () => scroll.current,
    estimateSize: () => 52,
    getItemKey: (index) => list[index]?.id ?? index,
    overscan: 6,
    initialRect: { width: 400, height: 420 },
  });
  const items = virtual.getVirtualItems();
  const inSight = items.map((item) => list[item.index]?.user ?? '').filter(Boolean);
  const seen = inSight.join(' ');
  // Those that are looked at are kept up to date.
  useEffect(() => (seen === '' ? undefined : convoke.people.watch(seen.split(' '))), [convoke, seen]);
  const picking = book.pick !== undefined;
  const isChosen = (person: Person) => chosen.some((one) => one.id === person.id);
  const press = (person: Person) => {
    if (picking) {
      setChosen((now) => (isChosen(person) ? now.filter((one) => one.id !== person.id) : [...now, person]));
      return;
    }
    onClose();
    view.go({ page: 'chat', user: person.user ?? person.id });
  };
  if (adding) return <AddNumber name={isNumber(text) ? '' : text} number={isNumber(text) ? text : ''} onClose={() => setAdding(false)} />;
  return (
    <Modal title={t.book.title} onClose={onClose} className="book">
      <div className="bookbody" data-screen={picking ? 'book-pick' : 'book'}>
        <div className="top">
          <Icon name="find" />
          <input
            type="search"
            aria-label={t.book.find}
            placeholder={t.book.find}
            value={text}
            autoComplete="off"
            spellCheck={false}
            onChange={(event) => {
              setText(event.target.value);
              scroll.current?.scrollTo({ top: 0 });
            }}
          />
        </div>
        {list.length === 0 ? (
          <div className="empty inbook">
            <p className="t14 strong">{text.trim() === '' ? t.book.empty : t.book.none}</p>
            <p className="soft">{text.trim() === '' ? t.book.emptySay : t.book.noneSay}</p>
          </div>
        ) : (
          // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by the keyboard.
          <div className="scroll" ref={scroll} tabIndex={0} role="group" aria-label={t.left.contacts}>
            <ul className="virtual" style={{ height: virtual.getTotalSize() }}>
              {items.map((item) => {
                const person = list[item.index] as Person;
                return (
                  <li key={item.key} className="vrow" style={{ height: item.size, transform: `translateY(${item.start}px)` }}>
                    <Entry person={person} picking={picking} chosen={isChosen(person)} touch={touch} onPress={() => press(person)} />
                  </li>
                );
              })}
            </ul>
          </div>
        )}
        <div className="bookfoot">
          <Button icon="plus" look="quiet" onClick={() => setAdding(true)}>
            {t.book.addNumber}
          </Button>
          {picking ? (
            <Button
              look="primary"
              disabled={chosen.length === 0}
              onClick={() => {
                book.pick?.(chosen);
                onClose();
              }}
            >
              {chosen.length === 0 ? t.board.addPeople : t.book.choose(chosen.length)}
            </Button>
          ) : (
            <Button onClick={onClose}>{t.common.close}</Button>
          )}
        </div>
      </div>
    </Modal>
  );
}

interface EntryProps {
  person: Person;
  picking: boolean;
  chosen: boolean;
  touch: boolean;
  onPress: () => void;
}

function Entry({ person, picking, chosen, touch, onPress }: EntryProps) {
  const contacts = useContacts();
  const { t } = useI18n();
  const word = usePlaceWord();
  const places = person.places.filter((place) => place.kind !== 'browser').map((place) => word(place));
  const say = [person.user === undefined ? t.board.outside : t.presence[person.presence], ...places].join(' · ');
  return (
    <div className={cx('entry', chosen && 'on')}>
      <button type="button" className="press" {...(picking ? { role: 'checkbox', 'aria-checked': chosen } : {})} onClick={onPress}>
        {picking && <span className="box">{chosen && <Icon name="ok" size="s" />}</span>}
        <Avatar person={person} />
        <span className="two">
          <span className="cut">{person.name}</span>
          <span className="sub cut">{say}</span>
        </span>
      </button>
      {!picking && (
        <IconButton
          icon={person.contact ? (person.favourite ? 'starred' : 'star') : 'plus'}
          className={cx(touch ? 'big' : 'mid', person.favourite && 'lit')}
          label={person.contact ? (person.favourite ? t.chat.unfavourite : t.chat.favourite) : t.chat.addContact}
          {...(person.contact ? { 'aria-pressed': person.favourite } : {})}
          onClick={() => {
            if (person.contact) void contacts.setFavourite(person, !person.favourite);
            else void contacts.addContact(person).then((done) => done && toast({ text: t.book.added(person.name) }));
          }}
        />
      )}
    </div>
  );
}

function AddNumber({ name: firstName, number: firstNumber, onClose }: { name: string; number: string; onClose: () => void }) {
  const contacts = useContacts();
  const { t } = useI18n();
  const [name, setName] = useState(firstName);
  const [number, setNumber] = useState(firstNumber);
  const [tried, setTried] = useState(false);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    setTried(true);
    if (name.trim() === '' || !isNumber(number)) return;
    void contacts.addContact({ name: name.trim(), number: number.trim() }).then((done) => {
      if (done) toast({ text: t.book.added(name.trim()) });
      onClose();
    });
  };
  return (
    <Modal title={t.book.addNumber} onClose={onClose}>
      <form className="stack" onSubmit={submit} noValidate data-screen="contact-edit">
        <Field
          label={t.book.name}
          error={tried && name.trim() === '' ? t.book.needName : undefined}
          value={name}
          maxLength={80}
          onChange={(event) => setName(event.target.value)}
        />
        <Field
          label={t.askNumber.label}
          hint={t.askNumber.hint}
          error={tried && !isNumber(number) ? t.askNumber.bad : undefined}
          type="tel"
          inputMode="tel"
          value={number}
          onChange={(event) => setNumber(event.target.value)}
        />
        <FormActs onCancel={onClose} />
      </form>
    </Modal>
  );
}
