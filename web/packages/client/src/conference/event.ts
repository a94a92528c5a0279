/** Documents of the conference event package (RFC 4575) with our extension: whole ones, and what changed. */
import { aorOf } from '../sip/uri.js';
import type { EndReason, LegState } from '../view/types.js';
import { tryXml, type XmlElement } from '../xml/read.js';
import {
  absentOf,
  type Leg,
  legState,
  mutedBy,
  type Participant,
  type PictureShown,
  phase,
  role,
  type Snapshot,
  toldName,
  toldWords,
} from './model.js';

export const CONFERENCE_INFO = 'application/conference-info+xml';
const NS = 'urn:ietf:params:xml:ns:conference-info';
const EXTENSION = 'urn:convoke:conference-event:1';
/** Most participants that are kept: twice what the service takes. */
const PARTICIPANTS_MAX = 1_000;

/** Most pictures of one participant that are kept. */
const PICTURES_MAX = 8;
/** What may name a section (RFC 4574 §4: a token). */
const LABEL = /^[A-Za-z0-9._~+-]{1,128}$/;

/** What became of a document. */
export type Applied =
  | 'new'
  /** Known already, or older. */
  | 'old'
  /** One before it is missing: the whole is needed. */
  | 'gap'
  /** The conference is over. */
  | 'deleted'
  /** No document that we read. */
  | 'bad';

/** Follows the documents of one subscription after another. */
export class EventState {
  #version = -1;
  #snapshot: Snapshot;
  /** By entity, in the order of the roster. */
  #users = new Map<string, Participant>();

  constructor(conference: string, title = '') {
    this.#snapshot = { id: conference, title, phase: 'starting', version: 0, locked: false, participants: [] };
  }

  get snapshot(): Snapshot {
    return this.#snapshot;
  }

  /** Takes a document. `first`: of a new subscription, whose numbers begin anew. */
  apply(document: string, first: boolean): Applied {
    const root = tryXml(document);
    const version = Number(root?.attribute('version') ?? '');
    if (!root?.is(NS, 'conference-info') || !Number.isSafeInteger(version) || version < 0) return 'bad';
    if (first) this.#version = -1;
    const state = root.attribute('state') ?? 'full';
    if (state === 'deleted') return 'deleted';
    // §4.4: a whole document is always right; a part only on top of the one before.
    if (version <= this.#version) return 'old';
    if (state === 'partial' && (this.#version < 0 || version !== this.#version + 1)) return 'gap';
    this.#version = version;
    this.#take(root, state === 'full');
    return 'new';
  }

  #take(root: XmlElement, whole: boolean): void {
    const users = root.child('users');
    const anew = whole || users?.attribute('state') === 'full';
    if (users) {
      const before = this.#users;
      if (anew) this.#users = new Map();
      for (const user of users.all('user')) {
        const entity = user.attribute('entity') ?? '';
        const state = user.attribute('state') ?? 'full';
        if (state === 'deleted') this.#users.delete(entity);
        else if (this.#users.has(entity) || this.#users.size < PARTICIPANTS_MAX) {
          this.#users.set(entity, participant(user, entity, state === 'partial' ? before.get(entity) : undefined));
        }
      }
    } else if (whole) {
      this.#users.clear();
    }
    const [info, description] = [root.child('conference-state'), root.child('conference-description')];
    const ours = info?.child('conference', EXTENSION);
    const active = info?.textAt('active');
    const was = this.#snapshot;
    const started = Date.parse(ours?.attribute('started') ?? '');
    this.#snapshot = {
      id: was.id,
      title: description ? toldName(description.textAt('display-text')) : was.title,
      phase: ours ? phase(ours.attribute('state')) : active === 'false' ? 'ended' : active === 'true' ? 'running' : was.phase,
      version: Number(ours?.attribute('version')) || was.version,
      locked: ours ? isTrue(ours.attribute('locked')) : was.locked,
      video: ours ? ours.attribute('video') : was.video,
      picturesLost: ours ? isTrue(ours.attribute('pictures-lost')) : was.picturesLost,
      soundMoves: ours ? Number(ours.attribute('sound-moves')) || 0 : was.soundMoves,
      absent: ours ? absentOf(ours.attribute('absent')?.split(' ') ?? [], was.absent) : was.absent,
      started: Number.isFinite(started) ? started : was.started,
      participants: [...this.#users.values()],
    };
  }
}

function isTrue(text: string | undefined): boolean {
  return text === 'true' || text === '1';
}

function participant(user: XmlElement, entity: string, before: Participant | undefined): Participant {
  const endpoints = user.all('endpoint');
  const isMoving = (one: XmlElement) => isTrue(one.child('leg', EXTENSION)?.attribute('moving'));
  const endpoint = endpoints.filter((one) => !isMoving(one)).at(-1);
  const elsewhere = endpoints.find(isMoving);
  const ours = endpoint?.child('leg', EXTENSION);
  const aors = (user.child('associated-aors')?.all('entry') ?? []).map((entry) => aorOf(entry.textAt('uri') ?? ''));
  const roles = user
    .child('roles')
    ?.all('entry')
    .map((entry) => entry.text.trim());
  const position = Number(ours?.attribute('hand'));
  const name = user.textAt('display-text');
  const leg = endpoint && legOf(endpoint, ours);
  const status = endpoint?.textAt('status');
  return {
    id: ours?.attribute('participant') ?? before?.id ?? /;participant=([^;?]*)/.exec(entity)?.[1] ?? entity,
    name: name === undefined ? (before?.name ?? '') : toldName(name),
    user: aors.find(Boolean) ?? before?.user,
    place: endpoint ? placeOf(endpoint) : (before?.place ?? ''),
    role: roles ? role(roles.find((one) => one !== 'participant')) : (before?.role ?? 'participant'),
    leg: leg ?? before?.leg,
    moving: endpoint
      ? elsewhere && { place: placeOf(elsewhere), leg: legOf(elsewhere, elsewhere.child('leg', EXTENSION)) }
      : before?.moving,
    muted: endpoint ? isTrue(ours?.attribute('muted')) || status === 'muted-via-focus' : (before?.muted ?? false),
    mutedBy: endpoint ? mutedBy(ours?.attribute('muted-by')) : before?.mutedBy,
    talking: endpoint ? isTrue(ours?.attribute('talking')) : (before?.talking ?? false),
    hidden: endpoint ? isTrue(ours?.attribute('hidden')) : (before?.hidden ?? false),
    silent: endpoint ? isTrue(ours?.attribute('silent')) : (before?.silent ?? false),
    hand: endpoint ? (position > 0 ? { position } : undefined) : before?.hand,
    pictures: endpoint ? endpoints.flatMap(picturesOf).slice(0, PICTURES_MAX) : before?.pictures,
  };
}

function placeOf(endpoint: XmlElement): string {
  return toldName(endpoint.textAt('display-text'));
}

/** What an endpoint sends to be seen; `status` is told from its own side (§5.8.5). */
function picturesOf(endpoint: XmlElement): PictureShown[] {
  return endpoint.all('media').flatMap((media) => {
    const [label = '', status] = [media.textAt('label'), media.textAt('status')];
    if (media.textAt('type') !== 'video' || !LABEL.test(label) || (status !== 'sendonly' && status !== 'sendrecv')) return [];
    return [{ label, slides: /^slides$/i.test(media.textAt('display-text') ?? '') }];
  });
}

/** RFC 4575's status, of a focus that is not ours. */
const STATES: Readonly<Record<string, LegState>> = {
  pending: 'queued',
  'dialing-out': 'dialling',
  'dialing-in': 'dialling',
  alerting: 'ringing',
  connected: 'joined',
  'muted-via-focus': 'joined',
  'on-hold': 'held',
  disconnecting: 'left',
  disconnected: 'left',
};

function legOf(endpoint: XmlElement, ours: XmlElement | undefined): Leg {
  const foreign = endpoint.textAt('disconnection-method') === 'busy' ? 'busy' : STATES[endpoint.textAt('status') ?? ''];
  return {
    id: ours?.attribute('id') ?? endpoint.attribute('entity') ?? '',
    state: ours ? legState(ours.attribute('state')) : (foreign ?? 'queued'),
    reason: ours?.attribute('reason') as EndReason | undefined,
    words: toldWords(endpoint.textAt('disconnection-info', 'reason')),
  };
}
