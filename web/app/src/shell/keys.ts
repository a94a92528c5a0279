/** What a key does in a call. */
export type CallKey = 'mute' | 'camera' | 'talk' | 'hand' | 'people' | 'help' | 'ring';

/** Whether letters typed there are text. */
export function takesText(target: EventTarget | null): boolean {
  const element = target as HTMLElement | null;
  if (!element?.closest) return false;
  return element.closest('input, textarea, select, [contenteditable="true"], [role="menu"], [role="listbox"]') !== null;
}

const letters: Record<string, CallKey> = { KeyM: 'mute', KeyV: 'camera', KeyH: 'hand', KeyP: 'people', Space: 'talk' };

/**
 * `M`, `V`, Space, `H`, `P` and `?` when the call has the focus; with Ctrl Shift everywhere. By the place of the key for the
 * letters (`code`), so that they are where they are printed on most keyboards; `?` by what it writes.
 */
export function callKey(
  event: Pick<KeyboardEvent, 'code' | 'key' | 'ctrlKey' | 'shiftKey' | 'altKey' | 'metaKey'>,
  inCall: boolean,
): CallKey | undefined {
  if (event.altKey || event.metaKey) return undefined;
  const everywhere = event.ctrlKey && event.shiftKey;
  if (!everywhere && (event.ctrlKey || !inCall)) return undefined;
  // Who calls is answered from everywhere, and by no single letter.
  if (everywhere && (event.key.toLowerCase() === 'l' || event.code === 'KeyL')) return 'ring';
  if (event.key === '?' || (everywhere && event.code === 'Slash')) return 'help';
  if (event.shiftKey && !everywhere) return undefined;
  const byLetter = { m: 'mute', v: 'camera', h: 'hand', p: 'people' } as const;
  return byLetter[event.key.toLowerCase() as keyof typeof byLetter] ?? letters[event.code];
}
