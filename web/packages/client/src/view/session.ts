/** Signing in, staying connected, what one says of oneself. */
import { Conferences as Followed } from '../conference/followed.js';
import { PIDF, writePidf } from '../im/pidf.js';
import { problem, restProblem } from '../problem.js';
import type { SessionRow } from '../rest/api.js';
import { Publication } from '../sip/publication.js';
import { Ua, type UaState } from '../sip/ua.js';
import { ConferenceService } from '../soap/client.js';
import { uuid } from '../util/ids.js';
import { State } from '../util/store.js';
import { Alarm } from '../util/timer.js';
import { account, type Core, channelOf, type Gossip, initialsOf, type Line } from './core.js';
import { receive } from './inbox.js';
import type { Me, OwnPresence, Problem, Session, SessionState } from './types.js';

/** What stands in User-Agent. */
const PRODUCT = 'Convoke-Client/0.1';
/** Says that we unwrap `message/cpim` ourselves, and take copies of what other devices of ours send. */
const FEATURES = ';+g.convoke.cpim;+g.convoke.sent;text';
/** A token that does not say when it ends is renewed after this time. */
const TOKEN_LIFE_MS = 900_000;
/** Pauses between attempts to renew a token, or to go on with a session, while the server is away. */
const RETRY_MS = 5_000;

type Renewed = 'renewed' | 'refused' | 'unreachable';
/** Words of the session rows that tell who somebody is. */
type Whose = Pick<SessionRow, 'user' | 'domain'>;

export class SessionModel extends State<SessionState> implements Session {
  readonly #core: Core;
  readonly #renewAt: Alarm;
  readonly #retry: Alarm;
  #retryNow: () => void = () => {};
  #renewing: Promise<Renewed> | undefined;
  #ask: (() => Promise<string | undefined>) | undefined;
  /** Counts sign-ins and sign-outs: what an earlier one still waits for is of no interest. */
  #turn = 0;
  /** Why the session is over, where that is not plain. */
  #why: Problem | undefined;

  constructor(core: Core) {
    super({ status: 'signed-out', presence: 'available' });
    this.#core = core;
    this.#renewAt = new Alarm(core.platform);
    this.#retry = new Alarm(core.platform);
    core.session = this;
    core.rest.renew = async () => {
      const outcome = await this.#renew();
      if (outcome === 'refused') this.#refused();
      return outcome === 'renewed';
    };
    core.onSignedIn.add((user) => {
      const { line } = core;
      if (!line || this.#ask || user.toLowerCase() === line.user.toLowerCase()) return;
      this.#why = problem('other-user', user);
      this.#refused();
    });
    core.onGossip.add((gossip) => {
      // Whether it was ours, the server knows.
      if (gossip.kind === 'signed-out' && core.line && !this.#ask) void this.#renewInTime();
      if (gossip.kind === 'presence' && core.line) this.#adopt(core.line, gossip.presence, gossip.note);
    });
    core.rest.onDate = (date) => core.line?.ua.heardDate(date);
  }

  async signIn(user: string, password: string): Promise<boolean> {
    const turn = this.#begin();
    const result = await this.#core.api.signIn(user.trim(), password);
    if (turn !== this.#turn) return false;
    if (!result.ok) {
      const { status } = result.error;
      const why = status === 401 || status === 404 ? problem('wrong-password') : status === 429 ? problem('too-many-attempts') : undefined;
      return this.#failed(why ?? restProblem(result.error));
    }
    const open = await this.#open(result.data, turn);
    const { line } = this.#core;
    if (open && line) this.#core.tellSignedIn(line.user);
    return open;
  }

  async resume(): Promise<boolean> {
    const turn = this.#begin();
    for (;;) {
      const result = await this.#core.api.renew();
      if (turn !== this.#turn) return false;
      if (result.ok) return this.#open(result.data, turn);
      const { status, code, retryAfter } = result.error;
      if (status !== 0 && status < 500) return this.#failed(undefined);
      if (code === 'foreign-page') return this.#failed(restProblem(result.error));
      const wait = Math.max(RETRY_MS, (retryAfter ?? 0) * 1_000);
      this.set({ problem: restProblem(result.error), retryAt: this.#core.platform.now() + wait });
      await new Promise<void>((go) => {
        this.#retryNow = go;
        this.#retry.set(wait, go);
      });
      if (turn !== this.#turn) return false;
    }
  }

  /**
   * Goes on with a token that another program got. `renew` gives a new one when it ends; without it the session ends then.
   */
  useToken(token: string, renew?: () => Promise<string | undefined>): Promise<boolean> {
    const turn = this.#begin();
    this.#ask = renew ?? (async () => undefined);
    return this.#open({ token, expiresAt: 0 }, turn);
  }

  async signOut(): Promise<void> {
    const { line, api, rest } = this.#core;
    const { token } = rest;
    const turn = ++this.#turn;
    this.#end();
    this.put({ status: 'signed-out', presence: 'available' });
    rest.token = '';
    if (!line) return;
    this.#forget(line);
    // Asked at once, and nothing is touched afterwards: somebody may have signed in again by then.
    const over = this.#ask ? undefined : api.signOut(token);
    await line.ua.stop();
    const result = await over;
    if (result && !result.ok && result.error.status === 401 && turn === this.#turn) {
      // The token was too old for that; the cookie gives another one.
      const fresh = await api.renew();
      if (fresh.ok && turn === this.#turn) await api.signOut(fresh.data.token);
    }
    if (over) this.#tellWindows(line);
  }

  reconnect(): void {
    this.#retryNow();
    this.#core.line?.ua.reconnect();
  }

  setPresence(presence: OwnPresence, note?: string): void {
    const words = note?.trim() || undefined;
    const { line, platform } = this.#core;
    if (!line) {
      this.set({ presence, note: words });
      return;
    }
    platform.memory?.set(line.key('presence'), JSON.stringify({ presence, note: words }));
    this.#adopt(line, presence, words);
    // What one says of oneself holds for all windows here: none of them rings when I am not to be disturbed.
    this.#core.gossip({ kind: 'presence', presence, note: words });
  }

  #adopt(line: Line, presence: OwnPresence, note: string | undefined): void {
    this.set({ presence, note });
    this.#publish(line);
  }

  async setLanguage(language: string | undefined): Promise<void> {
    await this.#setMe({ language });
  }

  async setName(name: string): Promise<void> {
    await this.#setMe({ name });
  }

  /** Ends everything of this window without signing out. */
  async close(): Promise<void> {
    this.#turn++;
    const line = this.#core.line;
    this.#core.closing = true;
    this.#end();
    await line?.ua.stop();
  }

  async #setMe(change: { name?: string; language?: string | undefined }): Promise<void> {
    const me = this.get().me;
    if (!me) return;
    const next: Me = { ...me, ...change, initials: initialsOf(change.name ?? me.name) };
    this.#put(next);
    const result = await this.#core.api.setMe({ name: next.name, language: next.language });
    if (this.get().me !== next) return;
    if (!result.ok) this.#put(me);
    this.set({ problem: result.ok ? undefined : restProblem(result.error) });
  }

  #put(me: Me): void {
    this.#core.me = me;
    this.set({ me });
  }

  #begin(): number {
    this.#end();
    this.#ask = undefined;
    this.#why = undefined;
    this.set({ status: 'signing-in', me: undefined, problem: undefined, retryAt: undefined });
    return ++this.#turn;
  }

  #failed(problem: Problem | undefined): false {
    this.put({ status: 'signed-out', presence: this.get().presence, problem });
    return false;
  }

  async #open(row: SessionRow, turn: number): Promise<boolean> {
    this.#take(row);
    const { api, platform } = this.#core;
    let me: { user: string; name: string; language?: string | null } | undefined = row.user
      ? { user: row.user, name: row.name ?? '', language: row.language ?? null }
      : undefined;
    if (!me) {
      const result = await api.me();
      if (turn !== this.#turn) return false;
      if (!result.ok) return this.#failed(restProblem(result.error));
      me = result.data;
    }
    const instance = (await platform.instance?.()) ?? `urn:uuid:${uuid(platform)}`;
    if (turn !== this.#turn) return false;
    const domain = row.domain ?? me.user.split('@')[1] ?? '';
    const user = account(me.user, domain);
    const name = me.name || (user.split('@')[0] ?? user);
    const language = me.language ? { language: me.language } : {};
    const conferences = row.conferences ? { conferences: row.conferences } : {};
    const video = row.video ? { video: { allocator: row.video.allocator ?? undefined } } : {};
    this.#start({ user, name, initials: initialsOf(name), domain, ...language, ...conferences, ...video }, instance, row.sip ?? '/sip');
    return true;
  }

  #start(me: Me, instance: string, path: string): void {
    const { platform, rest } = this.#core;
    const ua = new Ua(platform, {
      url: `${rest.server.replace(/^http/i, 'ws')}${path}`,
      aor: me.user,
      name: me.name,
      instance,
      // What this window can (RFC 3840): others see it in my presence, and a video conference is worked out by it.
      features:
        FEATURES + (platform.media ? ';audio' : ';audio="FALSE"') + (platform.media && platform.pictures ? ';video' : ';video="FALSE"'),
      product: PRODUCT,
      token: () => rest.token,
      renew: () => this.#renew(),
    });
    const service = new ConferenceService(ua);
    const line: Line = {
      user: me.user,
      domain: me.domain,
      ua,
      service,
      followed: new Followed(ua, service),
      publication: new Publication(ua, 'presence', PIDF),
      key: (name) => `convoke.${me.user}.${name}`,
    };
    this.#core.line = line;
    this.#core.me = me;
    const remembered = this.#remembered(line);
    this.put({ status: 'connecting', me, ...remembered });
    ua.onMessage = (request, respond) => receive(this.#core, line, request, respond);
    ua.state.subscribe(() => this.#connection(line, ua.state.get()));
    ua.onRefused.add(() => this.#refused());
    this.#publish(line);
    this.#core.onOpen.tell(line);
    let before = false;
    ua.onOnline.add(() => {
      this.#core.onOnline.tell(line);
      if (before) this.#core.onBack.tell(line);
      before = true;
    });
    ua.start();
  }

  #remembered(line: Line): { presence: OwnPresence; note?: string } {
    try {
      const { presence, note } = JSON.parse(this.#core.platform.memory?.get(line.key('presence')) ?? '{}');
      if (['available', 'away', 'busy', 'dnd'].includes(presence)) return { presence, note: typeof note === 'string' ? note : undefined };
    } catch {
      // What cannot be read was not remembered.
    }
    return { presence: 'available' };
  }

  #connection(line: Line, state: UaState): void {
    if (this.#core.line !== line || state.status === 'stopped') return;
    const online = state.status === 'online';
    const was = this.get().status;
    // The first attempts are still *connecting*; afterwards every loss is *offline*.
    const status = online ? 'online' : was === 'connecting' && !state.failure ? 'connecting' : 'offline';
    const failure = state.failure;
    const detail = failure && `${failure.status} ${failure.reason}`;
    const words =
      failure && problem(failure.status === 403 ? 'not-allowed' : failure.status === 503 ? 'busy-server' : 'unreachable', detail);
    this.set({ status, retryAt: state.retryAt, problem: online ? undefined : words });
  }

  /** A token came: it is used from now on, and renewed before it ends. */
  #take(row: SessionRow): void {
    const { platform, rest } = this.#core;
    rest.token = row.token;
    const now = this.#core.line?.ua.serverNow() ?? platform.now();
    // A third of its life is left then; a clock that is wrong by hours must not make us ask all the time.
    const life = row.expiresAt > 0 ? Math.min(Math.max(row.expiresAt - now, 30_000), 86_400_000) : TOKEN_LIFE_MS;
    this.#renewAt.set((life * 2) / 3, () => void this.#renewInTime());
  }

  async #renewInTime(): Promise<void> {
    const outcome = await this.#renew();
    if (outcome === 'renewed') this.#core.line?.ua.refresh();
    else if (outcome === 'unreachable') this.#renewAt.set(RETRY_MS, () => void this.#renewInTime());
    else this.#refused();
  }

  /** Asks for a new token; who asks at the same time gets the same answer. */
  #renew(): Promise<Renewed> {
    this.#renewing ??= this.#renewOnce().finally(() => {
      this.#renewing = undefined;
    });
    return this.#renewing;
  }

  async #renewOnce(): Promise<Renewed> {
    const turn = this.#turn;
    if (this.#ask) {
      const token = await this.#ask().catch(() => undefined);
      if (token && turn === this.#turn) this.#take({ token, expiresAt: 0 });
      return token ? 'renewed' : 'refused';
    }
    const result = await this.#core.api.renew();
    if (turn !== this.#turn) return 'unreachable';
    if (result.ok) {
      // The cookie is the browser's, and another window may have signed somebody else in.
      if (!this.#isMine(result.data)) {
        this.#why = problem('other-user', result.data.user);
        return 'refused';
      }
      this.#take(result.data);
      return 'renewed';
    }
    const { status } = result.error;
    return status === 401 || status === 403 || status === 404 ? 'refused' : 'unreachable';
  }

  #isMine({ user, domain = '' }: Whose): boolean {
    const { line } = this.#core;
    return !line || !user || account(user, domain || line.domain).toLowerCase() === line.user.toLowerCase();
  }

  #refused(): void {
    const line = this.#core.line;
    if (!line) return;
    this.#turn++;
    this.#end();
    void line.ua.stop();
    this.put({ status: 'signed-out', presence: 'available', problem: this.#why ?? problem('session-ended') });
  }

  #publish(line: Line): void {
    const { presence, note } = this.get();
    line.publication.set(writePidf(line.user, presence, note));
  }

  #end(): void {
    this.#renewAt.clear();
    this.#retry.clear();
    const line = this.#core.line;
    if (!line) return;
    line.publication.close();
    this.#core.line = undefined;
    this.#core.me = undefined;
    this.#core.onClose.tell();
  }

  /** The session is that of all windows of this browser, and it is over. */
  #tellWindows(line: Line): void {
    const channel = this.#core.platform.channel?.(channelOf(line.user));
    channel?.post({ kind: 'signed-out' } satisfies Gossip);
    channel?.close();
  }

  /** Nothing of a person stays behind when they sign out. */
  #forget(line: Line): void {
    for (const name of ['visited', 'presence', 'outbox', 'drafts', 'call', 'place', 'board', 'numbers', 'expected']) {
      this.#core.platform.memory?.remove(line.key(name));
      this.#core.platform.tab?.remove(line.key(name));
    }
  }
}
