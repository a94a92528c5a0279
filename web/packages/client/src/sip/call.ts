/** The signalling of a call that we make: INVITE, its answer, changes, its end (RFC 3261 §13 to §15). Offers and answers are texts here. */
import { Alarm, pause } from '../util/timer.js';
import { Dialog } from './dialog.js';
import type { SipRequest, SipResponse } from './message.js';
import { LocalResponse, type Respond } from './transactions.js';
import { retryAfter, type Ua, type Usage } from './ua.js';

const SDP = 'application/sdp';
/** How long it may take until somebody answers. */
const ANSWER_MS = 60_000;
/** RFC 3261 §14.1: before a change is tried again that met one of the other side. */
const GLARE_MS = 2_100;
/** How often an INVITE is tried that comes too soon. */
const ROUNDS = 3;

/**
 * What we say of our side: an offer, or what answers theirs. Without an offer of ours the far end makes one in its 2xx, and the ACK carries the
 * answer (RFC 3261 §13.2.1); that function never rejects, since each 2xx is acknowledged (§13.2.2.4).
 */
export type Description = string | ((offer: string) => Promise<string>);

/** How a call ended. */
export interface CallEnd {
  /** `refused`: never answered, `lost`: no connection or no answer. */
  readonly by: 'us' | 'them' | 'refused' | 'lost';
  /** Of their BYE: the cause that it names (RFC 3326), or 200. */
  readonly status: number;
  readonly reason: string;
}

export class SipCall implements Usage {
  readonly callId: string;
  readonly #dialog: Dialog;
  readonly #alarm: Alarm;
  #state: 'new' | 'calling' | 'up' | 'over' = 'new';
  #invite: SipRequest | undefined;
  #provisional = false;
  #cancelled = false;
  #ack: SipRequest | undefined;
  #connection = 0;
  /** Named as the device that we are, we are reached over whatever connection it has. */
  #moves = false;
  #refusal: CallEnd | undefined;
  /** The far end rings, or makes progress. */
  onRinging: () => void = () => {};
  /** Once, whoever ended it. */
  onEnd: (end: CallEnd) => void = () => {};

  constructor(
    readonly ua: Ua,
    uri: string,
  ) {
    this.#dialog = new Dialog(ua, uri);
    this.callId = this.#dialog.callId;
    this.#alarm = new Alarm(ua.platform);
  }

  get up(): boolean {
    return this.#state === 'up';
  }

  /**
   * Whether it can be gone on with: the road back to us leads to our device (RFC 5627) where the registrar has given it an address, and else over the
   * connection that the call began on (RFC 5626 §5.3).
   */
  get reachable(): boolean {
    return this.up && (this.#moves || this.#connection === this.ua.connection);
  }

  /** Why the last change within the call was refused. */
  get refusal(): CallEnd | undefined {
    return this.#refusal;
  }

  /** Calls; gives what the far end says of its side, or undefined when the call ended (`onEnd` says how). */
  async invite(ours: Description): Promise<string | undefined> {
    this.#state = 'calling';
    this.#connection = this.ua.connection;
    this.#moves = this.ua.state.get().gruu !== undefined;
    this.ua.add(this);
    this.#alarm.set(ANSWER_MS, () => this.hangUp());
    const response = await this.#inviteInTime(ours, () => this.#state === 'calling' && !this.#cancelled);
    this.#alarm.clear();
    if (this.#over()) return undefined;
    if (!response.ok) {
      const by = this.#cancelled ? 'us' : response instanceof LocalResponse ? 'lost' : 'refused';
      this.#end({ by, status: response.status, reason: wordsOf(response) ?? response.reason });
      return undefined;
    }
    this.#state = 'up';
    if (this.#cancelled || !response.body) {
      // It was answered while it was taken back, or with nothing that could be heard.
      this.hangUp();
      return undefined;
    }
    return response.body;
  }

  /**
   * Offers, or asks for an offer, anew within the call. Gives what the far end says; `lost` where there was nothing because of the connection, `refused`
   * where the far end does not know this call any more or cannot do it.
   */
  async reinvite(ours: Description): Promise<{ answer: string } | 'lost' | 'refused'> {
    if (!this.up) return 'refused';
    const response = await this.#inviteInTime(ours, () => this.up);
    if (response.ok && response.body) return { answer: response.body };
    if (response instanceof LocalResponse) return 'lost';
    this.#refusal = { by: 'refused', status: response.status, reason: wordsOf(response) ?? response.reason };
    if (isUnknown(response)) this.#forget();
    return 'refused';
  }

  /** Asks whether the far end still knows this call (OPTIONS within it, RFC 3261 §11): over a new connection, and changing nothing. */
  async probe(): Promise<'there' | 'lost' | 'gone'> {
    if (!this.up) return 'gone';
    const response = await this.ua.send(this.#dialog.request('OPTIONS')).response;
    if (response instanceof LocalResponse) return 'lost';
    if (response.ok) return 'there';
    // Whoever is overloaded or registers anew has not hung up.
    if (response.status === 480 || response.status >= 500) return 'lost';
    if (isUnknown(response)) this.#forget();
    return 'gone';
  }

  /** It is over, as whoever asked is told by the result. */
  #forget(): void {
    this.onEnd = () => {};
    this.abandon();
  }

  /** Ends it, in whatever state it is. */
  hangUp(): void {
    if (this.#state === 'up') {
      this.ua.send(this.#dialog.request('BYE'));
      this.#end({ by: 'us', status: 200, reason: 'ended here' });
    } else if (this.#state === 'calling') {
      this.#cancelled = true;
      // §9.1: not before the far end said anything; the final answer ends it otherwise.
      if (this.#provisional && this.#invite) this.ua.cancel(this.#invite);
    } else {
      this.#state = 'over';
    }
  }

  /** Forgets it without a word: the far end has ended it already. */
  abandon(): void {
    if (!this.#over()) this.#end({ by: 'them', status: 200, reason: 'ended there' });
  }

  onRequest(request: SipRequest, respond: Respond): void {
    if (!this.#dialog.came(request)) respond(481, 'Call Does Not Exist');
    else if (request.method === 'BYE') {
      respond(200, 'OK');
      const cause = Number(/cause=(\d+)/.exec(request.header('Reason') ?? '')?.[1]);
      this.#end({ by: 'them', status: cause || 200, reason: wordsOf(request) ?? 'ended there' });
    } else if (request.method === 'INVITE') respond(488, 'Not Acceptable Here');
    else if (request.method === 'OPTIONS' || request.method === 'INFO') respond(200, 'OK');
    else respond(405, 'Method Not Allowed', [['Allow', 'BYE, OPTIONS, INFO']]);
  }

  onStray(response: SipResponse): void {
    const [seq, method] = response.cseq;
    if (!response.ok || method !== 'INVITE') return;
    // What acknowledged a former one is no answer to this one, whose own may still be on its way.
    if (this.#ack?.cseq[0] === seq) this.ua.ack(this.#ack);
    else if (this.#over()) {
      // Answered after it was given up here: it is acknowledged and ended.
      this.#acknowledge(response, seq);
      this.ua.send(this.#dialog.request('BYE'));
    }
  }

  /** Tries again, while `wanted`, what was refused for this moment only. */
  async #inviteInTime(ours: Description, wanted: () => boolean): Promise<SipResponse> {
    let response = await this.#sendInvite(ours);
    for (let round = 1; round < ROUNDS && wanted(); round++) {
      const wait = againIn(response);
      if (wait === 0) break;
      await pause(this.ua.platform, wait);
      if (!wanted()) break;
      response = await this.#sendInvite(ours);
    }
    return response;
  }

  async #sendInvite(ours: Description): Promise<SipResponse> {
    const request = this.#dialog.request('INVITE', {
      headers: [
        ['Contact', this.ua.device],
        ['Allow', 'BYE, CANCEL, ACK, OPTIONS, INFO'],
        ['Supported', 'outbound, gruu'],
        ['Accept', SDP],
      ],
      type: SDP,
      body: typeof ours === 'string' ? ours : undefined,
    });
    const seq = this.#dialog.seq;
    this.#provisional = false;
    const pending = this.ua.send(request, (response) => {
      this.#heard();
      if (response.status > 100 && this.#state === 'calling') this.onRinging();
    });
    this.#invite = pending.sent;
    const response = await pending.response;
    this.#invite = undefined;
    if (response.ok) {
      const answer = typeof ours === 'string' || !response.body ? undefined : await ours(response.body);
      this.#acknowledge(response, seq, answer);
    }
    return response;
  }

  #acknowledge(response: SipResponse, seq: number, answer?: string): void {
    this.#dialog.answered(response);
    this.#ack = this.#dialog.request('ACK', { seq, type: SDP, body: answer });
    this.ua.ack(this.#ack);
  }

  #heard(): void {
    const first = !this.#provisional;
    this.#provisional = true;
    if (first && this.#cancelled && this.#invite) this.ua.cancel(this.#invite);
  }

  #over(): boolean {
    return this.#state === 'over';
  }

  #end(end: CallEnd): void {
    if (this.#over()) return;
    this.#state = 'over';
    this.#alarm.clear();
    // A late copy of the answer is still acknowledged for a while, and a BYE of theirs answered.
    this.ua.platform.setTimeout(() => this.ua.delete(this), 32_000);
    this.onEnd(end);
  }
}

/** In how many milliseconds a refused INVITE may be tried again; 0: not at all. */
function againIn(response: SipResponse): number {
  if (response.status === 491) return GLARE_MS;
  return response.status === 500 ? retryAfter(response) * 1_000 : 0;
}

/** What people are told (RFC 3326). */
function wordsOf(message: SipRequest | SipResponse): string | undefined {
  return /text="([^"]*)"/.exec(message.header('Reason') ?? '')?.[1] || undefined;
}

/** RFC 3261 §12.2.1.2: the far end does not know the dialog any more. */
function isUnknown(response: SipResponse): boolean {
  return response.status === 481 || response.status === 408;
}
