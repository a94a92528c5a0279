/**
 * Transactions over a reliable transport (RFC 3261 §17): nothing is sent twice, so what is left are the timers B and F, the match
 * of responses, and the ACK for a refused INVITE.
 */
import type { Platform } from '../platform.js';
import { token } from '../util/ids.js';
import { Alarm } from '../util/timer.js';
import { type Header, readMessage, SipRequest, SipResponse } from './message.js';
import { readParams } from './uri.js';

/** Timers B and F: 64·T1. */
const NO_ANSWER_MS = 32_000;
/** Most requests without a final answer; one more is answered 503 here. */
const PENDING_MAX = 2_000;

interface Client {
  readonly request: SipRequest;
  readonly alarm: Alarm;
  readonly provisional: ((response: SipResponse) => void) | undefined;
  readonly done: (response: SipResponse) => void;
}

/** A response of our own, where the server gave none: what was asked may have been done or not. */
export class LocalResponse extends SipResponse {}

/** Answers a request that came. */
export type Respond = (status: number, reason: string, headers?: readonly Header[], body?: string) => void;

/** A request under way. */
export interface Pending {
  /** The final response; 408 and 503 of our own for no answer and no way to send. Never rejects. */
  readonly response: Promise<SipResponse>;
  /** The request as sent, for CANCEL and ACK. */
  readonly sent: SipRequest;
}

export class Transactions {
  readonly #platform: Platform;
  readonly #clients = new Map<string, Client>();
  #send: ((text: string) => void) | undefined;
  #via = '';
  /** A request came. */
  onRequest: (request: SipRequest, respond: Respond) => void = () => {};
  /** A response that no transaction waits for: a 2xx to an INVITE once more. */
  onStray: (response: SipResponse) => void = () => {};

  constructor(platform: Platform) {
    this.#platform = platform;
  }

  /** From now on what is sent goes here. `sentBy` stands in Via: `WSS abc.invalid`. */
  opened(send: (text: string) => void, sentBy: string): void {
    this.#send = send;
    this.#via = sentBy;
  }

  /** The connection is gone: what waits for an answer gets none. */
  closed(): void {
    this.#send = undefined;
    for (const client of [...this.#clients.values()]) this.#local(client, 503, 'Connection Lost');
  }

  /** Sends a request, to which a Via is added. */
  request(request: SipRequest, provisional?: (response: SipResponse) => void): Pending {
    const branch = `z9hG4bK${token(this.#platform, 12)}`;
    const via: Header = ['Via', `SIP/2.0/${this.#via};branch=${branch}`];
    const sent = new SipRequest(request.method, request.uri, [via, ...request.headers], request.body);
    const response = new Promise<SipResponse>((done) => {
      const client: Client = { request: sent, alarm: new Alarm(this.#platform), provisional, done };
      if (!this.#send || this.#clients.size >= PENDING_MAX) {
        this.#local(client, 503, 'Not Connected');
        return;
      }
      this.#clients.set(`${branch} ${request.method}`, client);
      client.alarm.set(NO_ANSWER_MS, () => this.#local(client, 408, 'Request Timeout'));
      this.#send(sent.toString());
    });
    return { response, sent };
  }

  /** Sends what gets no answer: ACK. With `branch` of the INVITE for a refusal (§17.1.1.3), else a new one. */
  ack(request: SipRequest, via?: string): void {
    const value = via ?? `SIP/2.0/${this.#via};branch=z9hG4bK${token(this.#platform, 12)}`;
    this.#send?.(new SipRequest('ACK', request.uri, [['Via', value], ...request.headers], request.body).toString());
  }

  /** Takes back an INVITE that rings (§9.1). */
  cancel(invite: SipRequest): void {
    const copied = ['via', 'from', 'to', 'call-id', 'max-forwards', 'route'];
    const headers = invite.headers.filter(([name]) => copied.includes(name.toLowerCase()));
    const cancel = new SipRequest('CANCEL', invite.uri, [...headers, ['CSeq', `${invite.cseq[0]} CANCEL`]]);
    // Its own answer says nothing that matters; the INVITE's 487 does, and where none comes in time it counts as come (§9.1).
    this.#send?.(cancel.toString());
    const client = [...this.#clients.values()].find((one) => one.request === invite);
    client?.alarm.set(NO_ANSWER_MS, () => this.#local(client, 408, 'Request Timeout'));
  }

  /** A frame came. */
  receive(text: string): void {
    const message = readMessage(text);
    if (message instanceof SipResponse) this.#response(message);
    else if (message) this.#request(message);
  }

  #request(request: SipRequest): void {
    let answered = false;
    const send = this.#send;
    const respond: Respond = (status, reason, headers = [], body = '') => {
      if (answered || request.method === 'ACK') return;
      answered = true;
      const copied = request.headers.filter(([name]) => /^(via|v|from|f|call-id|i|cseq|record-route)$/i.test(name));
      const to = request.header('To') ?? '';
      const tagged = request.tag('To') ? to : `${to};tag=${token(this.#platform)}`;
      // Over the connection it came on; a later one is not the place (RFC 3261 §18.2.2).
      if (send === this.#send) send?.(new SipResponse(status, reason, [...copied, ['To', tagged], ...headers], body).toString());
    };
    this.onRequest(request, respond);
  }

  #response(response: SipResponse): void {
    const [, params] = readParams(response.header('Via') ?? '');
    const [, method] = response.cseq;
    const key = `${params.get('branch') ?? ''} ${method}`;
    const client = this.#clients.get(key);
    if (!client) {
      this.onStray(response);
      return;
    }
    if (response.status < 200) {
      // Timer B ends with the first sign of life; how long it rings is for the caller to say.
      if (method === 'INVITE') client.alarm.clear();
      client.provisional?.(response);
      return;
    }
    if (method === 'INVITE' && !response.ok) this.#ackRefusal(client.request, response);
    this.#clients.delete(key);
    client.alarm.clear();
    client.done(response);
  }

  #ackRefusal(invite: SipRequest, response: SipResponse): void {
    const headers = invite.headers.filter(([name]) => /^(from|call-id|max-forwards|route)$/i.test(name));
    const to: Header = ['To', response.header('To') ?? ''];
    const ack = new SipRequest('ACK', invite.uri, [...headers, to, ['CSeq', `${invite.cseq[0]} ACK`]]);
    this.ack(ack, invite.header('Via'));
  }

  #local(client: Client, status: number, reason: string): void {
    client.alarm.clear();
    for (const [key, other] of this.#clients) {
      if (other === client) this.#clients.delete(key);
    }
    const copied = client.request.headers.filter(([name]) => /^(via|from|to|call-id|cseq)$/i.test(name));
    client.done(new LocalResponse(status, reason, copied));
  }
}
