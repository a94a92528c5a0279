import { type RefObject, useEffect, useLayoutEffect } from 'react';
import { createStore, usePick } from '../store.ts';

/** The key `P` puts the cursor into the box that adds people: each change asks for it. */
export const focusAdd = createStore(0);

/** Whoever calls by the keyboard goes on in the call: each change asks for it. */
export const focusCall = createStore(0);
let given = 0;

/** The focus was in a pane that has just been replaced by another. */
let lost = false;

/**
 * The list before a call becomes the board of the call: the focus that was in one is in the other then, and not at the top of the page. It comes
 * here too when it was asked for.
 */
export function useCallFocus(pane: RefObject<HTMLElement | null>): void {
  const asked = usePick(focusCall, (n) => n);
  useLayoutEffect(() => {
    const element = pane.current;
    if (!element) return;
    const page = element.ownerDocument;
    if (lost && (page.activeElement === null || page.activeElement === page.body)) element.focus({ preventScroll: true });
    lost = false;
    return () => {
      lost = element.contains(page.activeElement);
    };
  }, [pane]);
  useEffect(() => {
    if (given === asked) return;
    given = asked;
    pane.current?.focus({ preventScroll: true });
  }, [pane, asked]);
}
