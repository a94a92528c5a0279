import { expect, it, vi } from 'vitest';
import { untilThere } from './lazily.ts';

it('a part of the window is asked for until it is there', async () => {
  vi.useFakeTimers();
  const load = vi
    .fn()
    .mockRejectedValueOnce(new Error('no connection'))
    .mockRejectedValueOnce(new Error('no connection'))
    .mockResolvedValue('there');
  const loading = untilThere(load);
  await vi.advanceTimersByTimeAsync(5_000);
  expect(await loading).toBe('there');
  expect(load).toHaveBeenCalledTimes(3);
  vi.useRealTimers();
});
