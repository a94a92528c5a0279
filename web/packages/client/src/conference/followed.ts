/**
 * A conference that is followed live: its event documents, the times that only the service knows, and how it ended. Several parts of a window
 * look at the same one, so it is counted who does.
 */

import { conferenceUri } from '../im/invitation.js';
import { Subscription } from '../sip/subscription.js';
import type { Ua } from '../sip/ua.js';
import type { ConferenceService } from '../soap/client.js';
import { State, same } from '../util/store.js';
import { Alarm } from '../util/timer.js';
import type { Absent, EndReason } from '../view/types.js';
import { CONFERENCE_INFO, EventState } from './event.js';
import {
  absentOf,
  type End,
  isIn,
  isLive,
  type Leg,
  type LegEnd,
  type Participant,
  type PictureShown,
  type Snapshot,
  titleOf,
} from './model.js';

/** A participant with the times by this device's clock. */
export interface Seen extends Participant {
  /** Since when the leg is in its state. */
  readonly since: number;
  /** When anything but talking last changed; 0: it was so when first seen. */
  readonly changedAt: number;
  readonly handSince: number;
  readonly pictures: readonly PictureShown[];
}

export interface FollowedState {
  readonly id: string;
  readonly title: string;
  readonly phase: Snapshot['phase'];
  readonly locked: boolean;
  readonly video?: string;
  readonly picturesLost: boolean;
  /** How often the sound has gone to another bridge. */
  readonly soundMoves: number;
  /** What the bridge that has the sound cannot do; answers of the service do not tell it. */
  readonly absent: readonly Absent[];
  readonly startedAt: number;
  readonly endedAt?: number;
  readonly end?: End;
  readonly participants: readonly Seen[];
  /** Something has been told at all. */
  readonly known: boolean;
  /** What is here is up to date. */
  readonly current: boolean;
  /** The service says that there is no such conference for us. */
  readonly denied: boolean;
}

/** After a whole document with legs whose time is unknown the service is asked for it, once things are quiet. */
const TIMES_AFTER_MS = 300;

export class Followed extends State<FollowedState> {
  readonly #ua: Ua;
  readonly #service: ConferenceService;
  readonly #events: EventState;
  readonly #subscription: Subscription;
  readonly #times: Alarm;
  #holders = 0;
  #asking = false;
  #learning = false;
  /** How it ended is known, and how everybody's leg did. */
  #learnt = false;
  /** When it began, as its record tells; a document need not. */
  #began: number | undefined;
  /** The version of what is shown. */
  #shown = 0;

  constructor(ua: Ua, service: ConferenceService, id: string, title: string) {
    super({
      id,
      title,
      phase: 'starting',
      locked: false,
      picturesLost: false,
      soundMoves: 0,
      absent: [],
      startedAt: ua.platform.now(),
      participants: [],
      known: false,
      current: false,
      denied: false,
    });
    this.#ua = ua;
    this.#service = service;
    this.#events = new EventState(id, title);
    this.#times = new Alarm(ua.platform);
    this.#subscription = new Subscription(ua, {
      uri: conferenceUri(id, ua.domain),
      event: 'conference',
      accept: CONFERENCE_INFO,
      urgent: true,
      onNotify: (body, type, first) => this.#notified(body, type, first),
      onCurrent: (current) => this.set({ current: current && this.get().known }),
      onOver: (status, reason) => this.#subscriptionOver(status, reason),
    });
  }

  get over(): boolean {
    const { phase, denied } = this.get();
    return phase === 'ended' || denied;
  }

  /** Follows it as long as somebody holds it. Returns the way to let go. */
  hold(): () => void {
    if (this.#holders++ === 0 && !this.over) this.#subscription.start();
    let held = true;
    return () => {
      if (held && --this.#holders === 0) this.#subscription.stop();
      held = false;
    };
  }

  get held(): boolean {
    return this.#holders > 0;
  }

  /** An answer of the service told this: it is newer than what events said, or says more. */
  adopt(snapshot: Snapshot): void {
    // What is known by events goes its own way; the answer gives the times, and all there is before the first event. A page of the roster is not
    // the roster: it gives no more than times.
    const { known } = this.get();
    const whole = (snapshot.count ?? 0) <= snapshot.participants.length;
    if (!whole) this.#giveTimes(snapshot);
    else if (!known || snapshot.version > this.#shown || snapshot.phase === 'ended') this.#show(snapshot, known);
    if (whole) this.#giveTimes(snapshot);
    if (snapshot.phase === 'ended') this.ended(undefined);
  }

  /** When it began by its record, in this device's time: the same for all windows, and after a reload. */
  began(at: number): void {
    if (this.#began === at) return;
    this.#began = at;
    this.set({ startedAt: at });
  }

  /** A report told that it ended. How legs ended with it was told to nobody any more, so that is asked for. */
  told(end: End): void {
    this.#learnt = !this.get().participants.some((one) => isLive(one.leg?.state));
    this.ended(end);
    if (!this.#learnt) void this.#learnEnd();
  }

  /** It is over; of the last legs it may be told how they ended. */
  ended(end: End | undefined, legEnds: readonly LegEnd[] = []): void {
    const state = this.get();
    const endedAt = state.endedAt ?? this.#ua.platform.now();
    const participants = gone(withEnds(state.participants, legEnds, endedAt), endedAt, 'conference-ended');
    this.set({
      phase: 'ended',
      endedAt,
      // Somebody may tell it after all.
      end: state.end && (state.end.reason !== 'untold' || !end) ? state.end : end,
      participants,
    });
    this.#subscription.stop();
    this.#times.clear();
  }

  #notified(body: string, type: string, first: boolean): boolean {
    if (type !== CONFERENCE_INFO) return false;
    const applied = this.#events.apply(body, first);
    if (applied === 'bad') return false;
    if (applied === 'deleted') void this.#learnEnd();
    if (applied === 'gap') {
      // Not within the answer to this one: the service would count them together.
      this.set({ current: false });
      this.#ua.platform.setTimeout(() => this.#subscription.refetch(), 0);
    }
    if (applied === 'new') {
      // An answer may have told more already; what is on its way to us catches up with it.
      const { version } = this.#events.snapshot;
      if (version === 0 || version >= this.#shown) this.#show(this.#events.snapshot, this.get().known);
      this.set({ current: true });
      if (this.#events.snapshot.phase === 'ended') void this.#learnEnd();
    }
    return true;
  }

  /** `live`: what differs from before happens now. */
  #show(snapshot: Snapshot, live: boolean): void {
    this.#shown = snapshot.version;
    const { platform } = this.#ua;
    const now = platform.now();
    const before = this.get();
    const known = new Map(before.participants.map((one) => [one.id, one]));
    let unsure = false;
    const seen = snapshot.participants.map((told): Seen => {
      const was = known.get(told.id);
      // Answers of the service say nothing of pictures.
      const one = { ...told, pictures: told.pictures ?? was?.pictures ?? [] };
      const moved = one.leg?.id !== was?.leg?.id || one.leg?.state !== was?.leg?.state;
      const since = one.leg?.since === undefined ? undefined : this.#ua.localTime(one.leg.since);
      const handTold = one.hand?.since === undefined ? undefined : this.#ua.localTime(one.hand.since);
      const changed = !was || !same({ ...one, talking: 0 }, { ...plain(was), talking: 0 });
      if (moved && since === undefined && !before.current) unsure = true;
      const next: Seen = {
        ...one,
        since: moved || !was ? (since ?? now) : was.since,
        handSince: was?.hand ? was.handSince : (handTold ?? now),
        changedAt: changed ? (live ? now : (was?.changedAt ?? 0)) : was.changedAt,
      };
      return was && same(was, next) ? was : next;
    });
    const started = snapshot.started === undefined ? undefined : this.#ua.localTime(snapshot.started);
    const shown = before.phase === 'ended' ? gone(seen, before.endedAt ?? now, 'conference-ended') : seen;
    const unchanged = shown.length === before.participants.length && shown.every((one, at) => one === before.participants[at]);
    this.set({
      title: snapshot.title || before.title,
      phase: before.phase === 'ended' ? 'ended' : snapshot.phase,
      locked: snapshot.locked,
      video: snapshot.video,
      picturesLost: snapshot.picturesLost ?? false,
      soundMoves: snapshot.soundMoves ?? 0,
      absent: snapshot.absent ? absentOf(snapshot.absent, before.absent) : before.absent,
      startedAt: started ?? this.#began ?? (before.known ? before.startedAt : this.#earliest(seen)),
      participants: unchanged ? before.participants : shown,
      known: true,
    });
    if (unsure && !this.#times.armed) this.#times.set(TIMES_AFTER_MS, () => void this.#askTimes());
  }

  #earliest(participants: readonly Seen[]): number {
    const times = participants.filter((one) => isIn(one.leg?.state)).map((one) => one.since);
    return Math.min(this.get().startedAt, ...times);
  }

  async #askTimes(): Promise<void> {
    if (this.#asking || this.over) return;
    this.#asking = true;
    const outcome = await this.#service.state(this.get().id);
    this.#asking = false;
    if ('answer' in outcome && outcome.answer.conference) this.#giveTimes(outcome.answer.conference);
  }

  /** Sets the times of legs that are still where the service saw them. */
  #giveTimes(snapshot: Snapshot): void {
    const legs = new Map(snapshot.participants.map((one) => [one.id, one]));
    const before = this.get();
    const participants = before.participants.map((one): Seen => {
      const of = legs.get(one.id);
      if (!of) return one;
      const fits = of.leg?.since !== undefined && of.leg.id === one.leg?.id && of.leg.state === one.leg.state;
      const since = fits && of.leg?.since !== undefined ? this.#ua.localTime(of.leg.since) : one.since;
      const handSince = one.hand && of.hand?.since !== undefined ? this.#ua.localTime(of.hand.since) : one.handSince;
      // Differences that nobody sees would only make everything be drawn again.
      const changed = Math.abs(since - one.since) > 500 || Math.abs(handSince - one.handSince) > 500;
      return changed ? { ...one, since, handSince } : one;
    });
    const told = snapshot.started === undefined ? undefined : this.#ua.localTime(snapshot.started);
    const started = told ?? this.#began ?? this.#earliest(participants);
    const unchanged = participants.every((one, at) => one === before.participants[at]);
    this.set({ participants: unchanged ? before.participants : participants, startedAt: started });
  }

  #subscriptionOver(status: number, reason: string): void {
    // Whoever is on the roster is let in: it is over, or we were taken off.
    void this.#learnEnd(status !== 200 || reason !== 'noresource', reason);
  }

  /** Asks how it ended; what cannot be told any more ended somehow. */
  async #learnEnd(denied = false, reason = ''): Promise<void> {
    if (this.#learning) return;
    if (this.#learnt) {
      this.ended(undefined);
      return;
    }
    this.#learning = true;
    const { id } = this.get();
    const outcome = await this.#service.request({ name: 'get', conference: id, since: this.#events.snapshot.version });
    this.#learning = false;
    const answer = 'answer' in outcome ? outcome.answer : undefined;
    this.#learnt = answer?.end !== undefined;
    if (denied && answer?.conference) {
      // It goes on, though nobody tells us how; or it ended with the server's former process, which nobody told at all.
      if (answer.conference.phase === 'ended') this.ended(answer.end, answer.legEnds);
      this.adopt(answer.conference);
      return;
    }
    // Whoever is on the roster is told of an end.
    if (reason === 'rejected' && !answer?.end) return this.#out({ reason: 'removed', words: 'you were removed' }, 'by-moderator');
    if (denied && !answer) {
      const { known, phase } = this.get();
      // Who was away is told the same of one that is over as of one that they were taken off meanwhile.
      if (known && phase !== 'ended') return this.#out({ reason: 'untold', words: 'it ended, or you are no longer in it' });
      this.set({ denied: true });
    }
    this.ended(answer?.end, answer?.legEnds);
  }

  /** The others go on without us, or may, and of them we are told no more: what was seen of them last would not stay true. */
  #out(end: End, reason?: EndReason): void {
    const me = this.#ua.options.aor.toLowerCase();
    const endedAt = this.#ua.platform.now();
    const { title, participants } = this.get();
    const isMine = (one: Seen) => one.user?.toLowerCase() === me;
    const mine = participants.filter(isMine);
    // At once, so that nobody takes it for the end of the conference.
    this.set({
      // The others who gave it its name are shown no more.
      title: title || titleOf(participants.filter((one) => !isMine(one))),
      denied: true,
      phase: 'ended',
      endedAt,
      end,
      participants: gone(mine, endedAt, reason),
    });
    this.#subscription.stop();
    this.#times.clear();
  }
}

function plain(seen: Seen): Participant {
  const { since: _, changedAt: __, handSince: ___, ...participant } = seen;
  return participant;
}

/** Each with how their last leg ended, where that is told. */
function withEnds(participants: readonly Seen[], legEnds: readonly LegEnd[], at: number): readonly Seen[] {
  if (legEnds.length === 0) return participants;
  const ends = new Map(legEnds.map(({ participant, leg }) => [participant, leg]));
  return participants.map((one): Seen => {
    const leg = ends.get(one.id);
    if (!leg || (one.leg && same(one.leg, leg))) return one;
    return { ...one, leg, since: isLive(one.leg?.state) ? at : one.since };
  });
}

/** Nobody is in, or called, any more: the last documents of a conference need not tell of each leg how it ended. `reason`: why, where it is known. */
function gone(participants: readonly Seen[], at: number, reason: EndReason | undefined): readonly Seen[] {
  const left = participants.map((one): Seen => {
    const { leg } = one;
    if (!isLive(leg?.state) && !one.talking && !one.hand && !one.moving) return one;
    const over: Leg | undefined = leg && isLive(leg.state) ? { ...leg, state: 'left', reason, words: undefined } : leg;
    return { ...one, leg: over, moving: undefined, talking: false, silent: false, hand: undefined, since: over === leg ? one.since : at };
  });
  return left.every((one, index) => one === participants[index]) ? participants : left;
}

/** All that are followed, each once. */
export class Conferences {
  readonly #all = new Map<string, Followed>();

  constructor(
    readonly ua: Ua,
    readonly service: ConferenceService,
  ) {}

  /**
   * The one of this id. Those that nobody holds are forgotten when another one is asked for; one that did not let us in is asked anew, as
   * somebody may have added us since.
   */
  get(id: string, title = ''): Followed {
    const known = this.#all.get(id);
    if (known && (known.held || !known.get().denied)) return known;
    for (const [other, followed] of this.#all) {
      if (!followed.held) this.#all.delete(other);
    }
    const followed = new Followed(this.ua, this.service, id, title);
    this.#all.set(id, followed);
    return followed;
  }

  /** A report of the service told that it ended. */
  ended(id: string, end: End): void {
    this.#all.get(id)?.told(end);
  }
}
