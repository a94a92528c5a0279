import { useEffect, useState } from 'react';
import { useI18n } from '../i18n/index.tsx';
import { clock, createStore, useStore } from '../store.ts';
import { Icon, type IconName } from './icon.tsx';
import { cx } from './parts.tsx';

/** How long there is to take something back. */
export const TOAST_MS = 8_000;
/** More than these are not shown at once; the oldest gives way. */
const TOASTS_MAX = 3;

export interface Toast {
  readonly id: number;
  readonly text: string;
  readonly icon?: IconName;
  readonly bad?: boolean;
  readonly action?: { readonly label: string; readonly run: () => void };
}

const toasts = createStore<readonly Toast[]>([]);
let last = 0;

/** Says what happened; with an action, how to take it back. Returns the way to take it away early. */
export function toast(what: Omit<Toast, 'id'>): () => void {
  last += 1;
  const id = last;
  toasts.set((now) => [...now, { ...what, id }].slice(-TOASTS_MAX));
  return () => close(id);
}

/** Takes all of them away. */
export function clearToasts(): void {
  toasts.set([]);
}

function close(id: number): void {
  toasts.set((now) => now.filter((one) => one.id !== id));
}

function One({ it }: { it: Toast }) {
  const { t } = useI18n();
  const [held, setHeld] = useState(false);
  useEffect(() => {
    if (held || clock.stopped) return;
    const timer = setTimeout(() => close(it.id), TOAST_MS);
    return () => clearTimeout(timer);
  }, [held, it.id]);
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: it only waits while somebody is there; the buttons in it act.
    <div
      className={cx('toast', it.bad && 'bad')}
      onPointerEnter={() => setHeld(true)}
      onPointerLeave={() => setHeld(false)}
      onFocus={() => setHeld(true)}
      onBlur={() => setHeld(false)}
    >
      <Icon name={it.icon ?? (it.bad ? 'warn' : 'ok')} />
      <p className="grow">{it.text}</p>
      {it.action && (
        <button
          type="button"
          className="btn link"
          onClick={() => {
            it.action?.run();
            close(it.id);
          }}
        >
          {it.action.label}
        </button>
      )}
      <button type="button" className="ib mid" aria-label={t.common.dismiss} onClick={() => close(it.id)}>
        <Icon name="x" />
      </button>
    </div>
  );
}

/** The place where they appear; a live region, so they are read. */
export function Toasts() {
  const list = useStore(toasts);
  return (
    <div className="toasts" aria-live="polite">
      {list.map((it) => (
        <One key={it.id} it={it} />
      ))}
    </div>
  );
}
