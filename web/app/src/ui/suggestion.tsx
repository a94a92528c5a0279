import { useI18n } from '../i18n/index.tsx';
import type { Person } from '../model.ts';
import { Avatar, cx } from './parts.tsx';
import { matched } from './people-input.ts';
import { usePlaceWord } from './place.tsx';

interface SuggestionProps {
  person: Person;
  text: string;
  id: string;
  on: boolean;
  onPick: () => void;
  onOver: () => void;
  hint?: string;
}

/** A person in a list of suggestions, with what fits marked, and how they can be reached. */
export function Suggestion({ person, text, id, on, onPick, onOver, hint }: SuggestionProps) {
  const { t } = useI18n();
  const word = usePlaceWord();
  const [before, fits, after] = matched(person.name, text);
  const places = person.places.filter((place) => place.kind !== 'browser').map((place) => word(place));
  const presence = person.user === undefined ? t.board.outside : t.presence[person.presence];
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the keys are those of the field that owns the list.
    <div
      id={id}
      role="option"
      aria-selected={on}
      tabIndex={-1}
      className={cx('opt tall', on && 'on')}
      onPointerMove={onOver}
      onPointerDown={(event) => event.preventDefault()}
      onClick={onPick}
    >
      <Avatar person={person} />
      <span className="two">
        <span>
          <span className="cut">
            {before}
            <b className="strong">{fits}</b>
            {after}
          </span>
        </span>
        <span className="sub">
          <span className="cut">{[presence, ...places].join(' · ')}</span>
        </span>
      </span>
      {on && hint && <kbd>{hint}</kbd>}
    </div>
  );
}
