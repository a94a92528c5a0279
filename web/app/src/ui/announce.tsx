import { createStore, useStore } from '../store.ts';

const spoken = createStore<readonly { id: number; text: string }[]>([]);
let last = 0;

/** Has a screen reader say something, politely. What is older than the last few is taken away. */
export function announce(text: string): void {
  last += 1;
  const id = last;
  spoken.set((now) => [...now, { id, text }].slice(-5));
}

/** Takes away what was said: the next one at this screen is somebody else. */
export function silence(): void {
  spoken.set([]);
}

/** The live region; always in the page, since one that appears with its text is not read. */
export function Announcer() {
  const lines = useStore(spoken);
  return (
    <div className="sr" role="log" aria-live="polite">
      {lines.map((line) => (
        <p key={line.id}>{line.text}</p>
      ))}
    </div>
  );
}
