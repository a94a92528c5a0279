import { useI18n } from '../i18n/index.tsx';
import type { Person, Place } from '../model.ts';
import { useModels } from '../shell/models.tsx';
import { DropMenu, MenuItem, MenuLine, MenuRadio, MenuRadios } from '../ui/float.tsx';
import { Icon } from '../ui/icon.tsx';
import { placeIcon, usePlaceWord } from '../ui/place.tsx';

interface PlaceMenuProps {
  person: Person;
  place: Place;
  places: readonly Place[];
  onPlace: (place: Place | string) => void;
  /** The number stands beside it: its end is enough. */
  brief?: boolean;
}

/** Of a number its end. */
function endOf(number: string): string {
  return `…${number.slice(-2)}`;
}

/** The places of a person, and another number. */
export function PlaceMenu({ person, place, places, onPlace, brief }: PlaceMenuProps) {
  const { t } = useI18n();
  const word = usePlaceWord();
  return (
    <DropMenu
      label={t.board.wherefor(person.name)}
      trigger={
        <button type="button" className="place" data-place={place.kind} aria-label={`${t.board.wherefor(person.name)}: ${word(place)}`}>
          <Icon name={placeIcon(place.kind)} />
          <span className="cut">{brief && place.number ? endOf(place.number) : word(place)}</span>
          <span className="car">
            <Icon name="car" size="s" />
          </span>
        </button>
      }
    >
      <Choices place={place} places={places} onPlace={onPlace} person={person} />
    </DropMenu>
  );
}

/** Where a person is called, when it cannot be chosen. */
export function PlaceWord({ place, brief }: { place: Place; brief?: boolean }) {
  const word = usePlaceWord();
  return (
    <span className="place still" data-place={place.kind}>
      <Icon name={placeIcon(place.kind)} />
      <span className="cut">{brief && place.number ? endOf(place.number) : word(place)}</span>
    </span>
  );
}

interface ChoicesProps {
  place: Place;
  places: readonly Place[];
  onPlace: (place: Place | string) => void;
  person?: Person;
  mine?: boolean;
}

function Choices({ place, places, onPlace, person, mine }: ChoicesProps) {
  const { t } = useI18n();
  const { view } = useModels();
  const word = usePlaceWord();
  const all = places.some((one) => one.id === place.id) ? places : [...places, place];
  return (
    <>
      <MenuRadios value={place.id} onChange={(id) => onPlace(all.find((one) => one.id === id) ?? place)}>
        {all.map((one) => (
          <MenuRadio
            key={one.id}
            value={one.id}
            icon={placeIcon(one.kind)}
            side={one.default ? t.placeUsual : one.kind === 'number' ? undefined : one.number}
          >
            {word(one, mine)}
          </MenuRadio>
        ))}
      </MenuRadios>
      <MenuLine />
      <MenuItem
        icon="pad"
        onClick={() => view.patch({ number: { board: true, ...(person ? { person } : {}), give: (number) => onPlace(number) } })}
      >
        {t.anotherNumber}
      </MenuItem>
    </>
  );
}

/** Where I am called: this browser, a telephone of mine, another number. */
export function MyPlace({ place, places, onPlace }: Omit<PlaceMenuProps, 'person'>) {
  const { t } = useI18n();
  const word = usePlaceWord();
  return (
    <DropMenu
      label={t.board.callMeAt}
      align="end"
      trigger={
        <button
          type="button"
          className="sel"
          data-place={place.kind}
          aria-label={`${t.board.callMeAt} ${word(place, true)}`}
          data-tip={t.board.callMeAt}
        >
          <Icon name={placeIcon(place.kind)} />
          <span className="soft hidesmall">{t.board.callMeAt} </span>
          <span className="cut">{word(place, true)}</span>
          <span className="car">
            <Icon name="car" size="s" />
          </span>
        </button>
      }
    >
      <Choices place={place} places={places} onPlace={onPlace} mine />
    </DropMenu>
  );
}
