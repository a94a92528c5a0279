import { describe, expect, it } from 'vitest';
import { readXml, tryXml, XmlError } from '../src/xml/read.js';
import { clean, escapeXml, writeXml } from '../src/xml/write.js';

describe('reading', () => {
  it('reads namespaces, attributes, references and CDATA', () => {
    const root = readXml(
      `\ufeff<?xml version="1.0" encoding="UTF-8"?>\r\n<!-- first --><a:r xmlns:a="urn:a" xmlns="urn:d" x='1 "2"' a:y="&lt;&#65;&#x1F600;&amp;">\n<b> one <!-- not this --><![CDATA[<two>]]></b><a:b xmlns:a="urn:other"/><b xmlns=""/></a:r>\n`,
    );
    expect(root.is('urn:a', 'r')).toBe(true);
    expect(root.attribute('x')).toBe('1 "2"');
    expect(root.attribute('{urn:a}y')).toBe('<A😀&');
    expect(root.child('b', 'urn:d')?.text).toBe(' one <two>');
    expect(root.child('b', 'urn:other')).toBeDefined();
    expect(root.child('b', '')).toBeDefined();
    expect(root.children.length).toBe(3);
  });

  it.each([
    '',
    ' ',
    'hello',
    '<a>',
    '<a></b>',
    '<a/><b/>',
    'x<a/>',
    '<a/>x',
    '<a b=c/>',
    '<a b="1" b="2"/>',
    '<a b="1"c="2"/>',
    '<a b="<"/>',
    '<a b="&nbsp;"/>',
    '<a>&nbsp;</a>',
    '<a>&</a>',
    '<a>& b</a>',
    '<a>&#0;</a>',
    '<a>&#xD800;</a>',
    '<a>&#x110000;</a>',
    '<a>&#xFFFFFFFF;</a>',
    '<a>&#1a;</a>',
    '<a>]]></a>',
    '<a>\u0000</a>',
    '<a>\ud800</a>',
    '<a>\uffff</a>',
    '<!DOCTYPE a><a/>',
    '<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]><a>&e;</a>',
    '<!DOCTYPE l [<!ENTITY a "lol"><!ENTITY b "&a;&a;">]><l>&b;</l>',
    '<?php x?><a/>',
    '<a><?x y?></a>',
    '<a><!ELEMENT b></a>',
    '<a><!-- x -- y --></a>',
    '<a><!-- x</a>',
    '<a><![CDATA[x</a>',
    '<![CDATA[x]]>',
    '<p:a/>',
    '<a p:b="1"/>',
    '<a xmlns:p=""/>',
    '<a xmlns:xml="urn:x"/>',
    '<a xmlns:xmlns="urn:x"/>',
    '<a xmlns:p="urn:x" xmlns:q="urn:x" p:b="1" q:b="2"/>',
    '<1a/>',
    '< a/>',
    '<a:b:c xmlns:a="urn:x"/>',
    '<a',
    '<a b',
    '<a b="',
    '<a\u00a0b="1"/>',
    '<a/>\u00a0',
    '<?xml version="1.1"?><a/>',
    '<?xml version="1.0" encoding="latin1"?><a/>',
    ' <?xml version="1.0"?><a/>',
  ])('refuses %j', (document) => {
    expect(() => readXml(document)).toThrow(XmlError);
  });

  it('bounds depth, attributes, elements and length', () => {
    expect(tryXml('<a>'.repeat(32) + '</a>'.repeat(32))).toBeDefined();
    expect(tryXml('<a>'.repeat(33) + '</a>'.repeat(33))).toBeUndefined();
    expect(tryXml(`<a ${Array.from({ length: 33 }, (_, at) => `b${at}=""`).join(' ')}/>`)).toBeUndefined();
    expect(tryXml(`<a>${'<b/>'.repeat(20_000)}</a>`)).toBeUndefined();
    expect(tryXml(`<a>${'x'.repeat(1_000_000)}</a>`)).toBeUndefined();
  });

  it('takes no longer than the text is long', () => {
    // Of the processor, which other programs do not lengthen.
    const began = process.cpuUsage();
    for (const nasty of [
      '<a '.repeat(100_000),
      `<a>${'&'.repeat(300_000)}</a>`,
      `<a b="${' '.repeat(900_000)}`,
      '<'.repeat(900_000),
      `<a>${']]'.repeat(400_000)}</a>`,
    ]) {
      tryXml(nasty);
    }
    expect(process.cpuUsage(began).user).toBeLessThan(3_000_000);
  });
});

describe('writing', () => {
  it('is well-formed whatever is put in', () => {
    const nasty = '<script>"&\u0000\u001b\uffff\ud800\u0085 \' ]]>';
    const written = writeXml(['a', [['b', nasty], undefined, ['c', '', { d: nasty, e: undefined }]]]);
    const root = readXml(written);
    expect(root.textAt('b')).toBe(`<script>"&${' '.repeat(6)}' ]]>`);
    expect(root.child('c')?.attribute('d')).toContain('<script>"&');
    expect(escapeXml('a & b')).toBe('a &amp; b');
  });

  it('cleans text as the schema wants it', () => {
    expect(clean('  a \n\t b\u0007 ', 64)).toBe('a b');
    expect(clean('😀'.repeat(70), 64)).toBe('😀'.repeat(64));
    expect(clean('x '.repeat(40), 64).length).toBeLessThanOrEqual(64);
  });
});
