/**
 * A user agent over WebSocket (RFC 7118): connects and stays connected, registers (RFC 5626, RFC 5627) with a bearer token
 * (RFC 8898), and hands what comes to whom it is for.
 */
import type { Platform, Socket } from '../platform.js';
import { token } from '../util/ids.js';
import { Listeners, State } from '../util/store.js';
import { Alarm } from '../util/timer.js';
import { decodeUtf8 } from '../util/utf8.js';
import { type Header, line, SipRequest, type SipResponse } from './message.js';
import { LocalResponse, type Pending, type Respond, Transactions } from './transactions.js';
import { escapeUser, quote, readNameAddr, uriOf } from './uri.js';

/** How long opening a WebSocket may take. */
const CONNECT_MS = 10_000;
/** So long after the last frame the connection is asked whether it lives (RFC 5626 §4.4.1): less than what NATs forget after. */
const QUIET_MS = 25_000;
/** How long it may take to answer. */
const PONG_MS = 10_000;
/** The same where there is reason to doubt: so many times what the server has taken before, within these bounds. */
const PONG_SOON_ROUNDS = 4;
const PONG_SOON_LEAST_MS = 400;
const PONG_SOON_MOST_MS = 1_500;
/** An attempt that hangs so long is given up for a fresh one when there is reason to look. */
const HANGS_MS = 1_000;
/** Pauses before connecting again, after the first try at once; the last is for all further ones. */
const PAUSES_MS = [0, 1_000, 2_000, 4_000, 8_000, 15_000, 30_000] as const;
/** A connection that held so long was a good one: the next begins with the first pause again. */
const GOOD_MS = 10_000;
/** How long a registration shall last. */
const EXPIRES_S = 600;
/** The longest that a registrar may want it to last. */
const EXPIRES_MAX_S = 86_400;
/** Most attempts of one registration: with a longer life, with another token. */
const ROUNDS_MAX = 4;
/** How long taking the registration back may take. */
const GOODBYE_MS = 1_000;
/** Requests of one kind that start dialogs, under way at a time: thousands of contacts must not hold up a call. */
const GATE_MAX = 16;
const ALLOW = 'MESSAGE, NOTIFY, BYE, OPTIONS';

/** What the registrar and the server are asked with. */
export interface UaOptions {
  /** `wss://host/sip`. */
  readonly url: string;
  /** `alice@example.org`. */
  readonly aor: string;
  readonly name: string;
  /** `urn:uuid:…`. */
  readonly instance: string;
  /** The token now. */
  token(): string;
  /** Asks for another one. `refused`: the session is over. */
  renew(): Promise<'renewed' | 'refused' | 'unreachable'>;
  /** Parameters of our Contact: what this device takes. */
  readonly features?: string;
  readonly product: string;
}

export interface UaState {
  readonly status: 'stopped' | 'connecting' | 'online' | 'offline';
  /** This device's own address, while registered. */
  readonly gruu?: string;
  /** When the next attempt is made. */
  readonly retryAt?: number;
  /** Why it failed: the registrar's answer, or 0 without a connection. */
  readonly failure?: { readonly status: number; readonly reason: string };
}

/** Takes requests of a dialog, found by its Call-ID. */
export interface Usage {
  readonly callId: string;
  onRequest(request: SipRequest, respond: Respond): void;
  /** A 2xx that came once more. */
  onStray?(response: SipResponse): void;
}

/** Where a request goes and what it carries. */
export interface Outline {
  readonly callId?: string;
  readonly seq?: number;
  readonly fromTag?: string;
  /** The whole To; that of the Request-URI otherwise. */
  readonly to?: string;
  readonly routes?: readonly string[];
  readonly headers?: readonly Header[];
  readonly type?: string;
  readonly body?: string;
}

export class Ua {
  readonly state = new State<UaState>({ status: 'stopped' });
  /** After each registration that follows a new connection. */
  readonly onOnline = new Listeners<[]>();
  /** The session is over: the server takes our token no more, and gives no other. */
  readonly onRefused = new Listeners<[]>();
  /** A MESSAGE came. */
  onMessage: (request: SipRequest, respond: Respond) => void = (_, respond) => respond(480, 'Temporarily Unavailable');

  readonly gate = new Gate(GATE_MAX);
  readonly domain: string;
  readonly contact: string;
  readonly #host: string;
  readonly #transactions: Transactions;
  readonly #usages = new Map<string, Usage>();
  readonly #alarm: Alarm;
  readonly #alive: Alarm;
  readonly #register = { callId: '', seq: 0, expires: EXPIRES_S, underWay: false, again: false };
  #socket: Socket | undefined;
  #connections = 0;
  #tries = 0;
  #onlineAt = 0;
  #attemptAt = 0;
  #offset = 0;
  /** How long the registrar took to answer last. */
  #round = PONG_SOON_MOST_MS;

  constructor(
    readonly platform: Platform,
    readonly options: UaOptions,
  ) {
    this.#host = `${token(platform, 6)}.invalid`;
    this.#register.callId = token(platform, 12);
    const [user = '', domain = ''] = options.aor.split('@');
    this.domain = domain;
    this.contact = `<sip:${escapeUser(user)}@${this.#host};transport=ws>`;
    this.#alarm = new Alarm(platform);
    this.#alive = new Alarm(platform);
    this.#transactions = new Transactions(platform);
    this.#transactions.onRequest = (request, respond) => this.#request(request, respond);
    this.#transactions.onStray = (response) => this.#usages.get(response.callId)?.onStray?.(response);
  }

  /** Counts the connections: what belongs to an earlier one cannot be gone on with. */
  get connection(): number {
    return this.#connections;
  }

  get online(): boolean {
    return this.state.get().status === 'online';
  }

  /** A Contact that leads to this device over whatever connection it has (RFC 5627), where the registrar has given it such an address. */
  get device(): string {
    const { gruu } = this.state.get();
    return gruu === undefined ? this.contact : `<${gruu}>`;
  }

  /** The server's time of day, as far as it told it: commands say when they were sent. */
  serverNow(): number {
    return this.platform.now() + this.#offset;
  }

  /** A time of the server's, by this device's clock. */
  localTime(server: number): number {
    return server - this.#offset;
  }

  /** A time of this device's, by the server's clock. */
  serverTime(local: number): number {
    return local + this.#offset;
  }

  /** Tells the difference of the clocks, from a Date that came. */
  heardDate(date: string | null | undefined): void {
    const at = Date.parse(date ?? '');
    // The header field has whole seconds: a difference below that is none.
    const offset = Number.isFinite(at) ? at + 500 - this.platform.now() : this.#offset;
    if (Math.abs(offset - this.#offset) > 1_000) this.#offset = Math.abs(offset) > 1_000 ? offset : 0;
  }

  start(): void {
    if (this.state.get().status === 'stopped') this.#connect('connecting');
  }

  /** Takes the registration back and ends. */
  async stop(): Promise<void> {
    const wasOnline = this.online;
    this.#alarm.clear();
    this.state.put({ status: 'stopped' });
    if (wasOnline && this.#socket) {
      const bye = this.#sendRegister(0).response;
      await Promise.race([bye, new Promise<void>((done) => this.platform.setTimeout(done, GOODBYE_MS))]);
    }
    this.#drop();
  }

  /** There is reason to look now: the network is back, the window is shown again, somebody pressed a button. */
  reconnect(): void {
    const { status } = this.state.get();
    if (status === 'online') {
      this.#ping(Math.min(Math.max(this.#round * PONG_SOON_ROUNDS, PONG_SOON_LEAST_MS), PONG_SOON_MOST_MS));
    } else if (status !== 'stopped' && (!this.#socket || this.platform.now() - this.#attemptAt >= HANGS_MS)) {
      this.#drop();
      this.#tries = 0;
      this.#connect(status);
    }
  }

  /** Registers again over the same connection: with a new token, say. */
  refresh(): void {
    if (this.online) void this.#registerNow();
  }

  /** A token or branch that nobody guesses. */
  token(bytes = 8): string {
    return token(this.platform, bytes);
  }

  add(usage: Usage): void {
    this.#usages.set(usage.callId, usage);
  }

  delete(usage: Usage): void {
    if (this.#usages.get(usage.callId) === usage) this.#usages.delete(usage.callId);
  }

  /** Writes a request without Via. */
  outline(method: string, uri: string, outline: Outline = {}): SipRequest {
    const { aor, name, product } = this.options;
    const from = `${name ? `${quote(name)} ` : ''}<${uriOf(aor)}>;tag=${outline.fromTag ?? this.token()}`;
    const headers: Header[] = [
      ...(outline.routes ?? []).map((route): Header => ['Route', route]),
      ['Max-Forwards', '70'],
      ['From', from],
      ['To', outline.to ?? `<${uri}>`],
      ['Call-ID', outline.callId ?? this.token(12)],
      ['CSeq', `${outline.seq ?? 1} ${method}`],
      ['User-Agent', product],
      ...(outline.headers ?? []).map(([key, value]): Header => [key, line(value)]),
    ];
    if (outline.body) headers.push(['Content-Type', line(outline.type ?? 'text/plain')]);
    return new SipRequest(method, uri, headers, outline.body ?? '');
  }

  /** Sends a request; see {@link Transactions.request}. Where the server wants to know again who we are, that is told it, and the request
   * counts as lost with the connection. */
  send(request: SipRequest, provisional?: (response: SipResponse) => void): Pending {
    if (!this.online) {
      return { response: Promise.resolve(new LocalResponse(503, 'Not Connected', request.headers)), sent: request };
    }
    const pending = this.#transactions.request(request, provisional);
    const response = pending.response.then((response) => {
      if (response.status !== 401 && response.status !== 407) return response;
      // What the former token opened is closed, so everything begins anew.
      if (this.online) {
        this.state.put({ status: 'offline', failure: { status: response.status, reason: response.reason } });
        void this.#registerNow(true);
      }
      return new LocalResponse(503, 'Not Authenticated', response.headers);
    });
    return { response, sent: pending.sent };
  }

  ack(request: SipRequest): void {
    this.#transactions.ack(request);
  }

  cancel(invite: SipRequest): void {
    this.#transactions.cancel(invite);
  }

  #connect(status: 'connecting' | 'offline'): void {
    this.state.put({ ...this.state.get(), status, retryAt: undefined });
    const socket = this.platform.openSocket(this.options.url, 'sip');
    this.#socket = socket;
    this.#connections++;
    this.#attemptAt = this.platform.now();
    const mine = (handler: () => void) => () => {
      if (this.#socket === socket) handler();
    };
    this.#alarm.set(
      CONNECT_MS,
      mine(() => this.#lost(0, 'no connection in time')),
    );
    socket.onOpen = mine(() => {
      this.#alarm.clear();
      const transport = this.options.url.startsWith('wss:') ? 'WSS' : 'WS';
      this.#transactions.opened((text) => socket.send(text), `${transport} ${this.#host}`);
      this.#heard();
      void this.#registerNow();
    });
    socket.onMessage = (data) => {
      if (this.#socket !== socket) return;
      this.#heard();
      const text = typeof data === 'string' ? data : decodeUtf8(data);
      try {
        if (text.trim()) this.#transactions.receive(text);
      } catch (fault) {
        // One message that we fail on must not take the next ones with it.
        this.platform.report?.(fault);
      }
    };
    socket.onClose = mine(() => this.#lost(0, 'the connection ended'));
  }

  /** Something came: the connection lives. */
  #heard(): void {
    this.#alive.set(QUIET_MS, () => this.#ping(PONG_MS));
  }

  #ping(within: number): void {
    this.#alive.set(within, () => this.#lost(0, 'the connection is dead'));
    this.#socket?.send('\r\n\r\n');
  }

  #drop(): void {
    const socket = this.#socket;
    this.#socket = undefined;
    this.#alarm.clear();
    this.#alive.clear();
    this.#register.underWay = false;
    this.#transactions.closed();
    socket?.close();
  }

  #lost(status: number, reason: string, retryAfterS = 0): void {
    if (this.state.get().status === 'stopped') return;
    if (this.online && this.platform.now() - this.#onlineAt >= GOOD_MS) this.#tries = 0;
    const pause = PAUSES_MS[Math.min(this.#tries, PAUSES_MS.length - 1)] ?? 0;
    this.#tries++;
    // Not all at once after a server's restart.
    const spread = 0.8 + ((this.platform.random(1)[0] ?? 0) / 255) * 0.4;
    const wait = Math.max(Math.round(pause * spread), retryAfterS * 1_000);
    // Whoever hears of the loss finds the state that follows from it.
    this.state.put({ status: 'offline', failure: { status, reason }, retryAt: wait > 0 ? this.platform.now() + wait : undefined });
    this.#drop();
    this.#alarm.set(wait, () => this.#connect('offline'));
  }

  #sendRegister(expires: number): Pending {
    const { aor, instance, features = '' } = this.options;
    const address = uriOf(aor);
    const request = this.outline('REGISTER', `sip:${this.domain}`, {
      callId: this.#register.callId,
      seq: ++this.#register.seq,
      to: `<${address}>`,
      headers: [
        ['Contact', `${this.contact};+sip.instance="<${instance}>";reg-id=1${features};expires=${expires}`],
        ['Supported', 'path, outbound, gruu'],
        ['Allow', ALLOW],
        ['Authorization', `Bearer ${this.options.token()}`],
      ],
    });
    return this.#transactions.request(request);
  }

  async #registerNow(renewFirst = false): Promise<void> {
    const register = this.#register;
    if (register.underWay) {
      register.again = true;
      return;
    }
    const socket = this.#socket;
    const gone = () => this.#socket !== socket || this.state.get().status === 'stopped';
    register.underWay = true;
    register.again = false;
    let [renew, mayRenew] = [renewFirst, true];
    for (let round = 0; round < ROUNDS_MAX; round++) {
      if (renew) {
        [renew, mayRenew] = [false, false];
        const outcome = await this.options.renew();
        if (gone()) return;
        if (outcome === 'refused') {
          this.state.put({ status: 'stopped' });
          this.#drop();
          this.onRefused.tell();
          return;
        }
        if (outcome === 'unreachable') {
          this.#lost(0, 'no new token could be had');
          return;
        }
      }
      const asked = this.platform.now();
      const response = await this.#sendRegister(register.expires).response;
      if (gone()) return;
      this.#round = this.platform.now() - asked;
      const least = Number(response.header('Min-Expires'));
      if (response.ok) {
        register.underWay = false;
        this.#registered(response);
        if (register.again) void this.#registerNow();
        return;
      }
      if (response.status === 423 && least > register.expires && least < EXPIRES_MAX_S) {
        register.expires = least;
      } else if ((response.status === 401 || response.status === 403) && mayRenew) {
        renew = true;
      } else {
        this.#lost(response instanceof LocalResponse ? 0 : response.status, response.reason, retryAfter(response));
        return;
      }
    }
    this.#lost(0, 'the registrar does not decide');
  }

  #registered(response: SipResponse): void {
    this.heardDate(response.header('Date'));
    const own = response
      .list('Contact')
      .map(readNameAddr)
      .find((contact) => contact?.params.get('+sip.instance') === `<${this.options.instance}>`);
    const granted = Number(own?.params.get('expires') ?? response.header('Expires') ?? this.#register.expires);
    const life = Number.isFinite(granted) && granted > 0 ? granted : this.#register.expires;
    this.#alarm.set(Math.max(life * 0.8, life - 60, 5) * 1_000, () => void this.#registerNow());
    const before = this.online;
    this.state.put({ status: 'online', gruu: own?.params.get('pub-gruu') });
    if (!before) {
      this.#onlineAt = this.platform.now();
      this.onOnline.tell();
    }
  }

  #request(request: SipRequest, respond: Respond): void {
    if (request.method === 'ACK') return;
    const usage = this.#usages.get(request.callId);
    if (usage) {
      usage.onRequest(request, respond);
    } else if (request.method === 'MESSAGE' && !request.tag('To')) {
      this.onMessage(request, respond);
    } else if (request.method === 'OPTIONS') {
      respond(200, 'OK', [['Allow', ALLOW]]);
    } else if (request.tag('To')) {
      respond(481, 'Call/Transaction Does Not Exist');
    } else {
      respond(405, 'Method Not Allowed', [['Allow', ALLOW]]);
    }
  }
}

/** Seconds of Retry-After, at most ten minutes. */
export function retryAfter(response: SipResponse): number {
  const seconds = Number.parseInt(response.header('Retry-After') ?? '', 10);
  return seconds > 0 ? Math.min(seconds, 600) : 0;
}

/** Lets so many in at a time, the urgent ones first. */
export class Gate {
  #inside = 0;
  readonly #waiting: { urgent: (() => void)[]; rest: (() => void)[] } = { urgent: [], rest: [] };

  constructor(readonly max: number) {}

  /** Resolves when there is room, with the function that gives it back. */
  async enter(urgent: boolean): Promise<() => void> {
    if (this.#inside >= this.max) {
      await new Promise<void>((go) => this.#waiting[urgent ? 'urgent' : 'rest'].push(go));
    }
    this.#inside++;
    let inside = true;
    return () => {
      if (!inside) return;
      inside = false;
      this.#inside--;
      (this.#waiting.urgent.shift() ?? this.#waiting.rest.shift())?.();
    };
  }
}
