/** SIP URIs and addresses (RFC 3261 §19.1, §20.10), as far as a client needs them. */

/** Parameters: names in lower case; a flag has an empty value. */
export type Params = ReadonlyMap<string, string>;

export interface SipUri {
  readonly scheme: string;
  /** Unescaped; empty where there is none. */
  readonly user: string;
  /** Host with its port, in lower case. */
  readonly host: string;
  readonly params: Params;
}

/** An address with what stands around it: `"Name" <uri>;params`. */
export interface NameAddr {
  readonly name: string;
  readonly uri: string;
  readonly params: Params;
}

/** Splits at a character outside of quotes and angle brackets. */
export function split(text: string, at: ',' | ';'): string[] {
  const parts: string[] = [];
  let [begin, quoted, deep] = [0, false, false];
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (quoted) {
      if (c === '\\') i++;
      else if (c === '"') quoted = false;
    } else if (c === '"') quoted = true;
    else if (c === '<') deep = true;
    else if (c === '>') deep = false;
    else if (c === at && !deep) {
      parts.push(text.slice(begin, i).trim());
      begin = i + 1;
    }
  }
  parts.push(text.slice(begin).trim());
  return parts.filter((part) => part !== '');
}

/** `"a \" b"` → `a " b`; what is not quoted stays. */
export function unquote(text: string): string {
  return text.length >= 2 && text.startsWith('"') && text.endsWith('"') ? text.slice(1, -1).replace(/\\(.)/g, '$1') : text;
}

function paramsOf(parts: readonly string[]): Params {
  const params = new Map<string, string>();
  for (const part of parts) {
    const at = part.indexOf('=');
    const name = (at < 0 ? part : part.slice(0, at)).trim().toLowerCase();
    if (name && !params.has(name)) params.set(name, at < 0 ? '' : unquote(part.slice(at + 1).trim()));
  }
  return params;
}

/** `value;name=x;flag` → the value and its parameters. */
export function readParams(text: string): [value: string, params: Params] {
  const [value = '', ...params] = split(text, ';');
  return [value, paramsOf(params)];
}

/** Reads an address; undefined where it is none. */
export function readNameAddr(text: string): NameAddr | undefined {
  const found = /^\s*((?:"(?:[^"\\]|\\.)*"|[^"<,;]*?))\s*<([^<>\s]+)>\s*(?:;(.*))?$/s.exec(text);
  if (found) {
    const [, name = '', uri = '', rest = ''] = found;
    return { name: unquote(name), uri, params: paramsOf(split(rest, ';')) };
  }
  // Without brackets what follows a semicolon belongs to the header field (§20.10).
  const [uri, params] = readParams(text);
  return /^[a-z][a-z0-9+.-]*:[^\s<>"]+$/i.test(uri) ? { name: '', uri, params } : undefined;
}

function unescaped(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Reads a `sip:` or `sips:` URI; undefined where it is none. */
export function readUri(text: string): SipUri | undefined {
  const found = /^(sips?):(?:([^@;?\s<>"]+)@)?([a-z0-9.-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?(;[^?\s<>"]*)?(?:\?[^\s<>"]*)?$/i.exec(text);
  if (!found) return undefined;
  const [, scheme = '', user = '', host = '', port = '', params = ''] = found;
  return {
    scheme: scheme.toLowerCase(),
    user: unescaped(user.split(':')[0] ?? ''),
    host: (host + port).toLowerCase(),
    params: paramsOf(split(params, ';')),
  };
}

/** `alice@example.org` of a URI or address; undefined where there is none. */
export function aorOf(text: string): string | undefined {
  const address = readNameAddr(text);
  const uri = address && readUri(address.uri);
  return uri?.user ? `${uri.user}@${uri.host}` : undefined;
}

/** Escapes what may not stand in the user part (§25.1). */
export function escapeUser(user: string): string {
  return user.replace(/[^\w\-.!~*'()&=+$,;?/]/g, (character) => encodeURIComponent(character));
}

/** The URI of an account `alice@example.org`. */
export function uriOf(aor: string): string {
  const at = aor.lastIndexOf('@');
  return `sip:${escapeUser(aor.slice(0, at))}@${aor.slice(at + 1)}`;
}

/** A display name in quotes. */
export function quote(text: string): string {
  return `"${text.replace(/[\u0000-\u001f\u007f]/g, ' ').replace(/["\\]/g, '\\$&')}"`;
}
