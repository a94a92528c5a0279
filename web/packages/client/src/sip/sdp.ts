/** What of session descriptions (RFC 8866) has to be known here: who is in which section. The rest is between the browser and the server. */

/** One media section. */
export interface Section {
  /** RFC 5888 §4. */
  readonly mid: string;
  /** RFC 4574. */
  readonly label: string;
  /** A screen (RFC 4796). */
  readonly slides: boolean;
  /** Something is sent in it. */
  readonly sends: boolean;
}

/** The session part, and each media section. */
function split(sdp: string): string[] {
  return sdp.split(/^(?=m=)/m);
}

function attribute(section: string, name: string): string {
  return new RegExp(`^a=${name}:(.*)$`, 'm').exec(section)?.[1]?.trim() ?? '';
}

/** The video sections of an offer of theirs. */
export function videoSections(sdp: string): Section[] {
  const [session = '', ...media] = split(sdp);
  return media.flatMap((section) => {
    if (!section.startsWith('m=video ')) return [];
    const direction = /^a=(sendrecv|sendonly|recvonly|inactive)\s*$/m;
    // RFC 8866 §6.7: that of the session, or sendrecv, where a section has none.
    const word = (direction.exec(section) ?? direction.exec(session))?.[1] ?? 'sendrecv';
    const refused = section.startsWith('m=video 0 ');
    return [
      {
        mid: attribute(section, 'mid'),
        label: attribute(section, 'label'),
        slides: /(^|[\s,])slides($|[\s,])/.test(attribute(section, 'content')),
        sends: !refused && word.startsWith('send'),
      },
    ];
  });
}

/** The same offer, in which each video section says that it is a screen (RFC 4796). */
export function withSlides(offer: string): string {
  return split(offer)
    .map((section) => (section.startsWith('m=video ') ? `${section.trimEnd()}\r\na=content:slides\r\n` : section))
    .join('');
}

/** A valid answer that takes nothing (RFC 3264 §6): for an offer that cannot be taken, before the call is ended (RFC 3261 §13.2.2.4). */
export function refuse(offer: string): string {
  const media = split(offer)
    .slice(1)
    .map((section) => {
      const [kind = 'm=video', , protocol = 'UDP/TLS/RTP/SAVPF', ...formats] = (section.split(/\r?\n/, 1)[0] ?? '').split(' ');
      return `${kind} 0 ${protocol} ${formats.join(' ')}\r\n`;
    });
  return `v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n${media.join('')}`;
}
