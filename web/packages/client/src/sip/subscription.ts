/** A subscription (RFC 6665) that lasts: renewed in time, and begun anew after every loss. */
import { Alarm } from '../util/timer.js';
import { Dialog } from './dialog.js';
import type { SipRequest, SipResponse } from './message.js';
import { LocalResponse, type Respond } from './transactions.js';
import { retryAfter, type Ua, type Usage } from './ua.js';
import { readParams } from './uri.js';

/** How long a subscription shall last. */
const EXPIRES_S = 3_600;
/** Pauses before asking again after a refusal that may pass; the last is for all further ones. */
const PAUSES_MS = [2_000, 4_000, 8_000, 15_000, 30_000, 60_000] as const;
/** No NOTIFY within this time after the first answer (RFC 6665, timer N, 64·T1): it is begun anew. */
const FIRST_NOTIFY_MS = 32_000;

export interface SubscriptionOptions {
  readonly uri: string;
  readonly event: string;
  readonly accept: string;
  /** Before those that are not, when many begin together. */
  readonly urgent?: boolean;
  /**
   * A notification with a body. `first`: of a new subscription, so it says all there is. False: it cannot be used (415), and the state is asked
   * for again after a moment.
   */
  onNotify(body: string, type: string, first: boolean): boolean;
  /** It is in force or not: what was told may be old. */
  onCurrent?(current: boolean): void;
  /** It is over for good: there is no such thing, or it is not for us. The SIP status, or 200 with the server's reason. */
  onOver?(status: number, reason: string): void;
}

export class Subscription implements Usage {
  callId = '';
  #dialog: Dialog | undefined;
  #running = false;
  #expires = EXPIRES_S;
  #tries = 0;
  #first = true;
  #current = false;
  /** The last notification could be used. */
  #fits = true;
  readonly #alarm: Alarm;
  #forget: (() => void) | undefined;

  constructor(
    readonly ua: Ua,
    readonly options: SubscriptionOptions,
  ) {
    this.#alarm = new Alarm(ua.platform);
  }

  start(): void {
    if (this.#running) return;
    this.#running = true;
    const online = this.ua.onOnline.add(() => this.#begin());
    const state = this.ua.state.subscribe(() => {
      if (!this.ua.online) this.#gone();
    });
    this.#forget = () => {
      online();
      state();
    };
    this.#begin();
  }

  /** Ends it; nothing is told afterwards. `quiet`: nor is the server, where the connection ends anyway. */
  stop(quiet = false): void {
    if (!this.#running) return;
    const dialog = this.#dialog;
    this.#end();
    if (!quiet && dialog?.established && this.ua.online) this.ua.send(this.#subscribe(dialog, 0));
  }

  /** Asks for the whole state again: something is missing. */
  refetch(): void {
    if (this.#running && this.#dialog?.established) void this.#renew(this.#dialog);
  }

  onRequest(request: SipRequest, respond: Respond): void {
    const dialog = this.#dialog;
    if (request.method !== 'NOTIFY' || !dialog || !dialog.came(request)) {
      respond(481, 'Subscription Does Not Exist');
      return;
    }
    const [word, params] = readParams(request.header('Subscription-State') ?? '');
    const state = word.toLowerCase();
    const fits = !request.body || this.options.onNotify(request.body, request.type, this.#first);
    if (fits && request.body) this.#first = false;
    this.#fits = fits;
    respond(fits ? 200 : 415, fits ? 'OK' : 'Unsupported Media Type');
    if (this.#dialog !== dialog) return;
    if (state === 'terminated') {
      this.#terminated(params.get('reason') ?? '', Number(params.get('retry-after')));
    } else if (!fits) {
      this.#setCurrent(false);
      this.#alarm.set(this.#pause(), () => void this.#renew(dialog));
    } else {
      const left = Number(params.get('expires'));
      this.#setCurrent(state === 'active');
      this.#renewAfter(dialog, left > 0 ? left : this.#expires);
      this.#tries = 0;
    }
  }

  #begin(): void {
    if (!this.#running || !this.ua.online) return;
    this.#gone();
    const dialog = new Dialog(this.ua, this.options.uri);
    this.#dialog = dialog;
    this.callId = dialog.callId;
    this.#first = true;
    this.#fits = true;
    this.ua.add(this);
    void this.#enter(dialog);
  }

  async #enter(dialog: Dialog): Promise<void> {
    const leave = await this.ua.gate.enter(this.options.urgent ?? false);
    if (this.#dialog === dialog && this.ua.online) await this.#ask(dialog);
    leave();
  }

  #subscribe(dialog: Dialog, expires: number): SipRequest {
    const { event, accept } = this.options;
    const headers = [
      ['Event', event],
      ['Accept', accept],
      ['Contact', this.ua.contact],
      ['Expires', String(expires)],
    ] as const;
    return dialog.request('SUBSCRIBE', { headers });
  }

  async #renew(dialog: Dialog): Promise<void> {
    this.#alarm.clear();
    await this.#ask(dialog);
  }

  async #ask(dialog: Dialog): Promise<void> {
    const response = await this.ua.send(this.#subscribe(dialog, this.#expires)).response;
    if (this.#dialog !== dialog) return;
    if (response.ok) {
      dialog.answered(response);
      const granted = Number(response.header('Expires'));
      if (!this.#first && this.#fits) this.#renewAfter(dialog, granted > 0 ? granted : this.#expires);
      else if (!this.#alarm.armed) this.#alarm.set(FIRST_NOTIFY_MS, () => this.#begin());
      return;
    }
    const least = Number(response.header('Min-Expires'));
    if (response.status === 423 && least > this.#expires && least < 1_000_000) {
      this.#expires = least;
      await this.#ask(dialog);
    } else {
      this.#refused(dialog, response);
    }
  }

  #refused(dialog: Dialog, response: SipResponse): void {
    const { status } = response;
    // Without a connection it begins again with the next one.
    if (response instanceof LocalResponse && status === 503) return;
    const passing =
      response instanceof LocalResponse || status === 480 || status === 408 || status === 429 || (status >= 500 && status < 600);
    if (dialog.established && !passing) {
      this.#begin();
    } else if (passing) {
      this.#again(retryAfter(response) * 1_000);
    } else {
      this.#over(status, response.reason);
    }
  }

  /** RFC 6665 §4.1.3. */
  #terminated(reason: string, retryAfterS: number): void {
    this.#gone();
    const word = reason.toLowerCase();
    if (word === 'rejected' || word === 'noresource' || word === 'invariant') this.#over(200, word);
    else if (word === 'deactivated' || word === 'timeout') this.#again(0, true);
    else this.#again((retryAfterS > 0 ? Math.min(retryAfterS, 600) : 0) * 1_000);
  }

  #again(least: number, atOnce = false): void {
    const first = this.#tries === 0;
    const wait = Math.max(this.#pause(), least);
    this.#gone();
    this.#alarm.set(atOnce && first ? 0 : wait, () => this.#begin());
  }

  /** How long to wait before the next attempt: longer each time. */
  #pause(): number {
    return PAUSES_MS[Math.min(this.#tries++, PAUSES_MS.length - 1)] ?? 0;
  }

  #renewAfter(dialog: Dialog, seconds: number): void {
    const wait = Math.max(seconds * 0.8, seconds - 60, 5) * 1_000;
    this.#alarm.set(wait, () => void this.#renew(dialog));
  }

  /** The dialog is no more. */
  #gone(): void {
    this.#alarm.clear();
    this.ua.delete(this);
    this.#dialog = undefined;
    this.#setCurrent(false);
  }

  #setCurrent(current: boolean): void {
    if (current === this.#current) return;
    this.#current = current;
    if (this.#running) this.options.onCurrent?.(current);
  }

  #over(status: number, reason: string): void {
    this.#end();
    this.options.onOver?.(status, reason);
  }

  #end(): void {
    this.#running = false;
    this.#forget?.();
    this.#gone();
  }
}
