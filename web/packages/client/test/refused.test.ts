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
  const fault = (why: string, index?: number) =>
    `<s:Fault><faultcode>s:Client</faultcode><faultstring>no</faultstring><detail><c:fault><c:code>number-refused</c:code><c:expected>another</c:expected><c:came>this</c:came><c:why>${why}</c:why>${index === undefined ? '' : `<c:index>${index}</c:index>`}</c:fault></detail></s:Fault>`;

  it('is named with why, and its row is marked', async () => {
    const { world, peer } = await ready();
    const { soap } = peer;
    const composer = world.convoke.conferences.compose([BOB, '+15550107', '+493012345678', '911']);
    await settle(200);
    const refuse = async (why: string, index?: number) => {
      peer.soap = (operation, body, request) => (operation === 'create' ? fault(why, index) : soap(operation, body, request));
      const calling = composer.call();
      await settle(200);
      expect(await calling).toBe(false);
      const marked = composer.get().rows.filter((row) => row.problem);
      return [composer.get().problem?.refused, marked.map((row) => row.person.name)] as const;
    };
    expect(await refuse('abroad', 3)).toEqual([{ why: 'abroad', number: '+493012345678', index: 3 }, ['+493012345678']]);
    expect(await refuse('emergency', 4)).toEqual([{ why: 'emergency', number: '911', index: 4 }, ['911']]);
    expect(await refuse('no-route', 2)).toEqual([{ why: 'no-route', number: '+15550107', index: 2 }, ['+15550107']]);
    // A telephone of somebody's profile: who it is, and not the number.
    const [of, [name, ...more]] = await refuse('abroad', 1);
    expect([of, more]).toEqual([{ why: 'abroad', number: undefined, index: 1 }, []]);
    expect(name).toBe(world.convoke.people.person(BOB).name);
    // I myself, whom no row stands for, and what a newer server says.
    expect(await refuse('abroad', 0)).toEqual([{ why: 'abroad', number: undefined, index: 0 }, []]);
    expect(await refuse('full-moon')).toEqual([{ why: 'other', number: undefined, index: undefined }, []]);
    composer.remove('number:911');
    expect(composer.get().rows.some((row) => row.problem)).toBe(false);
  });

  it('marks nobody else when the list has changed since', async () => {
    const { world, peer } = await ready();
    const { soap } = peer;
    const composer = world.convoke.conferences.compose([BOB, '+15550107', '+493012345678']);
    await settle(200);
    peer.soap = (operation, body, request) => (operation === 'create' ? fault('abroad', 2) : soap(operation, body, request));
    const marked = () => composer.get().rows.flatMap((row) => (row.problem ? [row.key] : []));
    composer.remove(BOB);
    let calling = composer.call();
    await settle(200);
    expect(await calling).toBe(false);
    expect(marked()).toEqual(['number:+493012345678']);
    composer.undo();
    expect(composer.get().rows.length).toBe(3);
    expect([composer.get().problem, marked()]).toEqual([undefined, []]);
    // Meanwhile somebody else stands where the refused one stood.
    peer.soap = (operation, body, request) => {
      if (operation !== 'create') return soap(operation, body, request);
      composer.remove('number:+15550107');
      return fault('abroad', 2);
    };
    calling = composer.call();
    await settle(200);
    expect(await calling).toBe(false);
    expect(marked()).toEqual([]);
    expect(composer.get().problem?.refused?.number).toBe('+15550107');
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
    peer.soap = (operation, body, request) => (operation === 'call' ? fault('emergency') : soap(operation, body, request));
    const calling = open.redial('p2', '911');
    await settle(100);
    expect(await calling).toBe(false);
    expect(open.get().problem?.refused).toEqual({ why: 'emergency', number: '911', index: 0 });
    expect(open.get().groups.left[0]?.problem?.refused).toEqual({ why: 'emergency', number: '911', index: 0 });
  });
});
