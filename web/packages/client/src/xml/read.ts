/**
 * XML as our peers write it, read strictly (XML 1.0 and Namespaces), without a DOM: nothing is declared or expanded, so a
 * document type, an entity of its own, or a processing instruction is refused, and so is what is too large or too deep.
 */

/** Largest document, in UTF-16 units: a conference of 500 people takes a third of it. */
const LENGTH_MAX = 1_000_000;
/** Deepest nesting. */
const DEPTH_MAX = 32;
/** Most attributes of one element. */
const ATTRIBUTES_MAX = 32;
/** Most elements of a document. */
const ELEMENTS_MAX = 20_000;
const XML_NS = 'http://www.w3.org/XML/1998/namespace';

const NAME =
  /[A-Za-z_\u00c0-\u2fef\u3001-\ufffd][\w.\-\u00b7-\u2fef\u3001-\ufffd]*(?::[A-Za-z_\u00c0-\u2fef\u3001-\ufffd][\w.\-\u00b7-\u2fef\u3001-\ufffd]*)?/y;
const ATTRIBUTE = new RegExp(`[ \\t\\n]+(${NAME.source})[ \\t\\n]*=[ \\t\\n]*("[^"<]*"|'[^'<]*')`, 'y');
const DECLARATION =
  /^<\?xml\s+version\s*=\s*(?:"1\.0"|'1\.0')(?:\s+encoding\s*=\s*(?:"utf-8"|'utf-8'))?(?:\s+standalone\s*=\s*(?:"(?:yes|no)"|'(?:yes|no)'))?\s*\?>/i;
// Control characters, the two that are none, and halves of pairs (XML 1.0 §2.2).
const UNLAWFUL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|\p{Cs}/u;
const ENTITIES: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };

/** Not a document that is read; says why. */
export class XmlError extends Error {}

/** An element. */
export class XmlElement {
  readonly children: XmlElement[] = [];
  /** Its own text, without that of its children. */
  text = '';

  constructor(
    readonly ns: string,
    readonly name: string,
    /** By local name, those without a namespace; others by `{namespace}name`. */
    readonly attributes: ReadonlyMap<string, string>,
  ) {}

  /** Whether it is this one. */
  is(ns: string, name: string): boolean {
    return this.name === name && this.ns === ns;
  }

  /** The first child of this name. */
  child(name: string, ns = this.ns): XmlElement | undefined {
    return this.children.find((child) => child.is(ns, name));
  }

  /** All children of this name. */
  all(name: string, ns = this.ns): XmlElement[] {
    return this.children.filter((child) => child.is(ns, name));
  }

  /** The trimmed text of the child that this path leads to; undefined where there is none. */
  textAt(...path: string[]): string | undefined {
    let at: XmlElement | undefined = this;
    for (const name of path) at = at?.child(name);
    return at?.text.trim();
  }

  attribute(name: string): string | undefined {
    return this.attributes.get(name);
  }
}

/** Reads a document; throws {@link XmlError}. */
export function readXml(document: string): XmlElement {
  if (document.length > LENGTH_MAX) throw new XmlError(`more than ${LENGTH_MAX} characters`);
  const unlawful = UNLAWFUL.exec(document);
  if (unlawful) throw new XmlError(`a character that XML cannot hold, at ${unlawful.index}`);
  return new Reader(document.replace(/^\ufeff/, '').replace(/\r\n?/g, '\n')).document();
}

/** Reads a document; undefined where it is none. */
export function tryXml(document: string): XmlElement | undefined {
  try {
    return readXml(document);
  } catch {
    return undefined;
  }
}

interface Open {
  readonly element: XmlElement;
  readonly qname: string;
  readonly scope: ReadonlyMap<string, string>;
}

class Reader {
  #at = 0;
  #elements = 0;
  readonly #open: Open[] = [];
  #root: XmlElement | undefined;

  constructor(readonly text: string) {}

  document(): XmlElement {
    this.#at = DECLARATION.exec(this.text)?.[0].length ?? 0;
    while (this.#at < this.text.length) {
      const next = this.text.indexOf('<', this.#at);
      this.#characters(this.text.slice(this.#at, next < 0 ? undefined : next));
      if (next < 0) break;
      this.#at = next;
      this.#markup();
    }
    const left = this.#open.at(-1);
    if (left) this.#fail(`the end of <${left.qname}> is missing`);
    return this.#root ?? this.#fail('no element');
  }

  #fail(why: string): never {
    throw new XmlError(`${why}, at ${this.#at}`);
  }

  /** After `begin`, up to `end`; the place is behind it then. */
  #until(begin: string, end: string): string {
    const from = this.#at + begin.length;
    const to = this.text.indexOf(end, from);
    if (to < 0) this.#fail(`${end} is missing`);
    this.#at = to + end.length;
    return this.text.slice(from, to);
  }

  #markup(): void {
    if (this.text.startsWith('<!--', this.#at)) {
      if (this.#until('<!--', '-->').includes('--')) this.#fail('-- within a comment');
    } else if (this.text.startsWith('<![CDATA[', this.#at)) {
      const open = this.#open.at(-1) ?? this.#fail('text beside the element');
      open.element.text += this.#until('<![CDATA[', ']]>');
    } else if (this.text[this.#at + 1] === '/') {
      const name = this.#until('</', '>').trimEnd();
      if (this.#open.pop()?.qname !== name) this.#fail(`</${name}> ends nothing`);
    } else if (this.text[this.#at + 1] === '!' || this.text[this.#at + 1] === '?') {
      this.#fail('a document type, entity or instruction');
    } else {
      this.#start();
    }
  }

  #match(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.text);
    if (found) this.#at = pattern.lastIndex;
    return found ?? undefined;
  }

  #start(): void {
    if (this.#open.length >= DEPTH_MAX) this.#fail(`more than ${DEPTH_MAX} levels`);
    if (++this.#elements > ELEMENTS_MAX) this.#fail(`more than ${ELEMENTS_MAX} elements`);
    if (this.#root && this.#open.length === 0) this.#fail('a second element');
    this.#at++;
    const qname = this.#match(NAME)?.[0] ?? this.#fail('a name is missing');
    const outer = this.#open.at(-1)?.scope ?? new Map([['xml', XML_NS]]);
    let scope = outer;
    const written = new Map<string, string>();
    for (let found = this.#match(ATTRIBUTE); found; found = this.#match(ATTRIBUTE)) {
      const [, name = '', quoted = ''] = found;
      if (written.has(name)) this.#fail(`${name} twice`);
      if (written.size >= ATTRIBUTES_MAX) this.#fail(`more than ${ATTRIBUTES_MAX} attributes`);
      const value = this.#resolve(quoted.slice(1, -1).replace(/[\t\n]/g, ' '));
      written.set(name, value);
      if (name === 'xmlns' || name.startsWith('xmlns:')) {
        const prefix = name.slice(6);
        if ((prefix === 'xml') !== (value === XML_NS) || prefix === 'xmlns' || (prefix && !value)) this.#fail(`an unlawful ${name}`);
        if (scope === outer) scope = new Map(outer);
        (scope as Map<string, string>).set(prefix, value);
      }
    }
    const attributes = new Map<string, string>();
    for (const [name, value] of written) {
      if (name === 'xmlns' || name.startsWith('xmlns:')) continue;
      // An attribute without prefix has no namespace (Namespaces in XML §6.2).
      const key = name.includes(':') ? this.#expand(name, scope).join('') : name;
      if (attributes.has(key)) this.#fail(`${name} twice`);
      attributes.set(key, value);
    }
    const [ns, local] = this.#expand(qname, scope);
    const element = new XmlElement(ns.slice(1, -1), local, attributes);
    const parent = this.#open.at(-1)?.element;
    if (parent) parent.children.push(element);
    else this.#root = element;
    if (!this.#match(/[ \t\n]*(\/?)>/y)?.[1]) {
      if (this.text[this.#at - 1] !== '>') this.#fail('> is missing');
      this.#open.push({ element, qname, scope });
    }
  }

  /** `{namespace}` and local name. */
  #expand(qname: string, scope: ReadonlyMap<string, string>): [string, string] {
    const colon = qname.indexOf(':');
    const prefix = qname.slice(0, Math.max(colon, 0));
    const ns = scope.get(prefix) ?? (prefix ? this.#fail(`${prefix}: is not declared`) : '');
    return [`{${ns}}`, qname.slice(colon + 1)];
  }

  #characters(text: string): void {
    if (!text) return;
    const open = this.#open.at(-1);
    if (!open) {
      if (/[^ \t\n]/.test(text)) this.#fail('text beside the element');
      return;
    }
    if (text.includes(']]>')) this.#fail(']]> in text');
    open.element.text += this.#resolve(text);
  }

  #resolve(text: string): string {
    if (!text.includes('&')) return text;
    return text.replace(/&([^;&]*;?)/g, (whole, name: string) => {
      const number = /^#(?:x([0-9a-fA-F]{1,6})|([0-9]{1,7}));$/.exec(name);
      if (number) {
        const code = number[1] ? Number.parseInt(number[1], 16) : Number(number[2]);
        if (code > 0x10ffff || UNLAWFUL.test(String.fromCodePoint(code))) this.#fail(`${whole} is no character`);
        return String.fromCodePoint(code);
      }
      const known = name.endsWith(';') && Object.hasOwn(ENTITIES, name.slice(0, -1));
      return known ? (ENTITIES[name.slice(0, -1)] as string) : this.#fail(`${whole} is not known`);
    });
  }
}
