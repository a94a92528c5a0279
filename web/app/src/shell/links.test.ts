import { describe, expect, it } from 'vitest';
import { joinTarget, linkTarget, linkTargets } from './links.ts';

describe('links that open the composer', () => {
  it('understands telephone, SIP and e-mail addresses', () => {
    expect(linkTarget('tel:+1-555-0100;ext=4')).toBe('+15550100');
    expect(linkTarget('sip:bob@demo.example;transport=tcp?subject=x')).toBe('bob@demo.example');
    expect(linkTarget('mailto:carol@example.org?subject=hi')).toBe('carol@example.org');
    expect(linkTarget('Bob Keller')).toBe('Bob Keller');
  });
  it('takes several, each once, and no more than fits', () => {
    expect(linkTargets('?to=bob,carol&to=tel:%2B15550103&to=bob')).toEqual(['bob', 'carol', '+15550103']);
    const many = Array.from({ length: 80 }, (_, i) => `p${i}`).join(',');
    expect(linkTargets(`?to=${many}`)).toHaveLength(50);
  });
  it('reads a plus that nobody escaped as what it was', () => {
    expect(linkTargets('?to=+493012345678')).toEqual(['+493012345678']);
    expect(linkTargets('?to=bob,+15550107&to=tel:+15550108')).toEqual(['bob', '+15550107', '+15550108']);
    expect(linkTargets('?to=Bob+Keller')).toEqual(['Bob Keller']);
  });
  it('throws nothing at hostile ones', () => {
    expect(linkTargets('?to=%E0%A4%A')).toHaveLength(1);
    expect(linkTarget('sip:%E0%A4%A')).toBeUndefined();
    expect(linkTarget('x'.repeat(10_000))).toBeUndefined();
    expect(linkTarget('bob\u0000\u0007')).toBe('bob');
  });
});

it('knows the conference of a link into one, and nothing else', () => {
  expect(joinTarget('/join/9c51e0b2d7a84f36')).toBe('9c51e0b2d7a84f36');
  expect(joinTarget('/join/a-b.c_d~/')).toBe('a-b.c_d~');
  for (const path of ['/join', '/join/', '/join/a/b', '/join/a%20b', '/call', `/join/${'a'.repeat(129)}`])
    expect(joinTarget(path)).toBeUndefined();
});
