/** Writing XML: what is put in is made fit, so nothing that is written can be anything but well-formed. */

const ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

/** Text for an element or a quoted attribute; what XML cannot hold becomes a space. */
export function escapeXml(text: string): string {
  return text
    .replace(/[\u0000-\u001f\u007f-\u009f\ufffe\uffff]|\p{Cs}/gu, ' ')
    .replace(/[&<>"]/g, (character) => ESCAPES[character] as string);
}

/** An element as data: its name, its content, its attributes. Undefined values are left out. */
export type XmlNode = readonly [
  name: string,
  content?: string | readonly (XmlNode | undefined)[],
  attributes?: Readonly<Record<string, string | undefined>>,
];

/** Writes an element. */
export function writeXml([name, content = '', attributes = {}]: XmlNode): string {
  let tag = name;
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== undefined) tag += ` ${key}="${escapeXml(value)}"`;
  }
  const inner = typeof content === 'string' ? escapeXml(content) : content.map((node) => (node ? writeXml(node) : '')).join('');
  return inner ? `<${tag}>${inner}</${name}>` : `<${tag}/>`;
}

/** Free text for the schema's `token` types: white space collapsed, no control characters, at most `max` characters. */
export function clean(text: string, max: number): string {
  const collapsed = text.replace(/[\s\u0000-\u001f\u007f-\u009f]+/g, ' ').trim();
  return [...collapsed].slice(0, max).join('').trimEnd();
}
