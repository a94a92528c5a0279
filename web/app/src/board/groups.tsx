import { type FocusEvent, useEffect, useLayoutEffect, useRef, useState } from 'react';
import { useI18n } from '../i18n/index.tsx';
import type { Absent, Board, BoardState } from '../model.ts';
import { Icon } from '../ui/icon.tsx';
import { BoardLine } from './row.tsx';
import { type Arrangement, arrange, groupNames, sameArrangement, settle } from './row-state.ts';

/**
 * All rows under the headings of their groups. It is one list, in which a row keeps its element when it goes from group to group: a menu that is
 * open on it stays open, and the focus stays in it.
 */
export function Groups({ board, state }: { board: Board; state: BoardState }) {
  const { t } = useI18n();
  const hold = useHold(state);
  const focus = useFocusKept();
  // Those who left are folded while others are in; when it is over they are everybody.
  const [unfolded, setUnfolded] = useState<boolean | undefined>();
  const folded = !(unfolded ?? state.state === 'ended');
  const rows = settle(hold.arrangement, state.groups);
  // What can be done with a row goes with its state, wherever it still stands.
  const groupOf = new Map(groupNames.flatMap((name) => state.groups[name].map((row) => [row.key, name] as const)));
  const among = [...state.groups.hands, ...state.groups.in];
  const columns = {
    mutes: among.some(({ actions }) => actions.has('mute') || actions.has('unmute')),
    hangs: among.some(({ actions }) => actions.has('disconnect')),
  };
  if (groupNames.every((name) => rows[name].length === 0)) {
    return (
      <div className="scroll">
        {state.state !== 'ended' && (
          <div className="empty inboard">
            <h3 className="t14 strong">{t.board.aloneTitle}</h3>
            <p className="soft">{t.board.aloneSay}</p>
          </div>
        )}
        <Absences of={state.absent} />
      </div>
    );
  }
  return (
    <div className="scroll" {...hold.handlers}>
      <ul {...focus}>
        {groupNames.flatMap((name) => {
          if (rows[name].length === 0) return [];
          const count = <span className="num">{rows[name].length}</span>;
          const head = (
            <li key={`group ${name}`} className="group">
              {name === 'left' ? (
                <h3>
                  <button type="button" className="grp fold" aria-expanded={!folded} onClick={() => setUnfolded(folded)}>
                    <Icon name={folded ? 'right' : 'car'} size="s" />
                    {t.board.groups.left} {count}
                  </button>
                </h3>
              ) : (
                <h3 className="grp">
                  {t.board.groups[name]} {count}
                </h3>
              )}
            </li>
          );
          if (name === 'left' && folded) return [head];
          return [
            head,
            ...rows[name].map((row) => (
              <BoardLine key={row.key} board={board} row={row} group={groupOf.get(row.key) ?? name} under={name} {...columns} />
            )),
          ];
        })}
      </ul>
      <Absences of={state.absent} />
    </div>
  );
}

/** What cannot be done in this conference, below everything else. */
function Absences({ of = [] }: { of?: readonly Absent[] | undefined }) {
  const { t } = useI18n();
  if (of.length === 0) return null;
  return (
    <p className="absences" data-absent={of.join(' ')}>
      {of.map((one) => t.board.absent[one]).join(' ')}
    </p>
  );
}

/** A pointer that has rested so long is not about to press anything. */
const REST_MAX_MS = 15_000;

/** As long as the pointer is over the list, rows keep their places: nothing slips away under it. */
function useHold(state: BoardState): { arrangement: Arrangement; handlers: object } {
  const wanted = arrange(state.groups);
  const [held, setHeld] = useState<Arrangement | undefined>();
  const newest = useRef(wanted);
  newest.current = wanted;
  const resting = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  useEffect(() => () => clearTimeout(resting.current), []);
  const release = () => {
    clearTimeout(resting.current);
    setHeld(undefined);
  };
  // Without a pointer that moves (a finger, the keyboard) nothing is held.
  const hold = () => {
    clearTimeout(resting.current);
    resting.current = setTimeout(release, REST_MAX_MS);
    setHeld((now) => now ?? newest.current);
  };
  return {
    arrangement: held && !sameArrangement(held, wanted) ? held : wanted,
    handlers: {
      onPointerMove: (event: { pointerType: string }) => event.pointerType === 'mouse' && hold(),
      onPointerLeave: release,
    },
  };
}

/**
 * A row's buttons change with its state. Where the one that had the focus is gone, or the row was moved, the focus goes to what the row offers
 * now; where the row is folded away, to the button that unfolds it.
 */
function useFocusKept() {
  const list = useRef<HTMLUListElement>(null);
  const last = useRef<{ key: string; label: string } | undefined>(undefined);
  useLayoutEffect(() => {
    const page = list.current?.ownerDocument;
    if (!list.current || !page || !last.current || (page.activeElement !== null && page.activeElement !== page.body)) return;
    const row = [...list.current.querySelectorAll<HTMLElement>('[data-row]')].find((one) => one.dataset.row === last.current?.key);
    const buttons = [...(row?.querySelectorAll<HTMLElement>('button:not([disabled])') ?? [])];
    const same = buttons.find((one) => labelOf(one) === last.current?.label);
    const next = same ?? row?.querySelector<HTMLElement>('.acts button') ?? buttons[0] ?? list.current.querySelector<HTMLElement>('.fold');
    next?.focus({ preventScroll: true });
  });
  const forget = (target: Element) => {
    if (target.closest<HTMLElement>('[data-row]')?.dataset.row === last.current?.key) last.current = undefined;
  };
  return {
    ref: list,
    onFocus(event: FocusEvent<HTMLElement>) {
      const key = event.target.closest<HTMLElement>('[data-row]')?.dataset.row;
      // Menus of a row are drawn elsewhere; the row is still meant.
      if (key !== undefined) last.current = { key, label: labelOf(event.target) };
      else if (list.current?.contains(event.target)) last.current = undefined;
    },
    onBlur(event: FocusEvent<HTMLElement>) {
      const { target } = event;
      const to = event.relatedTarget as Node | null;
      if (!list.current?.contains(target) || list.current.contains(to)) return;
      if (to !== null) {
        if (!isLayer(to)) last.current = undefined;
        return;
      }
      // Somebody pressed beside everything; what was taken out of the page only lost its place.
      setTimeout(() => target.isConnected && target.ownerDocument.activeElement === target.ownerDocument.body && forget(target));
    },
  };
}

function labelOf(element: Element): string {
  return element.getAttribute('aria-label') ?? element.textContent ?? '';
}

/** Menus and dialogs, which give the focus back. */
function isLayer(node: Node): boolean {
  return node.nodeType === 1 && (node as Element).closest('[role="menu"], [role="dialog"], [role="alertdialog"], .layer') !== null;
}
