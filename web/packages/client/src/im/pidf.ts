/** Presence documents: PIDF (RFC 3863) with the person and activities of RPID (RFC 4480), what devices can do (RFC 5196), and conferences. */
import { uriOf } from '../sip/uri.js';
import type { OwnPresence, Presence, Skills } from '../view/types.js';
import { tryXml, type XmlElement } from '../xml/read.js';
import { clean, writeXml, type XmlNode } from '../xml/write.js';

export const PIDF = 'application/pidf+xml';
const NS = 'urn:ietf:params:xml:ns:pidf';
const MODEL_NS = 'urn:ietf:params:xml:ns:pidf:data-model';
const RPID_NS = 'urn:ietf:params:xml:ns:pidf:rpid';
const CAPS_NS = 'urn:ietf:params:xml:ns:pidf:caps';
const VIDEO_NS = 'urn:convoke:video:1';
const NOTE_MAX = 256;
const NAME_MAX = 64;
/** Most people in a conference that a document is believed to count. */
const COUNT_MAX = 100_000;

/** What a document says of somebody. */
export interface Told {
  readonly presence: Presence;
  readonly text?: string;
  /** What their devices say that they can. */
  readonly skills?: Skills;
}

/** What a conference looks like from outside. */
export interface Face {
  readonly title: string;
  /** How many are in. */
  readonly count: number;
  readonly video: boolean;
  readonly locked: boolean;
  /** Who talks. */
  readonly talking: readonly string[];
}

/** Reads a document; undefined where it is none. */
export function readPidf(document: string): Told | undefined {
  const root = tryXml(document);
  if (!root?.is(NS, 'presence')) return undefined;
  const tuples = root.all('tuple');
  const open = tuples.some((tuple) => tuple.textAt('status', 'basic') === 'open');
  const people = root.all('person', MODEL_NS);
  const activities = people.flatMap((person) => person.child('activities', RPID_NS)?.children ?? []);
  const does = (...names: string[]) => activities.some((activity) => activity.ns === RPID_NS && names.includes(activity.name));
  const notes = [...people.flatMap((person) => person.all('note')), ...root.all('note'), ...tuples.flatMap((tuple) => tuple.all('note'))];
  const text = notes.map((note) => clean(note.text, NOTE_MAX)).find(Boolean);
  // Somebody on the telephone is so without any device of ours.
  const presence = does('on-the-phone')
    ? 'in-call'
    : !open
      ? 'offline'
      : does('busy', 'meeting')
        ? 'dnd'
        : does('away', 'meal', 'vacation')
          ? 'away'
          : 'available';
  return { presence, text, skills: open ? skillsOf(tuples) : undefined };
}

/** Undefined where no device says anything of sound and pictures. */
function skillsOf(tuples: readonly XmlElement[]): Skills | undefined {
  const said = (name: string) => {
    const all = tuples.flatMap((tuple) => tuple.child('servcaps', CAPS_NS)?.textAt(name)?.trim() ?? []);
    return all.length === 0 ? undefined : all.some((value) => value === 'true' || value === '1');
  };
  const [sound, picture] = [said('audio'), said('video')];
  return sound === undefined && picture === undefined ? undefined : { sound: sound ?? false, picture: picture ?? false };
}

/** Reads a conference's own presence: what it looks like, or that it is over; undefined where the document says neither. */
export function readFace(document: string): Face | 'over' | undefined {
  const root = tryXml(document);
  if (!root?.is(NS, 'presence')) return undefined;
  const open = root.all('tuple').some((tuple) => tuple.textAt('status', 'basic') === 'open');
  if (!open) return 'over';
  const told = root.child('conference', VIDEO_NS);
  const count = Number(told?.attribute('in'));
  if (!told || !Number.isInteger(count) || count < 0 || count > COUNT_MAX) return undefined;
  return {
    title: clean(told.attribute('title') ?? '', NAME_MAX),
    count,
    video: told.attribute('media') === 'video',
    locked: told.attribute('locked') === 'true',
    talking: told
      .all('talks')
      .map((one) => clean(one.text, NAME_MAX))
      .filter(Boolean),
  };
}

/** What one publishes of oneself; undefined where being registered says it all. */
export function writePidf(user: string, presence: OwnPresence, note: string | undefined): string | undefined {
  const words = clean(note ?? '', NOTE_MAX);
  if (presence === 'available' && !words) return undefined;
  const activity = presence === 'away' ? 'rpid:away' : 'rpid:busy';
  const person: (XmlNode | undefined)[] = [
    presence === 'available' ? undefined : ['rpid:activities', [[activity]]],
    words ? ['dm:note', words] : undefined,
  ];
  return `<?xml version="1.0" encoding="UTF-8"?>${writeXml([
    'presence',
    [
      ['tuple', [['status', [['basic', 'open']]]], { id: 'window' }],
      ['dm:person', person, { id: 'p' }],
    ],
    { xmlns: NS, 'xmlns:dm': MODEL_NS, 'xmlns:rpid': RPID_NS, entity: uriOf(user) },
  ])}`;
}
