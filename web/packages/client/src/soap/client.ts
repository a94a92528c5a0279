/**
 * Commands to the conference service by instant message. Each has an id: what is not answered is sent again with the same one, which the
 * service answers as it did the first time, so nobody is called twice.
 */

import { LocalResponse } from '../sip/transactions.js';
import type { Ua } from '../sip/ua.js';
import { uriOf } from '../sip/uri.js';
import { uuid } from '../util/ids.js';
import { Alarm } from '../util/timer.js';
import { utf8Length } from '../util/utf8.js';
import type { XmlElement } from '../xml/read.js';
import type { XmlNode } from '../xml/write.js';
import { ENVELOPE_MAX, type Fault, faultOf, SOAP_TYPE, writeEnvelope } from './envelope.js';
import { type Answer, type Operation, operationNode, readAnswer } from './service.js';

/** For how long after it was sent a command may be carried out. */
const LIFE_S = 30;
/** How long it is asked for: less than its life, so that no late copy rings anybody. */
const WHOLE_MS = 28_000;
/** Before the same command is sent again with the same id. */
const ANSWER_MS = 8_000;
/** After a failure to deliver that may pass. */
const PAUSE_MS = 1_000;

/** What came of a command: an answer, a fault of the service (and the number of each whom the command named), or the SIP status with which it was not delivered (0: no answer in time). */
export type Outcome =
  | { readonly answer: Answer }
  | { readonly fault: Fault; readonly numbers?: readonly (string | undefined)[] }
  | { readonly status: number };

/** The same, with the body of the answer as it came. */
export type Told = { readonly body: XmlElement } | Exclude<Outcome, { readonly answer: Answer }>;

interface Waiting {
  /** Who was asked: nobody else answers. */
  readonly account: string;
  /** Reports relate to the command that began them as its answer does, and may overtake it. */
  isAnswer(body: XmlElement): boolean;
  take(told: Told): void;
}

export class ConferenceService {
  readonly #waiting = new Map<string, Waiting>();
  /** The service's account. */
  readonly account: string;

  constructor(readonly ua: Ua) {
    this.account = `conference@${ua.domain}`;
  }

  /** Takes an envelope of somebody; false where it is no answer that was waited for, or could be. */
  take(from: string, relatesTo: string | undefined, body: XmlElement): boolean {
    const fault = faultOf(body);
    const waiting = relatesTo === undefined ? undefined : this.#waiting.get(relatesTo);
    const asked = waiting?.account.toLowerCase() === from.toLowerCase() ? waiting : undefined;
    if (asked && (fault || asked.isAnswer(body))) {
      asked.take(fault ? { fault } : { body });
      return true;
    }
    // Whoever asked may have stopped waiting.
    return fault !== undefined || readAnswer(body) !== undefined;
  }

  /** Asks the conference service. Never rejects. */
  async request(operation: Operation): Promise<Outcome> {
    const told = await this.ask(this.account, operationNode(operation), (body) => readAnswer(body) !== undefined);
    if (!('body' in told)) return told;
    const answer = readAnswer(told.body);
    return answer ? { answer } : { status: 500 };
  }

  /** Asks somebody who answers in SOAP as that does. Never rejects. */
  ask(account: string, operation: XmlNode, isAnswer: (body: XmlElement) => boolean): Promise<Told> {
    const id = `urn:uuid:${uuid(this.ua.platform)}`;
    return new Promise((done) => {
      const whole = new Alarm(this.ua.platform);
      const again = new Alarm(this.ua.platform);
      let envelope: string | undefined;
      const online = this.ua.onOnline.add(() => attempt());
      const take = (told: Told) => {
        whole.clear();
        again.clear();
        online();
        if (this.#waiting.delete(id)) done(told);
      };
      const attempt = () => {
        const gruu = this.ua.state.get().gruu;
        // It is written once: a repeat is the same to the letter.
        if (this.ua.online && gruu && envelope === undefined) {
          const headers = { id, replyTo: gruu, sent: this.ua.serverNow(), seconds: LIFE_S };
          envelope = writeEnvelope(headers, operation);
          if (utf8Length(envelope) > ENVELOPE_MAX) return take({ status: 413 });
        }
        if (!this.ua.online) return;
        // Without an address of its own no answer could reach this device.
        if (envelope === undefined) return take({ status: 481 });
        again.set(ANSWER_MS, attempt);
        void this.#deliver(account, envelope).then((status) => {
          // The answer may overtake the status of the message that it answers.
          if (!this.#waiting.has(id) || (status >= 200 && status < 300)) return;
          if ([408, 482, 491, 500, 502, 503, 504].includes(status)) again.set(PAUSE_MS, attempt);
          else take({ status });
        });
      };
      this.#waiting.set(id, { account, isAnswer, take });
      whole.set(WHOLE_MS, () => take({ status: 0 }));
      attempt();
    });
  }

  /** The whole state, put together of as many pages as it takes. */
  async state(conference: string): Promise<Outcome> {
    for (let round = 0; ; round++) {
      const first = await this.request({ name: 'get', conference });
      if (!('answer' in first) || !first.answer.conference) return first;
      const { count } = first.answer;
      let whole = first.answer.conference;
      while (whole.participants.length < count) {
        const next = await this.request({ name: 'get', conference, first: whole.participants.length });
        if (!('answer' in next)) return next;
        const page = next.answer.conference;
        // Pages of different versions do not fit together.
        if (!page || page.version !== whole.version || page.participants.length === 0) break;
        whole = { ...whole, participants: [...whole.participants, ...page.participants] };
      }
      if (whole.participants.length >= count || round >= 4) return { answer: { ...first.answer, conference: whole } };
    }
  }

  async #deliver(account: string, envelope: string): Promise<number> {
    const headers = [['Expires', String(LIFE_S)]] as const;
    const request = this.ua.outline('MESSAGE', uriOf(account), { headers, type: `${SOAP_TYPE}; charset=utf-8`, body: envelope });
    const response = await this.ua.send(request).response;
    // Without a connection it goes again with the next one.
    return response instanceof LocalResponse && !this.ua.online ? 200 : response.status;
  }
}
