/**
 * Asks for the device that was chosen; for any where it is not there any more. It is demanded, as of several that fit a mere wish the browser
 * takes the one that it likes.
 */
export async function ofDevice(
  chosen: string | undefined,
  ask: (device: Pick<MediaTrackConstraints, 'deviceId'>) => Promise<MediaStream>,
): Promise<MediaStream> {
  if (chosen === undefined || chosen === 'default') return ask({});
  try {
    return await ask({ deviceId: { exact: chosen } });
  } catch (fault) {
    if ((fault as Error).name !== 'OverconstrainedError') throw fault;
    return ask({});
  }
}
