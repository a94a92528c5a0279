import { useEffect } from 'react';
import { createStore, usePick, useStore } from '../store.ts';
import { useModels } from './models.tsx';

const name = createStore('');

/** What the tab is called: how many are unread, whose chat is open, and the program. */
export function titleOf(unread: number, open: string): string {
  return `${unread > 0 ? `(${unread}) ` : ''}${open ? `${open} · ` : ''}Convoke`;
}

/** Names the tab after what is open, as long as it is. */
export function useTitled(open: string): void {
  useEffect(() => {
    name.set(open);
    return () => name.set('');
  }, [open]);
}

/** The one place that writes the title. */
export function useTitle(): void {
  const { convoke } = useModels();
  const unread = usePick(convoke.chats, (state) => state.unread);
  const open = useStore(name);
  useEffect(() => {
    document.title = titleOf(unread, open);
  }, [unread, open]);
}
