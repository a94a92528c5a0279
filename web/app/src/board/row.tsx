import { memo, type ReactNode } from 'react';
import type { Words } from '../i18n/en.ts';
import { useI18n } from '../i18n/index.tsx';
import type { Board, BoardAction, BoardRow, ComposerRow, Person, Place, Way } from '../model.ts';
import { useModels } from '../shell/models.tsx';
import { clock, NARROW, useMedia, usePick } from '../store.ts';
import { Chip } from '../ui/chip.tsx';
import { DropMenu, MenuItem, MenuLine, SubMenu } from '../ui/float.tsx';
import { Icon } from '../ui/icon.tsx';
import { modeIcon } from '../ui/mode-icon.ts';
import { Avatar, Button, cx, IconButton, Meter, ProblemLine } from '../ui/parts.tsx';
import { placeIcon, usePlaceWord } from '../ui/place.tsx';
import { noWayWords } from './no-way.ts';
import { PlaceMenu, PlaceWord } from './place-menu.tsx';
import { addsToChip, chipOf, type GroupName } from './row-state.ts';
import { capital } from './sentence.ts';

interface FrameProps {
  person: Person;
  name: string;
  mark?: ReactNode;
  place: ReactNode;
  state: ReactNode;
  note?: ReactNode;
  acts: ReactNode;
  /** What the row opens on a telephone screen. */
  menu?: (trigger: Parameters<typeof DropMenu>[0]['trigger']) => ReactNode;
  flash?: number | undefined;
  /** What keeps the row apart from others, and the heading it stands under. */
  id?: { key: string; under: GroupName };
}

/** A highlight is shown for a change that is not older than this. */
const FLASH_MS = 1_600;

/** The same columns before and during the call, so nothing jumps when it starts. */
export function RowFrame({ person, name, mark, place, state, note, acts, menu, flash, id }: FrameProps) {
  const narrow = useMedia(NARROW);
  return (
    <li className="row" data-row={id?.key} data-group={id?.under}>
      {flash !== undefined && clock.now() - flash < FLASH_MS && <span key={flash} className="flash" aria-hidden="true" />}
      <Avatar person={person} size={narrow ? 'lg' : 'm'} />
      <div className="grow">
        <div className="a">
          {narrow && menu ? (
            menu(
              <button type="button" className="rowopen cut">
                {name}
              </button>,
            )
          ) : (
            <b className="cut">{name}</b>
          )}
          {mark}
        </div>
        <div className="b">
          {place}
          <span className="st">{state}</span>
        </div>
        {note && <div className="c">{note}</div>}
      </div>
      <div className="acts">{acts}</div>
    </li>
  );
}

/** Owner, moderator, outside. */
export function RoleMark({ of: role, person }: { of?: BoardRow['role']; person: Pick<Person, 'user'> }) {
  const { t } = useI18n();
  if (role === 'owner')
    return (
      <span className="mark" data-role={role}>
        <Icon name="crown" size="s" />
        {t.board.owner}
      </span>
    );
  if (role === 'moderator')
    return (
      <span className="mark" data-role={role}>
        <Icon name="shield" size="s" />
        {t.board.moderator}
      </span>
    );
  return person.user === undefined ? <span className="mark">{t.board.outside}</span> : null;
}

interface ComposerRowProps {
  row: ComposerRow;
  /** In which way they are asked in a video conference; `asking` until that is known, `unknown` where it cannot be. */
  way?: Way | 'asking' | 'unknown';
  onPlace: (key: string, place: Place | string) => void;
  onRemove: (key: string) => void;
}

/** One that will be called. */
export const ComposerLine = memo(function ComposerLine({ row, way, onPlace, onRemove }: ComposerRowProps) {
  const { t } = useI18n();
  const word = usePlaceWord();
  const next = row.places.filter((one) => one.id !== row.place.id && one.kind !== 'browser')[0];
  return (
    <RowFrame
      person={row.person}
      name={row.person.name}
      mark={<RoleMark person={row.person} />}
      place={
        // Who has an account says in their own order how they take part; of a number, whoever calls chooses it.
        way && row.person.user !== undefined ? (
          <WayIn way={way} />
        ) : (
          <PlaceMenu person={row.person} place={row.place} places={row.places} onPlace={(place) => onPlace(row.key, place)} />
        )
      }
      state={
        way ? (
          row.person.user === undefined && <WayIn way={way} />
        ) : row.onlyInvite ? (
          <span className="faint t12 cut">{t.board.onlyInvite}</span>
        ) : (
          next && <span className="faint t12 cut">{t.board.thenPlace(word(next).toLocaleLowerCase())}</span>
        )
      }
      note={
        typeof way === 'object' && !way.mode ? (
          <span data-no-way={way.why?.reason ?? 'other'}>{noWayWords(way, t)}</span>
        ) : (
          row.problem && <ProblemLine problem={row.problem} />
        )
      }
      acts={
        <IconButton icon="x" label={t.board.takeOff} aria-label={t.board.takeOffNamed(row.person.name)} onClick={() => onRemove(row.key)} />
      }
    />
  );
});

/** What is known of it. */
export type WayState = 'asking' | 'unknown' | 'none' | 'asked';

/** In which way somebody is asked, or why in none. */
function WayIn({ way }: { way: Way | 'asking' | 'unknown' }) {
  const { convoke } = useModels();
  const { t, language } = useI18n();
  const own = usePick(convoke.session, (now) => now.me?.language) ?? 'en';
  if (typeof way === 'string' || !way.mode) {
    const state = typeof way === 'string' ? way : 'none';
    return (
      <span className={cx('t12 wayin', state === 'none' ? 'badtext' : 'faint cut')} data-way-in={state satisfies WayState}>
        {t.way[state]}
      </span>
    );
  }
  return (
    // The server says more, in the language of the account.
    <span className="soft t12 wayin" data-way-in="asked" data-way={way.mode} data-tip={own === language ? way.words : undefined}>
      <Icon name={modeIcon(way.mode)} size="s" />
      <span className="cut">{t.way.asked(t.way[way.mode], way.picture)}</span>
    </span>
  );
}

/** The menu of a row, in one order everywhere. */
const order: readonly BoardAction[] = [
  'give-floor',
  'lower-hand',
  'mute',
  'unmute',
  'hide',
  'unhide',
  'make-moderator',
  'hand-over',
  'text',
  'disconnect',
  'remove',
];

const actionIcons = {
  'give-floor': 'wave',
  'lower-hand': 'hand',
  mute: 'micoff',
  unmute: 'mic',
  hide: 'camoff',
  unhide: 'cam',
  'make-moderator': 'shield',
  'hand-over': 'crown',
  text: 'text',
  disconnect: 'hang',
  remove: 'trash',
} as const;

function run(board: Board, row: BoardRow, action: BoardAction, text: (person: Person) => void): unknown {
  const id = row.participant;
  switch (action) {
    case 'mute':
      return board.mute(id);
    case 'unmute':
      return board.unmute(id);
    case 'hide':
    case 'unhide':
      return board.hide(id, action === 'hide');
    case 'connect':
      return board.connect(id);
    case 'redial':
      return board.redial(id);
    case 'disconnect':
      return board.disconnect(id);
    case 'remove':
      return board.remove(id);
    case 'give-floor':
      return board.giveFloor(id);
    case 'lower-hand':
      return board.lowerHandOf(id);
    case 'make-moderator':
      return board.makeModerator(id);
    case 'hand-over':
      return board.handOver(id);
    case 'text':
      return text(row.person);
    case 'set-place':
      return undefined;
  }
}

interface BoardLineProps {
  board: Board;
  row: BoardRow;
  /** The group that it belongs to. */
  group: GroupName;
  /** The heading that it stands under, for a while perhaps another one's. */
  under: GroupName;
  /** Somebody's row has this control: it has its column in all. */
  mutes: boolean;
  hangs: boolean;
}

/** One participant of the live board. */
export const BoardLine = memo(function BoardLine({ board, row, group, under, mutes, hangs }: BoardLineProps) {
  const { view } = useModels();
  const { t, language } = useI18n();
  const narrow = useMedia(NARROW);
  const word = usePlaceWord();
  const name = row.person.name;
  const has = (action: BoardAction) => row.actions.has(action);
  const text = (person: Person) => view.go({ page: 'chat', user: person.user ?? person.id });
  const act = (action: BoardAction) => run(board, row, action, text);
  const chip = chipOf(row);
  const calls = has('redial') || has('connect');
  const calling = group === 'calling';

  const menu = (trigger: Parameters<typeof DropMenu>[0]['trigger']) => (
    <DropMenu label={t.board.moreNamed(name)} align={narrow ? 'start' : 'end'} trigger={trigger}>
      {calls && (
        <MenuItem icon="out" onClick={() => act(has('redial') ? 'redial' : 'connect')}>
          {has('redial') ? t.board.redial : t.board.connect}
        </MenuItem>
      )}
      {calls && (
        <SubMenu icon="phone" label={t.board.redialAt}>
          {row.places.map((place) => (
            <MenuItem key={place.id} icon={placeIcon(place.kind)} onClick={() => void board.redial(row.participant, place)}>
              {word(place)}
            </MenuItem>
          ))}
          {row.places.length > 0 && <MenuLine />}
          <MenuItem
            icon="pad"
            onClick={() =>
              view.patch({ number: { board: true, person: row.person, give: (number) => void board.redial(row.participant, number) } })
            }
          >
            {t.anotherNumber}
          </MenuItem>
        </SubMenu>
      )}
      {order
        .filter((action) => has(action) && action !== 'remove')
        .map((action) => (
          <MenuItem key={action} icon={actionIcons[action as keyof typeof actionIcons]} onClick={() => act(action)}>
            {action === 'disconnect' && calling ? t.board.stop : t.board.action[action]}
          </MenuItem>
        ))}
      {has('remove') && (
        <>
          <MenuLine />
          <MenuItem icon="trash" bad onClick={() => act('remove')}>
            {t.board.action.remove}
          </MenuItem>
        </>
      )}
    </DropMenu>
  );
  // Nobody knows more of them than the number.
  const named = row.place.number !== undefined && digitsOf(row.place.number) === digitsOf(name);
  const anything = calls || order.some(has);

  const mute =
    has('mute') || has('unmute') ? (
      <IconButton
        icon={row.muted ? 'micoff' : 'mic'}
        className="still"
        label={t.board.mic}
        aria-label={t.board.named(t.board.mic, name)}
        aria-pressed={row.muted}
        onClick={() => act(row.muted ? 'unmute' : 'mute')}
      />
    ) : (
      mutes && <span className="noaction" />
    );
  const hang = has('disconnect') ? (
    <IconButton
      icon="hang"
      className="hang"
      label={calling ? t.board.stop : t.board.disconnect}
      aria-label={t.board.named(calling ? t.board.stop : t.board.disconnect, name)}
      onClick={() => act('disconnect')}
    />
  ) : (
    hangs && <span className="noaction" />
  );
  // Both names of it have the same width, so it begins in the same column in both groups.
  const dial = (icon: 'out' | 'phone', shown: string, other: string) =>
    calls && (
      <Button
        small
        icon={icon}
        onClick={() => act(has('redial') ? 'redial' : 'connect')}
        aria-label={t.board.named(shown, name)}
        data-tip={shown}
      >
        <span className="calls" data-other={other}>
          {shown}
        </span>
      </Button>
    );
  const meter = (
    <span className="gauge">
      <Meter state={row.talking ? 'on' : 'off'} label={row.talking ? t.board.talking : t.board.quiet} />
    </span>
  );

  let acts: ReactNode;
  switch (group) {
    case 'hands':
      acts = (
        <>
          {has('give-floor') && (
            <Button
              small
              className="floor"
              onClick={() => act('give-floor')}
              aria-label={t.board.named(t.board.action['give-floor'], name)}
            >
              {t.board.action['give-floor']}
            </Button>
          )}
          {meter}
          {!narrow && mute}
          {!narrow && hang}
        </>
      );
      break;
    case 'in':
      acts = (
        <>
          {meter}
          {mute}
          {!narrow && hang}
        </>
      );
      break;
    case 'calling':
      acts = hang;
      break;
    case 'notReached':
      acts = (
        <>
          {!narrow && has('text') && (
            <IconButton
              icon="text"
              className="text"
              label={t.board.textInstead}
              aria-label={t.board.named(t.board.textInstead, name)}
              onClick={() => act('text')}
            />
          )}
          {dial('out', t.board.redial, t.board.connect)}
        </>
      );
      break;
    case 'left':
      acts = dial('phone', t.board.connect, t.board.redial);
      break;
  }

  return (
    <RowFrame
      person={row.person}
      name={name}
      mark={
        <>
          <RoleMark of={row.role} person={row.person} />
          {row.hand && row.muted && (
            <span className="mark">
              <Icon name="micoff" size="s" />
              {t.chip.muted}
            </span>
          )}
        </>
      }
      place={
        has('set-place') ? (
          <PlaceMenu
            person={row.person}
            place={row.place}
            places={row.places}
            onPlace={(place) => board.setPlace(row.participant, place)}
            brief={named}
          />
        ) : (
          <PlaceWord place={row.place} brief={named} />
        )
      }
      state={
        <Chip state={chip} since={chip === 'hand' ? row.hand?.since : row.since} {...(row.hand ? { position: row.hand.position } : {})} />
      }
      note={noteOf(row, language, t) ?? (row.mutedBy === 'themselves' && row.state === 'joined' ? t.board.mutedThemselves : undefined)}
      flash={row.changedAt}
      id={{ key: row.key, under }}
      {...(anything ? { menu } : {})}
      acts={
        <>
          {acts}
          {!narrow &&
            (anything ? (
              menu(<IconButton icon="more" label={t.common.more} aria-label={t.board.moreNamed(name)} />)
            ) : (
              <span className="noaction" />
            ))}
        </>
      }
    />
  );
});

function digitsOf(number: string): string {
  return number.replace(/[^+0-9]/g, '');
}

/** What the server says where somebody declined without a word, at a telephone or in a window. */
const declinedSilently: ReadonlySet<string> = new Set(['The call was declined.', 'declined']);

/** What the chip does not say; undefined when there is nothing. */
export function noteOf(row: BoardRow, language: string, t: Words): ReactNode {
  if (row.problem) return <ProblemLine problem={row.problem} />;
  if (row.state === 'confirming') return t.board.waitsForKey;
  if (row.state === 'joined' && row.silent && !row.muted) return t.board.noSound;
  if (row.state === 'declined' && row.reasonWords && !declinedSilently.has(row.reasonWords)) return t.quoted(row.reasonWords);
  if (row.reason && addsToChip(row.reason)) {
    return <span data-reason={row.reason}>{language === 'en' && row.reasonWords ? capital(row.reasonWords) : t.reason[row.reason]}</span>;
  }
  return undefined;
}
