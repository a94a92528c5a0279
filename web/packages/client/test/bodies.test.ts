import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { EventState } from '../src/conference/event.js';
import { readCpim, writeCpim } from '../src/im/cpim.js';
import { readComposing, readImdn, writeComposing, writeImdn } from '../src/im/imdn.js';
import { conferenceUri, readInvitation, writeAnswer, writeInvitation } from '../src/im/invitation.js';
import { readFace, readPidf, writePidf } from '../src/im/pidf.js';
import { faultOf, readEnvelope, writeEnvelope } from '../src/soap/envelope.js';
import { operationNode, readAnswer, readReport } from '../src/soap/service.js';
import { readXml } from '../src/xml/read.js';

const SAMPLES = new URL('../../../../tests/schema/samples/', import.meta.url);
const sample = (name: string) => readFileSync(new URL(name, SAMPLES), 'utf8');
const AT = Date.parse('2026-11-26T10:00:00.5Z');

describe('message/cpim', () => {
  it('is read as it was written', () => {
    const text = 'one\r\n\r\ntwo: three\n<b>&amp; 😀';
    const written = writeCpim(
      { from: 'alice@example.org', to: 'bob@example.org', id: 'id-1', at: AT, wants: ['positive-delivery', 'display'] },
      text,
    );
    expect(readCpim(written)).toEqual({
      type: 'text/plain',
      body: text,
      id: 'id-1',
      at: AT,
      wants: new Set(['positive-delivery', 'display']),
    });
  });

  it('is read from others, with another prefix and line feeds', () => {
    const read = readCpim(
      'From: MR SANDERS <im:piglet@100akerwood.com>\nNS: i <urn:ietf:params:imdn>\ni.Message-ID: 34jk\n\nContent-type: message/imdn+xml\n\n<x/>',
    );
    expect(read).toMatchObject({ type: 'message/imdn+xml', id: '34jk', body: '<x/>' });
  });

  it('knows no id without the namespace', () => {
    expect(readCpim('imdn.Message-ID: 1\n\n\nx')?.id).toBeUndefined();
    expect(readCpim(`NS: imdn <urn:ietf:params:imdn>\nimdn.Message-ID: ${'x'.repeat(300)}\n\n\nx`)?.id).toBeUndefined();
  });

  it.each(['', 'x', 'a: b', 'a: b\r\n\r\n', 'no colon\r\n\r\n\r\nx', `${'a: b\r\n'.repeat(70)}\r\n\r\nx`])('refuses %j', (text) => {
    expect(readCpim(text)).toBeUndefined();
  });
});

describe('notifications', () => {
  it('are read as they were written', () => {
    expect(readImdn(writeImdn('a<b', AT, 'read'))).toEqual({ id: 'a<b', state: 'read' });
    expect(readImdn(writeImdn('x', AT, 'delivered'))).toEqual({ id: 'x', state: 'delivered' });
    expect(readComposing(writeComposing(true))).toBe(120);
    expect(readComposing(writeComposing(false))).toBe(0);
  });

  it('are read from others', () => {
    const imdn =
      '<imdn xmlns="urn:ietf:params:xml:ns:imdn"><message-id>34jk</message-id><datetime>x</datetime><recipient-uri>im:b@c</recipient-uri><delivery-notification><status><failed/></status></delivery-notification></imdn>';
    expect(readImdn(imdn)).toEqual({ id: '34jk', state: 'failed' });
    const composing =
      '<isComposing xmlns="urn:ietf:params:xml:ns:im-iscomposing"><state>active</state><contenttype>text/plain</contenttype><refresh>90</refresh></isComposing>';
    expect(readComposing(composing)).toBe(90);
    expect(readComposing(composing.replace('90', '99999999'))).toBe(600);
    for (const bad of ['', 'x', '<imdn/>', '<isComposing/>', composing.replace('active', 'dancing')]) {
      expect(readImdn(bad)).toBeUndefined();
      expect(readComposing(bad)).toBeUndefined();
    }
  });
});

describe('invitations', () => {
  const body = {
    id: 'i1',
    conference: 'c@1',
    title: 'Dock "A" & <b>',
    kind: 'call',
    expires: AT,
    from: { user: 'alice@example.org', name: 'Alice' },
    in: ['Bob', 'Carol'],
  } as const;

  it('are read as they were written', () => {
    const written = writeInvitation(body, 'example.org');
    expect(readInvitation(written)).toEqual(body);
    expect(readXml(written).attribute('uri')).toBe('sip:conf-c%401@example.org');
    const answer = { invitation: 'i1', conference: 'c1', answer: 'decline', note: 'in a "meeting"', place: undefined } as const;
    expect(readInvitation(writeAnswer(answer))).toEqual(answer);
    expect(conferenceUri('a:b', 'x')).toBe('sip:conf-a%3Ab@x');
  });

  it.each([
    ['another namespace', (text: string) => text.replace('urn:convoke:invitation:1', 'urn:other')],
    ['no id', (text: string) => text.replace(' id="i1"', '')],
    ['an id that is none', (text: string) => text.replace('id="i1"', 'id="../x"')],
    ['no time', (text: string) => text.replace(/expires="[^"]*"/, 'expires="soon"')],
    ['no sender', (text: string) => text.replace(/<from[^>]*>/, '')],
    ['a document type', (text: string) => `<!DOCTYPE x>${text}`],
  ])('are refused with %s', (_, spoil) => {
    expect(readInvitation(spoil(writeInvitation(body, 'example.org')))).toBeUndefined();
  });
});

describe('presence', () => {
  it('of a conference says what it looks like, or that it is over', () => {
    expect(readFace(sample('presence-conference.xml'))).toEqual({
      title: 'Plan',
      count: 3,
      video: true,
      locked: false,
      talking: ['BOB'],
    });
    expect(readFace(sample('presence-closed.xml'))).toBe('over');
    expect(readFace(sample('presence-open.xml'))).toBeUndefined();
    expect(readFace('<presence/>')).toBeUndefined();
    expect(readFace(sample('presence-conference.xml').replace('in="3"', 'in="-3"'))).toBeUndefined();
    expect(readFace(sample('presence-conference.xml').replace('in="3"', 'in="many"'))).toBeUndefined();
  });

  it('says what their devices can, where one says so', () => {
    expect(readPidf(sample('presence-capabilities.xml'))?.skills).toEqual({ sound: true, picture: true });
    expect(readPidf(sample('presence-open.xml'))?.skills).toBeUndefined();
    const deaf = sample('presence-capabilities.xml')
      .replace('<caps:audio>true', '<caps:audio>false')
      .replace('<caps:video>true</caps:video>', '');
    expect(readPidf(deaf)?.skills).toEqual({ sound: false, picture: false });
  });

  it('is read from the server', () => {
    expect(readPidf(sample('presence-open.xml'))?.presence).not.toBe('offline');
    expect(readPidf(sample('presence-closed.xml'))).toMatchObject({ presence: expect.stringMatching(/offline|in-call/) });
    expect(readPidf('<presence/>')).toBeUndefined();
  });

  it('is written for others', () => {
    expect(writePidf('alice@example.org', 'available', undefined)).toBeUndefined();
    for (const [presence, seen] of [
      ['away', 'away'],
      ['busy', 'dnd'],
      ['dnd', 'dnd'],
    ] as const) {
      expect(readPidf(writePidf('alice@example.org', presence, 'back <soon>') ?? '')).toEqual({ presence: seen, text: 'back <soon>' });
    }
    expect(readPidf(writePidf('alice@example.org', 'available', 'here') ?? '')).toEqual({ presence: 'available', text: 'here' });
  });
});

describe('conference documents', () => {
  it('of the server are read', () => {
    for (const name of readdirSync(SAMPLES).filter((one) => one.startsWith('conference-'))) {
      const applied = new EventState('x').apply(sample(name), true);
      expect(applied, name).toBe(name.includes('deleted') ? 'deleted' : sample(name).includes('state="full" version') ? 'new' : 'gap');
    }
    const state = new EventState('x');
    state.apply(sample('conference-full.xml'), true);
    expect(state.snapshot).toMatchObject({ title: 'Budget <2027> & "more"', phase: 'starting', version: 9, locked: false });
    expect(state.snapshot.participants[0]).toEqual({
      id: 'p1',
      name: 'alice',
      user: 'alice@example.org',
      pictures: [],
      place: 'mobile',
      role: 'owner',
      leg: { id: 'l1', state: 'queued', reason: undefined, words: undefined },
      muted: false,
      talking: false,
      silent: false,
      hidden: false,
      hand: undefined,
    });
    expect(state.snapshot.participants.length).toBe(4);
  });

  const document = (version: number, state: string, inner: string) =>
    `<conference-info xmlns="urn:ietf:params:xml:ns:conference-info" xmlns:c="urn:convoke:conference-event:1" entity="sip:conf-x@e" state="${state}" version="${version}">${inner}</conference-info>`;
  const user = (id: string, attributes = '') =>
    `<user entity="e;participant=${id}" state="full"><display-text>${id}</display-text><endpoint entity="l"><status>connected</status><c:leg id="l" participant="${id}" state="joined" ${attributes}/></endpoint></user>`;
  const names = (state: EventState) => state.snapshot.participants.map((one) => one.id);

  it('are followed part by part', () => {
    const state = new EventState('x');
    const info = '<conference-state><c:conference state="running" version="3" locked="true"/></conference-state>';
    expect(state.apply(document(1, 'full', `${info}<users state="full">${user('a')}${user('b')}</users>`), true)).toBe('new');
    expect(state.snapshot.locked).toBe(true);
    expect(
      state.apply(
        document(
          2,
          'partial',
          `<users state="partial">${user('b', 'hand="2" talking="true"')}${user('c')}<user entity="e;participant=a" state="deleted"/></users>`,
        ),
        false,
      ),
    ).toBe('new');
    expect(names(state)).toEqual(['b', 'c']);
    expect(state.snapshot.participants[0]).toMatchObject({ talking: true, hand: { position: 2 } });
    expect(state.apply(document(2, 'partial', ''), false)).toBe('old');
    expect(state.apply(document(4, 'partial', ''), false)).toBe('gap');
    expect(state.apply(document(3, 'partial', `<users state="partial">${user('d')}</users>`), false)).toBe('new');
    expect(names(state)).toEqual(['b', 'c', 'd']);
    // A whole one is right whatever came before it; a new subscription begins to count anew.
    expect(state.apply(document(9, 'full', `<users>${user('z')}</users>`), false)).toBe('new');
    expect(state.apply(document(1, 'full', `<users>${user('y')}</users>`), false)).toBe('old');
    expect(state.apply(document(1, 'full', `<users>${user('y')}</users>`), true)).toBe('new');
    expect(names(state)).toEqual(['y']);
    expect(state.apply(document(2, 'partial', ''), true)).toBe('gap');
    expect(state.apply(document(2, 'deleted', ''), false)).toBe('deleted');
    for (const bad of ['', '<x/>', document(-1, 'full', ''), document(1.5, 'full', ''), document(1, 'full', '<')])
      expect(state.apply(bad, true)).toBe('bad');
  });

  it('of a focus that is not ours are read too', () => {
    const state = new EventState('x');
    const inner =
      '<conference-description><display-text>Agenda</display-text></conference-description><conference-state><user-count>1</user-count><active>true</active></conference-state>' +
      '<users><user entity="sip:bob@example.com" state="full"><display-text>Bob Hoskins</display-text><roles><entry>moderator</entry></roles><endpoint entity="sip:bob@pc33"><display-text>Laptop</display-text><status>muted-via-focus</status></endpoint></user>' +
      '<user entity="sip:carol@example.com"><endpoint entity="sip:c"><status>disconnected</status><disconnection-method>busy</disconnection-method></endpoint></user></users>';
    state.apply(document(0, 'full', inner), true);
    expect(state.snapshot).toMatchObject({ title: 'Agenda', phase: 'running' });
    expect(state.snapshot.participants).toMatchObject([
      { id: 'sip:bob@example.com', name: 'Bob Hoskins', role: 'moderator', place: 'Laptop', muted: true, leg: { state: 'joined' } },
      { leg: { state: 'busy' } },
    ]);
    // Only a part of one user.
    state.apply(
      document(
        1,
        'partial',
        '<users state="partial"><user entity="sip:bob@example.com" state="partial"><endpoint entity="sip:bob@pc33"><status>on-hold</status></endpoint></user></users>',
      ),
      false,
    );
    expect(state.snapshot.participants[0]).toMatchObject({ name: 'Bob Hoskins', role: 'moderator', leg: { state: 'held' }, muted: false });
  });
});

describe('envelopes', () => {
  const headers = { id: 'urn:uuid:1', replyTo: 'sip:alice@example.org;gr=urn:uuid:2', sent: AT, seconds: 30 };

  it('say who asks, where the answer goes, and until when', () => {
    const written = writeEnvelope(headers, operationNode({ name: 'end', conference: 'c1' }));
    expect(written).toBe(
      '<?xml version="1.0" encoding="UTF-8"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:a="http://www.w3.org/2005/08/addressing" xmlns:c="urn:convoke:conference:1"><s:Header><a:Action>urn:convoke:conference:1/end</a:Action><a:MessageID>urn:uuid:1</a:MessageID><a:ReplyTo><a:Address>sip:alice@example.org;gr=urn:uuid:2</a:Address></a:ReplyTo><c:expires><c:sent>2026-11-26T10:00:00.500Z</c:sent><c:seconds>30</c:seconds></c:expires></s:Header><s:Body><c:end><c:conference>c1</c:conference></c:end></s:Body></s:Envelope>',
    );
  });

  it('hold the fields in the order of the schema', () => {
    const body = (operation: Parameters<typeof operationNode>[0]) =>
      /<s:Body>(.*)<\/s:Body>/.exec(writeEnvelope(headers, operationNode(operation)))?.[1];
    expect(
      body({
        name: 'create',
        title: ' Plan & more ',
        initiator: { person: 'alice@example.org', place: 'browser' },
        participants: [{ person: 'bob' }, { number: '+4930123456', name: 'Gate' }],
      }),
    ).toBe(
      '<c:create><c:title>Plan &amp; more</c:title><c:initiator><c:person>alice@example.org</c:person><c:place>browser</c:place></c:initiator><c:participant><c:person>bob</c:person></c:participant><c:participant><c:number>+4930123456</c:number><c:name>Gate</c:name></c:participant></c:create>',
    );
    expect(body({ name: 'call', conference: 'c', participant: 'p', number: '+49' })).toBe(
      '<c:call><c:conference>c</c:conference><c:participant>p</c:participant><c:number>+49</c:number></c:call>',
    );
    expect(body({ name: 'decline', conference: 'c', participant: 'p', words: 'no' })).toContain(
      '<c:participant>p</c:participant><c:words>no</c:words>',
    );
    expect(body({ name: 'get', conference: 'c', since: 0 })).toBe('<c:get><c:conference>c</c:conference><c:since>0</c:since></c:get>');
    expect(body({ name: 'list' })).toBe('<c:list/>');
  });

  const envelope = (body: string) =>
    `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:a="http://www.w3.org/2005/08/addressing" xmlns:c="urn:convoke:conference:1" xmlns:r="urn:convoke:report:1"><s:Header><a:RelatesTo> urn:uuid:1 </a:RelatesTo></s:Header><s:Body>${body}</s:Body></s:Envelope>`;

  it('are read: answers, faults and reports', () => {
    const conference =
      '<c:conference><c:id>c1</c:id><c:title>Plan</c:title><c:state>running</c:state><c:version>7</c:version><c:locked>true</c:locked><c:count>1</c:count><c:first>0</c:first><c:participant><c:id>p1</c:id><c:name>Bob</c:name><c:user>bob@x</c:user><c:place>mobile</c:place><c:role>moderator</c:role><c:muted>false</c:muted><c:talking>false</c:talking><c:silent>1</c:silent><c:hand>2</c:hand><c:handSince>2026-11-26T10:00:00.000Z</c:handSince><c:leg><c:id>l1</c:id><c:state>failed</c:state><c:words>failed</c:words><c:cause><c:reason>no-line</c:reason><c:words>all 10 lines in use</c:words></c:cause><c:since>2026-11-26T10:00:00.500Z</c:since></c:leg><c:news>of a later server</c:news></c:participant></c:conference>';
    const read = readEnvelope(
      envelope(
        `<c:getResponse>${conference}<c:report><c:conference>c1</c:conference><c:version>8</c:version><c:ended><c:reason>empty</c:reason><c:words>everybody left</c:words></c:ended></c:report></c:getResponse>`,
      ),
    );
    expect(read?.relatesTo).toBe('urn:uuid:1');
    const answer = read && readAnswer(read.body);
    expect(answer).toMatchObject({ count: 1, end: { reason: 'empty', words: 'everybody left' } });
    expect(answer?.conference).toMatchObject({ id: 'c1', phase: 'running', version: 7, locked: true });
    expect(answer?.conference?.participants[0]).toEqual({
      id: 'p1',
      name: 'Bob',
      user: 'bob@x',
      place: 'mobile',
      role: 'moderator',
      leg: { id: 'l1', state: 'failed', reason: 'no-line', words: 'all 10 lines in use', since: AT },
      muted: false,
      talking: false,
      silent: true,
      hidden: false,
      hand: { position: 2, since: AT - 500 },
    });
    // What others wrote is told as events tell it.
    const wild = conference
      .replace('Plan', ` Plan\n${'x'.repeat(300)}`)
      .replace('Bob', 'Bob \n Keller')
      .replace('mobile', ' the\tdesk ');
    const other = readEnvelope(envelope(`<c:getResponse>${wild}</c:getResponse>`));
    const cleaned = other && readAnswer(other.body)?.conference;
    expect(cleaned?.title).toBe(`Plan ${'x'.repeat(251)}`);
    expect(cleaned?.participants[0]).toMatchObject({ name: 'Bob Keller', place: 'the desk' });
    const refused = readEnvelope(
      envelope(
        '<s:Fault><faultcode>s:Client</faultcode><faultstring>no</faultstring><detail><c:fault><c:code>not-allowed</c:code><c:expected>a</c:expected><c:came>b</c:came></c:fault></detail></s:Fault>',
      ),
    );
    expect(refused && faultOf(refused.body)).toEqual({ code: 'not-allowed', expected: 'a', came: 'b' });
    const report = readEnvelope(
      envelope(
        '<r:report><r:entry><c:conference>c1</c:conference><c:version>2</c:version><c:ended><c:reason>empty</c:reason><c:words>w</c:words></c:ended></r:entry></r:report>',
      ),
    );
    expect(report && readReport(report.body)).toEqual([{ conference: 'c1', end: { reason: 'empty', words: 'w' } }]);
  });

  it.each(['', 'x', '<a/>', envelope(''), envelope('<a/><b/>'), `<!DOCTYPE x>${envelope('<a/>')}`])('refuse %j', (text) => {
    expect(readEnvelope(text)).toBeUndefined();
  });
});
