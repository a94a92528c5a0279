/** Puts the view models together. */
import type { Channel, Platform } from './platform.js';
import { problem } from './problem.js';
import { CallsModel } from './view/calls.js';
import { ChatsModel } from './view/chats.js';
import { ConferencesModel } from './view/conferences.js';
import { Core, channelOf, type Gossip, type SignedIn } from './view/core.js';
import { Invitations } from './view/invitations.js';
import { ModesModel } from './view/modes.js';
import { PeopleModel } from './view/people.js';
import { SessionModel } from './view/session.js';
import { TelephonesModel } from './view/telephones.js';
import type { Convoke, Pictures } from './view/types.js';

/** Where the server is. */
export interface ConvokeOptions {
  /** `https://convoke.example.org`. */
  readonly server: string;
  readonly platform: Platform;
}

/**
 * Makes everything that a window shows. Nothing is connected yet: `session.resume()`, `signIn()` or `useToken()` does that.
 *
 * @example
 * ```ts
 * // On a page of the server's own; others, and programs, have a token: `session.useToken(token)`.
 * const convoke = createConvoke({ server: location.origin, platform: webPlatform() });
 * await convoke.session.signIn('alice', password);
 * convoke.chats.open('bob@example.org').send('Hello');
 * ```
 */
export function createConvoke({ server, platform }: ConvokeOptions): Convoke {
  const core = new Core(platform, server);
  const session = new SessionModel(core);
  const people = new PeopleModel(core);
  const telephones = new TelephonesModel(core, people);
  const modes = new ModesModel(core);
  const calls = new CallsModel(core);
  const invitations = new Invitations(core);
  const chats = new ChatsModel(core, people, invitations, calls);
  const conferences = new ConferencesModel(core, people, telephones, invitations, calls);
  joinWindows(core);
  let pictures: Promise<Pictures | undefined> | undefined;
  return {
    session,
    people,
    chats,
    conferences,
    telephones,
    modes,
    calls,
    pictures() {
      pictures ??= loadPictures(core, conferences).catch((fault: unknown) => {
        // The network may be back the next time.
        pictures = undefined;
        throw fault;
      });
      return pictures;
    },
    videoCall: async (people, title) => {
      const video = await theVideo();
      return video ? video.videoCall(core, conferences, people, title) : { without: [], problem: problem('unreachable') };
    },
    ways: async (people) => (await theVideo())?.askWays(core, people),
    onNotice: (listener) => core.onNotice.add(listener),
    close: () => void session.close(),
  };
}

/** What asks for video conferences; undefined: the network does not give it now, and may the next time. */
function theVideo() {
  return import('./video.js').catch(() => undefined);
}

/** What pictures need is loaded when somebody wants to show or see one. */
async function loadPictures(core: Core, conferences: ConferencesModel): Promise<Pictures | undefined> {
  const port = core.platform.pictures;
  if (!port) return undefined;
  const { MyPictures } = await import('./video.js');
  return new MyPictures(core, conferences.myCall, port);
}

/** The windows of one person tell each other what they did. */
function joinWindows(core: Core): void {
  let channel: Channel | undefined;
  let everybody: Channel | undefined;
  core.onOpen.add(({ user }) => {
    const opened = core.platform.channel?.(channelOf(user));
    channel = opened;
    if (opened) opened.onMessage = (message) => core.onGossip.tell(message as Gossip);
    core.gossip = (gossip) => opened?.post(gossip);
    const all = core.platform.channel?.('convoke');
    everybody = all;
    if (all) all.onMessage = (message) => core.onSignedIn.tell((message as SignedIn).user);
    core.tellSignedIn = (user) => all?.post({ kind: 'signed-in', user } satisfies SignedIn);
  });
  core.onClose.add(() => {
    channel?.close();
    everybody?.close();
    channel = undefined;
    everybody = undefined;
    core.gossip = () => {};
    core.tellSignedIn = () => {};
  });
}
