/** The most people that one link may put on the list. */
const LINK_PEOPLE_MAX = 50;
/** Longer than this is no name, number or address. */
const LINK_WORD_MAX = 256;

/**
 * Whom a `/call?to=…` link means: names, numbers, accounts, `tel:` (RFC 3966), `sip:` and `mailto:` addresses, several with
 * commas or by several `to`. A link never calls anybody: it only fills the list.
 */
export function linkTargets(search: string): string[] {
  const wanted = new URLSearchParams(search).getAll('to');
  const out: string[] = [];
  for (const one of wanted.flatMap((text) => text.split(/[,;\n](?![a-z-]+=)/i))) {
    const target = linkTarget(withPlus(one));
    if (target && !out.includes(target)) out.push(target);
  }
  return out.slice(0, LINK_PEOPLE_MAX);
}

/** The conference that a `/join/ID` link means. */
export function joinTarget(path: string): string | undefined {
  return /^\/join\/([A-Za-z0-9._~-]{1,128})\/?$/.exec(path)?.[1];
}

/** In an address a plus that nobody escaped is read as a space. */
function withPlus(text: string): string {
  return text.replace(/^((?:web\+)?(?:tel|callto):)? (?=\d)/i, '$1+');
}

/** One of them, without scheme, parameters and headers. */
export function linkTarget(text: string): string | undefined {
  let rest = text.trim().replace(/^<|>$/g, '');
  if (rest.length === 0 || rest.length > LINK_WORD_MAX) return undefined;
  const scheme = /^(web\+)?(tel|sips?|mailto|callto|im):(\/\/)?/i.exec(rest);
  if (scheme) {
    rest = rest.slice(scheme[0].length).split(/[;?]/)[0] ?? '';
    try {
      rest = decodeURIComponent(rest);
    } catch {
      return undefined;
    }
    if (scheme[2]?.toLowerCase() === 'tel') rest = rest.replace(/[-.()\s]/g, '');
  }
  rest = rest.replace(/[\u0000-\u001f\u007f]/g, '').trim();
  return rest || undefined;
}
