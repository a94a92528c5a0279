/** The live board: who is where, and everything that can be done about it. */
import type { Followed, FollowedState, Seen } from '../conference/followed.js';
import { isCalling, isIn, isLive, isNotReached, titleOf } from '../conference/model.js';
import { WORDS } from '../conference/words.js';
import { problem, problemOf } from '../problem.js';
import type { Outcome } from '../soap/client.js';
import type { ConferenceOperation, ParticipantOperation } from '../soap/service.js';
import { State, same } from '../util/store.js';
import { Alarm, found } from '../util/timer.js';
import { conferenceActions, myActions, rowActions } from './actions.js';
import type { Commands } from './commands.js';
import { myPlaces, rememberPlace } from './composer.js';
import { type Core, initialsOf, type Line } from './core.js';
import type { MyCall } from './my-call.js';
import type { MyMute } from './my-mute.js';
import { News } from './news.js';
import { BROWSER, digitsOf, type PeopleModel } from './people.js';
import { isNamed, partyOf, placeFrom, placeNamed, usualPlace, withPlace } from './places.js';
import { resolvePeople } from './resolve.js';
import type { TelephonesModel } from './telephones.js';
import type {
  AddNotice,
  Board,
  BoardAction,
  BoardGroups,
  BoardMe,
  BoardRow,
  BoardState,
  ConferenceAction,
  LegState,
  Moving,
  Person,
  Place,
  Problem,
  Role,
  ShownPicture,
} from './types.js';

/** How long a removal can be taken back. */
const UNDO_MS = 8_000;
/** How long it is waited for the event that tells of who was put back. */
const BACK_MS = 10_000;
/** Why I was not reached at another place is told for so long, by us as by the service (`docs/messages.md`). */
const MOVE_TOLD_MS = 60_000;
/** The key to talk was let go: others see it as muted only now, so that two words in a row make no noise of marks. */
const PUSH_ENDS_MS = 300;

const NOTHING: readonly ShownPicture[] = [];

export interface BoardParts {
  readonly core: Core;
  readonly line: Line;
  readonly people: PeopleModel;
  readonly telephones: TelephonesModel;
  readonly commands: Commands;
  readonly myCall: MyCall;
  readonly myMute: MyMute;
  /** Comes in with this window. */
  join(id: string): Promise<Problem | undefined>;
}

export class BoardModel extends State<BoardState> implements Board {
  readonly id: string;
  readonly #parts: BoardParts;
  readonly #followed: Followed;
  readonly #release: () => void;
  readonly #forget: (() => void)[];
  readonly #places = new Map<string, Place>();
  readonly #pending = new Map<string, BoardAction>();
  readonly #problems = new Map<string, Problem>();
  readonly #strangers = new Map<string, Person>();
  readonly #rows = new Map<string, BoardRow>();
  readonly #states = new Map<string, LegState>();
  readonly #undoEnds: Alarm;
  readonly #pushEnds: Alarm;
  readonly #moveTold: Alarm;
  /** Where the pictures were when that was last told. */
  #pictures: { readonly video: string | undefined; readonly lost: boolean } | undefined;
  readonly #picturesNews: News<'moved' | 'back'>;
  /** How often the sound had moved when that was last told. */
  #soundMoves: number | undefined;
  readonly #soundNews: News<'moved'>;
  #unwatch = () => {};
  #watched = '';
  #undo: { readonly until: number; readonly row: BoardRow } | undefined;
  /** The leg at another place of which I know that it came to nothing. */
  #seen: string | undefined;
  /** The one of which that is being told. */
  #told: string | undefined;
  /** The key to talk is held down, or was a moment ago. */
  #pushing = false;

  constructor(followed: Followed, parts: BoardParts) {
    const { id, title, startedAt } = followed.get();
    const groups = { hands: [], in: [], calling: [], notReached: [], left: [] };
    super({ id, title, state: 'starting', startedAt, locked: false, count: 0, groups, actions: new Set(), stale: true });
    this.id = id;
    this.#parts = parts;
    this.#followed = followed;
    this.#undoEnds = new Alarm(parts.core.platform);
    this.#pushEnds = new Alarm(parts.core.platform);
    this.#moveTold = new Alarm(parts.core.platform);
    this.#release = followed.hold();
    const show = () => this.#show();
    this.#picturesNews = new News(parts.core.platform, show);
    this.#soundNews = new News(parts.core.platform, show);
    this.#forget = [
      followed.subscribe(show),
      parts.people.onChange.add(show),
      parts.telephones.subscribe(show),
      parts.myCall.subscribe(show),
    ];
    this.#show();
  }

  /** Lets go of it; the conference goes on. */
  close(): void {
    for (const forget of this.#forget) forget();
    this.#undoEnds.clear();
    this.#pushEnds.clear();
    this.#moveTold.clear();
    this.#picturesNews.clear();
    this.#soundNews.clear();
    this.#unwatch();
    this.#release();
  }

  mute(participant: string): Promise<boolean> {
    return this.#one('mute', 'mute', participant);
  }

  unmute(participant: string): Promise<boolean> {
    return this.#one('unmute', 'unmute', participant);
  }

  hide(participant: string, on: boolean): Promise<boolean> {
    const name = on ? 'hide' : 'unhide';
    return this.#one(name, name, participant);
  }

  connect(participant: string): Promise<boolean> {
    return this.#call('connect', participant);
  }

  async redial(participant: string, place?: Place | string): Promise<boolean> {
    if (place === undefined) return this.#call('redial', participant);
    const before = this.#places.get(participant);
    if (!this.#choose(participant, place)) return false;
    const done = await this.#call('redial', participant);
    if (!done) this.#unchoose(participant, before);
    return done;
  }

  disconnect(participant: string): Promise<boolean> {
    return this.#one('disconnect', 'disconnect', participant);
  }

  async remove(participant: string): Promise<boolean> {
    const row = this.#rows.get(participant);
    const done = await this.#one('remove', 'remove', participant);
    if (done && row) {
      this.#undo = { until: this.#parts.core.platform.now() + UNDO_MS, row };
      this.#undoEnds.set(UNDO_MS, () => {
        this.#undo = undefined;
        this.#show();
      });
      this.#show();
    }
    return done;
  }

  async undo(): Promise<boolean> {
    const undo = this.#undo;
    if (!undo) return false;
    this.#undo = undefined;
    this.#undoEnds.clear();
    const { person, place } = undo.row;
    if (!isNamed(person)) {
      // Only who put them there could.
      this.set({ notice: { added: [], leftOut: [{ text: person.name, why: 'no-number' }], unsure: [] } });
      this.#show();
      return false;
    }
    const before = new Map(this.#followed.get().participants.map((one) => [one.id, one.leg?.id]));
    const outcome = await this.#addParties([{ person, place }]);
    return this.#done(outcome) && (await this.#asBefore(undo.row, before));
  }

  /**
   * Whoever comes back is what they were, before they are in: nobody shall be heard or seen whom a moderator had muted or hidden. `before`: who stood
   * on the roster, with their legs.
   */
  async #asBefore({ role, muted, mutedBy, hidden, person }: BoardRow, before: ReadonlyMap<string, string | undefined>): Promise<boolean> {
    const [mute, appoint] = [muted && mutedBy !== 'themselves', role === 'moderator' && person.user !== undefined];
    if (!mute && !hidden && !appoint) return true;
    const { core, commands } = this.#parts;
    const isBack = (one: Seen) => !before.has(one.id) || before.get(one.id) !== one.leg?.id;
    // The answer to `add` tells of a long roster only in part, and events tell of all of it.
    const find = ({ participants }: FollowedState) => {
      commands.outside.see(this.id, participants);
      return participants.find((one) => this.#person(one).id === person.id && isBack(one))?.id;
    };
    const back = await found(core.platform, this.#followed, find, BACK_MS);
    if (back === undefined) return this.#refuse(problem('wrong-state'));
    let done = true;
    if (mute) done = await this.mute(back);
    if (hidden) done = (await this.hide(back, true)) && done;
    if (appoint) done = (await this.makeModerator(back)) && done;
    return done;
  }

  giveFloor(participant: string): Promise<boolean> {
    return this.#one('giveFloor', 'give-floor', participant);
  }

  lowerHandOf(participant: string): Promise<boolean> {
    return this.#one('lowerHand', 'lower-hand', participant);
  }

  makeModerator(participant: string): Promise<boolean> {
    return this.#one('makeModerator', 'make-moderator', participant);
  }

  handOver(participant: string): Promise<boolean> {
    return this.#one('handOver', 'hand-over', participant);
  }

  setPlace(participant: string, place: Place | string): void {
    if (this.#choose(participant, place)) this.#show();
  }

  muteAll(): Promise<boolean> {
    return this.#whole('muteAll');
  }

  unmuteAll(): Promise<boolean> {
    return this.#whole('unmuteAll');
  }

  async callAll(): Promise<boolean> {
    const { notReached, left } = this.get().groups;
    const called = await Promise.all([...notReached, ...left].map((row) => this.#call('connect', row.participant)));
    return called.every(Boolean);
  }

  disconnectAll(): Promise<boolean> {
    return this.#whole('disconnectAll');
  }

  lock(): Promise<boolean> {
    return this.#whole('lock');
  }

  unlock(): Promise<boolean> {
    return this.#whole('unlock');
  }

  raiseHand(): Promise<boolean> {
    return this.#mine('raiseHand', 'lower-hand');
  }

  lowerHand(): Promise<boolean> {
    return this.#mine('lowerHand', 'lower-hand');
  }

  muteMe(on: boolean): Promise<boolean> {
    this.#pushing = false;
    this.#pushEnds.clear();
    return this.#muteMe(on);
  }

  pushToTalk(down: boolean): boolean {
    const { myCall } = this.#parts;
    if (!this.#here()) return false;
    if (!down) {
      if (!this.#pushing || this.#pushEnds.armed) return false;
      myCall.mute(true);
      this.#pushEnds.set(PUSH_ENDS_MS, () => void this.muteMe(true));
      return false;
    }
    const me = this.get().me;
    if (!me || me.mutedByModerator || (!this.#pushing && !me.muted)) return false;
    this.#pushEnds.clear();
    this.#pushing = true;
    void this.#muteMe(false);
    return true;
  }

  async add(what: string | Person, place?: Place | string): Promise<AddNotice> {
    const { people, line } = this.#parts;
    const resolved: AddNotice =
      typeof what === 'string' ? await resolvePeople(what, people, line.user) : { added: [what], leftOut: [], unsure: [] };
    const there = new Set([...this.#rows.values()].filter((row) => isLive(row.state)).map((row) => row.person.id));
    const leftOut = [...resolved.leftOut];
    const added = resolved.added.filter((person) => {
      if (there.has(person.id)) leftOut.push({ text: person.name, why: 'already' });
      return !there.has(person.id);
    });
    const known = await Promise.all(added.map((person) => (person.user ? people.complete(person.user) : person)));
    const chosen = place === undefined ? undefined : placeFrom(place);
    if (place !== undefined && !chosen) this.set({ problem: problem('not-understood') });
    const outcome =
      known.length > 0 ? await this.#addParties(known.map((person) => ({ person, place: chosen ?? usualPlace(person) }))) : undefined;
    const done = outcome === undefined || this.#done(outcome);
    const notice: AddNotice = { ...resolved, added: done ? known : [], leftOut };
    this.set({ notice });
    return notice;
  }

  async setMyPlace(place: Place | string): Promise<boolean> {
    const chosen = placeFrom(place);
    if (!chosen) return this.#refuse(problem('not-understood'));
    const me = this.get().me;
    let done: boolean;
    if (!me || chosen.kind === 'browser') done = await this.join();
    else {
      this.#choose(me.participant, chosen);
      // The service moves me there; nothing has to end first.
      done = await this.#call('redial', me.participant, false);
      // I am where I was, and the menu says so.
      if (!done) this.#unchoose(me.participant, undefined);
    }
    if (done) rememberPlace(this.#parts.core, chosen);
    return done;
  }

  async stay(): Promise<boolean> {
    const mine = this.#mineNow();
    if (mine && isLive(mine.moving?.leg.state)) {
      const decline = { name: 'decline', conference: this.id, participant: mine.id } as const;
      return this.#about(mine.id, 'set-place', () => this.#parts.commands.request(decline));
    }
    this.#seen = mine?.moving?.leg.id;
    this.#show();
    return true;
  }

  async join(): Promise<boolean> {
    const why = await this.#parts.join(this.id);
    if (why) return this.#refuse(why);
    // What did not work before does not matter here any more.
    const { me } = this.get();
    if (me) this.#problems.delete(me.participant);
    this.set({ problem: undefined });
    this.#show();
    return true;
  }

  async leave(): Promise<boolean> {
    const me = this.get().me;
    // Also while it is still being set up.
    const here = this.#parts.myCall.get().conference === this.id;
    // To hang up here alone would be to go on where another telephone of mine rings.
    const elsewhere = isLive(here ? me?.moving?.state : me?.state);
    const leaving = elsewhere ? this.#mine('disconnect', 'disconnect') : true;
    if (here) this.#parts.myCall.leave();
    return leaving;
  }

  endForAll(): Promise<boolean> {
    return this.#whole('end');
  }

  dismiss(): void {
    this.#problems.clear();
    this.#picturesNews.clear();
    this.#soundNews.clear();
    this.set({ problem: undefined, notice: undefined, without: undefined });
    this.#show();
  }

  async #muteMe(on: boolean): Promise<boolean> {
    const muting = this.#parts.myMute.set(this.id, on, (now) => this.#mine(now ? 'mute' : 'unmute', now ? 'mute' : 'unmute'));
    this.#show();
    const done = await muting;
    this.#show();
    return done;
  }

  #here(): boolean {
    const { conference, status } = this.#parts.myCall.get();
    return conference === this.id && (status === 'up' || status === 'reconnecting');
  }

  #refuse(why: Problem): false {
    this.set({ problem: why });
    return false;
  }

  #done(outcome: Outcome): boolean {
    const why = problemOf(outcome);
    this.set({ problem: why });
    return !why;
  }

  async #whole(name: ConferenceOperation): Promise<boolean> {
    return this.#done(await this.#parts.commands.request({ name, conference: this.id }));
  }

  #mine(name: ParticipantOperation, action: BoardAction): Promise<boolean> {
    const me = this.get().me;
    return me ? this.#one(name, action, me.participant) : Promise.resolve(this.#refuse(problem('unknown')));
  }

  #one(name: ParticipantOperation, action: BoardAction, participant: string): Promise<boolean> {
    return this.#about(participant, action, () => this.#parts.commands.request({ name, conference: this.id, participant }));
  }

  /** `first`: what is there is ended first. */
  #call(action: BoardAction, participant: string, first = isLive(this.#find(participant)?.state)): Promise<boolean> {
    const { commands } = this.#parts;
    const row = this.#find(participant);
    const chosen = this.#places.get(participant);
    return this.#about(participant, action, async () => {
      const outcome = await commands.callAt(this.id, participant, chosen, first);
      if ('answer' in outcome) {
        this.#places.delete(participant);
        if (row?.person.user) commands.expect(this.id, [row.person.user], 'call');
      }
      return outcome;
    });
  }

  async #about(participant: string, action: BoardAction, ask: () => Promise<Outcome>): Promise<boolean> {
    this.#pending.set(participant, action);
    this.#problems.delete(participant);
    this.#show();
    const outcome = await ask();
    if (this.#pending.get(participant) === action) this.#pending.delete(participant);
    const why = problemOf(outcome);
    if (why) this.#problems.set(participant, why);
    this.#show();
    return this.#done(outcome);
  }

  async #addParties(parties: readonly { person: Person; place: Place }[]): Promise<Outcome> {
    const { commands } = this.#parts;
    const participants = parties.map(({ person, place }) => partyOf(person, place));
    const outcome = await commands.request({ name: 'add', conference: this.id, participants });
    const users = parties.flatMap(({ person }) => person.user ?? []);
    if ('answer' in outcome) commands.expect(this.id, users, 'call');
    return outcome;
  }

  #choose(participant: string, place: Place | string): boolean {
    const chosen = placeFrom(place);
    if (!chosen) return this.#refuse(problem('not-understood'));
    this.#places.set(participant, chosen);
    return true;
  }

  /** A place that was refused is not where they are called next. */
  #unchoose(participant: string, before: Place | undefined): void {
    if (before) this.#places.set(participant, before);
    else this.#places.delete(participant);
    this.#show();
  }

  #find(participant: string): BoardRow | undefined {
    const me = this.get().me;
    return me?.participant === participant ? me : this.#rows.get(participant);
  }

  #mineNow(): Seen | undefined {
    const me = this.#parts.line.user.toLowerCase();
    return this.#followed.get().participants.find((one) => one.user?.toLowerCase() === me);
  }

  #show(): void {
    const { core } = this.#parts;
    const told = this.#followed.get();
    const mine = this.#mineNow();
    const role = mine?.role ?? 'participant';
    const over = told.phase === 'ending' || told.phase === 'ended';
    // What did not work in it is of no interest any more.
    if (told.phase === 'ended' && this.get().state !== 'ended') this.#problems.clear();
    const keys = new Set<string>();
    const rows = told.participants.filter((one) => one !== mine).map((one) => this.#row(one, keys, role, told.locked, over));
    const there = new Set(rows.map((row) => row.participant));
    for (const id of this.#rows.keys()) if (!there.has(id)) this.#rows.delete(id);
    this.#tellMove(mine);
    const me = mine && this.#me(mine, keys, role, told.locked, over);
    const inside = rows.filter((row) => isIn(row.state));
    const groups: BoardGroups = {
      hands: inside.filter((row) => row.hand).sort((a, b) => (a.hand?.position ?? 0) - (b.hand?.position ?? 0)),
      in: inside.filter((row) => !row.hand),
      calling: rows.filter((row) => isCalling(row.state)),
      notReached: rows.filter((row) => isNotReached(row.state)),
      left: rows.filter((row) => row.state === 'left'),
    };
    const before = this.get();
    const [undo, was] = [this.#undo && { name: this.#undo.row.person.name, until: this.#undo.until }, before.undo];
    const actions = over ? new Set<ConferenceAction>() : conferenceActions(groups, me, told.locked, core.platform.media !== undefined);
    this.set({
      title: told.title || titleOf(rows.map((row) => row.person)),
      state: told.phase,
      startedAt: told.startedAt,
      endedAt: told.endedAt,
      end: told.phase === 'ended' ? (told.end ?? before.end ?? { words: '' }) : undefined,
      locked: told.locked,
      pictures: over ? undefined : this.#picturesNow(told),
      sound: over ? undefined : this.#soundNow(told),
      absent: over || told.absent.length === 0 ? undefined : told.absent,
      count: told.participants.filter((one) => isIn(one.leg?.state)).length,
      me: me && before.me && same(me, before.me) ? before.me : me,
      groups: keep(groups, before.groups),
      actions: same(actions, before.actions) ? before.actions : actions,
      stale: !told.current && !over,
      problem: told.phase === 'ended' && before.state !== 'ended' ? undefined : before.problem,
      undo: undo && was && same(undo, was) ? was : undo,
    });
    this.#watch(told.participants);
    for (const row of me ? [...rows, me] : rows) this.#announce(row, told.phase === 'ended');
  }

  /** Lets go of why I was not reached elsewhere when its time is over: no document comes to take it away. */
  #tellMove(mine: Seen | undefined): void {
    const { core, line } = this.#parts;
    const leg = mine?.moving?.leg;
    const over = leg && !isLive(leg.state) ? leg : undefined;
    if (over?.id === this.#told) return;
    this.#told = over?.id;
    this.#moveTold.clear();
    if (!over) return;
    const now = core.platform.now();
    const since = over.since === undefined ? now : line.ua.localTime(over.since);
    this.#moveTold.set(Math.max(since + MOVE_TOLD_MS - now, 0), () => {
      this.#seen = over.id;
      this.#show();
    });
  }

  /** What there is to say of the pictures: that they are lost as long as they are, and for a while that they are there again. */
  #picturesNow({ known, video, picturesLost: lost }: FollowedState): BoardState['pictures'] {
    const was = this.#pictures;
    if (known) this.#pictures = { video, lost };
    const elsewhere = was?.video !== undefined && was.video !== video;
    if (known && !lost && was && (was.lost || elsewhere)) {
      this.#picturesNews.say(elsewhere ? 'moved' : 'back');
    }
    return lost ? 'lost' : this.#picturesNews.now;
  }

  /** For a while, that the sound was interrupted and goes on over another bridge. */
  #soundNow({ known, soundMoves }: FollowedState): BoardState['sound'] {
    if (known) {
      if (this.#soundMoves !== undefined && soundMoves > this.#soundMoves) this.#soundNews.say('moved');
      this.#soundMoves = soundMoves;
    }
    return this.#soundNews.now;
  }

  /** `over`: that it has ended says it of all of them. */
  #announce(row: BoardRow, over: boolean): void {
    const before = this.#states.get(row.participant);
    this.#states.set(row.participant, row.state);
    if (!over && before !== undefined && before !== row.state) this.#parts.core.notice({ kind: 'row', conference: this.id, row, before });
  }

  /** The presence of those on the board is followed. */
  #watch(participants: readonly Seen[]): void {
    const users = participants.flatMap((one) => one.user ?? []);
    const key = users.join();
    if (key === this.#watched) return;
    this.#watched = key;
    const unwatch = this.#unwatch;
    this.#unwatch = this.#parts.people.watch(users);
    for (const one of participants) if (one.user) this.#parts.people.hint(one.user, one.name);
    for (const user of users) void this.#parts.people.complete(user);
    unwatch();
  }

  #person(one: Seen): Person {
    if (one.user) {
      this.#parts.people.hint(one.user, one.name);
      return this.#parts.people.person(one.user);
    }
    const asked = this.#parts.commands.outside.of(this.id, one.id);
    if (asked) return this.#parts.people.outside(asked.number, asked.name);
    const known = this.#strangers.get(one.id);
    if (known?.name === one.name) return known;
    const person: Person = {
      id: `participant:${one.id}`,
      name: one.name,
      initials: initialsOf(one.name),
      presence: 'offline',
      places: [],
      favourite: false,
      contact: false,
    };
    this.#strangers.set(one.id, person);
    return person;
  }

  /** Where somebody is called: of a number the roster tells the end alone, and whoever asked for it knows the whole. */
  #placeOf(one: Seen, person: Person): Place {
    const told = placeNamed(one.place, person.places);
    const asked = one.user || told.kind !== 'number' ? undefined : this.#parts.commands.outside.of(this.id, one.id);
    const digits = asked && digitsOf(asked.number);
    return person.places.find((place) => place.number && digitsOf(place.number) === digits) ?? told;
  }

  #row(one: Seen, keys: Set<string>, role: Role, locked: boolean, over: boolean): BoardRow {
    const person = this.#person(one);
    const now = this.#placeOf(one, person);
    const place = this.#places.get(one.id) ?? now;
    const state = one.leg?.state ?? 'queued';
    // One account may stand on a roster twice.
    const key = keys.has(person.id) ? `participant:${one.id}` : person.id;
    keys.add(key);
    const hand = one.hand && { position: one.hand.position, since: one.handSince };
    const hidden = one.hidden ?? false;
    const shows = isIn(state) ? one.pictures : NOTHING;
    const row: BoardRow = {
      key,
      participant: one.id,
      person,
      role: one.role,
      place,
      places: withPlace(withPlace(person.places, now), place),
      state,
      words: WORDS[state],
      since: one.since,
      reason: one.leg?.reason,
      reasonWords: one.leg?.words,
      muted: one.muted,
      mutedBy: one.muted ? one.mutedBy : undefined,
      talking: one.talking && isIn(state),
      silent: one.silent,
      hidden,
      hand,
      shows,
      actions: over
        ? new Set()
        : rowActions({ role: one.role, muted: one.muted, mutedBy: one.mutedBy, hidden, shows, hand, state, person }, role, locked),
      changedAt: one.changedAt,
      pending: this.#pending.get(one.id),
      problem: this.#problems.get(one.id),
    };
    const before = this.#rows.get(one.id);
    if (before && same(before, row)) return before;
    this.#rows.set(one.id, row);
    return row;
  }

  #me(one: Seen, keys: Set<string>, role: Role, locked: boolean, over: boolean): BoardMe {
    const { core, myCall, myMute, telephones } = this.#parts;
    const row = this.#row(one, keys, role, locked, over);
    this.#rows.delete(one.id);
    const call = myCall.get();
    const here = call.conference === this.id && call.status !== 'idle';
    const mine = myPlaces(core, telephones);
    const now = here ? BROWSER : placeNamed(one.place, mine);
    const place = this.#places.get(one.id) ?? now;
    const moving: Moving | undefined =
      over || !one.moving || one.moving.leg.id === this.#seen
        ? undefined
        : {
            place: placeNamed(one.moving.place, mine),
            state: one.moving.leg.state,
            reason: one.moving.leg.reason,
            reasonWords: one.moving.leg.words,
          };
    return {
      ...row,
      moving,
      place,
      places: withPlace(withPlace(mine, now), place),
      actions: over ? new Set() : myActions(),
      // As it is here, and as it will be for the others.
      muted: myMute.wanted(this.id) ?? (one.muted || (here && call.muted)),
      here,
      // Whoever moderates lifts it themselves.
      mutedByModerator: one.role === 'participant' && (row.mutedBy === 'moderator' || row.mutedBy === 'both'),
      sound: here ? call.problem : undefined,
    };
  }
}

/** Groups and lists that did not change stay the same objects. */
function keep(next: BoardGroups, before: BoardGroups): BoardGroups {
  const list = (a: readonly BoardRow[], b: readonly BoardRow[]) => (a.length === b.length && a.every((row, at) => row === b[at]) ? b : a);
  const kept: BoardGroups = {
    hands: list(next.hands, before.hands),
    in: list(next.in, before.in),
    calling: list(next.calling, before.calling),
    notReached: list(next.notReached, before.notReached),
    left: list(next.left, before.left),
  };
  const names = ['hands', 'in', 'calling', 'notReached', 'left'] as const;
  return names.every((name) => kept[name] === before[name]) ? before : kept;
}
