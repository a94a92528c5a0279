/** The states of a leg in English words. */
import type { LegState } from '../view/types.js';

export const WORDS: Readonly<Record<LegState, string>> = {
  queued: 'Queued',
  dialling: 'Calling',
  ringing: 'Ringing',
  answered: 'Connecting',
  confirming: 'Confirming',
  joined: 'In the call',
  held: 'On hold',
  left: 'Left',
  busy: 'Busy',
  'no-answer': 'No answer',
  declined: 'Declined',
  unreachable: 'Unreachable',
  failed: 'Failed',
};
