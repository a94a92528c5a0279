/** A server that plays by a script, and a platform in which time stands still until it is moved. */
import { vi } from 'vitest';
import {
  type Convoke,
  createConvoke,
  type HttpRequest,
  type HttpResponse,
  type KeyValue,
  type MediaPort,
  type Platform,
  type Socket,
} from '../src/index.js';

export const DOMAIN = 'example.org';
export const SERVER = 'https://convoke.example.org';

/** A SIP message, read without the library. */
export class Sip {
  readonly start: string;
  readonly headers: [string, string][];
  readonly body: string;

  constructor(readonly text: string) {
    const [head = '', ...body] = text.split('\r\n\r\n');
    const [start = '', ...lines] = head.split('\r\n');
    this.start = start;
    this.headers = lines.map((one) => [one.slice(0, one.indexOf(':')), one.slice(one.indexOf(':') + 1).trim()]);
    this.body = body.join('\r\n\r\n');
  }

  get method(): string {
    return this.start.split(' ')[0] ?? '';
  }

  get uri(): string {
    return this.start.split(' ')[1] ?? '';
  }

  get status(): number {
    return this.start.startsWith('SIP/2.0') ? Number(this.start.split(' ')[1]) : 0;
  }

  all(name: string): string[] {
    return this.headers.filter(([one]) => one.toLowerCase() === name.toLowerCase()).map(([, value]) => value);
  }

  get(name: string): string {
    return this.all(name)[0] ?? '';
  }

  tag(name: 'From' | 'To'): string {
    return /;tag=([^;]*)/.exec(this.get(name))?.[1] ?? '';
  }
}

/** One connection of the client, from the server's side. */
export class Connection implements Socket {
  onOpen = () => {};
  onMessage: (data: string | Uint8Array) => void = () => {};
  onClose = () => {};
  open = false;
  readonly received: Sip[] = [];
  pings = 0;

  constructor(readonly peer: Peer) {}

  send(text: string): void {
    if (!this.open) return;
    if (text === '\r\n\r\n') {
      this.pings++;
      if (this.peer.alive) this.deliver('\r\n');
      return;
    }
    const sip = new Sip(text);
    this.received.push(sip);
    this.peer.log.push(sip);
    if (this.peer.alive) setTimeout(() => this.peer.take(sip, this), this.peer.delay);
  }

  close(): void {
    this.cut();
  }

  /** The connection ends. */
  cut(): void {
    if (!this.open) return;
    this.open = false;
    setTimeout(() => this.onClose(), 0);
  }

  deliver(text: string | Uint8Array): void {
    if (this.open) this.onMessage(text);
  }
}

export type Handler = (request: Sip, connection: Connection) => boolean | undefined;
export type Soap = (operation: string, body: string, request: Sip) => string | undefined;

const PIDF = (user: string, basic: string, activity = '') =>
  `<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid" entity="sip:${user}"><tuple id="im"><status><basic>${basic}</basic></status></tuple>${activity ? `<dm:person id="p"><rpid:activities><rpid:${activity}/></rpid:activities></dm:person>` : ''}</presence>`;

interface Watched {
  connection: Connection;
  callId: string;
  theirTag: string;
  ourTag: string;
  contact: string;
  event: string;
  resource: string;
  seq: number;
  version: number;
}

/** The server. */
export class Peer {
  /** Takes connections. */
  up = true;
  /** Answers what comes over them. */
  alive = true;
  /** Gives devices an address of their own. */
  gruu = true;
  /** Before an answer. */
  delay = 1;
  tokens = new Set(['token-1']);
  readonly connections: Connection[] = [];
  readonly log: Sip[] = [];
  /** Texts that were stored, each once. */
  readonly chat: { to: string; id: string; text: string; number: number }[] = [];
  readonly presence = new Map<string, string>();
  /** Whose presence the server does not know: following it is refused. */
  readonly missing = new Set<string>();
  /** Event documents of conferences, without their version. */
  readonly conferences = new Map<string, (version: number, state: 'full' | 'partial') => string>();
  readonly watched: Watched[] = [];
  /** First look at a request: true, it is dealt with. */
  handler: Handler = () => false;
  soap: Soap = (operation) => (operation === 'list' ? '<c:listResponse/>' : undefined);
  date = () => new Date(Date.now()).toUTCString();
  #number = 100;
  #tag = 1;
  readonly #stored = new Map<string, number>();

  get connection(): Connection {
    const last = this.connections.at(-1);
    if (!last) throw new Error('no connection');
    return last;
  }

  requests(method: string): Sip[] {
    return this.log.filter((one) => one.method === method);
  }

  accept(): Connection {
    const connection = new Connection(this);
    this.connections.push(connection);
    setTimeout(() => {
      if (this.up) {
        connection.open = true;
        connection.onOpen();
      } else {
        connection.onClose();
      }
    }, 1);
    return connection;
  }

  reply(request: Sip, connection: Connection, status: number, reason: string, headers: string[] = [], body = ''): void {
    const copied = request.headers
      .filter(([name]) => /^(via|from|call-id|cseq|record-route)$/i.test(name))
      .map(([name, value]) => `${name}: ${value}`);
    const to = request.tag('To') ? request.get('To') : `${request.get('To')};tag=s${this.#tag++}`;
    const lines = [
      `SIP/2.0 ${status} ${reason}`,
      ...copied,
      `To: ${to}`,
      ...headers,
      `Content-Length: ${new TextEncoder().encode(body).length}`,
      '',
      body,
    ];
    connection.deliver(lines.join('\r\n'));
  }

  /** A request of the server's own, out of nowhere. */
  send(method: string, headers: string[], body = '', connection = this.connection): void {
    const lines = [
      `${method} sip:alice@client.invalid;transport=ws SIP/2.0`,
      `Via: SIP/2.0/WSS server.example.org;branch=z9hG4bKs${this.#tag++}`,
      'Max-Forwards: 70',
      ...headers,
      `Content-Length: ${new TextEncoder().encode(body).length}`,
      '',
      body,
    ];
    connection.deliver(lines.join('\r\n'));
  }

  message(from: string, type: string, body: string, headers: string[] = []): void {
    this.send(
      'MESSAGE',
      [
        `From: <sip:${from}>;tag=m${this.#tag++}`,
        `To: <sip:alice@${DOMAIN}>`,
        `Call-ID: m${this.#tag++}`,
        'CSeq: 1 MESSAGE',
        `Content-Type: ${type}`,
        ...headers,
      ],
      body,
    );
  }

  /** Chat as our own clients write it. */
  text(from: string, id: string, text: string, number = this.#number++): void {
    this.#chat(from, `alice@${DOMAIN}`, id, text, number);
  }

  /** A copy of what another device of Alice's sent. */
  copy(to: string, id: string, text: string, number = this.#number++): void {
    this.#chat(`alice@${DOMAIN}`, to, id, text, number, [`Convoke-Sent-To: <sip:${to}>`]);
  }

  #chat(from: string, to: string, id: string, text: string, number: number, headers: string[] = []): void {
    const body = `From: <sip:${from}>\r\nTo: <sip:${to}>\r\nDateTime: ${new Date().toISOString()}\r\nNS: imdn <urn:ietf:params:imdn>\r\nimdn.Message-ID: ${id}\r\nimdn.Disposition-Notification: positive-delivery, display\r\n\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n${text}`;
    this.message(from, 'message/cpim', body, [`Convoke-Message-Id: ${number}`, `Date: ${new Date().toUTCString()}`, ...headers]);
  }

  take(request: Sip, connection: Connection): void {
    if (!connection.open || !this.alive || request.status > 0 || this.handler(request, connection)) return;
    const ok = (headers: string[] = []) => this.reply(request, connection, 200, 'OK', headers);
    switch (request.method) {
      case 'REGISTER': {
        const token = request.get('Authorization').replace('Bearer ', '');
        if (!this.tokens.has(token)) {
          this.reply(request, connection, 401, 'Unauthorized', ['WWW-Authenticate: Bearer realm="x"']);
          return;
        }
        const instance = /\+sip\.instance="<([^>]*)>"/.exec(request.get('Contact'))?.[1];
        const gruu = this.gruu ? `;pub-gruu="sip:alice@${DOMAIN};gr=${instance}"` : '';
        ok([`Contact: ${request.get('Contact').replace(/;expires=.*/, '')};expires=600${gruu}`, `Date: ${this.date()}`]);
        return;
      }
      case 'PUBLISH':
        ok([`SIP-ETag: e${this.#tag++}`, `Expires: ${request.get('Expires')}`]);
        return;
      case 'SUBSCRIBE':
        this.#subscribe(request, connection);
        return;
      case 'MESSAGE':
        this.#message(request, connection);
        return;
      case 'ACK':
        return;
      default:
        ok();
    }
  }

  /** Tells all who watch this. */
  notify(event: string, resource: string, body?: string, state = 'active;expires=3600'): void {
    for (const watched of this.watched) {
      if (watched.event === event && watched.resource === resource && watched.connection.open)
        this.#notify(watched, body ?? this.#document(watched, 'partial'), state);
    }
  }

  #subscribe(request: Sip, connection: Connection): void {
    const event = request.get('Event');
    const resource = request.uri.replace(/^sip:/, '');
    const known = this.watched.find((one) => one.callId === request.get('Call-ID'));
    const watched: Watched = known ?? {
      connection,
      callId: request.get('Call-ID'),
      theirTag: request.tag('From'),
      ourTag: `w${this.#tag++}`,
      contact: /<([^>]*)>/.exec(request.get('Contact'))?.[1] ?? '',
      event,
      resource,
      seq: 0,
      version: 0,
    };
    const gone = event === 'conference' && !this.conferences.has(watched.resource.replace(/^conf-(.*)@.*$/, '$1'));
    if (!known && (gone || this.missing.has(resource))) {
      this.reply(request, connection, 404, 'Not Found');
      return;
    }
    if (!known) this.watched.push(watched);
    const to = `To: ${request.get('To').replace(/;tag=.*/, '')};tag=${watched.ourTag}`;
    const copied = request.headers.filter(([name]) => /^(via|from|call-id|cseq)$/i.test(name)).map(([name, value]) => `${name}: ${value}`);
    connection.deliver(
      [
        'SIP/2.0 200 OK',
        ...copied,
        to,
        'Expires: 3600',
        `Contact: <sip:server.example.org;transport=ws>`,
        'Content-Length: 0',
        '',
        '',
      ].join('\r\n'),
    );
    const over = request.get('Expires') === '0';
    if (over) this.watched.splice(this.watched.indexOf(watched), 1);
    this.#notify(watched, this.#document(watched, 'full'), over ? 'terminated;reason=timeout' : 'active;expires=3600');
  }

  #document(watched: Watched, state: 'full' | 'partial'): string {
    if (watched.event === 'presence') return this.presence.get(watched.resource) ?? PIDF(watched.resource, 'closed');
    const id = watched.resource.replace(/^conf-(.*)@.*$/, '$1');
    return this.conferences.get(id)?.(++watched.version, state) ?? '';
  }

  #notify(watched: Watched, body: string, state: string): void {
    const type = watched.event === 'presence' ? 'application/pidf+xml' : 'application/conference-info+xml';
    this.send(
      'NOTIFY',
      [
        `From: <sip:${watched.resource}>;tag=${watched.ourTag}`,
        `To: <sip:alice@${DOMAIN}>;tag=${watched.theirTag}`,
        `Call-ID: ${watched.callId}`,
        `CSeq: ${++watched.seq} NOTIFY`,
        `Event: ${watched.event}`,
        `Subscription-State: ${state}`,
        'Contact: <sip:server.example.org;transport=ws>',
        `Content-Type: ${type}`,
      ],
      body,
      watched.connection,
    );
  }

  #message(request: Sip, connection: Connection): void {
    const to = request.uri.replace(/^sip:/, '');
    if (to === `conference@${DOMAIN}`) {
      this.reply(request, connection, 202, 'Accepted');
      const operation = /<s:Body><c:(\w+)/.exec(request.body)?.[1] ?? '';
      const id = /<a:MessageID>([^<]*)</.exec(request.body)?.[1] ?? '';
      const body = this.soap(operation, request.body, request);
      if (body !== undefined) this.answer(id, body);
      return;
    }
    const key = `${request.get('Call-ID')} ${request.get('CSeq')} ${request.body}`;
    const stored = this.#stored.get(key) ?? this.#number++;
    if (!this.#stored.has(key) && request.body.includes('imdn.Message-ID')) {
      const id = /imdn\.Message-ID: (\S+)/.exec(request.body)?.[1] ?? '';
      this.chat.push({ to, id, text: request.body.split('\r\n\r\n').slice(2).join('\r\n\r\n'), number: stored });
    }
    this.#stored.set(key, stored);
    this.reply(request, connection, 202, 'Accepted', [`Convoke-Message-Id: ${stored}`]);
  }

  /** An answer of the conference service. */
  answer(relatesTo: string, body: string): void {
    this.message(
      `conference@${DOMAIN}`,
      'text/xml; charset=utf-8',
      `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:a="http://www.w3.org/2005/08/addressing" xmlns:c="urn:convoke:conference:1" xmlns:r="urn:convoke:report:1"><s:Header><a:RelatesTo>${relatesTo}</a:RelatesTo></s:Header><s:Body>${body}</s:Body></s:Envelope>`,
    );
  }
}

export { PIDF };

export const fault = (code: string) =>
  `<s:Fault><faultcode>s:Client</faultcode><faultstring>no</faultstring><detail><c:fault><c:code>${code}</c:code><c:expected>this</c:expected><c:came>that</c:came></c:fault></detail></s:Fault>`;

/** The REST API by a script. */
export class RestServer {
  up = true;
  readonly log: { method: string; path: string; body: unknown; token: string; keepalive: boolean }[] = [];
  readonly routes = new Map<string, (body: unknown, path: string) => unknown>();
  /** Status for a route instead of 200. */
  readonly status = new Map<string, number>();

  constructor(readonly peer: Peer) {
    const session = (token: string) => ({ token, expiresAt: Date.now() + 900_000 });
    const me = { user: `alice@${DOMAIN}`, name: 'Alice Martin', language: 'en' };
    this.routes.set('POST /session', () => ({ ...session('token-1'), ...me, domain: DOMAIN, sip: '/sip' }));
    this.routes.set('POST /session/renew', () => {
      const token = `token-${this.peer.tokens.size + 1}`;
      this.peer.tokens.add(token);
      return { ...session(token), ...me, domain: DOMAIN, sip: '/sip' };
    });
    this.routes.set('DELETE /session', () => undefined);
    this.routes.set('GET /me', () => me);
    this.routes.set('PUT /me', () => undefined);
    this.routes.set('GET /me/telephones', () => []);
    this.routes.set('GET /me/contacts', () => ({ contacts: [] }));
    this.routes.set('GET /me/chats', () => ({ chats: [] }));
    this.routes.set('GET /me/chats/*', () => ({ messages: [] }));
    this.routes.set('PUT /me/chats/*', () => undefined);
    this.routes.set('GET /me/invitations', () => ({ invitations: [] }));
    this.routes.set('GET /me/calls', () => ({ calls: [] }));
    this.routes.set('GET /directory', () => ({ people: [] }));
  }

  async fetch(url: string, request: HttpRequest): Promise<HttpResponse> {
    const path = url.replace(`${SERVER}/api/v1`, '');
    const bare = path.split('?')[0] ?? '';
    const body: unknown = request.body ? JSON.parse(request.body) : undefined;
    await Promise.resolve();
    if (!this.up) throw new Error('unreachable');
    const token = request.headers.Authorization?.replace('Bearer ', '') ?? '';
    this.log.push({ method: request.method, path, body, token, keepalive: request.keepalive === true });
    const exact = `${request.method} ${bare}`;
    const key = this.routes.has(exact) ? exact : `${request.method} ${bare.replace(/^(\/me\/(?:chats|contacts)\/).*$/, '$1*')}`;
    const route = this.routes.get(key);
    const status = this.status.get(key) ?? (route ? 200 : 404);
    const data = status < 300 ? await route?.(body, path) : { error: { code: 'refused', expected: 'this', came: 'that' } };
    return { status, header: () => null, text: async () => (data === undefined ? '' : JSON.stringify(data)) };
  }

  asked(method: string, path: string): { body: unknown; path: string }[] {
    return this.log.filter((one) => one.method === method && one.path.split('?')[0] === path);
  }
}

export class Memory implements KeyValue {
  readonly values = new Map<string, string>();
  get(key: string): string | null {
    return this.values.get(key) ?? null;
  }
  set(key: string, value: string): void {
    this.values.set(key, value);
  }
  remove(key: string): void {
    this.values.delete(key);
  }
}

/** A window of Alice's. */
export class World {
  readonly peer = new Peer();
  readonly rest = new RestServer(this.peer);
  readonly tab = new Memory();
  readonly memory = new Memory();
  readonly platform: Platform;
  readonly convoke: Convoke;
  readonly faults: unknown[] = [];

  constructor(options: { media?: MediaPort; platform?: Partial<Platform>; peer?: Peer } = {}) {
    if (options.peer) this.peer = options.peer;
    let random = 1;
    this.platform = {
      now: () => Date.now(),
      setTimeout: (callback, ms) => setTimeout(callback, ms),
      clearTimeout: (timer) => clearTimeout(timer as NodeJS.Timeout),
      // Reproducible; every byte differs from the one before.
      random: (count) =>
        Uint8Array.from({ length: count }, () => {
          random = (random * 75 + 74) % 65_537;
          return random & 0xff;
        }),
      fetch: (url, request) => this.rest.fetch(url, request),
      openSocket: () => this.peer.accept(),
      tab: this.tab,
      memory: this.memory,
      media: options.media,
      report: (fault) => this.faults.push(fault),
      ...options.platform,
    };
    this.convoke = createConvoke({ server: SERVER, platform: this.platform });
  }

  /** Signed in and connected. */
  static async online(options: ConstructorParameters<typeof World>[0] & { before?: (world: World) => void } = {}): Promise<World> {
    const world = new World(options);
    options.before?.(world);
    await world.signIn();
    return world;
  }

  async signIn(): Promise<void> {
    const signing = this.convoke.session.signIn('alice', 'demo');
    await settle(200);
    if (!(await signing)) throw new Error('not signed in');
  }
}

/** Lets time pass, and everything that follows from it. */
export async function settle(ms = 50): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms);
}
