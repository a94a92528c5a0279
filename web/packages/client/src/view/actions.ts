/**
 * What can be done on a board now, by whom: the service's table (`conference-core/src/authority.rs`) as far as a board needs it. The service
 * decides; this only shows no button that would be refused.
 */
import { isCalling, isIn, isLive } from '../conference/model.js';
import type { BoardAction, BoardGroups, BoardMe, BoardRow, ConferenceAction, Role } from './types.js';

/** With somebody else's row, by one of the role `mine`. */
export function rowActions(
  row: Pick<BoardRow, 'role' | 'muted' | 'mutedBy' | 'hidden' | 'shows' | 'hand' | 'state' | 'person'>,
  mine: Role,
  locked: boolean,
): ReadonlySet<BoardAction> {
  const { state, person } = row;
  const actions = new Set<BoardAction>();
  const moderates = mine !== 'participant';
  const add = (when: boolean, ...names: BoardAction[]) => {
    if (when) for (const name of names) actions.add(name);
  };
  const inside = isIn(state);
  add(moderates && inside && !row.muted, 'mute');
  add(moderates && inside && isLifted(row), 'unmute');
  add(moderates && inside && row.hidden, 'unhide');
  add(moderates && inside && !row.hidden && row.shows.length > 0, 'hide');
  add(moderates && isLive(state), 'disconnect');
  add(moderates && inside && row.hand !== undefined, 'give-floor', 'lower-hand');
  add(!isLive(state) && (moderates || !locked), state === 'left' ? 'connect' : 'redial', 'set-place');
  add(moderates && isCalling(state), 'redial', 'set-place');
  add(moderates && row.role === 'participant' && person.user !== undefined, 'make-moderator');
  add(mine === 'owner' && inside && person.user !== undefined, 'hand-over');
  add(moderates && row.role !== 'owner', 'remove');
  add(person.user !== undefined, 'text');
  return actions;
}

/** There is a mute that a moderator may lift: whoever muted themselves is unmuted by nobody else. */
function isLifted({ muted, mutedBy }: Pick<BoardRow, 'muted' | 'mutedBy'>): boolean {
  return muted && mutedBy !== 'themselves';
}

/** With my own row: the service moves whoever is in, or rings, to the place where they call themselves. */
export function myActions(): ReadonlySet<BoardAction> {
  return new Set(['set-place']);
}

/** With the whole. */
export function conferenceActions(
  groups: BoardGroups,
  me: Pick<BoardMe, 'role' | 'state' | 'here' | 'hand'> | undefined,
  locked: boolean,
  sound: boolean,
): ReadonlySet<ConferenceAction> {
  const actions = new Set<ConferenceAction>();
  const add = (when: boolean, name: ConferenceAction) => {
    if (when) actions.add(name);
  };
  const inside = [...groups.hands, ...groups.in];
  const iAmIn = isIn(me?.state);
  const moderates = me !== undefined && me.role !== 'participant';
  add(me !== undefined && (moderates || !locked), 'add');
  add(moderates && inside.some((row) => !row.muted && row.role === 'participant'), 'mute-all');
  add(moderates && inside.some((row) => isLifted(row) && row.role === 'participant'), 'unmute-all');
  add((moderates || !locked) && groups.notReached.length + groups.left.length > 0, 'call-all');
  add(moderates && inside.length + groups.calling.length > 0, 'disconnect-all');
  add(moderates, locked ? 'unlock' : 'lock');
  add(iAmIn && !me?.hand, 'raise-hand');
  add(iAmIn && me?.hand !== undefined, 'lower-hand');
  add(sound && me !== undefined && !me.here, 'join');
  add(me !== undefined && (me.here || isLive(me.state)), 'leave');
  add(moderates, 'end');
  return actions;
}
