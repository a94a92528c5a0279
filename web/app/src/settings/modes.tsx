import { type KeyboardEvent, type PointerEvent, useEffect, useLayoutEffect, useRef, useState } from 'react';
import { useI18n } from '../i18n/index.tsx';
import type { Mode } from '../model.ts';
import { useModels } from '../shell/models.tsx';
import { useNow, useStore } from '../store.ts';
import { announce } from '../ui/announce.tsx';
import { DropMenu, MenuItem, MenuLine } from '../ui/float.tsx';
import { Icon } from '../ui/icon.tsx';
import { modeIcon } from '../ui/mode-icon.ts';
import { cx, IconButton } from '../ui/parts.tsx';
import { usePlaceWord } from '../ui/place.tsx';
import { toast } from '../ui/toast.tsx';
import { ListPage } from './list-page.tsx';
import { placeAt, withAgain } from './mode-rules.ts';
import { ModeEdit } from './modes-edit.tsx';
import { moved, withChanged } from './order.ts';

/** How a way is called where its mode is not enough. */
function useModeWords(): (mode: Mode) => { name: string; where: string } {
  const { t } = useI18n();
  const word = usePlaceWord();
  return (mode) => ({
    name: t.modes.kinds[mode.kind],
    where: mode.place ? word({ id: mode.place, label: mode.place, kind: placeKind(mode.place) }) : bare(mode),
  });
}

function placeKind(label: string): 'work' | 'home' | 'mobile' | 'other' {
  const known = label.trim().toLowerCase();
  return known === 'work' || known === 'home' || known === 'mobile' ? known : 'other';
}

/** The address without the scheme that the mode says already. */
function bare({ kind, address = '' }: Mode): string {
  return address.replace(new RegExp(`^${kind}:`), '');
}

/** My ways to take part in conferences, in the order in which a video conference tries them. */
export default function Modes() {
  const { convoke, view } = useModels();
  const { t } = useI18n();
  const { modes } = convoke;
  const state = useStore(modes);
  const words = useModeWords();
  const [editing, setEditing] = useState<Mode | 'new' | undefined>();
  useEffect(() => void modes.load(), [modes]);
  const list = state.list;
  const save = (next: readonly Mode[]) => void modes.save(next);
  const remove = (gone: Mode) => {
    const index = list.findIndex((one) => one.id === gone.id);
    save(list.filter((one) => one.id !== gone.id));
    const { name, where } = words(gone);
    const run = () => save(withAgain(modes.get().list, gone, index));
    toast({ text: t.modes.removed(where || name), action: { label: t.common.undo, run } });
  };
  const move = (one: Mode, to: number) => {
    const from = list.findIndex(({ id }) => id === one.id);
    const at = Math.max(0, Math.min(list.length - 1, to));
    if (from < 0 || at === from) return;
    save(moved(list, from, at));
    announce(t.modes.movedTo(words(one).name, at + 1, list.length));
  };
  const drag = useDrag(list, move);
  // A line that is moved within the page loses the focus: it goes on with the handle that the keys moved.
  const held = useRef<string | undefined>(undefined);
  useLayoutEffect(() => {
    const line = drag.list.current?.children[list.findIndex((one) => one.id === held.current)];
    if (line && document.activeElement === document.body) line.querySelector<HTMLElement>('.grip')?.focus();
  }, [list, drag.list]);
  return (
    <ListPage
      screen="modes"
      words={t.modes}
      known={state.loaded}
      loading={state.loading}
      onLoad={() => void modes.load()}
      empty={list.length === 0}
      problem={state.problem}
      onAdd={() => setEditing('new')}
      dialog={
        editing !== undefined && (
          <ModeEdit
            it={editing === 'new' ? undefined : editing}
            others={editing === 'new' ? list : list.filter((one) => one.id !== editing.id)}
            onClose={() => setEditing(undefined)}
            onSave={(next) => {
              const made = { ...next, id: `${next.kind} ${next.address ?? ''}`, origin: 'by-hand' as const };
              save(editing === 'new' ? [...list, made] : withChanged(list, ({ id }) => id === editing.id, made));
              setEditing(undefined);
            }}
          />
        )
      }
    >
      <ol className="tels modes" ref={drag.list}>
        {drag.shown.map((one, index) => (
          <Line
            key={one.id}
            mode={one}
            at={index}
            count={list.length}
            dragged={drag.dragged === one.id}
            grip={drag.grip(one)}
            onMove={(by) => {
              held.current = one.id;
              move(one, index + by);
            }}
            onEdit={one.origin === 'by-hand' || one.origin === 'conference' ? () => setEditing(one) : undefined}
            onTelephones={one.origin === 'profile' ? () => view.go({ page: 'telephones' }) : undefined}
            onRemove={one.kind === 'computer' ? undefined : () => remove(one)}
          />
        ))}
      </ol>
      <p className="faint t12 hintline">{t.modes.moveSay}</p>
    </ListPage>
  );
}

interface Grip {
  onPointerDown: (event: PointerEvent<HTMLButtonElement>) => void;
  onPointerMove: (event: PointerEvent<HTMLButtonElement>) => void;
  onPointerUp: (event: PointerEvent<HTMLButtonElement>) => void;
  onPointerCancel: () => void;
}

/** Dragging by the handle: the list is shown in the order that it would have; letting go says so. */
function useDrag(list: readonly Mode[], move: (one: Mode, to: number) => void) {
  const box = useRef<HTMLOListElement>(null);
  const [at, setAt] = useState<{ id: string; to: number } | undefined>();
  const dragged = at && list.find((one) => one.id === at.id);
  const others = dragged ? list.filter((one) => one !== dragged) : list;
  const shown = dragged && at ? others.toSpliced(at.to, 0, dragged) : list;
  const grip = (one: Mode): Grip => ({
    onPointerDown(event) {
      if (event.button !== 0) return;
      event.currentTarget.setPointerCapture(event.pointerId);
      setAt({ id: one.id, to: list.indexOf(one) });
    },
    onPointerMove(event) {
      if (at?.id !== one.id || !box.current) return;
      const lines = [...box.current.children].filter((line) => !line.hasAttribute('data-dragged'));
      const middles = lines.map((line) => line.getBoundingClientRect()).map(({ top, height }) => top + height / 2);
      const to = placeAt(middles, event.clientY);
      if (to !== at.to) setAt({ id: one.id, to });
    },
    onPointerUp() {
      if (at?.id === one.id) move(one, at.to);
      setAt(undefined);
    },
    onPointerCancel: () => setAt(undefined),
  });
  return { list: box, shown, dragged: at?.id, grip };
}

interface LineProps {
  mode: Mode;
  at: number;
  count: number;
  dragged: boolean;
  grip: Grip;
  onMove: (by: number) => void;
  onEdit: (() => void) | undefined;
  onTelephones: (() => void) | undefined;
  onRemove: (() => void) | undefined;
}

function Line({ mode, at, count, dragged, grip, onMove, onEdit, onTelephones, onRemove }: LineProps) {
  const { t, format } = useI18n();
  const now = useNow();
  const { name, where } = useModeWords()(mode);
  const named = where ? `${name}, ${where}` : name;
  const keys = (event: KeyboardEvent) => {
    const by = event.key === 'ArrowUp' ? -1 : event.key === 'ArrowDown' ? 1 : 0;
    if (by === 0) return;
    event.preventDefault();
    onMove(by);
  };
  return (
    <li className={cx('tel', dragged && 'dragged')} data-mode={mode.kind} data-origin={mode.origin} data-dragged={dragged ? '' : undefined}>
      <button type="button" className="grip" aria-label={t.modes.move(named, at + 1, count)} onKeyDown={keys} {...grip}>
        <Icon name="grip" />
      </button>
      <span className="av sq">
        <Icon name={modeIcon(mode.kind)} />
      </span>
      <span className="two">
        <span>
          <b className="strong cut">{name}</b>
          {mode.video && <span className="chip plain">{t.modes.withPicture}</span>}
        </span>
        <span className="sub">
          {where && <span className="num cut">{where}</span>}
          <span className="cut">
            {where && '· '}
            {t.modes.from[mode.origin]}
            {mode.seenAt !== undefined && mode.origin !== 'profile' && ` · ${t.modes.seen(format.short(mode.seenAt, now))}`}
          </span>
        </span>
      </span>
      <DropMenu
        label={t.modes.more(named)}
        align="end"
        trigger={<IconButton icon="more" className="touchy" label={t.common.more} aria-label={t.modes.more(named)} />}
      >
        {onEdit && (
          <MenuItem icon="pen" onClick={onEdit}>
            {t.telephones.edit}
          </MenuItem>
        )}
        {onTelephones && (
          <MenuItem icon="phone" onClick={onTelephones}>
            {t.modes.toTelephones}
          </MenuItem>
        )}
        {at > 0 && (
          <MenuItem icon="up" onClick={() => onMove(-1)}>
            {t.telephones.up}
          </MenuItem>
        )}
        {at < count - 1 && (
          <MenuItem icon="car" onClick={() => onMove(1)}>
            {t.telephones.down}
          </MenuItem>
        )}
        {onRemove && <MenuLine />}
        {onRemove && (
          <MenuItem icon="trash" bad onClick={onRemove}>
            {t.telephones.remove}
          </MenuItem>
        )}
      </DropMenu>
    </li>
  );
}
