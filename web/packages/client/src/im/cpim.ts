/** `message/cpim` (RFC 3862) with the headers of IMDN (RFC 5438 §6): a text with its own id, time and wishes. */
import { type Header, line } from '../sip/message.js';
import { uriOf } from '../sip/uri.js';

export const CPIM = 'message/cpim';
const IMDN_NS = 'urn:ietf:params:imdn';
const HEADERS_MAX = 64;

/** A message that was in the wrapper. */
export interface Cpim {
  /** Media type of the inner part, in lower case. */
  readonly type: string;
  readonly body: string;
  /** RFC 5438's Message-ID. */
  readonly id?: string;
  /** When it was written, milliseconds since 1970. */
  readonly at?: number;
  /** Notifications that its sender wants: `positive-delivery`, `display` … */
  readonly wants: ReadonlySet<string>;
}

/** What stands on a wrapper. */
export interface Label {
  readonly from: string;
  readonly to: string;
  readonly at: number;
  /** Names the message for notifications. */
  readonly id?: string;
  /** Notifications that are wanted. */
  readonly wants?: readonly string[];
  /** Of what is in it; text otherwise. */
  readonly type?: string;
  readonly disposition?: string;
}

/** Wraps a body. */
export function writeCpim(label: Label, body: string): string {
  const headers: Header[] = [
    ['From', `<${uriOf(label.from)}>`],
    ['To', `<${uriOf(label.to)}>`],
    ['DateTime', new Date(label.at).toISOString()],
  ];
  if (label.id) headers.push(['NS', `imdn <${IMDN_NS}>`], ['imdn.Message-ID', label.id]);
  if (label.id && label.wants?.length) headers.push(['imdn.Disposition-Notification', label.wants.join(', ')]);
  const inner: Header[] = [['Content-Type', label.type ?? 'text/plain; charset=utf-8']];
  if (label.disposition) inner.push(['Content-Disposition', label.disposition]);
  const lines = (all: readonly Header[]) => all.map(([name, value]) => `${name}: ${line(value)}`);
  return [...lines(headers), '', ...lines(inner), '', body].join('\r\n');
}

/** Reads a wrapper; undefined where it is none. Lines may end with a line feed alone. */
export function readCpim(document: string): Cpim | undefined {
  const outer = block(document);
  const inner = outer && block(outer.rest);
  if (!outer || !inner) return undefined;
  // §3.4: namespaces are declared by NS, and a prefix names one of them.
  let prefix = '';
  let [id, at, wants] = [undefined as string | undefined, undefined as number | undefined, ''];
  for (const [name, value] of outer.headers) {
    const declared = /^(\S+)\s*<([^>]*)>$/.exec(value);
    if (name === 'NS' && declared?.[2] === IMDN_NS) prefix = `${declared[1]}.`;
    if (name === 'DateTime') at = Date.parse(value);
    if (prefix && name === `${prefix}Message-ID`) id = value;
    if (prefix && name === `${prefix}Disposition-Notification`) wants = value;
  }
  const type = inner.headers.find(([name]) => name.toLowerCase() === 'content-type')?.[1] ?? 'text/plain';
  return {
    type: type.split(';')[0]?.trim().toLowerCase() ?? '',
    body: inner.rest,
    id: id && id.length <= 256 ? id : undefined,
    at: at !== undefined && Number.isFinite(at) ? at : undefined,
    wants: new Set(
      wants
        .split(',')
        .map((word) => word.trim().toLowerCase())
        .filter(Boolean),
    ),
  };
}

/** Header lines up to an empty one, and what follows. */
function block(text: string): { headers: Header[]; rest: string } | undefined {
  const headers: Header[] = [];
  let at = 0;
  while (headers.length <= HEADERS_MAX) {
    const feed = text.indexOf('\n', at);
    if (feed < 0) return undefined;
    const written = text.slice(at, feed).replace(/\r$/, '');
    at = feed + 1;
    if (written === '') return { headers, rest: text.slice(at) };
    const found = /^([^\s:]+):[ \t]*(.*?)[ \t]*$/.exec(written);
    if (!found) return undefined;
    headers.push([found[1] as string, found[2] as string]);
  }
  return undefined;
}
