import { describe, expect, it } from 'vitest';
import { readMessage, SipRequest, SipResponse } from '../src/sip/message.js';
import { aorOf, escapeUser, quote, readNameAddr, readUri, split, uriOf } from '../src/sip/uri.js';
import { decodeUtf8, utf8Length, utf8Prefix } from '../src/util/utf8.js';

const HEAD = [
  'MESSAGE sip:alice@example.org SIP/2.0',
  'v: SIP/2.0/WSS a.invalid;branch=z9hG4bKa',
  'f: "Bob, <the> \\"B\\"" <sip:bob@example.org;x=y>;tag=1',
  't: sip:alice@example.org;tag=2',
  'i: c1',
  'CSeq: 7 MESSAGE',
];

describe('messages', () => {
  it('are read with compact names, folded lines and lengths in bytes', () => {
    const message = readMessage(
      `\r\n${[...HEAD, 'Subject: one', '\ttwo', 'c: Text/Plain ; charset=utf-8', 'l: 4', '', 'äöü'].join('\r\n')}`,
    );
    expect(message).toBeInstanceOf(SipRequest);
    const request = message as SipRequest;
    expect(request.method).toBe('MESSAGE');
    expect(request.header('Via')).toContain('a.invalid');
    expect(request.header('Subject')).toBe('one two');
    expect(request.address('From')).toMatchObject({ name: 'Bob, <the> "B"', uri: 'sip:bob@example.org;x=y' });
    expect(request.tag('From')).toBe('1');
    expect(request.tag('To')).toBe('2');
    expect(request.cseq).toEqual([7, 'MESSAGE']);
    expect(request.type).toBe('text/plain');
    expect(request.body).toBe('äö');
  });

  it('are written as they are read', () => {
    const written = new SipResponse(
      200,
      'OK',
      [
        ['Via', 'SIP/2.0/WS a;branch=b'],
        ['From', '<sip:a@b>;tag=1'],
        ['To', '<sip:a@b>;tag=2'],
        ['Call-ID', 'x'],
        ['CSeq', '1 MESSAGE'],
        ['Content-Length', '999'],
      ],
      'ü',
    ).toString();
    expect(written).toContain('\r\nContent-Length: 2\r\n\r\nü');
    expect(readMessage(written)).toMatchObject({ status: 200, reason: 'OK', body: 'ü' });
  });

  it.each([
    ['no To', HEAD.filter((one) => !one.startsWith('t:'))],
    ['no Via', HEAD.filter((one) => !one.startsWith('v:'))],
    ['another method in CSeq', HEAD.map((one) => one.replace('7 MESSAGE', '7 INVITE'))],
    ['a number that is too large', HEAD.map((one) => one.replace('7 MESSAGE', '4294967296 MESSAGE'))],
    ['a header without colon', [...HEAD, 'oops']],
    ['an unreadable From', HEAD.map((one) => (one.startsWith('f:') ? 'f: nobody' : one))],
    ['another version', HEAD.map((one) => one.replace('SIP/2.0', 'SIP/3.0'))],
    ['more body than there is', [...HEAD, 'l: 10']],
  ])('are refused with %s', (_, lines) => {
    expect(readMessage([...lines, '', 'abc'].join('\r\n'))).toBeUndefined();
  });
});

describe('addresses', () => {
  it('are read', () => {
    expect(readUri('sip:al%20ice:pw@EXAMPLE.org:5060;transport=ws;gr=urn:uuid:1?x=y')).toEqual({
      scheme: 'sip',
      user: 'al ice',
      host: 'example.org:5060',
      params: new Map([
        ['transport', 'ws'],
        ['gr', 'urn:uuid:1'],
      ]),
    });
    expect(readUri('sip:[2001:db8::1]:5060')?.host).toBe('[2001:db8::1]:5060');
    expect(aorOf('"X" <sip:alice@example.org;gr=1>;tag=2')).toBe('alice@example.org');
    for (const bad of ['', 'tel:+1', 'sip:', 'sip:a b@c', 'sip:a@', 'javascript:alert(1)', 'sip:a@b"c', '<sip:a@b'])
      expect(aorOf(bad)).toBeUndefined();
    expect(readNameAddr('Bob <sip:b@c>')).toMatchObject({ name: 'Bob', uri: 'sip:b@c' });
    expect(readNameAddr('"a" "b" <sip:b@c>')).toBeUndefined();
  });

  it('are split only where it counts', () => {
    expect(split('"a,b" <sip:x,y@z>;q="1,2", <sip:c>', ',')).toEqual(['"a,b" <sip:x,y@z>;q="1,2"', '<sip:c>']);
  });

  it('are written so that nothing can end them early', () => {
    expect(uriOf('a b@example.org')).toBe('sip:a%20b@example.org');
    expect(escapeUser('x@y>')).toBe('x%40y%3E');
    expect(quote('a"b\\c\r\nd')).toBe('"a\\"b\\\\c  d"');
  });
});

describe('UTF-8', () => {
  it('is measured, cut and read like the platform does', () => {
    for (const text of ['', 'abc', 'äöü', '€', '😀', 'a😀b', '\ud800', 'x\udc00y']) {
      const bytes = new TextEncoder().encode(text);
      expect(utf8Length(text)).toBe(bytes.length);
      expect(decodeUtf8(bytes)).toBe(new TextDecoder().decode(bytes));
    }
    expect(utf8Prefix('a😀b', 4)).toBe('a');
    expect(utf8Prefix('a😀b', 5)).toBe('a😀');
    for (const bytes of [[0xff], [0xc0, 0x80], [0xe2, 0x82], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0x41, 0xe2, 0x41]]) {
      expect(decodeUtf8(Uint8Array.from(bytes))).toContain('\ufffd');
    }
    expect(decodeUtf8(Uint8Array.from([0xe2, 0x41]))).toBe('\ufffdA');
  });
});
