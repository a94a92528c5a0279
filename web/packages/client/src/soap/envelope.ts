/** SOAP 1.1 envelopes with WS-Addressing 1.0, as `docs/wsdl` describes them. */
import { readXml, type XmlElement, XmlError } from '../xml/read.js';
import { writeXml, type XmlNode } from '../xml/write.js';

export const SOAP_TYPE = 'text/xml';
const SOAP = 'http://schemas.xmlsoap.org/soap/envelope/';
const WSA = 'http://www.w3.org/2005/08/addressing';
export const CONFERENCE = 'urn:convoke:conference:1';
export const REPORT = 'urn:convoke:report:1';
export const VIDEO = 'urn:convoke:video:1';
/** Largest envelope that the service reads, in bytes. */
export const ENVELOPE_MAX = 64 * 1024;

/** Who asks, where the answer goes, and until when it may be carried out. */
export interface RequestHeaders {
  readonly id: string;
  /** The GRUU of this device. */
  readonly replyTo: string;
  /** By the server's clock. */
  readonly sent: number;
  readonly seconds: number;
}

/** An envelope that came. */
export interface Envelope {
  /** The MessageID that it answers. */
  readonly relatesTo?: string;
  /** The one element in its body. */
  readonly body: XmlElement;
}

/** Writes a request; `operation` is its element with its content: `c:name`, or `v:name` of the video services. */
export function writeEnvelope(headers: RequestHeaders, operation: XmlNode): string {
  const [name] = operation;
  const isVideo = name.startsWith('v:');
  return `<?xml version="1.0" encoding="UTF-8"?>${writeXml([
    's:Envelope',
    [
      [
        's:Header',
        [
          ['a:Action', `${isVideo ? VIDEO : CONFERENCE}/${name.slice(2)}`],
          ['a:MessageID', headers.id],
          ['a:ReplyTo', [['a:Address', headers.replyTo]]],
          [
            'c:expires',
            [
              ['c:sent', new Date(headers.sent).toISOString()],
              ['c:seconds', String(headers.seconds)],
            ],
          ],
        ],
      ],
      ['s:Body', [operation]],
    ],
    { 'xmlns:s': SOAP, 'xmlns:a': WSA, 'xmlns:c': CONFERENCE, 'xmlns:v': isVideo ? VIDEO : undefined },
  ])}`;
}

/** Reads an envelope; undefined where it is none. */
export function readEnvelope(document: string): Envelope | undefined {
  try {
    const root = readXml(document);
    const body = root.child('Body');
    const inner = body?.children[0];
    if (!root.is(SOAP, 'Envelope') || body?.children.length !== 1 || !inner) return undefined;
    return { relatesTo: root.child('Header')?.child('RelatesTo', WSA)?.text.trim(), body: inner };
  } catch (error) {
    if (error instanceof XmlError) return undefined;
    throw error;
  }
}

/** What a fault says. */
export interface Fault {
  /** `not-allowed`, `unknown-conference` … */
  readonly code: string;
  readonly expected: string;
  readonly came: string;
  /** Of `number-refused`: `abroad`, `emergency` … */
  readonly why?: string;
  /** Which of those whom the request names, in its order and from 0. */
  readonly index?: number;
}

/** The fault in a body; undefined where it is a good answer. */
export function faultOf(body: XmlElement): Fault | undefined {
  if (!body.is(SOAP, 'Fault')) return undefined;
  const detail = body.child('detail', '')?.child('fault', CONFERENCE);
  const words = body.child('faultstring', '')?.text.trim() ?? '';
  const index = detail?.textAt('index');
  return {
    code: detail?.textAt('code') ?? 'internal',
    expected: detail?.textAt('expected') ?? words,
    came: detail?.textAt('came') ?? '',
    why: detail?.textAt('why'),
    index: index ? Number(index) : undefined,
  };
}
