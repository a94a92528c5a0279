/** A publication (RFC 3903) that lasts until it is changed or taken back. */
import { Alarm } from '../util/timer.js';
import type { Header } from './message.js';
import { LocalResponse } from './transactions.js';
import { retryAfter, type Ua } from './ua.js';
import { uriOf } from './uri.js';

const EXPIRES_S = 3_600;
/** Before asking again after a refusal that may pass. */
const PAUSE_MS = 10_000;

export class Publication {
  #body: string | undefined;
  #tag: string | undefined;
  /** What the server has, as far as known. */
  #told: string | undefined;
  #underWay = false;
  readonly #alarm: Alarm;
  readonly #forget: () => void;

  constructor(
    readonly ua: Ua,
    readonly event: string,
    readonly type: string,
  ) {
    this.#alarm = new Alarm(ua.platform);
    // The server ends with the connection what was published over it.
    this.#forget = ua.onOnline.add(() => {
      this.#tag = undefined;
      this.#told = undefined;
      void this.#go();
    });
  }

  /** Publishes this from now on; undefined takes it back. */
  set(body: string | undefined): void {
    this.#body = body;
    void this.#go();
  }

  close(): void {
    this.#alarm.clear();
    this.#forget();
  }

  async #go(renew = false): Promise<void> {
    if (this.#underWay || !this.ua.online || (this.#body === this.#told && !renew)) return;
    this.#underWay = true;
    this.#alarm.clear();
    const body = this.#body;
    const expires = body === undefined ? 0 : EXPIRES_S;
    const headers: Header[] = [
      ['Event', this.event],
      ['Expires', String(expires)],
    ];
    if (this.#tag) headers.push(['SIP-If-Match', this.#tag]);
    // §4.1: what only lives on is not said again.
    const says = body === this.#told ? undefined : body;
    const request = this.ua.outline('PUBLISH', uriOf(this.ua.options.aor), { headers, type: this.type, body: says });
    const response = await this.ua.send(request).response;
    this.#underWay = false;
    if (response.ok) {
      this.#told = body;
      this.#tag = body === undefined ? undefined : response.header('SIP-ETag');
      const granted = Number(response.header('Expires')) || EXPIRES_S;
      if (body !== undefined) this.#alarm.set(Math.max(granted * 0.8, 5) * 1_000, () => void this.#go(true));
      void this.#go();
    } else if (response.status === 412) {
      // §6: the server does not know it any more.
      this.#tag = undefined;
      this.#told = undefined;
      void this.#go();
    } else if (!(response instanceof LocalResponse) || response.status !== 503) {
      this.#alarm.set(Math.max(PAUSE_MS, retryAfter(response) * 1_000), () => void this.#go());
    }
  }
}
