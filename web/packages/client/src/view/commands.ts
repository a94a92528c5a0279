/** Commands to a conference as the board and the invitations give them, and the invitations that go with them. */
import type { Followed } from '../conference/followed.js';
import { isIn, isLive, type Snapshot } from '../conference/model.js';
import { INVITATION, type InvitationBody, writeInvitation } from '../im/invitation.js';
import { uriOf } from '../sip/uri.js';
import type { Outcome } from '../soap/client.js';
import type { Operation } from '../soap/service.js';
import { uuid } from '../util/ids.js';
import { pause } from '../util/timer.js';
import type { Core, Line } from './core.js';
import { Expected } from './expected.js';
import type { Invitations } from './invitations.js';
import { Outside } from './outside.js';
import { callAt } from './places.js';
import type { Place } from './types.js';

/** How long an invitation may be answered: as long as a telephone rings. */
const RINGS_S = 45;
/** A leg that is taken back is over after a moment; so often, and so far apart, it is asked again. */
const ROUNDS = 12;
const ROUND_MS = 400;

export class Commands {
  /** Whom this window asked for by a number. */
  readonly outside: Outside;
  readonly #core: Core;
  readonly #invitations: Invitations;
  /** Accounts that are to be invited when their leg is due. */
  readonly #expected: Expected;

  constructor(core: Core, invitations: Invitations) {
    this.#core = core;
    this.#invitations = invitations;
    this.outside = new Outside(core);
    this.#expected = new Expected(core);
  }

  /** Asks the service; what it tells of the conference is shown at once. */
  async request(operation: Operation): Promise<Outcome> {
    const { line } = this.#core;
    if (!line) return { status: 0 };
    const known = 'conference' in operation ? line.followed.get(operation.conference).get().participants : [];
    const outcome = await line.service.request(operation);
    if (this.#core.line !== line) return { status: 0 };
    if ('answer' in outcome && outcome.answer.conference) {
      const { conference } = outcome.answer;
      this.#numbers(operation, conference, new Set(known.map((one) => one.id)));
      const followed = line.followed.get(conference.id, conference.title);
      followed.adopt(conference);
    }
    if ('fault' in outcome) return { ...outcome, numbers: numbersIn(operation) };
    return outcome;
  }

  /** Remembers who is called by a number alone. */
  #numbers(operation: Operation, { id, participants }: Snapshot, before: ReadonlySet<string>): void {
    if (operation.name === 'create' || operation.name === 'add') {
      this.outside.ask(id, operation.participants, before);
      this.outside.see(id, participants);
    } else if (operation.name === 'call' && operation.number) {
      const one = participants.find(({ id }) => id === operation.participant);
      if (one && !one.user) this.outside.set(id, one.id, { number: operation.number, name: one.name });
    }
  }

  /** Calls somebody on the roster at a place, also somebody who is being called elsewhere. */
  async callAt(conference: string, participant: string, place: Place | undefined, live: boolean): Promise<Outcome> {
    if (live) {
      const ended = await this.request({ name: 'disconnect', conference, participant });
      if (!('answer' in ended) && !isWrongState(ended)) return ended;
    }
    const call: Operation = { name: 'call', conference, participant, ...(place ? callAt(place) : {}) };
    for (let round = 0; ; round++) {
      const outcome = await this.request(call);
      // Its former leg is still being taken back.
      if (!live || !isWrongState(outcome) || round >= ROUNDS) return outcome;
      await pause(this.#core.platform, ROUND_MS);
    }
  }

  /** From now on these are sent an invitation when their leg is due. */
  expect(conference: string, users: readonly string[], kind: 'call' | 'invite'): void {
    const { line } = this.#core;
    for (const user of users) if (user.toLowerCase() !== line?.user.toLowerCase()) this.#expected.set(conference, user, { kind });
    if (line) this.look(line, line.followed.get(conference));
  }

  /** Looks who is due. */
  look(line: Line, followed: Followed): void {
    const { id, participants } = followed.get();
    this.outside.see(id, participants);
    if (!this.#expected.has(id)) return;
    if (followed.over) this.#expected.delete(id);
    else this.#inviteDue(line, followed);
    this.#expected.keep();
  }

  #inviteDue(line: Line, followed: Followed): void {
    const { id, participants } = followed.get();
    for (const { user, leg, place } of participants) {
      const one = user === undefined ? undefined : this.#expected.get(id, user);
      if (!user || !one || !leg) continue;
      const another = one.leg !== undefined && one.leg !== leg.id;
      if (one.leg === undefined) this.#expected.set(id, user, { ...one, leg: leg.id });
      const { kind } = one;
      // Tried by the next trunk, they are still called by this command; later it is somebody else's, and in their own window they come in
      // by themselves.
      const over = !isLive(leg.state) && leg.reason !== 'trunk';
      if (over || (another && place === 'browser')) this.#expected.delete(id, user);
      else if (leg.state === 'dialling' || leg.state === 'ringing') {
        this.#expected.delete(id, user);
        void this.#invite(line, followed, user, kind);
      } else if (isIn(leg.state)) {
        // They were quicker.
        this.#expected.delete(id, user);
      }
    }
  }

  async #invite(line: Line, followed: Followed, user: string, kind: 'call' | 'invite'): Promise<void> {
    const { id, participants, title } = followed.get();
    const { platform, me } = this.#core;
    const inside = participants.filter((one) => isIn(one.leg?.state)).map((one) => one.name);
    const body: InvitationBody = {
      id: uuid(platform),
      conference: id,
      title,
      kind,
      expires: line.ua.serverNow() + RINGS_S * 1_000,
      from: { user: line.user, name: me?.name ?? '' },
      in: inside,
    };
    this.#invitations.take(body, line.user, user, platform.now());
    const written = writeInvitation(body, line.domain);
    const live = await this.#message(line, user, written, true);
    // They are away: kept for them, so that they see what they missed.
    if (live === 480) await this.#message(line, user, written, false);
  }

  async #message(line: Line, user: string, body: string, expires: boolean): Promise<number> {
    const headers = expires ? ([['Expires', String(RINGS_S)]] as const) : [];
    const request = line.ua.outline('MESSAGE', uriOf(user), { headers, type: INVITATION, body });
    return (await line.ua.send(request).response).status;
  }
}

/** The number of each whom an operation names, where it names them by one. */
function numbersIn(operation: Operation): (string | undefined)[] {
  const parties = 'participants' in operation ? operation.participants : [];
  const initiator = operation.name === 'create' ? [operation.initiator] : [];
  const at = operation.name === 'call' ? [operation] : [];
  return [...initiator, ...parties, ...at].map(({ number }) => number);
}

function isWrongState(outcome: Outcome): boolean {
  return 'fault' in outcome && outcome.fault.code === 'wrong-state';
}
