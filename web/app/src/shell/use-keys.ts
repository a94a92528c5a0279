import { useEffect } from 'react';
import { focusAdd } from '../board/focus.ts';
import type { Board } from '../model.ts';
import { canShow, toggleCamera } from '../pictures/use-pictures.ts';
import { useLatest } from '../store.ts';
import { callKey, takesText } from './keys.ts';
import { useModels } from './models.tsx';

/** Held shorter than this, Space on a button is a press of the button. */
const TALK_AFTER_MS = 220;

/** The keyboard of the window: Ctrl K everywhere, and the keys of the call. */
export function useKeys(): void {
  const models = useLatest(useModels());
  useEffect(() => {
    let talking: ReturnType<typeof setTimeout> | undefined;
    let talked = false;
    let talkingOn: Board | undefined;

    const down = (event: KeyboardEvent) => {
      const { convoke, view } = models.current;
      if ((event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey && event.key.toLowerCase() === 'k') {
        event.preventDefault();
        view.patch({ palette: !view.get().palette });
        return;
      }
      const target = event.target as HTMLElement | null;
      const everywhere = event.ctrlKey && event.shiftKey;
      const inCall = target?.closest?.('[data-call]') !== null && !takesText(target);
      const key = callKey(event, inCall);
      if (!key) return;
      const board = convoke.conferences.get().board;
      const me = board?.get().me;
      switch (key) {
        case 'help':
          event.preventDefault();
          view.patch({ help: true });
          return;
        case 'people':
          if (!convoke.conferences.get().composer && !board) return;
          event.preventDefault();
          if (view.get().board === 'shrunk') view.patch({ board: 'docked' });
          view.show('board');
          setTimeout(() => focusAdd.set((n) => n + 1));
          return;
        case 'ring': {
          // Only when it is asked for: whoever types is not interrupted by a call.
          const answer = document.querySelector<HTMLElement>('.sheet .act button:not([disabled])');
          if (!answer) return;
          event.preventDefault();
          answer.focus();
          return;
        }
        case 'mute':
          if (!board || !me || me.mutedByModerator || event.repeat) return;
          event.preventDefault();
          void board.muteMe(!me.muted);
          return;
        case 'camera':
          if (!board || !canShow(convoke, board) || event.repeat) return;
          event.preventDefault();
          void toggleCamera(convoke);
          return;
        case 'hand':
          if (!board || !me || event.repeat) return;
          event.preventDefault();
          void (me.hand ? board.lowerHand() : board.raiseHand());
          return;
        case 'talk': {
          if (talked) event.preventDefault();
          if (!board || talked || event.repeat || talking !== undefined) return;
          // The board knows whether there is anything to lift: its state may be behind the key.
          const begin = () => {
            talking = undefined;
            talked = board.pushToTalk(true);
            talkingOn = talked ? board : undefined;
          };
          if (!everywhere && target?.closest?.('button, a, [role="menuitem"]')) {
            talking = setTimeout(begin, TALK_AFTER_MS);
            return;
          }
          begin();
          if (talked) event.preventDefault();
          return;
        }
      }
    };
    const up = (event: KeyboardEvent) => {
      if (event.code !== 'Space' && event.key !== 'Control' && event.key !== 'Shift') return;
      if (event.code === 'Space' && talked) event.preventDefault();
      stop();
    };
    const stop = () => {
      clearTimeout(talking);
      talking = undefined;
      talkingOn?.pushToTalk(false);
      talkingOn = undefined;
      talked = false;
    };
    const pages = new Set<Window>([window]);
    const listen = (page: Window) => {
      page.addEventListener('keydown', down);
      page.addEventListener('keyup', up, true);
      page.addEventListener('blur', stop);
      if (page !== window) page.addEventListener('pagehide', gone);
    };
    const gone = (event: Event) => {
      const page = event.currentTarget as Window;
      leave(page);
      pages.delete(page);
    };
    const leave = (page: Window) => {
      page.removeEventListener('pagehide', gone);
      page.removeEventListener('keydown', down);
      page.removeEventListener('keyup', up, true);
      page.removeEventListener('blur', stop);
    };
    listen(window);
    const opened = (event: Event) => {
      const page = (event as CustomEvent<Window>).detail;
      pages.add(page);
      listen(page);
    };
    window.addEventListener('convoke:window', opened);
    return () => {
      stop();
      window.removeEventListener('convoke:window', opened);
      for (const page of pages) leave(page);
    };
  }, [models]);
}
