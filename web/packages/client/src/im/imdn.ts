/** Notes that a message was delivered or shown (RFC 5438), and that somebody types (RFC 3994). */
import { tryXml } from '../xml/read.js';
import { writeXml, type XmlNode } from '../xml/write.js';

export const IMDN = 'message/imdn+xml';
export const COMPOSING = 'application/im-iscomposing+xml';
const IMDN_NS = 'urn:ietf:params:xml:ns:imdn';
const COMPOSING_NS = 'urn:ietf:params:xml:ns:im-iscomposing';
/** How long an *active* holds without another (RFC 3994 §3.2). */
const REFRESH_S = 120;

/** What became of the message of this id. */
export interface Disposition {
  readonly id: string;
  readonly state: 'delivered' | 'read' | 'failed';
}

export function writeImdn(id: string, at: number, state: 'delivered' | 'read'): string {
  const [kind, status] = state === 'read' ? ['display-notification', 'displayed'] : ['delivery-notification', 'delivered'];
  const content = [
    ['message-id', id],
    ['datetime', new Date(at).toISOString()],
    [kind, [['status', [[status]]]]],
  ] as const;
  return `<?xml version="1.0" encoding="UTF-8"?>${writeXml(['imdn', content, { xmlns: IMDN_NS }])}`;
}

/** Reads a notification; undefined where it is none that says anything. */
export function readImdn(document: string): Disposition | undefined {
  const root = tryXml(document);
  const id = root?.textAt('message-id');
  if (!root?.is(IMDN_NS, 'imdn') || !id) return undefined;
  const shown = root.child('display-notification')?.child('status')?.children[0]?.name;
  const status = shown ?? root.child('delivery-notification')?.child('status')?.children[0]?.name;
  if (status === 'displayed') return { id, state: 'read' };
  if (status === 'delivered') return { id, state: 'delivered' };
  if (status === 'failed') return { id, state: 'failed' };
  return undefined;
}

export function writeComposing(active: boolean): string {
  const content: (XmlNode | undefined)[] = [['state', active ? 'active' : 'idle'], active ? ['refresh', String(REFRESH_S)] : undefined];
  return `<?xml version="1.0" encoding="UTF-8"?>${writeXml(['isComposing', content, { xmlns: COMPOSING_NS }])}`;
}

/** How many seconds they type on; 0: they stopped; undefined: it says nothing. */
export function readComposing(document: string): number | undefined {
  const root = tryXml(document);
  if (!root?.is(COMPOSING_NS, 'isComposing')) return undefined;
  const state = root.textAt('state');
  if (state !== 'active') return state === 'idle' ? 0 : undefined;
  const refresh = Number(root.textAt('refresh'));
  return refresh > 0 ? Math.min(refresh, 600) : REFRESH_S;
}
