/** A video conference, asked for of the allocator: it finds out how each one can take part, and invites them (`docs/wsdl/video.wsdl`). */
import { problem, problemOf } from '../problem.js';
import { VIDEO } from '../soap/envelope.js';
import { clean, type XmlNode } from '../xml/write.js';
import type { ConferencesModel } from './conferences.js';
import type { Core } from './core.js';
import type { Person, VideoCall } from './types.js';

const NAME_MAX = 64;
const PERSON_MAX = 320;
/** As many as the schema takes. */
const INVITED_MAX = 100;

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
  const without = requested.all('guest').flatMap((guest) => {
    const words = guest.textAt('none');
    return words === undefined ? [] : [{ name: clean(guest.textAt('name') ?? '', NAME_MAX), words: clean(words, 512) }];
  });
  conferences.openBoard(conference);
  const why = await conferences.myCall.join(conference, opened);
  return { conference, without, problem: why };
}
