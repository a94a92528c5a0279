import { afterEach, beforeEach, expect, it, vi } from 'vitest';

/** A microphone that is given when the test says so. */
class Track extends EventTarget {
  readyState = 'live';
  enabled = true;
  stop() {
    this.readyState = 'ended';
  }
}

let tracks: Track[];
let asked: MediaStreamConstraints | undefined;
let give: () => void;
let refuse: () => void;

beforeEach(() => {
  tracks = [];
  const waiting: { give: () => void; refuse: () => void }[] = [];
  give = () => {
    for (const one of waiting.splice(0)) one.give();
  };
  refuse = () => {
    for (const one of waiting.splice(0)) one.refuse();
  };
  const getUserMedia = (wanted: MediaStreamConstraints) => {
    asked = wanted;
    return new Promise((done, refused) =>
      waiting.push({
        give() {
          const track = new Track();
          tracks.push(track);
          done({ getAudioTracks: () => [track], getTracks: () => [track] });
        },
        refuse: () => refused(new DOMException('', 'NotAllowedError')),
      }),
    );
  };
  const mediaDevices = Object.assign(new EventTarget(), { getUserMedia, enumerateDevices: async () => [] });
  vi.stubGlobal('navigator', { mediaDevices });
  vi.stubGlobal('window', new EventTarget());
  const node = { connect() {}, disconnect() {} };
  vi.stubGlobal(
    'AudioContext',
    class {
      resume = async () => {};
      suspend = async () => {};
      createMediaStreamSource = () => node;
    },
  );
  vi.stubGlobal(
    'AnalyserNode',
    class {
      fftSize = 16;
      getFloatTimeDomainData() {}
    },
  );
});
afterEach(() => vi.unstubAllGlobals());

const live = () => tracks.filter((one) => one.readyState === 'live').length;

it('gives the microphone back when the test was stopped before it came', async () => {
  const { createVoice } = await import('./voice.ts');
  const voice = createVoice();
  const testing = voice.test();
  voice.stopTest();
  give();
  expect(await testing).toBe(false);
  expect(live()).toBe(0);
  expect(voice.get().status).toBe('idle');
  const again = voice.test();
  give();
  expect(await again).toBe(true);
  expect([live(), voice.get().status]).toEqual([1, 'testing']);
  voice.stopTest();
  expect([live(), voice.get().status]).toEqual([0, 'idle']);
});

it('asks the browser to cancel echo, suppress noise and control the gain', async () => {
  const { createVoice } = await import('./voice.ts');
  const voice = createVoice();
  const testing = voice.test();
  const treated = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };
  expect(asked).toMatchObject({ audio: treated, video: false });
  give();
  await testing;
  voice.stopTest();
});

it('goes over from a test to a call, and says when the microphone goes and comes', async () => {
  const { createVoice } = await import('./voice.ts');
  const voice = createVoice();
  const testing = voice.test();
  const opening = voice.open();
  give();
  await testing;
  const session = await opening;
  expect(live()).toBe(1);
  const events: string[] = [];
  session.onEvent = (event) => events.push(event);
  const lost = tracks.at(-1);
  lost?.stop();
  lost?.dispatchEvent(new Event('ended'));
  expect(events).toEqual(['device-lost']);
  expect(voice.get().problem?.code).toBe('device-lost');
  give();
  await vi.waitFor(() => expect(events).toEqual(['device-lost', 'device-back']));
  expect(voice.get().problem).toBeUndefined();
  session.close();
  expect(live()).toBe(0);
});

it('leaves the call as it is when there is no microphone for another one', async () => {
  const { createVoice } = await import('./voice.ts');
  const voice = createVoice();
  const opening = voice.open();
  give();
  const session = await opening;
  tracks.at(-1)?.stop();
  const another = voice.open();
  refuse();
  await expect(another).rejects.toMatchObject({ code: 'microphone-refused' });
  expect(voice.get()).toMatchObject({ status: 'connecting', problem: { code: 'microphone-refused' } });
  session.close();
});
