import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ALICE, BOB, ready } from './scene.js';
import { settle } from './world.js';

beforeEach(() => {
  vi.useFakeTimers({ now: Date.parse('2026-11-26T10:00:00Z') });
});
afterEach(() => {
  vi.useRealTimers();
});

describe('a number that is refused', () => {
  const fault = (expected: string, came: string) =>
    `<s:Fault><faultcode>s:Client</faultcode><faultstring>no</faultstring><detail><c:fault><c:code>number-refused</c:code><c:expected>${expected}</c:expected><c:came>${came}</c:came></c:fault></detail></s:Fault>`;

  it('is named with why, and its row is marked', async () => {
    const { world, peer } = await ready();
    const { soap } = peer;
    const composer = world.convoke.conferences.compose([BOB, '+15550107', '+493012345678', '911']);
    await settle(200);
    const refuse = async (expected: string, came: string) => {
      peer.soap = (operation, body, request) => (operation === 'create' ? fault(expected, came) : soap(operation, body, request));
      const calling = composer.call();
      await settle(200);
      expect(await calling).toBe(false);
      const marked = composer.get().rows.filter((row) => row.problem);
      return [composer.get().problem?.refused, marked.map((row) => row.person.name)];
    };
    expect(await refuse('a number at home or in a permitted country ([dialplan] abroad)', '••••••••••78 abroad')).toEqual([
      { why: 'abroad', number: '+493012345678' },
      ['+493012345678'],
    ]);
    expect(await refuse('a number outside the emergency services', 'an emergency number')).toEqual([
      { why: 'emergency', number: '911' },
      ['911'],
    ]);
    expect(await refuse('a number that a trunk&apos;s route leads to', '••••••07')).toEqual([
      { why: 'no-route', number: '+15550107' },
      ['+15550107'],
    ]);
    // Of several that it may be none is accused.
    expect(await refuse('a number, such as +15550107', 'something else')).toEqual([{ why: 'no-number', number: undefined }, []]);
    composer.remove('number:911');
    expect(composer.get().rows.some((row) => row.problem)).toBe(false);
  });

  it('is named where one is called at it', async () => {
    const { world, peer } = await ready({
      before: (_, focus) => {
        focus.phase = 'running';
        focus.add({ name: 'alice', user: ALICE, role: 'owner', state: 'joined' });
        focus.add({ name: 'Bob Keller', user: BOB, state: 'left' });
      },
    });
    const open = world.convoke.conferences.openBoard('c1');
    await settle(1_000);
    const { soap } = peer;
    peer.soap = (operation, body, request) =>
      operation === 'call' ? fault('a number outside the emergency services', 'an emergency number') : soap(operation, body, request);
    const calling = open.redial('p2', '911');
    await settle(100);
    expect(await calling).toBe(false);
    expect(open.get().problem?.refused).toEqual({ why: 'emergency', number: '911' });
    expect(open.get().groups.left[0]?.problem?.refused).toEqual({ why: 'emergency', number: '911' });
  });
});
