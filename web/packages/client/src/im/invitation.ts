/** The body by which a client invites to a conference, and its answer (`docs/messages.md`). */
import { tryXml } from '../xml/read.js';
import { clean, writeXml } from '../xml/write.js';

export const INVITATION = 'application/vnd.convoke.invitation+xml';
const NS = 'urn:convoke:invitation:1';
const VIDEO_NS = 'urn:convoke:video:1';
const ID = /^[A-Za-z0-9._~:+@-]{1,128}$/;
const NAME_MAX = 64;
const WORDS_MAX = 256;
/** Most names of people who are in. */
const IN_MAX = 32;

export interface InvitationBody {
  readonly id: string;
  readonly conference: string;
  readonly title: string;
  readonly kind: 'call' | 'invite';
  /** By the server's clock. */
  readonly expires: number;
  readonly from: { readonly user: string; readonly name: string };
  readonly in: readonly string[];
  /** It is a video conference: the allocator says by which way one takes part. */
  readonly video?: boolean;
}

export interface AnswerBody {
  readonly invitation: string;
  readonly conference: string;
  readonly answer: 'join' | 'call' | 'decline';
  readonly place?: string;
  readonly note?: string;
}

export function writeInvitation(body: InvitationBody, domain: string): string {
  const people = body.in.slice(0, IN_MAX).map((name) => ['in', '', { name: clean(name, NAME_MAX) }] as const);
  return writeXml([
    'invitation',
    [['from', '', { user: body.from.user, name: clean(body.from.name, NAME_MAX) }], ...people],
    {
      xmlns: NS,
      id: body.id,
      conference: body.conference,
      uri: conferenceUri(body.conference, domain),
      title: clean(body.title, NAME_MAX),
      kind: body.kind,
      expires: new Date(body.expires).toISOString(),
    },
  ]);
}

export function writeAnswer(body: AnswerBody): string {
  const note = clean(body.note ?? '', WORDS_MAX);
  return writeXml([
    'invitation-answer',
    [note ? ['note', note] : undefined],
    { xmlns: NS, invitation: body.invitation, conference: body.conference, answer: body.answer, place: body.place },
  ]);
}

/** Reads either; undefined where it is neither. */
export function readInvitation(document: string): InvitationBody | AnswerBody | undefined {
  const root = tryXml(document);
  const conference = root?.attribute('conference') ?? '';
  if (!root || root.ns !== NS || !ID.test(conference)) return undefined;
  if (root.name === 'invitation-answer') {
    const answer = root.attribute('answer');
    const invitation = root.attribute('invitation') ?? '';
    if ((answer !== 'join' && answer !== 'call' && answer !== 'decline') || !ID.test(invitation)) return undefined;
    const note = clean(root.textAt('note') ?? '', WORDS_MAX);
    return { invitation, conference, answer, place: root.attribute('place'), note: note || undefined };
  }
  const [id = '', expires] = [root.attribute('id'), Date.parse(root.attribute('expires') ?? '')];
  const from = root.child('from');
  if (root.name !== 'invitation' || !ID.test(id) || !from || !Number.isFinite(expires)) return undefined;
  return {
    id,
    conference,
    title: clean(root.attribute('title') ?? '', NAME_MAX),
    kind: root.attribute('kind') === 'invite' ? 'invite' : 'call',
    expires,
    from: { user: from.attribute('user') ?? '', name: clean(from.attribute('name') ?? '', NAME_MAX) },
    in: root
      .all('in')
      .slice(0, IN_MAX)
      .map((one) => clean(one.attribute('name') ?? '', NAME_MAX))
      .filter(Boolean),
    video: root.child('way', VIDEO_NS) ? true : undefined,
  };
}

/** `sip:conf-ID@DOMAIN`; characters that would end the user part are escaped. */
export function conferenceUri(conference: string, domain: string): string {
  return `sip:conf-${conference.replace(/[@:]/g, (character) => encodeURIComponent(character))}@${domain}`;
}
