import { expect, it } from 'vitest';
import { ofDevice } from './device.ts';

/** A browser that has these devices; what it was asked for. */
function browser(...there: string[]) {
  const asked: unknown[] = [];
  const ask = async (device: Pick<MediaTrackConstraints, 'deviceId'>) => {
    asked.push(device.deviceId);
    const wanted = (device.deviceId as ConstrainDOMStringParameters | undefined)?.exact;
    if (there.length === 0) throw new DOMException('asleep', 'NotReadableError');
    if (wanted !== undefined && !there.includes(wanted as string)) throw new DOMException('gone', 'OverconstrainedError');
    return { id: wanted ?? there[0] } as MediaStream;
  };
  return { asked, ask };
}

it('demands the device that was chosen', async () => {
  const { ask, asked } = browser('a', 'b');
  expect((await ofDevice('b', ask)).id).toBe('b');
  expect(asked).toEqual([{ exact: 'b' }]);
});

it('takes any where it is gone, and asks for none where none was chosen', async () => {
  const { ask, asked } = browser('a');
  expect((await ofDevice('b', ask)).id).toBe('a');
  expect((await ofDevice('default', ask)).id).toBe('a');
  expect((await ofDevice(undefined, ask)).id).toBe('a');
  expect(asked).toEqual([{ exact: 'b' }, undefined, undefined, undefined]);
});

it('says why the one that is there cannot be had', async () => {
  const { ask, asked } = browser();
  await expect(ofDevice('b', ask)).rejects.toMatchObject({ name: 'NotReadableError' });
  expect(asked).toHaveLength(1);
});
