import { useEffect, useState } from 'react';
import { useI18n } from '../i18n/index.tsx';
import type { BoardRow, BoardState, Pictures, PicturesState } from '../model.ts';
import { useModels } from '../shell/models.tsx';
import { usePick } from '../store.ts';
import { Icon } from '../ui/icon.tsx';
import { Avatar, Button, cx, IconButton, Meter, ProblemNotice } from '../ui/parts.tsx';
import { placeIcon, usePlaceWord } from '../ui/place.tsx';
import { Film } from './film.tsx';
import { columnsOf, mainOf, type Tile, tilesOf } from './tiles.ts';
import './pictures.css';

/** Most places; more people are counted on the last. */
const TILES_MAX = { board: 9, large: 20 } as const;
/** Most beside the one that stands large. */
const STRIP_MAX = { board: 4, large: 7 } as const;

/** Who began to talk last. */
function useTalked(rows: readonly BoardRow[]): string | undefined {
  const [talked, setTalked] = useState<string | undefined>();
  const now = rows.filter((row) => row.talking).map((row) => row.participant);
  const next = talked !== undefined && now.includes(talked) ? talked : (now[0] ?? talked);
  useEffect(() => setTalked(next), [next]);
  return next;
}

interface StageProps {
  state: BoardState;
  pictures: Pictures;
  shown: PicturesState;
  large: boolean;
}

/** Pictures of those who show one, and everybody else beside them. */
export function Stage({ state, pictures, shown, large }: StageProps) {
  const { view } = useModels();
  const { t } = useI18n();
  const layout = usePick(view, (now) => now.layout);
  const [pinned, setPinned] = useState<string | undefined>();
  useEffect(() => pictures.look(), [pictures]);
  const tiles = tilesOf(state, shown);
  const talked = useTalked([...state.groups.in, ...state.groups.hands]);
  const pin = (key: string) => {
    setPinned((now) => (now === key ? undefined : key));
    if (pinned !== key) view.setLayout('speaker');
  };
  const size = large ? 'large' : 'board';
  const speaker = layout === 'speaker' && tiles.length > 1;
  const main = speaker ? mainOf(tiles, pinned, talked) : undefined;
  const rest = main ? tiles.filter((one) => one !== main) : tiles;
  // In a grid I am one of all; beside one that is large, a small picture in its corner.
  const own = shown.camera.stream as MediaStream | undefined;
  const among = own !== undefined && !main && tiles.length > 1;
  const most = main ? STRIP_MAX[size] : TILES_MAX[size] - (among ? 1 : 0);
  const few = rest.length > most ? rest.slice(0, most - 1) : rest;
  const more = rest.length - few.length;
  const places = few.length + (more > 0 ? 1 : 0) + (among ? 1 : 0);
  const one = (tile: Tile, big: boolean) => (
    <Place key={tile.key} tile={tile} big={big} pinned={tile.key === pinned} pinnable={tiles.length > 1} onPin={() => pin(tile.key)} />
  );
  return (
    <section
      className={cx('stage', large ? 'large' : 'onboard')}
      aria-label={t.stage.label}
      data-screen="stage"
      data-watch={shown.watch}
      data-layout={layout}
      data-call=""
      tabIndex={-1}
    >
      <header className="stagebar">
        <p className="cut grow soft t12" role="status">
          <Words shown={shown} tiles={tiles} />
        </p>
        {shown.screen.status !== 'off' && shown.screen.status !== 'asking' && (
          <Button small look="quiet" onClick={() => void pictures.shareScreen(false)}>
            {t.stage.stopSharing}
          </Button>
        )}
        {tiles.length > 1 && (
          <IconButton
            icon={layout === 'speaker' ? 'tiles' : 'speaker'}
            label={layout === 'speaker' ? t.stage.toGrid : t.stage.toSpeaker}
            onClick={() => view.setLayout(layout === 'speaker' ? 'grid' : 'speaker')}
          />
        )}
        <IconButton
          icon={large ? 'reduce' : 'enlarge'}
          label={large ? t.stage.reduce : t.stage.enlarge}
          onClick={() => view.setStage(large ? 'board' : 'large')}
        />
      </header>
      {shown.problem && (
        <ProblemNotice problem={shown.problem} {...(shown.problem.detail ? { todo: t.serverSays(shown.problem.detail) } : {})} />
      )}
      <div className="room">
        {tiles.length === 0 ? (
          <p className="alone soft">{t.stage.alone}</p>
        ) : (
          <>
            {main && <ul className="mainplace">{one(main, true)}</ul>}
            <ul
              className={main ? 'strip' : 'grid'}
              style={main ? {} : { gridTemplateColumns: `repeat(${columnsOf(places, large)}, minmax(0, 1fr))` }}
            >
              {few.map((tile) => one(tile, !main && places <= 2))}
              {more > 0 && <li className="tile moretile">{t.common.andMore(more)}</li>}
              {among && (
                <li className="tile filmed" data-tile="own">
                  <Own stream={own} />
                </li>
              )}
            </ul>
          </>
        )}
        {own && !among && (
          <div className={cx('pip', main && 'overstrip')}>
            <Own stream={own} />
          </div>
        )}
      </div>
    </section>
  );
}

/** Myself, as in a mirror. */
function Own({ stream }: { stream: MediaStream }) {
  const { t } = useI18n();
  return (
    <>
      <Film stream={stream} mirrored />
      <span className="nameplate">
        <span className="cut">{t.common.you}</span>
      </span>
    </>
  );
}

/** What there is to know of all of it, in one line. */
function Words({ shown, tiles }: { shown: PicturesState; tiles: readonly Tile[] }) {
  const { t } = useI18n();
  if (shown.watch === 'reconnecting' || shown.camera.status === 'reconnecting' || shown.screen.status === 'reconnecting')
    return t.stage.reconnecting;
  if (shown.camera.status === 'asking') return t.stage.asking;
  if (shown.screen.status === 'asking') return t.stage.askingScreen;
  if (shown.camera.status === 'connecting' || shown.screen.status === 'connecting') return t.stage.connecting;
  if (shown.screen.status === 'up') return t.stage.youShare;
  const slides = tiles.find((one) => one.slides);
  if (slides) return t.stage.shares(slides.row.person.name);
  return t.stage.seen(tiles.filter((one) => one.stream && !one.slides).length);
}

interface PlaceProps {
  tile: Tile;
  big: boolean;
  pinned: boolean;
  pinnable: boolean;
  onPin: () => void;
}

/** Somebody's picture, or who they are and whether they talk. */
function Place({ tile, big, pinned, pinnable, onPin }: PlaceProps) {
  const { t } = useI18n();
  const placeWord = usePlaceWord();
  const { row, stream, slides } = tile;
  const talks = row.talking && !row.muted && !slides;
  const name = slides ? t.stage.screenOf(row.person.name) : row.person.name;
  const coming = !stream && row.shows.length > 0;
  return (
    <li className={cx('tile', talks && 'talks', slides && 'slides', stream && 'filmed')} data-tile={tile.key}>
      {stream ? <Film stream={stream} /> : <Avatar person={row.person} size={big ? 'xl' : 'lg'} bare />}
      {coming && <span className="sr">{t.stage.coming}</span>}
      <span className="nameplate">
        {!slides &&
          (row.muted ? (
            <Icon name="micoff" size="s" />
          ) : (
            <Meter state={talks ? 'on' : 'off'} label={talks ? t.board.talking : t.board.quiet} />
          ))}
        {slides && <Icon name="screen" size="s" />}
        <span className="cut">{name}</span>
        {!stream && row.place.kind !== 'browser' && (
          <span className="by">
            <Icon name={placeIcon(row.place.kind)} size="s" />
            <span className="sr">{placeWord(row.place)}</span>
          </span>
        )}
        {row.muted && !slides && <span className="sr">{t.chip.muted}</span>}
      </span>
      {pinnable && (
        <IconButton
          icon={pinned ? 'pinned' : 'pin'}
          className="pinkey"
          label={pinned ? t.stage.unpin(name) : t.stage.pin(name)}
          aria-pressed={pinned}
          onClick={onPin}
        />
      )}
    </li>
  );
}
