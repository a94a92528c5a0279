/** Conferences: those that run, those that call me, the one that is being put together, and the one on the board. */
import type { Followed } from '../conference/followed.js';
import { isCalling, isIn, isLive, isOut, titleOf } from '../conference/model.js';
import { INVITATION, writeAnswer } from '../im/invitation.js';
import { problem, problemOf } from '../problem.js';
import { uriOf } from '../sip/uri.js';
import { State, same } from '../util/store.js';
import { Alarm } from '../util/timer.js';
import { BoardModel } from './board.js';
import type { CallsModel } from './calls.js';
import { Commands } from './commands.js';
import { ComposerModel, myPlaces, type NotStarted } from './composer.js';
import type { Core, Line } from './core.js';
import { Faces } from './faces.js';
import type { InvitationRecord, Invitations } from './invitations.js';
import { MyCall } from './my-call.js';
import { MyMute } from './my-mute.js';
import { BROWSER, type PeopleModel } from './people.js';
import { partyOf } from './places.js';
import { Recalled } from './recalled.js';
import { standing } from './standing.js';
import type { TelephonesModel } from './telephones.js';
import type {
  CallLineItem,
  Composer,
  Conferences,
  ConferencesState,
  HereConference,
  Invitation,
  InvitationAnswer,
  InvitationItem,
  LiveConference,
  Person,
  Problem,
} from './types.js';

/** Conferences that are followed at a time. */
const FOLLOWED_MAX = 16;
/** Conferences whose presence is followed at a time. */
const FACES_MAX = 24;
/** An invitation says for so long that its conference may still run. */
const INVITED_MS = 3_600_000;
/** Conferences that were come to by their address, remembered; the oldest go. */
const VISITED_MAX = 4;
/** The list is asked for so often: a conference that somebody else started may ring only a telephone of mine. */
const LIST_EVERY_MS = 60_000;
/** The list is asked for once for all that come together. */
const LIST_SOON_MS = 300;
/** So long the focus may say that my leg is over while the call still holds. */
const LEG_OVER_MS = 3_000;
/** Records are written when a conference begins, and when it is over. */
const RECORDS_AFTER_MS = 1_500;
/** An id of a conference, as it stands in an address. */
const CONFERENCE = /^[A-Za-z0-9._~-]{1,128}$/;

interface Attached {
  readonly followed: Followed;
  readonly forget: () => void;
  over: boolean;
  /** It was seen going on: that it ends is news. */
  live: boolean;
  /** Its record was looked for. */
  recorded: boolean;
  /** How often its sound had moved when that was last told. */
  soundMoves: number | undefined;
}

export class ConferencesModel extends State<ConferencesState> implements Conferences {
  readonly #core: Core;
  readonly #people: PeopleModel;
  readonly #telephones: TelephonesModel;
  readonly #invitations: Invitations;
  readonly #recalled: Recalled;
  readonly #calls: CallsModel;
  readonly #commands: Commands;
  readonly #myCall: MyCall;
  readonly #myMute: MyMute;
  readonly #attached = new Map<string, Attached>();
  readonly #faces: Faces;
  #listed: ReadonlySet<string> = new Set();
  /** Their addresses were given to me. */
  #visited: readonly string[] = [];
  /** I was taken off their rosters: they are no concern of mine any more. */
  readonly #denied = new Set<string>();
  readonly #answering = new Set<string>();
  readonly #rings = new Set<string>();
  readonly #list: Alarm;
  readonly #expiry: Alarm;
  readonly #legOver: Alarm;
  readonly #records: Alarm;
  #composer: ComposerModel | undefined;
  #board: BoardModel | undefined;
  #first = true;
  #wasInCall = false;

  constructor(core: Core, people: PeopleModel, telephones: TelephonesModel, invitations: Invitations, calls: CallsModel) {
    super({ live: [], ringing: [] });
    this.#core = core;
    this.#people = people;
    this.#telephones = telephones;
    this.#invitations = invitations;
    this.#recalled = new Recalled(core, invitations);
    this.#calls = calls;
    this.#commands = new Commands(core, invitations);
    this.#myCall = new MyCall(core);
    this.#myMute = new MyMute(core, this.#myCall);
    this.#faces = new Faces(core);
    this.#list = new Alarm(core.platform);
    this.#expiry = new Alarm(core.platform);
    this.#legOver = new Alarm(core.platform);
    this.#records = new Alarm(core.platform);
    this.#listen();
  }

  compose(people: readonly (Person | string)[] = [], chat?: string): Composer {
    this.#composer?.close();
    // What is over makes room; a running one stays, behind it.
    const over = this.#board?.get().state === 'ended';
    if (over) this.#dropBoard();
    const composer = new ComposerModel(this.#core, this.#people, this.#telephones, (one, only) => this.#start(one, only), chat);
    this.#composer = composer;
    // In one step: nothing shall look as if there were neither.
    this.set({ composer, board: this.#board });
    if (over) this.#show();
    const account = (text: string) => text.includes('@') && !/[\s,;<>]/.test(text);
    void composer.addAll(people.map((one) => (typeof one === 'string' && account(one) ? this.#people.person(one) : one)));
    return composer;
  }

  closeComposer(): void {
    this.#composer?.close();
    this.#composer = undefined;
    this.set({ composer: undefined });
  }

  openBoard(id: string): BoardModel {
    const line = this.#line();
    if (this.#board?.id === id) return this.#board;
    this.#board?.close();
    this.#attach(line, id);
    this.#board = new BoardModel(line.followed.get(id), {
      core: this.#core,
      line,
      people: this.#people,
      telephones: this.#telephones,
      commands: this.#commands,
      myCall: this.#myCall,
      myMute: this.#myMute,
      join: (conference) => this.#myCall.join(conference),
    });
    this.#core.platform.tab?.set(line.key('board'), id);
    this.set({ board: this.#board });
    this.#show();
    return this.#board;
  }

  closeBoard(): void {
    this.#dropBoard();
    this.set({ board: undefined });
    this.#show();
  }

  #dropBoard(): void {
    this.#board?.close();
    this.#board = undefined;
    const { line, platform } = this.#core;
    if (line) platform.tab?.remove(line.key('board'));
    this.#tidy();
  }

  async visit(id: string): Promise<'running' | 'over' | undefined> {
    const { line, platform } = this.#core;
    if (!line || !CONFERENCE.test(id)) return undefined;
    this.#visited = [id, ...this.#visited.filter((one) => one !== id)].slice(0, VISITED_MAX);
    platform.tab?.set(line.key('visited'), JSON.stringify(this.#visited));
    const attached = this.#attached.get(id);
    if (attached?.over) return attached.followed.get().denied ? undefined : 'over';
    this.#faces.forget(id);
    this.#watchFaces();
    this.#listSoon();
    const whether = await this.#faces.whether(id);
    // Where I am on its roster the service says more, and perhaps it was not asked yet.
    if (whether === 'over' && !this.#listed.has(id)) await this.#askList();
    return this.#listed.has(id) ? 'running' : whether;
  }

  async join(id: string): Promise<Problem | undefined> {
    if (!this.#core.line) return problem('session-ended');
    if (!this.get().live.some((one) => one.id === id && one.outside)) {
      const board = this.openBoard(id);
      return (await board.join()) ? undefined : (board.get().problem ?? problem('internal'));
    }
    // There is a board only for those who are let in.
    const why = await this.#myCall.join(id);
    if (!why) this.openBoard(id);
    return why;
  }

  callBack(item: CallLineItem): Composer {
    return this.compose(this.#calls.peopleOf(item), undefined);
  }

  async answer(invitation: Invitation | InvitationItem | string, answer: InvitationAnswer, note?: string): Promise<boolean> {
    const record = this.#invitations.get(typeof invitation === 'string' ? invitation : invitation.id);
    const { line } = this.#core;
    if (!record || !line || record.mine || this.#answering.has(record.id)) return false;
    this.#answering.add(record.id);
    this.#invitations.set(record.id, { problem: undefined });
    const why = await this.#carryOut(line, record, answer, note);
    this.#answering.delete(record.id);
    if (why) this.#invitations.set(record.id, { problem: why });
    else {
      const state = answer === 'join' ? 'joined' : answer === 'decline' ? 'declined' : 'called';
      this.#invitations.set(record.id, { state, note });
      this.#core.gossip({ kind: 'answered', invitation: record.id, state });
      this.#tellAnswer(line, record, answer, note);
    }
    this.#show();
    return !why;
  }

  /** Calls to this window's own. */
  get myCall(): MyCall {
    return this.#myCall;
  }

  #line(): Line {
    const { line } = this.#core;
    if (!line) throw new Error('nobody is signed in');
    return line;
  }

  #listen(): void {
    const core = this.#core;
    const show = () => this.#show();
    core.onOpen.add((line) => {
      this.#first = true;
      this.#visited = visitedOf(core.platform.tab?.get(line.key('visited')));
    });
    this.#faces.onChange.add((id) => {
      // Perhaps I am on its roster, or the conference is over without a word of the service.
      if (this.#faces.isOver(id)) this.#listSoon();
      show();
    });
    core.onClose.add(() => this.#clear());
    core.onOnline.add((line) => {
      void this.#askList();
      void this.#recall(line);
      if (this.#first) this.#resume(line);
      this.#first = false;
    });
    core.onGossip.add((gossip) => {
      if (gossip.kind === 'conferences') this.#listSoon();
    });
    this.#invitations.onChange.add((record) => this.#invited(record));
    this.#people.onChange.add((changed) => {
      const me = this.#core.me?.user.toLowerCase();
      if (!me || !changed.has(me)) return;
      // On the telephone, or no more: perhaps in a conference that we know nothing of.
      const inCall = this.#people.person(me).presence === 'in-call';
      if (inCall !== this.#wasInCall) this.#listSoon();
      this.#wasInCall = inCall;
    });
    core.session?.subscribe(show);
    this.#telephones.subscribe(show);
    let records = this.#calls.get().list;
    this.#calls.subscribe(() => {
      if (records === this.#calls.get().list) return;
      records = this.#calls.get().list;
      for (const { followed } of this.#attached.values()) {
        const record = this.#calls.of(followed.get().id);
        if (record) followed.began(record.at);
      }
      for (const conference of this.#invitations.conferences()) this.#stand(conference);
    });
    this.#myCall.subscribe(show);
    this.#myCall.onOver.add((conference, how) => {
      // Where the conference is over, its end says why.
      const gone = this.#board?.get().state === 'ended';
      if (this.#board?.id === conference && how.by !== 'them' && !gone) this.#board.set({ problem: problem('no-sound', how.reason) });
    });
  }

  /** After a reload: the board that was open, and the call that was on. */
  #resume(line: Line): void {
    const call = this.#myCall.remembered;
    const id = call ?? this.#core.platform.tab?.get(line.key('board'));
    if (!id || this.#board) return;
    const board = this.openBoard(id);
    if (call) void board.join();
  }

  #listSoon(): void {
    this.#list.set(LIST_SOON_MS, () => void this.#askList());
  }

  async #askList(): Promise<void> {
    const { line } = this.#core;
    if (!line) return;
    this.#list.set(LIST_EVERY_MS, () => void this.#askList());
    if (!line.ua.online) return;
    const outcome = await line.service.request({ name: 'list' });
    if (this.#core.line !== line || !('answer' in outcome)) return;
    const running = outcome.answer.conferences.filter((one) => one.phase === 'starting' || one.phase === 'running').slice(0, FOLLOWED_MAX);
    this.#listed = new Set(running.map((one) => one.id));
    for (const snapshot of running) {
      this.#letGo(snapshot.id);
      this.#faces.forget(snapshot.id);
      this.#attach(line, snapshot.id, snapshot.title);
      line.followed.get(snapshot.id).adopt(snapshot);
    }
    this.#tidy();
    this.#watchFaces();
    this.#show();
  }

  /** What rang when this window was not there rings here too, once it is known how its conference stands now. */
  async #recall(line: Line): Promise<void> {
    for (const conference of await this.#recalled.ask(line)) {
      const attached = this.#attached.get(conference);
      if (attached) this.#ringAgain(attached.followed);
    }
  }

  #ringAgain(followed: Followed): void {
    const { id, current } = followed.get();
    const state = this.#mine(followed)?.leg?.state;
    const rings = isCalling(state) && state !== 'answered' && state !== 'confirming';
    if (current) this.#recalled.known(id, rings && !followed.over);
  }

  /** Follows the presence of all conferences that may concern me. */
  #watchFaces(): void {
    const now = this.#core.platform.now();
    const invited = this.#invitations.recent(now - INVITED_MS).filter((id) => !this.#denied.has(id) && !this.#calls.about(id)?.over);
    const wanted = [...this.#listed, ...this.#visited, ...invited].filter((id) => !this.#attached.get(id)?.over);
    this.#faces.want(new Set([...new Set(wanted)].slice(0, FACES_MAX)));
  }

  #attach(line: Line, id: string, title = ''): Followed {
    const followed = line.followed.get(id, title);
    if (!this.#attached.has(id)) {
      const release = followed.hold();
      const unsubscribe = followed.subscribe(() => this.#changed(line, followed));
      const forget = () => {
        unsubscribe();
        release();
      };
      const live = followed.get().known && !followed.over;
      this.#attached.set(id, { followed, forget, over: followed.over, live, recorded: false, soundMoves: undefined });
    }
    return followed;
  }

  /** One that did not let me in, and now does: what is known of it is over, and its board with it. */
  #letGo(id: string): void {
    const attached = this.#attached.get(id);
    if (!attached?.followed.get().denied) return;
    attached.forget();
    this.#attached.delete(id);
    this.#denied.delete(id);
    if (this.#board?.id === id) this.closeBoard();
  }

  /** Lets go of what nobody looks at any more. */
  #tidy(): void {
    const wanted = new Set([...this.#listed, ...this.#invitations.ringing().map((record) => record.conference)]);
    for (const id of [this.#board?.id, this.#myCall.get().conference]) if (id !== undefined) wanted.add(id);
    for (const [id, { forget, followed }] of this.#attached) {
      if (wanted.has(id) && !(followed.over && id !== this.#board?.id)) continue;
      forget();
      this.#attached.delete(id);
    }
  }

  #changed(line: Line, followed: Followed): void {
    const { id, end } = followed.get();
    const attached = this.#attached.get(id);
    this.#commands.look(line, followed);
    if (followed.get().denied) this.#denied.add(id);
    if (attached && followed.get().known && !followed.over) attached.live = true;
    if (followed.over && attached && !attached.over) {
      attached.over = true;
      this.#watchFaces();
      const title = this.#titleOf(followed);
      if (end?.reason === 'removed' || end?.reason === 'untold') this.#core.notice({ kind: end.reason, conference: id, title });
      else if (attached.live) this.#core.notice({ kind: 'conference-ended', conference: id, title, words: end?.words ?? '' });
      if (this.#myCall.get().conference === id) this.#myCall.ended();
      this.#records.set(RECORDS_AFTER_MS, () => void this.#calls.load());
    }
    if (attached && !attached.recorded && followed.get().known) {
      attached.recorded = true;
      const record = this.#calls.of(id);
      if (record) followed.began(record.at);
      else if (!this.#records.armed) this.#records.set(RECORDS_AFTER_MS, () => void this.#calls.load());
    }
    if (attached) this.#followSound(attached);
    const mine = this.#mine(followed);
    if (mine) this.#myMute.follow(id, mine.muted);
    this.#watchMyLeg(followed);
    this.#ringAgain(followed);
    for (const record of this.#invitations.ringing()) if (record.conference === id) this.#ring(record, followed);
    this.#stand(id);
    if (followed.over) this.#gone(line, followed);
    this.#show();
  }

  /** A conference is over: nobody comes back to it after a reload, and a board that never had anybody on it says nothing. */
  #gone(line: Line, followed: Followed): void {
    const { id, participants, end } = followed.get();
    if (this.#board?.id === id) {
      this.#core.platform.tab?.remove(line.key('board'));
      if (participants.length === 0 && !isOut(end)) this.closeBoard();
    }
    this.#tidy();
  }

  /** My own call goes where the sound of its conference has gone. */
  #followSound(attached: Attached): void {
    const { id, known, soundMoves } = attached.followed.get();
    if (!known) return;
    const before = attached.soundMoves;
    attached.soundMoves = soundMoves;
    if (before !== undefined && soundMoves > before && this.#myCall.get().conference === id) this.#myCall.soundMoved();
  }

  /** My participant in a conference. */
  #mine(followed: Followed) {
    const me = this.#core.line?.user.toLowerCase();
    return followed.get().participants.find((one) => one.user?.toLowerCase() === me);
  }

  /** The focus ended my leg, and the call's own end did not reach us. */
  #watchMyLeg(followed: Followed): void {
    const { conference, status } = this.#myCall.get();
    const { id, current } = followed.get();
    if (conference !== id) return;
    const isOver = () => {
      const mine = this.#mine(followed);
      return mine !== undefined && !isLive(mine.leg?.state) && followed.get().current && this.#myCall.get().conference === id;
    };
    if (status !== 'up' || !current || !isOver()) this.#legOver.clear();
    else if (!this.#legOver.armed) this.#legOver.set(LEG_OVER_MS, () => isOver() && this.#myCall.ended());
  }

  #invited(record: InvitationRecord): void {
    const { line } = this.#core;
    if (!line) return;
    if (record.state === 'ringing' && !record.mine) {
      this.#people.hint(record.from, record.fromName, true);
      this.#letGo(record.conference);
      this.#faces.forget(record.conference);
      const followed = this.#attach(line, record.conference, record.title);
      this.#watchExpiry();
      this.#denied.delete(record.conference);
      this.#watchFaces();
      this.#listSoon();
      this.#show();
      this.#ring(record, followed);
    } else {
      this.#stand(record.conference);
      this.#show();
      this.#tidy();
    }
  }

  /** Where those stand who were invited into a conference. */
  #stand(conference: string): void {
    const records = this.#invitations.into(conference);
    const roster = this.#attached.get(conference)?.followed.get();
    const call = this.#calls.about(conference);
    const newest = new Map(records.map((record) => [record.to.toLowerCase(), record]));
    for (const record of records) {
      const state = standing(record, roster, call, newest.get(record.to.toLowerCase()) === record);
      if (state !== record.state) this.#invitations.set(record.id, { state });
    }
  }

  /** What the conference says of an invitation: who is in, and whether it is answered on another device. */
  #ring(record: InvitationRecord, followed: Followed): void {
    const { participants, known, startedAt } = followed.get();
    const state = this.#mine(followed)?.leg?.state;
    const inside = participants.filter((one) => isIn(one.leg?.state)).map((one) => one.name);
    if (followed.over) this.#invitations.set(record.id, { state: 'missed' });
    else if (this.#answering.has(record.id) || !known) return;
    else if (isIn(state) || state === 'answered' || state === 'confirming') {
      const here = this.#myCall.get().conference === record.conference;
      this.#invitations.set(record.id, { state: here ? 'joined' : 'called' });
    } else if (state === 'declined') this.#invitations.set(record.id, { state: 'declined' });
    // Where an answer failed, another one may still be given.
    else if (state !== undefined && !isCalling(state) && !record.problem) this.#invitations.set(record.id, { state: 'missed' });
    else if (!same(inside, record.in) || record.since !== startedAt) this.#invitations.set(record.id, { in: inside, since: startedAt });
  }

  #watchExpiry(): void {
    const next = Math.min(...this.#invitations.ringing().map((record) => record.expiresAt));
    if (!Number.isFinite(next)) return;
    this.#expiry.set(Math.max(next - this.#core.platform.now(), 0), () => {
      const now = this.#core.platform.now();
      for (const record of this.#invitations.ringing()) {
        if (record.expiresAt <= now && !this.#answering.has(record.id)) this.#invitations.set(record.id, { state: 'missed' });
      }
      this.#watchExpiry();
    });
  }

  async #carryOut(line: Line, record: InvitationRecord, answer: InvitationAnswer, note: string | undefined): Promise<Problem | undefined> {
    const { conference } = record;
    if (answer === 'join') {
      const opened = await this.#myCall.open();
      if (!('offer' in opened)) return opened;
      const why = await this.#myCall.join(conference, opened);
      if (!why) this.openBoard(conference);
      return why;
    }
    const followed = this.#attach(line, conference, record.title);
    if (!this.#mine(followed)) {
      const outcome = await line.service.state(conference);
      if (!('answer' in outcome) || !outcome.answer.conference) return answer === 'decline' ? undefined : problemOf(outcome);
      followed.adopt(outcome.answer.conference);
    }
    const mine = this.#mine(followed);
    // Whoever declines has declined, whatever became of the call.
    if (!mine) return answer === 'decline' ? undefined : problem('unknown');
    if (answer === 'decline') {
      await this.#commands.request({ name: 'decline', conference, participant: mine.id, words: note });
      return undefined;
    }
    const outcome = await this.#commands.callAt(conference, mine.id, answer.callAt, false);
    if ('answer' in outcome) this.openBoard(conference);
    return problemOf(outcome);
  }

  #tellAnswer(line: Line, record: InvitationRecord, answer: InvitationAnswer, note: string | undefined): void {
    const body = writeAnswer({
      invitation: record.id,
      conference: record.conference,
      answer: typeof answer === 'object' ? 'call' : answer,
      place: typeof answer === 'object' && answer.callAt.kind !== 'number' ? answer.callAt.label : undefined,
      note,
    });
    line.ua.send(line.ua.outline('MESSAGE', uriOf(record.from), { type: INVITATION, body }));
  }

  /** Starts what the composer has put together. */
  async #start(composer: ComposerModel, inviteOnly: boolean): Promise<NotStarted | undefined> {
    const { line, me } = this.#core;
    if (!line || !me) return { problem: problem('session-ended') };
    if (!line.ua.online) return { problem: problem('unreachable') };
    const { title, rows, me: mine } = composer.get();
    const invited = rows.filter((row) => !inviteOnly || row.person.user !== undefined);
    if (invited.length === 0) return { problem: problem('no-telephone') };
    const here = mine.place.kind === 'browser';
    // The microphone first: nobody shall be called by somebody who cannot speak.
    const opened = here ? await this.#myCall.open() : undefined;
    if (opened && !('offer' in opened)) return { problem: opened };
    const self = { user: me.user, name: me.name, places: mine.places };
    const outcome = await this.#commands.request({
      name: 'create',
      title: title.trim(),
      initiator: partyOf(self, mine.place),
      participants: invited.map((row) => partyOf(row.person, inviteOnly ? BROWSER : row.place)),
    });
    const created = 'answer' in outcome ? outcome.answer.conference : undefined;
    if (!created) {
      opened?.close();
      const why = problemOf(outcome) ?? problem('bad-answer');
      // Of those who were asked for, whatever the list is by now; whoever starts it is named first.
      const at = why.refused?.index;
      return { problem: why, row: at === undefined ? undefined : invited[at - 1]?.key };
    }
    const board = this.openBoard(created.id);
    if (this.#composer === composer) this.closeComposer();
    this.#commands.expect(
      created.id,
      invited.flatMap((row) => row.person.user ?? []),
      inviteOnly ? 'invite' : 'call',
    );
    this.#core.gossip({ kind: 'conferences' });
    this.#listSoon();
    if (opened) {
      const why = await this.#myCall.join(created.id, opened);
      if (why) board.set({ problem: why });
    }
    return undefined;
  }

  #show(): void {
    const { line, session } = this.#core;
    if (!line) return;
    const before = this.get();
    const live = [...this.#attached.values()].filter(({ followed }) => !followed.over).map(({ followed }) => this.#liveOf(followed));
    const known = live.filter((one): one is LiveConference => one !== undefined);
    const shown = [...known, ...this.#outside(new Set(known.map((one) => one.id)))];
    shown.sort((a, b) => Number(b.open) - Number(a.open) || (a.since ?? Number.MAX_VALUE) - (b.since ?? Number.MAX_VALUE));
    const here = this.#hereOf();
    this.set({ here: same(here, before.here) ? before.here : here });
    const quiet = session?.get().presence === 'dnd';
    const ringing = quiet ? [] : this.#invitations.ringing().map((record) => this.#invitationOf(record));
    const keep = <T>(next: readonly T[], was: readonly T[]): readonly T[] => {
      const kept = next.map((one) => was.find((other) => same(one, other)) ?? one);
      return kept.length === was.length && kept.every((one, at) => one === was[at]) ? was : kept;
    };
    this.set({ live: keep(shown, before.live), ringing: keep(ringing, before.ringing) });
    this.#announce(this.get().ringing);
  }

  #announce(ringing: readonly Invitation[]): void {
    for (const invitation of ringing) {
      if (this.#rings.has(invitation.id)) continue;
      this.#rings.add(invitation.id);
      this.#core.notice({ kind: 'ringing', invitation });
    }
    for (const id of [...this.#rings]) {
      if (ringing.some((invitation) => invitation.id === id)) continue;
      this.#rings.delete(id);
      this.#core.notice({ kind: 'ringing-over', id });
    }
  }

  #liveOf(followed: Followed): LiveConference | undefined {
    const { id, participants, startedAt, phase, known, locked, current } = followed.get();
    // What only rings is in the ringing sheet, and not yet one of mine.
    if (!known || (phase !== 'starting' && phase !== 'running')) return undefined;
    // Its service does not tell any more, and its presence has run out.
    if (!current && this.#faces.isOver(id)) return undefined;
    const mine = this.#mine(followed);
    const inside = participants.filter((one) => isIn(one.leg?.state));
    return {
      id,
      title: this.#titleOf(followed),
      count: inside.length,
      talking: inside.find((one) => one.talking)?.name,
      video: inside.some((one) => one.pictures.length > 0) || (this.#faces.get(id)?.video ?? false),
      locked,
      since: startedAt,
      outside: false,
      mine: mine?.role === 'owner',
      iAmIn: isIn(mine?.leg?.state),
      open: this.#board?.id === id,
    };
  }

  /** Those of which no more than their presence is known. */
  #outside(known: ReadonlySet<string>): LiveConference[] {
    const named = new Map(this.#invitations.titles());
    return [...new Set([...this.#visited, ...this.#invitations.recent(0)])].flatMap((id): LiveConference[] => {
      const face = this.#faces.get(id);
      if (!face || known.has(id)) return [];
      return [
        {
          id,
          title: face.title || named.get(id) || '',
          count: face.count,
          talking: face.talking[0],
          video: face.video,
          locked: face.locked,
          outside: true,
          mine: false,
          iAmIn: false,
          open: false,
        },
      ];
    });
  }

  /** The conference that I am in with this window. */
  #hereOf(): HereConference | undefined {
    const { conference } = this.#myCall.get();
    const followed = conference === undefined ? undefined : this.#attached.get(conference)?.followed;
    if (conference === undefined || !followed) return undefined;
    const mine = this.#mine(followed);
    const others = followed.get().participants.filter((one) => one !== mine && isIn(one.leg?.state));
    return { id: conference, title: this.#titleOf(followed), owner: mine?.role === 'owner', others: others.length };
  }

  /** Its title, or the first names where it has none. */
  #titleOf(followed: Followed): string {
    const { title, participants } = followed.get();
    const mine = this.#mine(followed);
    return title || titleOf(participants.filter((one) => one !== mine));
  }

  #invitationOf(record: InvitationRecord): Invitation {
    const followed = this.#attached.get(record.conference)?.followed;
    const mine = followed && this.#mine(followed);
    const { here } = this.get();
    const rings = mine?.leg && isCalling(mine.leg.state) && mine.place.toLowerCase() !== 'browser' ? [mine.place] : [];
    return {
      id: record.id,
      conference: record.conference,
      title: record.title || (followed ? this.#titleOf(followed) : ''),
      kind: record.kind,
      from: this.#people.person(record.from),
      in: record.in,
      video: record.video,
      at: record.at,
      expiresAt: record.expiresAt,
      alsoRinging: rings,
      places: myPlaces(this.#core, this.#telephones).filter((place) => place.kind !== 'browser'),
      since: record.since,
      leaves: here && here.id !== record.conference ? here : undefined,
      answering: this.#answering.has(record.id),
      problem: record.problem,
    };
  }

  #clear(): void {
    for (const alarm of [this.#list, this.#expiry, this.#legOver, this.#records]) alarm.clear();
    this.#composer?.close();
    this.#board?.close();
    for (const { forget } of this.#attached.values()) forget();
    this.#attached.clear();
    this.#answering.clear();
    this.#rings.clear();
    this.#listed = new Set();
    this.#visited = [];
    this.#denied.clear();
    this.#composer = undefined;
    this.#board = undefined;
    this.put({ live: [], ringing: [] });
  }
}

/** What was remembered; nothing where it cannot be read. */
function visitedOf(text: string | undefined | null): readonly string[] {
  try {
    const ids: unknown = JSON.parse(text ?? '[]');
    return Array.isArray(ids) ? ids.filter((id): id is string => typeof id === 'string' && CONFERENCE.test(id)).slice(0, VISITED_MAX) : [];
  } catch {
    return [];
  }
}
