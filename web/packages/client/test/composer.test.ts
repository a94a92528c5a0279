import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { BOB, ready } from './scene.js';
import { settle } from './world.js';

beforeEach(() => {
  vi.useFakeTimers({ now: Date.parse('2026-11-26T10:00:00Z') });
});
afterEach(() => {
  vi.useRealTimers();
});

describe('a list that is filled at once', () => {
  it('says of all whom it could not take', async () => {
    const { world } = await ready();
    const composer = world.convoke.conferences.compose(['nobody', BOB, 'no one']);
    await settle(200);
    expect(composer.get().rows.map((row) => row.key)).toEqual([BOB]);
    expect(composer.get().notice).toMatchObject({
      added: [{ user: BOB }],
      leftOut: [
        { text: 'nobody', why: 'unknown' },
        { text: 'no one', why: 'unknown' },
      ],
    });
    await composer.add('+49 30 123456');
    expect(composer.get().notice?.leftOut).toEqual([]);
  });

  it('says nothing where all are taken, and gives all back at once', async () => {
    const { world } = await ready();
    const composer = world.convoke.conferences.compose([BOB, '+15550107', 'carol']);
    await settle(200);
    expect(composer.get().rows).toHaveLength(3);
    expect(composer.get().notice).toBeUndefined();
    composer.undo();
    expect(composer.get().rows).toEqual([]);
    expect(composer.get().canUndo).toBe(false);
  });
});
