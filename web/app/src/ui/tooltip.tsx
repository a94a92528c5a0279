import { useEffect, useRef } from 'react';

const REST_MS = 500;

/** One box for all names of icon buttons (`data-tip`): shown when the pointer rests or the keyboard comes there. */
export function Tooltips({ within }: { within?: Document }) {
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const page = within ?? document;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let shown: Element | undefined;
    const hide = () => {
      clearTimeout(timer);
      shown = undefined;
      if (box.current) box.current.style.visibility = 'hidden';
    };
    const show = (target: HTMLElement) => {
      const element = box.current;
      const label = target.dataset.tip;
      if (!element || !label || !target.isConnected || target.dataset.popupOpen !== undefined) return;
      element.replaceChildren(label);
      if (target.dataset.tipKeys) {
        const keys = page.createElement('kbd');
        keys.textContent = target.dataset.tipKeys;
        element.append(keys);
      }
      const at = target.getBoundingClientRect();
      const own = element.getBoundingClientRect();
      const view = page.documentElement;
      const left = Math.min(Math.max(8, at.left + at.width / 2 - own.width / 2), view.clientWidth - own.width - 8);
      const below = at.bottom + 6;
      const top = below + own.height > view.clientHeight - 4 ? at.top - own.height - 6 : below;
      element.style.transform = `translate(${Math.round(left)}px, ${Math.round(top)}px)`;
      element.style.visibility = 'visible';
    };
    const find = (target: EventTarget | null) => (target as Element | null)?.closest?.('[data-tip]') as HTMLElement | null;
    const over = (event: Event) => {
      const target = find(event.target);
      if (target === shown) return;
      hide();
      if (!target) return;
      shown = target;
      timer = setTimeout(() => show(target), REST_MS);
    };
    const focus = (event: Event) => {
      const target = find(event.target);
      hide();
      if (target?.matches(':focus-visible')) {
        shown = target;
        show(target);
      }
    };
    const key = (event: KeyboardEvent) => event.key === 'Escape' && hide();
    page.addEventListener('pointerover', over);
    page.addEventListener('pointerdown', hide);
    page.addEventListener('focusin', focus);
    page.addEventListener('focusout', hide);
    page.addEventListener('scroll', hide, true);
    page.addEventListener('keydown', key);
    return () => {
      hide();
      page.removeEventListener('pointerover', over);
      page.removeEventListener('pointerdown', hide);
      page.removeEventListener('focusin', focus);
      page.removeEventListener('focusout', hide);
      page.removeEventListener('scroll', hide, true);
      page.removeEventListener('keydown', key);
    };
  }, [within]);
  return <div ref={box} className="tipbox" aria-hidden="true" />;
}
