import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { parsePeople } from '../src/parse.js';
import { DOMAIN, PIDF, settle, World } from './world.js';

const BOB = `bob@${DOMAIN}`;
const CAROL = `carol@${DOMAIN}`;
const places = [
  { label: 'work', kind: 'work', default: false },
  { label: 'mobile', kind: 'mobile', default: true },
];

beforeEach(() => {
  vi.useFakeTimers({ now: Date.parse('2026-11-26T10:00:00Z') });
});
afterEach(() => {
  vi.useRealTimers();
});

function withContacts(world: Pick<World, 'rest'>): void {
  world.rest.routes.set('GET /me/contacts', () => ({
    contacts: [
      { key: CAROL, user: CAROL, name: 'Carol Diaz', favourite: false, numbers: [], places },
      {
        key: BOB,
        user: BOB,
        name: 'Bob Keller',
        favourite: true,
        numbers: [{ label: 'boat', kind: 'other', number: '+15550177' }],
        places,
      },
      {
        key: '+15550100',
        name: 'Harbour Freight',
        favourite: false,
        numbers: [{ label: 'office', kind: 'work', number: '+15550100' }],
        places: [],
      },
    ],
  }));
  world.rest.routes.set('PUT /me/contacts/*', () => ({}));
  world.rest.routes.set('DELETE /me/contacts/*', () => null);
}

describe('contacts', () => {
  it('are read and sorted, with all their places', async () => {
    const { convoke } = await World.online({ before: withContacts });
    const { contacts, favourites, loading, loaded } = convoke.people.get();
    expect([loading, loaded]).toEqual([false, true]);
    expect(contacts.map((one) => one.name)).toEqual(['Bob Keller', 'Carol Diaz', 'Harbour Freight']);
    expect(favourites.map((one) => one.name)).toEqual(['Bob Keller']);
    expect(contacts[0]).toMatchObject({ id: BOB, user: BOB, initials: 'BK', presence: 'offline', favourite: true, contact: true });
    expect(contacts[0]?.places.map((one) => one.id)).toEqual(['work', 'mobile', 'number:+15550177', 'browser']);
    expect(contacts[2]).toMatchObject({ id: 'number:+15550100', user: undefined });
    expect(contacts[2]?.places).toMatchObject([{ id: 'number:+15550100', kind: 'work', number: '+15550100' }]);
  });

  it('are not known where the server does not give them, whatever else it does', async () => {
    const { convoke, rest } = await World.online({ before: ({ rest }) => void rest.status.set('GET /me/contacts', 503) });
    const { people } = convoke;
    expect(people.get()).toMatchObject({ loading: false, loaded: false, problem: { code: 'busy-server' } });
    rest.routes.set('PUT /me/contacts/*', () => ({}));
    expect(await people.addContact({ number: '+1 555 0199', name: 'Depot' })).toBe(true);
    expect(people.get().loaded).toBe(false);
    rest.status.clear();
    withContacts({ rest });
    const again = people.load();
    expect(people.get().loading).toBe(true);
    await again;
    expect(people.get()).toMatchObject({ loading: false, loaded: true, contacts: { length: 3 } });
  });

  it('come page by page', async () => {
    const world = new World();
    world.rest.routes.set('GET /me/contacts', (_, path) =>
      path.includes('after=')
        ? { contacts: [{ key: CAROL, user: CAROL, name: 'C', favourite: false, numbers: [], places: [] }] }
        : { contacts: [], next: BOB },
    );
    await world.signIn();
    expect(world.convoke.people.get().contacts.map((one) => one.name)).toEqual(['C']);
  });

  it('show who is there, and since when, and stay the same objects otherwise', async () => {
    const world = new World();
    withContacts(world);
    world.peer.presence.set(BOB, PIDF(BOB, 'open'));
    await world.signIn();
    const { people } = world.convoke;
    await settle(100);
    expect(people.person(BOB)).toMatchObject({ presence: 'available', since: undefined });
    const carol = people.get().contacts[1];
    await settle(5_000);
    world.peer.notify('presence', BOB, PIDF(BOB, 'open', 'on-the-phone'));
    await settle(100);
    expect(people.get().favourites[0]).toMatchObject({ presence: 'in-call', since: expect.any(Number) });
    expect(people.get().contacts[1]).toBe(carol);
    const before = people.get();
    world.peer.notify('presence', BOB, PIDF(BOB, 'open', 'on-the-phone'));
    await settle(100);
    expect(people.get()).toBe(before);
  });

  it('are watched again after a loss', async () => {
    const world = new World();
    withContacts(world);
    await world.signIn();
    await settle(100);
    const subscribes = world.peer.requests('SUBSCRIBE').length;
    expect(subscribes).toBe(3);
    world.peer.presence.set(BOB, PIDF(BOB, 'open'));
    world.peer.connection.cut();
    await settle(300);
    expect(world.peer.requests('SUBSCRIBE').length).toBe(2 * subscribes);
    expect(world.convoke.people.person(BOB).presence).toBe('available');
  });

  it('are renewed before they end', async () => {
    const world = await World.online({ before: withContacts });
    await settle(100);
    const first = world.peer.requests('SUBSCRIBE').filter((one) => one.uri === `sip:${BOB}`);
    expect(first.length).toBe(1);
    await settle(3_550_000);
    const all = world.peer.requests('SUBSCRIBE').filter((one) => one.get('Call-ID') === first[0]?.get('Call-ID'));
    expect(all.length).toBe(2);
    expect(all[1]?.get('To')).toContain(';tag=w');
    expect(all[1]?.uri).toBe('sip:server.example.org;transport=ws');
  });

  it('are read again after a loss, and those that went go', async () => {
    const { convoke, rest, peer } = await World.online({ before: withContacts });
    rest.routes.set('GET /me/contacts', () => ({
      contacts: [{ key: CAROL, user: CAROL, name: 'Carol D', favourite: true, numbers: [], places }],
    }));
    rest.routes.set('GET /me/telephones', () => [
      { label: 'Work', number: '+15550101', kind: 'work', default: true, guard: false, whenToUse: '' },
    ]);
    const calls = rest.asked('GET', '/me/calls').length;
    peer.connection.cut();
    await settle(1_000);
    expect(convoke.people.get().contacts.map((one) => one.name)).toEqual(['Carol D']);
    expect(convoke.people.get().favourites.length).toBe(1);
    expect(convoke.people.person(BOB).contact).toBe(false);
    expect(convoke.telephones.get().list.map((one) => one.label)).toEqual(['Work']);
    expect(rest.asked('GET', '/me/calls').length).toBe(calls + 1);
    const watched = peer.watched.filter((one) => one.connection.open && one.event === 'presence').map((one) => one.resource);
    expect(new Set(watched).size).toBe(watched.length);
    expect(watched).toContain(CAROL);
  });

  it('are changed at once, and taken back when the server refuses', async () => {
    const { convoke, rest } = await World.online({ before: withContacts });
    const { people } = convoke;
    const saving = people.setFavourite(people.person(CAROL), true);
    expect(people.get().favourites.map((one) => one.name)).toEqual(['Bob Keller', 'Carol Diaz']);
    expect(await saving).toBe(true);
    expect(rest.asked('PUT', `/me/contacts/${encodeURIComponent(CAROL)}`)[0]?.body).toEqual({
      name: 'Carol Diaz',
      favourite: true,
      numbers: [],
    });
    rest.status.set('PUT /me/contacts/*', 429);
    expect(await people.addContact({ number: '+1 555 0199', name: 'Depot' })).toBe(false);
    expect(people.get().contacts.map((one) => one.name)).not.toContain('Depot');
    expect(people.get().problem?.code).toBe('too-many-attempts');
    rest.status.clear();
    expect(await people.addContact({ number: '+1 555 0199', name: 'Depot' })).toBe(true);
    expect(people.get().contacts.map((one) => one.name)).toContain('Depot');
    expect(await people.addContact({ number: 'hello', name: 'x' })).toBe(false);
    expect(await people.removeContact(people.person('number:+15550199'))).toBe(true);
    expect(people.get().contacts.map((one) => one.name)).not.toContain('Depot');
  });

  it('of five thousand are listed without being asked one by one', async () => {
    const many = Array.from({ length: 5_000 }, (_, at) => `p${String(at).padStart(4, '0')}@${DOMAIN}`);
    const world = new World();
    world.rest.routes.set('GET /me/contacts', () => ({
      contacts: many.map((user) => ({ key: user, user, name: user, favourite: false, numbers: [], places })),
    }));
    const began = process.cpuUsage();
    await world.signIn();
    await settle(2_000);
    expect(world.convoke.people.get().contacts.length).toBe(5_000);
    expect(process.cpuUsage(began).user).toBeLessThan(5_000_000);
    expect(world.peer.requests('SUBSCRIBE').length).toBeLessThanOrEqual(301);
    const unwatch = world.convoke.people.watch(['p4999@example.org']);
    await settle(100);
    expect(world.peer.requests('SUBSCRIBE').at(-1)?.uri).toBe('sip:p4999@example.org');
    unwatch();
    await settle(100);
    expect(world.peer.requests('SUBSCRIBE').at(-1)?.get('Expires')).toBe('0');
  });
});

describe('somebody who changed their name', () => {
  const document = (name: string) =>
    `<conference-info xmlns="urn:ietf:params:xml:ns:conference-info" xmlns:c="urn:convoke:conference-event:1" entity="sip:conf-c1@${DOMAIN}" state="full" version="1"><conference-state><c:conference state="running" version="1"/></conference-state><users state="full"><user entity="sip:conf-c1;participant=p1" state="full"><display-text>${name}</display-text><associated-aors><entry><uri>sip:${CAROL}</uri></entry></associated-aors><endpoint entity="sip:conf-c1;leg=l1"><display-text>mobile</display-text><status>pending</status><c:leg id="l1" participant="p1" state="joined"/></endpoint></user></users></conference-info>`;

  it('is called by it here as soon as a roster shows it, be they a contact or not', async () => {
    for (const contact of [true, false]) {
      let name = 'Carol Diaz';
      const world = await World.online({
        before: ({ rest }) => {
          const row = () => ({ key: CAROL, user: CAROL, name, favourite: false, numbers: [], places });
          rest.routes.set('GET /me/contacts', () => ({ contacts: contact ? [row()] : [] }));
          rest.routes.set('GET /directory', () => ({ people: [{ user: CAROL, name, places }] }));
        },
      });
      await world.convoke.people.search('carol');
      expect(world.convoke.people.person(CAROL).name).toBe('Carol Diaz');
      name = 'Carol Diaz-Ortiz';
      world.peer.conferences.set('c1', () => document(name));
      const board = world.convoke.conferences.openBoard('c1');
      await settle(1_000);
      expect(board.get().groups.in[0]?.person.name).toBe('Carol Diaz-Ortiz');
      expect(world.convoke.people.person(CAROL).name).toBe('Carol Diaz-Ortiz');
      world.convoke.close();
    }
  });

  it('keeps the name that I gave them', async () => {
    const world = await World.online({ before: withContacts });
    const asked = () => world.rest.asked('GET', '/me/contacts').length;
    const before = asked();
    world.peer.conferences.set('c1', () => document('Caroline'));
    world.convoke.conferences.openBoard('c1');
    await settle(1_000);
    expect(world.convoke.people.person(CAROL).name).toBe('Carol Diaz');
    expect(asked()).toBe(before + 1);
    world.peer.notify('conference', `conf-c1@${DOMAIN}`);
    await settle(1_000);
    expect(asked()).toBe(before + 1);
  });
});

describe('searching', () => {
  it('finds those I know without asking', async () => {
    const { convoke, rest } = await World.online({ before: withContacts });
    const asked = rest.asked('GET', '/directory').length;
    expect(convoke.people.find(' kel').map((one) => one.name)).toEqual(['Bob Keller']);
    expect(convoke.people.find('+1 555 0123').map((one) => one.id)).toEqual(['number:+15550123']);
    expect(rest.asked('GET', '/directory').length).toBe(asked);
  });

  it('finds contacts first, then the directory, each once, and bare numbers', async () => {
    const { convoke, rest } = await World.online({ before: withContacts });
    rest.routes.set('GET /directory', () => ({
      people: [
        { user: BOB, name: 'Bob Keller', places },
        { user: `bobby@${DOMAIN}`, name: 'Bobby Ray', places: [] },
      ],
    }));
    const found = await convoke.people.search('bo');
    expect(found.map((one) => one.name)).toEqual(['Bob Keller', 'Bobby Ray']);
    expect(found[1]?.places.map((one) => one.id)).toEqual(['browser']);
    expect((await convoke.people.search('kell'))[0]?.name).toBe('Bob Keller');
    expect((await convoke.people.search('+1 555 0100'))[0]?.name).toBe('Harbour Freight');
    expect((await convoke.people.search('+49 30 123456'))[0]).toMatchObject({ id: 'number:+4930123456', user: undefined });
  });
});

describe('what is pasted', () => {
  const names = (text: string) => parsePeople(text).entries.map((one) => one.address ?? one.number ?? one.name);

  it('is taken apart', () => {
    expect(names('Bob, carol@example.org; +49 (30) 123-456')).toEqual(['Bob', 'carol@example.org', '+4930123456']);
    expect(names('To: "Keller, Bob" <bob@example.org>, Carol Diaz <CAROL@example.org>')).toEqual(['bob@example.org', 'carol@example.org']);
    expect(parsePeople('To: "Keller, Bob" <bob@example.org>')).toMatchObject({
      recognised: 'addresses',
      entries: [{ name: 'Keller, Bob' }],
    });
    expect(names('tel:+4930123456, sip:bob@example.org;transport=tls, mailto:carol@example.org?subject=x')).toEqual([
      '+4930123456',
      'bob@example.org',
      'carol@example.org',
    ]);
    expect(names('bob@example.org\ncarol@example.org\r\nbob@example.org')).toEqual(['bob@example.org', 'carol@example.org']);
    expect(names('Operations: bob@example.org, carol@example.org;')).toEqual(['bob@example.org', 'carol@example.org']);
    expect(names('=?utf-8?q?J=C3=BCrgen_Wei=C3=9F?= <j@example.org>')).toEqual(['j@example.org']);
    expect(parsePeople('=?utf-8?Q?J=C3=BCrgen?= =?UTF-8?B?IFdlacOf?= <j@example.org>').entries[0]?.name).toBe('Jürgen Weiß');
    expect(parsePeople('=?iso-8859-1?q?J=FCrgen?= <j@example.org>').entries[0]?.name).toBe('Jürgen');
    expect(names('')).toEqual([]);
    expect(names(' , ;; ')).toEqual([]);
  });

  it('may be a whole e-mail', () => {
    const email =
      'Received: from a by b\r\nFrom: Dave Osei <dave@example.org>\r\nTo: Bob <bob@example.org>,\r\n carol@example.org\r\nCc: erin@example.org\r\nSubject: call bob@elsewhere.example\r\n\r\nHello frank@example.org';
    expect(names(email)).toEqual(['dave@example.org', 'bob@example.org', 'carol@example.org', 'erin@example.org']);
    expect(parsePeople(email).recognised).toBe('email');
  });

  it('may be anything', () => {
    for (const text of ['"', '<', '((((', '"a\\', 'a'.repeat(500_000), '<>,'.repeat(10_000), '=?utf-8?q?=GG?=', '=?utf-8?b?!!!?= <a@b>']) {
      expect(parsePeople(text).entries.length).toBeLessThanOrEqual(500);
    }
  });
});
