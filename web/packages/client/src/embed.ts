/**
 * *Call these people*, from a page of another program. Only SIP over WebSocket is used, so the page needs nothing of the server but that it admits
 * the page's origin.
 */
import { type Followed, Conferences as FollowedConferences, type FollowedState } from './conference/followed.js';
import { WORDS } from './conference/words.js';
import { numberOf, parsePeople } from './parse.js';
import { type WebPlatformOptions, webPlatform } from './platform/web.js';
import { problem, problemOf } from './problem.js';
import { Ua } from './sip/ua.js';
import { aorOf } from './sip/uri.js';
import { ConferenceService } from './soap/client.js';
import { readEnvelope } from './soap/envelope.js';
import type { Party } from './soap/service.js';
import { uuid } from './util/ids.js';
import { State } from './util/store.js';
import type { ConferencePhase, EndReason, LegState, Problem } from './view/types.js';

/** How long connecting and signing in may take. */
const CONNECT_MS = 15_000;

/** Whom to call, and as whom. */
export interface CallPeopleOptions extends WebPlatformOptions {
  /** `https://convoke.example.org`. */
  readonly server: string;
  /** Who calls: `alice@example.org`. */
  readonly user: string;
  /** A token of theirs that is good for SIP. */
  readonly token: string;
  /** Names, accounts, numbers, or a whole `To:` line. */
  readonly people: readonly string[] | string;
  readonly title?: string;
  /** Where the caller is called first: the label of a telephone, or a number. Their usual telephone otherwise. */
  readonly callMeAt?: string;
}

/** Somebody in the call, or on the way. */
export interface CalledRow {
  readonly name: string;
  /** The label of the place that is called. */
  readonly place: string;
  readonly state: LegState;
  /** The state in English words. */
  readonly words: string;
  readonly since: number;
  readonly reason?: EndReason;
  /** Why, in the server's words. */
  readonly reasonWords?: string;
  readonly muted: boolean;
  readonly talking: boolean;
}

export interface PeopleCallState {
  readonly id: string;
  readonly title: string;
  readonly state: ConferencePhase;
  readonly startedAt: number;
  /** The caller first. */
  readonly rows: readonly CalledRow[];
  /** Why it ended. */
  readonly end?: string;
  /** The connection is away: what is shown may be old. */
  readonly stale: boolean;
}

/** A call that was started: a store that shows how it goes. */
export class PeopleCall extends State<PeopleCallState> {
  readonly #ua: Ua;
  readonly #service: ConferenceService;
  readonly #forget: () => void;

  /** @internal */
  constructor(ua: Ua, service: ConferenceService, followed: Followed) {
    super(shown(followed.get()));
    this.#ua = ua;
    this.#service = service;
    const release = followed.hold();
    const stop = followed.subscribe(() => this.put(shown(followed.get())));
    this.#forget = () => {
      stop();
      release();
    };
  }

  /** Ends it for all. */
  async end(): Promise<Problem | undefined> {
    return problemOf(await this.#service.request({ name: 'end', conference: this.get().id }));
  }

  /** Looks no more; the call goes on. */
  async close(): Promise<void> {
    this.#forget();
    await this.#ua.stop();
  }
}

/** What came of it. */
export type CallPeopleResult =
  | { readonly call: PeopleCall; readonly problem?: undefined }
  | { readonly call?: undefined; readonly problem: Problem };

/**
 * Calls people: the caller's telephone first, then all others.
 *
 * @example
 * ```ts
 * const { call, problem } = await callPeople({ server, user, token, people: ['bob@example.org', '+49 30 123456'] });
 * call?.subscribe(() => show(call.get().rows));
 * ```
 */
export async function callPeople(options: CallPeopleOptions): Promise<CallPeopleResult> {
  const { server, user, token, title = '' } = options;
  const text = typeof options.people === 'string' ? options.people : options.people.join(', ');
  const participants = parsePeople(text).entries.map(
    ({ address, number, name }): Party => (number ? { number, name } : { person: address ?? name, name: address && name }),
  );
  if (participants.length === 0) return { problem: problem('not-understood') };
  const platform = webPlatform(options);
  const ua = new Ua(platform, {
    url: `${server.replace(/^http/i, 'ws').replace(/\/+$/, '')}/sip`,
    aor: user,
    name: '',
    instance: `urn:uuid:${uuid(platform)}`,
    product: 'Convoke-Client/0.1',
    token: () => token,
    renew: async () => 'refused',
  });
  const service = new ConferenceService(ua);
  ua.onMessage = (request, respond) => {
    const from = aorOf(request.header('From') ?? '') ?? '';
    const envelope = from === service.account ? readEnvelope(request.body) : undefined;
    if (envelope) service.take(from, envelope.relatesTo, envelope.body);
    // What is not for this call waits for the person's other devices.
    respond(envelope ? 200 : 480, envelope ? 'OK' : 'Temporarily Unavailable');
  };
  const why = await connected(ua, server);
  if (why) {
    await ua.stop();
    return { problem: why };
  }
  const outcome = await service.request({ name: 'create', title, initiator: initiatorOf(user, options.callMeAt), participants });
  const snapshot = 'answer' in outcome ? outcome.answer.conference : undefined;
  if (!snapshot) {
    await ua.stop();
    return { problem: problemOf(outcome) ?? problem('bad-answer') };
  }
  const followed = new FollowedConferences(ua, service).get(snapshot.id, snapshot.title);
  followed.adopt(snapshot);
  return { call: new PeopleCall(ua, service, followed) };
}

function initiatorOf(user: string, at: string | undefined): Party {
  const number = at === undefined ? undefined : numberOf(at);
  return number ? { number } : { person: user, place: at };
}

function connected(ua: Ua, server: string): Promise<Problem | undefined> {
  return new Promise((done) => {
    let asked: object | undefined;
    const end = (why?: Problem) => {
      stop();
      refused();
      ua.platform.clearTimeout(timer);
      done(why);
    };
    const timer = ua.platform.setTimeout(() => end(problem('unreachable')), CONNECT_MS);
    const refused = ua.onRefused.add(() => end(problem('session-ended')));
    const stop = ua.state.subscribe(() => {
      if (ua.online) end();
      const { failure } = ua.state.get();
      if (failure?.status !== 0 || failure === asked) return;
      // It may come back; one that certainly admits no page of this origin will not.
      asked = failure;
      void ua.platform.admitted?.(server).then((yes) => yes === false && end(problem('origin-refused')));
    });
    ua.start();
  });
}

function shown(state: FollowedState): PeopleCallState {
  const { id, title, phase, startedAt, end, participants, current } = state;
  return {
    id,
    title,
    state: phase,
    startedAt,
    rows: participants.map(({ name, place, leg, since, muted, talking }) => {
      const at = leg?.state ?? 'queued';
      return { name, place, state: at, words: WORDS[at], since, reason: leg?.reason, reasonWords: leg?.words, muted, talking };
    }),
    end: phase === 'ended' ? (end?.words ?? '') : undefined,
    stale: !current && phase !== 'ended',
  };
}
