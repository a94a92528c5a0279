/** What the conference service is asked and answers: operations as data, answers as {@link Snapshot}s. */
import {
  absentOf,
  type End,
  endReason,
  isLive,
  type Leg,
  type LegEnd,
  legState,
  mutedBy,
  type Participant,
  phase,
  role,
  type Snapshot,
  toldName,
  toldWords,
} from '../conference/model.js';
import type { Absent, EndReason } from '../view/types.js';
import type { XmlElement } from '../xml/read.js';
import { clean, type XmlNode } from '../xml/write.js';
import { CONFERENCE, REPORT } from './envelope.js';

const NAME_MAX = 64;

/** Somebody to be called: an account or name, or a number. */
export interface Party {
  readonly person?: string;
  readonly number?: string;
  readonly name?: string;
  /** Label of one of their telephones, or `browser`. */
  readonly place?: string;
}

/** Operations on a conference as a whole. */
export type ConferenceOperation = 'end' | 'lock' | 'unlock' | 'muteAll' | 'unmuteAll' | 'disconnectAll';
/** Operations on one participant. */
export type ParticipantOperation =
  | 'disconnect'
  | 'remove'
  | 'mute'
  | 'unmute'
  | 'hide'
  | 'unhide'
  | 'raiseHand'
  | 'lowerHand'
  | 'giveFloor'
  | 'makeModerator'
  | 'handOver';

export type Operation =
  | { readonly name: 'create'; readonly title: string; readonly initiator: Party; readonly participants: readonly Party[] }
  | { readonly name: 'add'; readonly conference: string; readonly participants: readonly Party[] }
  | { readonly name: 'call'; readonly conference: string; readonly participant: string; readonly place?: string; readonly number?: string }
  | { readonly name: 'decline'; readonly conference: string; readonly participant: string; readonly words?: string }
  | { readonly name: 'get'; readonly conference: string; readonly since?: number; readonly first?: number }
  | { readonly name: 'list' }
  | { readonly name: ConferenceOperation; readonly conference: string }
  | { readonly name: ParticipantOperation; readonly conference: string; readonly participant: string };

function party(name: string, who: Party): XmlNode {
  return [
    name,
    [
      who.number ? ['c:number', who.number] : ['c:person', clean(who.person ?? '', 320)],
      who.name ? ['c:name', clean(who.name, NAME_MAX)] : undefined,
      who.place ? ['c:place', clean(who.place, NAME_MAX)] : undefined,
    ],
  ];
}

function optional(name: string, value: string | number | undefined): XmlNode | undefined {
  return value === undefined || value === '' ? undefined : [name, String(value)];
}

/** The element of an operation, in the order of the schema. */
export function operationNode(operation: Operation): XmlNode {
  const content: (XmlNode | undefined)[] = [];
  if ('title' in operation) {
    content.push(optional('c:title', clean(operation.title, NAME_MAX)), party('c:initiator', operation.initiator));
  }
  if ('conference' in operation) content.push(['c:conference', operation.conference]);
  if ('participant' in operation) content.push(['c:participant', operation.participant]);
  if ('participants' in operation) content.push(...operation.participants.map((who) => party('c:participant', who)));
  if (operation.name === 'call') content.push(optional('c:place', operation.place), optional('c:number', operation.number));
  if (operation.name === 'decline') content.push(optional('c:words', clean(operation.words ?? '', 512)));
  if (operation.name === 'get') content.push(optional('c:since', operation.since), optional('c:first', operation.first));
  return [`c:${operation.name}`, content];
}

/** A good answer. */
export interface Answer {
  /** Of `create` and the others; of `get`. */
  readonly conference?: Snapshot;
  /** Participants on the whole roster, of which `conference` may be a page. */
  readonly count: number;
  /** Of `list`. */
  readonly conferences: readonly Snapshot[];
  /** Why it ended, if a report of `get` says so. */
  readonly end?: End;
  /** How legs ended, as reports of `get` say it, in their order. */
  readonly legEnds: readonly LegEnd[];
}

/** Reads the body of an answer; undefined where it is none. */
export function readAnswer(body: XmlElement): Answer | undefined {
  if (body.ns !== CONFERENCE || !body.name.endsWith('Response')) return undefined;
  const conferences = body.all('conference').map(snapshot);
  const one = body.name === 'listResponse' ? undefined : conferences[0];
  return {
    conference: one,
    count: Number(body.child('conference')?.textAt('count')) || 0,
    conferences: one ? [] : conferences,
    end: body.all('report').map(endOf).find(Boolean),
    legEnds: body.all('report').flatMap(legEndOf),
  };
}

/** The ends that a report from the service tells: conference and why. */
export function readReport(body: XmlElement): { conference: string; end?: End }[] | undefined {
  if (!body.is(REPORT, 'report')) return undefined;
  return body.all('entry').map((entry) => ({ conference: entry.child('conference', CONFERENCE)?.text.trim() ?? '', end: endOf(entry) }));
}

function endOf(report: XmlElement): End | undefined {
  const ended = report.child('ended', CONFERENCE);
  return ended && { reason: endReason(ended.textAt('reason')), words: toldWords(ended.textAt('words')) ?? '' };
}

/** Of a place where they were called beside the one where they are in, it says nothing. */
function legEndOf(report: XmlElement): LegEnd[] {
  const told = report.child('leg', CONFERENCE);
  const participant = report.textAt('participant', 'id');
  if (!told || !participant || told.child('moving')) return [];
  const leg = legOf(told);
  return isLive(leg.state) ? [] : [{ participant, leg }];
}

function time(text: string | undefined): number | undefined {
  const at = Date.parse(text ?? '');
  return Number.isFinite(at) ? at : undefined;
}

function snapshot(element: XmlElement): Snapshot {
  return {
    id: element.textAt('id') ?? '',
    title: toldName(element.textAt('title')),
    phase: phase(element.textAt('state')),
    version: Number(element.textAt('version')) || 0,
    locked: isTrue(element.textAt('locked')),
    video: element.textAt('video'),
    picturesLost: element.textAt('picturesLost') === 'yes',
    soundMoves: Number(element.textAt('soundMoves')) || 0,
    absent: absentTold(element.all('absent')),
    started: time(element.textAt('started')),
    participants: element.all('participant').map(participant),
    count: Number(element.textAt('count')) || undefined,
  };
}

/** Undefined where nothing is told. */
function absentTold(told: readonly XmlElement[]): readonly Absent[] | undefined {
  return told.length === 0 ? undefined : absentOf(told.map((one) => one.text.trim()));
}

function isTrue(text: string | undefined): boolean {
  return text === 'true' || text === '1';
}

function participant(element: XmlElement): Participant {
  const leg = element.child('leg');
  const moving = element.child('moving');
  const there = moving?.child('leg');
  const position = Number(element.textAt('hand'));
  return {
    id: element.textAt('id') ?? '',
    name: toldName(element.textAt('name')),
    user: element.textAt('user') || undefined,
    place: toldName(element.textAt('place')),
    role: role(element.textAt('role')),
    leg: leg && legOf(leg),
    moving: there && { place: toldName(moving?.textAt('place')), leg: legOf(there) },
    muted: isTrue(element.textAt('muted')),
    mutedBy: mutedBy(element.textAt('mutedBy')),
    talking: isTrue(element.textAt('talking')),
    silent: isTrue(element.textAt('silent')),
    hidden: element.textAt('hidden') === 'yes',
    hand: position > 0 ? { position, since: time(element.textAt('handSince')) } : undefined,
  };
}

function legOf(element: XmlElement): Leg {
  return {
    id: element.textAt('id') ?? '',
    state: legState(element.textAt('state')),
    reason: element.textAt('cause', 'reason') as EndReason | undefined,
    words: toldWords(element.textAt('cause', 'words')),
    since: time(element.textAt('since')),
  };
}
