/** Every state that a chip can show: icon, word and colour belong together. */
export const chipStates = [
  'queued',
  'dialling',
  'ringing',
  'answered',
  'confirming',
  'joined',
  'held',
  'muted',
  'silent',
  'hand',
  'busy',
  'no-answer',
  'declined',
  'unreachable',
  'failed',
  'removed',
  'left',
  'idle',
] as const;

export type ChipState = (typeof chipStates)[number];
