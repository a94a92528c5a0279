/** A window of Alice's at a conference service by a script, with sound by a script. */
import type { Board, BoardRow, MediaPort, MediaSession, PicturePort, Platform } from '../src/index.js';
import { Focus } from './focus.js';
import { DOMAIN, type Peer, type Sip, settle, World } from './world.js';

export const ALICE = `alice@${DOMAIN}`;
export const BOB = `bob@${DOMAIN}`;
export const CAROL = `carol@${DOMAIN}`;
export const places = [
  { label: 'work', kind: 'work', default: false },
  { label: 'mobile', kind: 'mobile', default: true },
];

/** Sound by a script. */
export class Sound implements MediaPort {
  refused: string | undefined;
  readonly sessions: (MediaSession & { offers: number; answers: string[]; closed: boolean; muted: boolean })[] = [];

  async open(): Promise<MediaSession> {
    if (this.refused) throw { code: this.refused };
    const session = {
      offers: 0,
      answers: [] as string[],
      closed: false,
      muted: false,
      offer: async () => `offer ${++session.offers}`,
      accept: async (answer: string) => void session.answers.push(answer),
      mute: (on: boolean) => {
        session.muted = on;
      },
      close: () => {
        session.closed = true;
      },
      onEvent: () => {},
    };
    this.sessions.push(session);
    return session;
  }
}

export async function ready(
  options: { sound?: Sound; pictures?: PicturePort; platform?: Partial<Platform>; before?: (world: World, focus: Focus) => void } = {},
): Promise<{ world: World; focus: Focus; peer: Peer }> {
  let focus: Focus | undefined;
  const world = await World.online({
    media: options.sound,
    platform: { ...(options.pictures && { pictures: options.pictures }), ...options.platform },
    before: (world) => {
      world.rest.routes.set('GET /directory', (_, path) => ({
        people: [
          { user: BOB, name: 'Bob Keller', places },
          { user: CAROL, name: 'Carol Diaz', places },
          { user: `dave@${DOMAIN}`, name: 'Dave Osei', places: [] },
        ].filter(
          (one) =>
            one.user.includes(
              decodeURIComponent(/q=([^&]*)/.exec(path)?.[1] ?? '')
                .toLowerCase()
                .split('@')[0] ?? '',
            ) || one.name.toLowerCase().includes(decodeURIComponent(/q=([^&]*)/.exec(path)?.[1] ?? '').toLowerCase()),
        ),
      }));
      world.rest.routes.set('GET /me/telephones', () => [
        { label: 'Work', number: '+15550101', kind: 'work', default: true, guard: false, whenToUse: '' },
      ]);
      focus = new Focus(world.peer, 'c1');
      options.before?.(world, focus);
    },
  });
  await settle(1_000);
  return { world, focus: focus as Focus, peer: world.peer };
}

export const invitations = (peer: Peer): Sip[] =>
  peer.requests('MESSAGE').filter((one) => one.get('Content-Type') === 'application/vnd.convoke.invitation+xml');
export const names = (rows: readonly BoardRow[]) => rows.map((row) => row.person.name);
export const board = (world: World): Board => {
  const open = world.convoke.conferences.get().board;
  if (!open) throw new Error('no board');
  return open;
};

/** Answers INVITEs as a focus does. */
export function answering(peer: Peer, status = 200): Sip[] {
  const invites: Sip[] = [];
  peer.handler = (request, connection) => {
    if (request.method !== 'INVITE') return false;
    invites.push(request);
    peer.reply(request, connection, 100, 'Trying');
    if (status === 200) {
      peer.reply(request, connection, 180, 'Ringing');
      peer.reply(
        request,
        connection,
        200,
        'OK',
        ['Contact: <sip:focus.example.org;transport=ws>', 'Content-Type: application/sdp'],
        `answer ${invites.length}`,
      );
    } else peer.reply(request, connection, status, 'No');
    return true;
  };
  return invites;
}
