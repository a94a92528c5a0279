/** SIP messages (RFC 3261 §7), one a WebSocket frame (RFC 7118 §5). */
import { utf8Length, utf8Prefix } from '../util/utf8.js';
import { type NameAddr, readNameAddr, split } from './uri.js';

/** Largest message that is read, in UTF-16 units. */
const MESSAGE_MAX = 1_200_000;
/** Most header fields. */
const HEADERS_MAX = 256;
/** RFC 3261 §7.3.3 and others. */
const COMPACT: Readonly<Record<string, string>> = {
  a: 'accept-contact',
  b: 'referred-by',
  c: 'content-type',
  d: 'request-disposition',
  e: 'content-encoding',
  f: 'from',
  i: 'call-id',
  j: 'reject-contact',
  k: 'supported',
  l: 'content-length',
  m: 'contact',
  o: 'event',
  r: 'refer-to',
  s: 'subject',
  t: 'to',
  u: 'allow-events',
  v: 'via',
  x: 'session-expires',
};

/** A header field: its name as written, and its value. */
export type Header = readonly [name: string, value: string];

abstract class Message {
  constructor(
    readonly headers: readonly Header[],
    readonly body: string,
  ) {}

  /** The first value. */
  header(name: string): string | undefined {
    return this.all(name)[0];
  }

  /** All values, one a header field. */
  all(name: string): string[] {
    const wanted = name.toLowerCase();
    return this.headers.filter(([written]) => canonical(written) === wanted).map(([, value]) => value);
  }

  /** All values, also of several in one header field. */
  list(name: string): string[] {
    return this.all(name).flatMap((value) => split(value, ','));
  }

  address(name: string): NameAddr | undefined {
    const value = this.header(name);
    return value === undefined ? undefined : readNameAddr(value);
  }

  /** The tag of From or To. */
  tag(name: 'From' | 'To'): string {
    return this.address(name)?.params.get('tag') ?? '';
  }

  get callId(): string {
    return this.header('Call-ID') ?? '';
  }

  /** Number and method. */
  get cseq(): [number, string] {
    const found = /^([0-9]{1,10})\s+([A-Z]+)$/i.exec(this.header('CSeq') ?? '');
    return found ? [Number(found[1]), found[2] as string] : [-1, ''];
  }

  /** The media type in lower case, without parameters. */
  get type(): string {
    return (this.header('Content-Type') ?? (this.body ? 'text/plain' : '')).split(';')[0]?.trim().toLowerCase() ?? '';
  }

  protected abstract get startLine(): string;

  /** As it stands on the wire. Content-Length is made to fit. */
  toString(): string {
    const lines = [this.startLine];
    for (const [name, value] of this.headers) {
      if (canonical(name) !== 'content-length') lines.push(`${name}: ${value}`);
    }
    lines.push(`Content-Length: ${utf8Length(this.body)}`, '', this.body);
    return lines.join('\r\n');
  }
}

export class SipRequest extends Message {
  constructor(
    readonly method: string,
    readonly uri: string,
    headers: readonly Header[],
    body = '',
  ) {
    super(headers, body);
  }

  protected get startLine(): string {
    return `${this.method} ${this.uri} SIP/2.0`;
  }
}

export class SipResponse extends Message {
  constructor(
    readonly status: number,
    readonly reason: string,
    headers: readonly Header[],
    body = '',
  ) {
    super(headers, body);
  }

  get ok(): boolean {
    return this.status >= 200 && this.status < 300;
  }

  protected get startLine(): string {
    return `SIP/2.0 ${this.status} ${this.reason}`;
  }
}

function canonical(name: string): string {
  const lower = name.toLowerCase();
  return (lower.length === 1 && COMPACT[lower]) || lower;
}

/** A header value on one line: nothing that is put in can begin another. */
export function line(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f]+/g, ' ').trim();
}

/** Reads one message; undefined where it is none. */
export function readMessage(text: string): SipRequest | SipResponse | undefined {
  if (text.length > MESSAGE_MAX) return undefined;
  const message = text.replace(/^(?:\r\n)+/, '');
  const end = message.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  // RFC 3261 §7.3.1: a line that begins with white space continues the one before.
  const [start = '', ...lines] = message
    .slice(0, end)
    .replace(/\r\n[ \t]+/g, ' ')
    .split('\r\n');
  if (lines.length > HEADERS_MAX) return undefined;
  const headers: Header[] = [];
  for (const written of lines) {
    const found = /^([\w\-.!%*+`'~]+)[ \t]*:[ \t]*(.*?)[ \t]*$/s.exec(written);
    if (!found) return undefined;
    headers.push([found[1] as string, found[2] as string]);
  }
  let body = message.slice(end + 4);
  const length = headers.find(([name]) => canonical(name) === 'content-length')?.[1];
  if (length !== undefined) {
    const bytes = utf8Length(body);
    if (!/^[0-9]{1,9}$/.test(length) || Number(length) > bytes) return undefined;
    if (Number(length) < bytes) body = utf8Prefix(body, Number(length));
  }
  const request = /^([A-Z]+) (\S+) SIP\/2\.0$/i.exec(start);
  if (request) return whole(new SipRequest(request[1] as string, request[2] as string, headers, body));
  const response = /^SIP\/2\.0 ([1-6][0-9]{2})(?: (.*))?$/i.exec(start);
  return response ? whole(new SipResponse(Number(response[1]), response[2] ?? '', headers, body)) : undefined;
}

/** What every message must have (§8.1.1); a request whose CSeq names another method is none. */
function whole<M extends SipRequest | SipResponse>(message: M): M | undefined {
  const [seq, method] = message.cseq;
  const fits = !(message instanceof SipRequest) || method === message.method;
  const good =
    fits && seq >= 0 && seq < 2 ** 31 && message.callId && message.header('Via') && message.address('From') && message.address('To');
  return good ? message : undefined;
}
