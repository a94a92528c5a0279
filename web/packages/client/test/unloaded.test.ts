import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { BOB, ready } from './scene.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => {
  vi.useRealTimers();
  vi.doUnmock('../src/video.js');
});

it('says of a video call that its code cannot be loaded, and does not wait for ever', async () => {
  const { world } = await ready();
  vi.doMock('../src/video.js', () => {
    throw new Error('no network');
  });
  expect(await world.convoke.ways([BOB])).toBeUndefined();
  expect(await world.convoke.videoCall([BOB])).toMatchObject({ without: [], problem: { code: 'unreachable' } });
});
