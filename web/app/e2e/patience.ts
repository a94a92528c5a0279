/** Longer than anything here takes; nothing waits for it to pass. */
export const PATIENCE_MS = 20_000;
