/**
 * Invitations that came while this window was not there to take them: it began anew, or was away. They ring again where their conference
 * still calls me, so that nothing rings for a moment that was answered or is over.
 */
import { type InvitationBody, readInvitation } from '../im/invitation.js';
import { account, type Core, type Line } from './core.js';
import type { Invitations } from './invitations.js';

interface Letter {
  readonly body: InvitationBody;
  readonly from: string;
  readonly at: number;
  readonly serverId: number;
}

export class Recalled {
  readonly #core: Core;
  readonly #invitations: Invitations;
  /** The newest into each conference of which it is not known yet whether it calls me. */
  readonly #waiting = new Map<string, Letter>();

  constructor(core: Core, invitations: Invitations) {
    this.#core = core;
    this.#invitations = invitations;
    core.onClose.add(() => this.#waiting.clear());
  }

  /** Asks which came lately; gives the conferences into which they invite. */
  async ask(line: Line): Promise<readonly string[]> {
    const result = await this.#core.api.invitations();
    if (this.#core.line !== line || !result.ok) return [];
    this.#waiting.clear();
    const newest = new Set<string>();
    for (const row of result.data.invitations) {
      const body = readInvitation(row.document);
      const from = account(row.from, line.domain);
      if (!body) continue;
      // The newest come first, so that an answer is there before what it answers.
      if ('answer' in body) this.#invitations.answer(body, from);
      else if (this.#isLive(body) && !newest.has(body.conference)) {
        newest.add(body.conference);
        // One that came while this window was there rings already, or did.
        if (this.#invitations.get(body.id)) continue;
        this.#waiting.set(body.conference, { body, from, at: this.#core.localTime(row.at), serverId: row.id });
      }
    }
    return [...this.#waiting.keys()];
  }

  /** It is known of a conference whether it calls me. */
  known(conference: string, calls: boolean): void {
    const letter = this.#waiting.get(conference);
    if (!letter) return;
    this.#waiting.delete(conference);
    const { body, from, at, serverId } = letter;
    if (calls && this.#isLive(body)) this.#invitations.take(body, from, this.#core.line?.user ?? '', at, serverId);
  }

  /** It can still be answered. */
  #isLive(body: InvitationBody): boolean {
    return this.#core.localTime(body.expires) > this.#core.platform.now();
  }
}
