/** Presence documents: PIDF (RFC 3863) with the person and activities of RPID (RFC 4480). */
import { uriOf } from '../sip/uri.js';
import type { OwnPresence, Presence } from '../view/types.js';
import { tryXml } from '../xml/read.js';
import { clean, writeXml, type XmlNode } from '../xml/write.js';

export const PIDF = 'application/pidf+xml';
const NS = 'urn:ietf:params:xml:ns:pidf';
const MODEL_NS = 'urn:ietf:params:xml:ns:pidf:data-model';
const RPID_NS = 'urn:ietf:params:xml:ns:pidf:rpid';
const NOTE_MAX = 256;

/** What a document says of somebody. */
export interface Told {
  readonly presence: Presence;
  readonly text?: string;
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
  return { presence, text };
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
