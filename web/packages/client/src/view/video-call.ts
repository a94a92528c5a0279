/** A video conference, asked for of the allocator: it finds out how each one can take part, and invites them (`docs/wsdl/video.wsdl`). */
import { problem, problemOf } from '../problem.js';
import { VIDEO } from '../soap/envelope.js';
import type { XmlElement } from '../xml/read.js';
import { clean, type XmlNode } from '../xml/write.js';
import type { ConferencesModel } from './conferences.js';
import type { Core } from './core.js';
import type { ModeKind, NoWay, NoWayReason, Person, VideoCall, Way } from './types.js';

const NAME_MAX = 64;
const PERSON_MAX = 320;
const WORDS_MAX = 512;
/** As many as the schema takes. */
const INVITED_MAX = 100;
const MODES: readonly string[] = ['computer', 'mobile', 'pstn', 'sip', 'h323', 'isdn', 'atm', 'gateway'];
const REASONS: readonly string[] = ['unknown', 'no-mode', 'not-there', 'not-called', 'no-gateway'] satisfies NoWayReason[];

function modeOf(word = ''): ModeKind | undefined {
  return MODES.includes(word) ? (word as ModeKind) : undefined;
}

/** Why there is none; undefined where it is not told, or a reason of a newer server: its words say it. */
function noWayOf(guest: XmlElement): NoWay | undefined {
  const reason = guest.textAt('why') ?? '';
  if (!REASONS.includes(reason)) return undefined;
  const mode = modeOf(guest.textAt('mode'));
  return { reason: reason as NoWayReason, ...(mode ? { mode } : {}) };
}

/** How the allocator tells of somebody that they take part, or why not. */
function wayOf(guest: XmlElement): Way {
  const way = guest.child('way');
  const mode = modeOf(way?.textAt('mode'));
  const why = way ? undefined : noWayOf(guest);
  return {
    name: clean(guest.textAt('name') ?? '', NAME_MAX),
    user: guest.textAt('user')?.toLowerCase(),
    ...(mode ? { mode } : {}),
    picture: mode !== undefined && way?.textAt('shows') === 'true',
    ...(why ? { why } : {}),
    words: clean((way ? way.textAt('words') : guest.textAt('none')) ?? '', WORDS_MAX),
  };
}

/** In which way each of these people would be asked now; nobody is told. Who is named twice, or is myself, is answered once. */
export async function askWays(core: Core, people: readonly (Person | string)[]): Promise<readonly Way[] | undefined> {
  const { line, me } = core;
  const allocator = me?.video?.allocator;
  if (!line?.ua.online || !allocator || people.length === 0 || people.length > INVITED_MAX) return undefined;
  const told = await line.service.ask(allocator, ['v:ways', people.map(invite)], (body) => body.is(VIDEO, 'waysResponse'));
  // The first is who asks.
  return 'body' in told && core.line === line ? told.body.all('guest').slice(1).map(wayOf) : undefined;
}

function invite(one: Person | string): XmlNode {
  const { user, name, places } = typeof one === 'string' ? { user: one, name: undefined, places: [] } : one;
  const number = user === undefined ? places[0]?.number?.replace(/[^+0-9]/g, '') : undefined;
  const who: XmlNode = number ? ['v:number', number] : ['v:person', clean(user ?? name ?? '', PERSON_MAX)];
  return ['v:invite', [who, name ? ['v:name', clean(name, NAME_MAX)] : undefined]];
}

/** Asks, and comes in with this window. The microphone first: nobody shall be called by somebody who cannot speak. */
export async function videoCall(
  core: Core,
  conferences: ConferencesModel,
  people: readonly (Person | string)[],
  title = '',
): Promise<VideoCall> {
  const { line, me } = core;
  const allocator = me?.video?.allocator;
  if (!line || !allocator) return { without: [], problem: problem('not-allowed') };
  if (!line.ua.online) return { without: [], problem: problem('unreachable') };
  if (people.length === 0 || people.length > INVITED_MAX) return { without: [], problem: problem('limit-reached') };
  const opened = await conferences.myCall.open();
  if (!('offer' in opened)) return { without: [], problem: opened };
  const request: XmlNode = ['v:request', [title ? ['v:title', clean(title, NAME_MAX)] : undefined, ...people.map(invite)]];
  const told = await line.service.ask(allocator, request, (body) => body.is(VIDEO, 'requested'));
  const requested = 'body' in told ? told.body : undefined;
  const conference = requested?.textAt('conference');
  if (!requested || !conference || core.line !== line) {
    opened.close();
    return { without: [], problem: ('body' in told ? undefined : problemOf(told)) ?? problem('bad-answer') };
  }
  const ways = requested.all('guest').map(wayOf);
  const without = ways.flatMap(({ mode, name, why, words }) => (mode ? [] : [{ name, ...(why ? { why } : {}), words }]));
  const board = conferences.openBoard(conference);
  if (without.length > 0) board.set({ without });
  const why = await conferences.myCall.join(conference, opened);
  if (why) board.set({ problem: why });
  return { conference, without, problem: why };
}
