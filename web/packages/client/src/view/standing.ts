/** Where an invitation stands, by what the conference and the record of the call tell of whoever was invited. */
import type { FollowedState } from '../conference/followed.js';
import { isCalling, isIn, isNotReached } from '../conference/model.js';
import type { CallAbout } from './calls.js';
import type { InvitationRecord } from './invitations.js';
import type { InvitationState } from './types.js';

/** `roster`: of a conference that is followed. `newest`: they were not invited to it once more. */
export function standing(
  record: InvitationRecord,
  roster: FollowedState | undefined,
  call: CallAbout | undefined,
  newest: boolean,
): InvitationState {
  const { state, mine } = record;
  // An answer that was given is what counts; and what rings here is dealt with where it rings.
  if (state === 'joined' || state === 'called' || state === 'declined' || (state === 'ringing' && !mine)) return state;
  if (!newest) return 'missed';
  const to = record.to.toLowerCase();
  const one = roster?.known ? roster.participants.find(({ user }) => user?.toLowerCase() === to) : undefined;
  const leg = one?.leg?.state;
  if (one && (isIn(leg) || leg === 'answered' || leg === 'confirming')) return one.place.toLowerCase() === 'browser' ? 'joined' : 'called';
  if (leg === 'declined') return 'declined';
  if (isNotReached(leg)) return 'missed';
  if (isCalling(leg)) return mine ? 'ringing' : state;
  const told = call?.people.get(to);
  // Whoever joined with a window has answered; who has not, answered a telephone.
  if (told?.joined) return mine ? 'joined' : 'called';
  if (told?.state === 'declined') return 'declined';
  return call?.over && told ? 'missed' : state;
}
