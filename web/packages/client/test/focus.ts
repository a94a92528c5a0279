/** A conference service by a script: one conference, its documents and answers. */
import { fault, type Peer, type Sip } from './world.js';

export interface One {
  id: string;
  name: string;
  user?: string;
  place: string;
  role: string;
  state: string;
  leg: number;
  reason?: string;
  words?: string;
  muted?: boolean;
  mutedBy?: string;
  hidden?: boolean;
  talking?: boolean;
  hand?: number;
  /** Called at another place while they are in. */
  moving?: { place: string; leg: number; state: string; reason?: string };
  pictures?: { label: string; slides?: boolean; status?: string }[];
  since: number;
}

const escaped = (text: string) => text.replace(/&/g, '&amp;').replace(/</g, '&lt;');

export class Focus {
  title = '';
  phase = 'starting';
  locked = false;
  video: string | undefined;
  picturesLost = false;
  soundMoves = 0;
  absent = '';
  version = 1;
  started = Date.now();
  people: One[] = [];
  end: { reason: string; words: string } | undefined;
  /** How legs ended with it, by name: reports tell it, and no document any more. */
  legEnds: Readonly<Record<string, { state: string; reason: string }>> = {};
  /** Operations that came, with the participant or place they name. */
  readonly asked: string[] = [];
  /** Faults for operations. */
  readonly refuse = new Map<string, string>();
  /** Of how many an answer tells; events tell of all. */
  page = Number.POSITIVE_INFINITY;
  /** Only the roster that was created by hand; `create` makes one otherwise. */
  exists = false;
  #leg = 0;
  #last = 0;

  constructor(
    readonly peer: Peer,
    readonly id: string,
  ) {
    peer.conferences.set(id, (version, state) => this.document(version, state));
    peer.soap = (operation, body, request) => this.soap(operation, body, request);
  }

  add(person: Partial<One> & { name: string }): One {
    const one: One = {
      id: `p${++this.#last}`,
      place: 'mobile',
      role: 'participant',
      state: 'queued',
      leg: ++this.#leg,
      since: Date.now(),
      ...person,
    };
    this.people.push(one);
    this.exists = true;
    return one;
  }

  one(name: string): One {
    const found = this.people.find((one) => one.name === name || one.id === name);
    if (!found) throw new Error(`no ${name}`);
    return found;
  }

  set(name: string, change: Partial<One>): void {
    const one = this.one(name);
    if (change.state && change.state !== one.state) one.since = Date.now();
    Object.assign(one, change);
    this.tell();
  }

  /** All watchers are told. */
  tell(): void {
    this.version++;
    this.peer.notify('conference', `conf-${this.id}@example.org`);
  }

  over(reason: string, words: string): void {
    this.phase = 'ended';
    this.end = { reason, words };
    this.version++;
    const deleted = `<conference-info xmlns="urn:ietf:params:xml:ns:conference-info" entity="sip:conf-${this.id}@example.org" state="deleted" version="99"/>`;
    this.peer.notify('conference', `conf-${this.id}@example.org`, deleted, 'terminated;reason=noresource');
    this.peer.conferences.delete(this.id);
  }

  document(version: number, state: 'full' | 'partial'): string {
    const users = this.people.map((one) => {
      const flags = [
        one.muted ? ` muted="true"${one.mutedBy ? ` muted-by="${one.mutedBy}"` : ''}` : '',
        one.hidden ? ' hidden="true"' : '',
        one.talking ? ' talking="true"' : '',
        one.hand ? ` hand="${one.hand}"` : '',
        one.reason ? ` reason="${one.reason}"` : '',
      ].join('');
      const media = (one.pictures ?? []).map(
        ({ label, slides, status = 'sendonly' }, at) =>
          `<media id="v${at}">${slides ? '<display-text>slides</display-text>' : ''}<type>video</type><label>${label}</label><status>${status}</status></media>`,
      );
      const moving = one.moving
        ? `<endpoint entity="sip:conf-${this.id};leg=l${one.moving.leg}"><display-text>${one.moving.place}</display-text><status>pending</status><c:leg id="l${one.moving.leg}" participant="${one.id}" state="${one.moving.state}" moving="true"${one.moving.reason ? ` reason="${one.moving.reason}"` : ''}/></endpoint>`
        : '';
      const why = one.words ? `<disconnection-info><reason>${one.words}</reason></disconnection-info>` : '';
      return `<user entity="sip:conf-${this.id};participant=${one.id}" state="full"><display-text>${escaped(one.name)}</display-text>${one.user ? `<associated-aors><entry><uri>sip:${one.user}</uri></entry></associated-aors>` : ''}<roles><entry>${one.role}</entry></roles>${moving}<endpoint entity="sip:conf-${this.id};leg=l${one.leg}"><display-text>${one.place}</display-text><status>pending</status>${why}${media.join('')}<c:leg id="l${one.leg}" participant="${one.id}" state="${one.state}"${flags}/></endpoint></user>`;
    });
    // A whole list is lawful in a part too, and spares this script the difference.
    return `<conference-info xmlns="urn:ietf:params:xml:ns:conference-info" xmlns:c="urn:convoke:conference-event:1" entity="sip:conf-${this.id}@example.org" state="${state}" version="${version}"><conference-description><display-text>${escaped(this.title)}</display-text></conference-description><conference-state><c:conference state="${this.phase}" version="${this.version}"${this.locked ? ' locked="true"' : ''}${this.video ? ` video="${this.video}"` : ''}${this.picturesLost ? ' pictures-lost="true"' : ''}${this.soundMoves ? ` sound-moves="${this.soundMoves}"` : ''}${this.absent ? ` absent="${this.absent}"` : ''}/></conference-state><users state="full">${users.join('')}</users></conference-info>`;
  }

  snapshot(): string {
    const moving = ({ moving: to, since }: One) =>
      to
        ? `<c:moving><c:place>${to.place}</c:place><c:leg><c:id>l${to.leg}</c:id><c:state>${to.state}</c:state><c:words>${to.state}</c:words><c:since>${new Date(since).toISOString()}</c:since></c:leg></c:moving>`
        : '';
    const people = this.people
      .slice(0, this.page)
      .map(
        (one) =>
          `<c:participant><c:id>${one.id}</c:id><c:name>${escaped(one.name)}</c:name>${one.user ? `<c:user>${one.user}</c:user>` : ''}<c:place>${one.place}</c:place><c:role>${one.role}</c:role><c:muted>${one.muted ?? false}</c:muted>${one.mutedBy ? `<c:mutedBy>${one.mutedBy}</c:mutedBy>` : ''}<c:talking>${one.talking ?? false}</c:talking><c:silent>false</c:silent>${one.hidden ? '<c:hidden>yes</c:hidden>' : ''}${one.hand ? `<c:hand>${one.hand}</c:hand><c:handSince>${new Date(one.since).toISOString()}</c:handSince>` : ''}<c:leg><c:id>l${one.leg}</c:id><c:state>${one.state}</c:state><c:words>${one.state}</c:words><c:since>${new Date(one.since).toISOString()}</c:since></c:leg>${moving(one)}</c:participant>`,
      );
    return `<c:conference><c:id>${this.id}</c:id><c:title>${escaped(this.title)}</c:title><c:state>${this.phase}</c:state><c:version>${this.version}</c:version><c:locked>${this.locked}</c:locked>${this.video ? `<c:video>${this.video}</c:video>` : ''}${this.picturesLost ? '<c:picturesLost>yes</c:picturesLost>' : ''}<c:count>${this.people.length}</c:count><c:first>0</c:first>${people.join('')}</c:conference>`;
  }

  soap(operation: string, body: string, _request: Sip): string | undefined {
    const text = (name: string) => new RegExp(`<c:${name}>([^<]*)</c:${name}>`).exec(body)?.[1];
    const done = () => `<c:${operation}Response>${this.snapshot()}</c:${operation}Response>`;
    if (operation === 'list') return `<c:listResponse>${this.exists && this.phase !== 'ended' ? this.snapshot() : ''}</c:listResponse>`;
    const who = [text('participant'), text('place') ?? text('number') ?? text('words')].filter(Boolean).join(' ');
    if (operation !== 'get') this.asked.push(`${operation} ${who}`.trim());
    const refused = this.refuse.get(operation);
    if (refused) return fault(refused);
    const target = this.people.find((one) => one.id === text('participant'));
    if (operation !== 'get') this.version++;
    switch (operation) {
      case 'get': {
        const legs = Object.entries(this.legEnds).map(([name, { state, reason }]) => {
          const { id, leg } = this.one(name);
          return `<c:report><c:conference>${this.id}</c:conference><c:version>${this.version}</c:version><c:participant><c:id>${id}</c:id></c:participant><c:leg><c:id>l${leg}</c:id><c:state>${state}</c:state><c:words>${state}</c:words><c:cause><c:reason>${reason}</c:reason><c:words>${reason}</c:words></c:cause></c:leg></c:report>`;
        });
        const report = this.end
          ? `<c:report><c:conference>${this.id}</c:conference><c:version>${this.version}</c:version><c:ended><c:reason>${this.end.reason}</c:reason><c:words>${this.end.words}</c:words></c:ended></c:report>`
          : '';
        return `<c:getResponse>${this.snapshot()}${legs.join('')}${report}</c:getResponse>`;
      }
      case 'create': {
        this.title = text('title') ?? '';
        const parties = [...body.matchAll(/<c:(initiator|participant)>(.*?)<\/c:\1>/g)];
        for (const [, role, party = ''] of parties) {
          const field = (name: string) => new RegExp(`<c:${name}>([^<]*)<`).exec(party)?.[1];
          const person = field('person');
          this.add({
            name: field('name') ?? person?.split('@')[0] ?? field('number') ?? '?',
            user: person ?? (role === 'initiator' ? 'alice@example.org' : undefined),
            place: field('place') ?? 'number',
            role: role === 'initiator' ? 'owner' : 'participant',
            state: role === 'initiator' ? 'dialling' : 'queued',
          });
        }
        return done();
      }
      case 'add': {
        for (const [, party = ''] of body.matchAll(/<c:participant>(.*?)<\/c:participant>/g)) {
          const person = /<c:person>([^<]*)</.exec(party)?.[1];
          this.add({
            name: person?.split('@')[0] ?? /<c:name>([^<]*)</.exec(party)?.[1] ?? 'number',
            user: person,
            place: /<c:place>([^<]*)</.exec(party)?.[1] ?? 'number',
            state: 'dialling',
          });
        }
        break;
      }
      case 'call':
        if (target) {
          // Whoever calls themselves is moved.
          const moves = target.user === 'alice@example.org' && (text('place') ?? text('number')) !== undefined;
          if (moves && target.state === 'joined') {
            target.moving = { place: text('place') ?? 'number', leg: ++this.#leg, state: 'dialling' };
            break;
          }
          if (!moves && !['left', 'busy', 'no-answer', 'declined', 'unreachable', 'failed'].includes(target.state))
            return fault('wrong-state');
          Object.assign(target, {
            state: 'dialling',
            leg: ++this.#leg,
            place: text('place') ?? (text('number') ? 'number' : target.place),
            since: Date.now(),
            reason: undefined,
            words: undefined,
          });
        }
        break;
      case 'disconnect':
        if (target) setTimeout(() => this.set(target.id, { state: 'left', reason: 'by-moderator' }), 500);
        break;
      case 'decline':
        if (target?.moving) target.moving = undefined;
        else if (target) Object.assign(target, { state: 'declined', reason: 'declined', words: text('words'), since: Date.now() });
        break;
      case 'remove':
        this.people = this.people.filter((one) => one !== target);
        break;
      case 'mute':
      case 'unmute':
        if (target) {
          target.muted = operation === 'mute';
          // All that is asked here is asked by Alice.
          target.mutedBy = target.muted ? (target.user === 'alice@example.org' ? 'themselves' : 'moderator') : undefined;
        }
        break;
      case 'hide':
      case 'unhide':
        if (target) target.hidden = operation === 'hide';
        break;
      case 'raiseHand':
        if (target) target.hand = this.people.filter((one) => one.hand).length + 1;
        break;
      case 'lowerHand':
      case 'giveFloor':
        if (target) target.hand = undefined;
        break;
      case 'makeModerator':
        if (target) target.role = 'moderator';
        break;
      case 'lock':
      case 'unlock':
        this.locked = operation === 'lock';
        break;
      case 'end':
        setTimeout(() => this.over('by-command', 'Alice ended it'), 1);
        break;
    }
    setTimeout(() => this.phase !== 'ended' && this.tell(), 2);
    return done();
  }
}
