/** A dialog (RFC 3261 §12) that we began. */
import type { SipRequest, SipResponse } from './message.js';
import type { Outline, Ua } from './ua.js';

export class Dialog {
  readonly callId: string;
  readonly localTag: string;
  #seq = 0;
  #remoteSeq = -1;
  #remoteTag = '';
  #to: string;
  #target: string;
  #routes: readonly string[] = [];

  constructor(
    readonly ua: Ua,
    readonly uri: string,
  ) {
    this.callId = ua.token(12);
    this.localTag = ua.token();
    this.#to = `<${uri}>`;
    this.#target = uri;
  }

  get established(): boolean {
    return this.#remoteTag !== '';
  }

  get seq(): number {
    return this.#seq;
  }

  /** The far end answered: its tag, target and the road there (§12.1.2). Later answers refresh the target alone. */
  answered(response: SipResponse): void {
    if (!this.established) {
      this.#remoteTag = response.tag('To');
      this.#to = response.header('To') ?? this.#to;
      // A UAC's route set is that of the response reversed.
      this.#routes = response.list('Record-Route').reverse();
    }
    this.#retarget(response);
  }

  /** A request within it came; false where it is not of this dialog, or too old. */
  came(request: SipRequest): boolean {
    const remote = request.tag('From');
    const [seq] = request.cseq;
    if (request.tag('To') !== this.localTag || (this.established && remote !== this.#remoteTag) || seq <= this.#remoteSeq) return false;
    this.#remoteSeq = seq;
    if (!this.established) {
      // RFC 6665 §4.4.1: a NOTIFY may come before the answer, and makes the dialog.
      this.#remoteTag = remote;
      this.#to = request.header('From') ?? this.#to;
      this.#routes = request.list('Record-Route');
    }
    this.#retarget(request);
    return true;
  }

  #retarget(message: SipRequest | SipResponse): void {
    this.#target = message.address('Contact')?.uri ?? this.#target;
  }

  /** The next request within it, or the first. `seq` is given for ACK, which has that of its INVITE. */
  request(method: string, outline: Outline = {}): SipRequest {
    return this.ua.outline(method, this.#target, {
      ...outline,
      callId: this.callId,
      fromTag: this.localTag,
      to: this.#to,
      routes: this.#routes,
      seq: outline.seq ?? ++this.#seq,
    });
  }
}
