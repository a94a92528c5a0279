import type { Page } from 'playwright-core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { usePages } from './pages.ts';

// The browser's pictures against peer connections, and the stage by hand.

const pages = usePages({ args: ['--use-fake-ui-for-media-stream', '--use-fake-device-for-media-stream'] });
let page: Page;
let faults: string[];

beforeEach(async () => {
  page = await pages.page();
  faults = [];
  page.on('pageerror', (error) => faults.push(error.message));
  page.on('console', (message) => message.type() === 'error' && faults.push(message.text()));
});
afterEach(() => expect(faults).toEqual([]));

const lab = async () => {
  await page.goto(`${pages.origin}/?lab=1`);
  await page.waitForFunction(() => 'lab' in window);
};

describe('pictures of the browser', () => {
  it('go out to a server and come back from it, also by a further offer', async () => {
    await lab();
    const result = await page.evaluate(async () => {
      const pictures = window.lab.createPictures();
      const gathered = (connection: RTCPeerConnection) =>
        new Promise<void>((done) => {
          if (connection.iceGatheringState === 'complete') done();
          connection.addEventListener('icegatheringstatechange', () => connection.iceGatheringState === 'complete' && done());
        });
      const show = await pictures.open('camera');
      const events: string[] = [];
      show.onEvent = (event: string) => events.push(event);
      const offer: string = await show.offer();
      const server = new RTCPeerConnection();
      const came = new Promise<MediaStreamTrack>((done) => server.addEventListener('track', (event) => done(event.track)));
      await server.setRemoteDescription({ type: 'offer', sdp: offer });
      await server.setLocalDescription(await server.createAnswer());
      await gathered(server);
      await show.accept(server.localDescription?.sdp ?? '');
      const track = await came;

      // The server passes it on to whoever watches, twice, the second time by a further offer.
      const out = new RTCPeerConnection();
      const watch = pictures.watch();
      const seenUp = new Promise<void>((done) => {
        watch.onEvent = (event: string) => event === 'up' && done();
      });
      const watching = async () => {
        await out.setLocalDescription(await out.createOffer());
        await gathered(out);
        await out.setRemoteDescription({ type: 'answer', sdp: await watch.answer(out.localDescription?.sdp ?? '') });
      };
      out.addTransceiver(track, { direction: 'sendonly' });
      await watching();
      await seenUp;
      out.addTransceiver(track.clone(), { direction: 'sendonly' });
      await watching();
      const mids = out.getTransceivers().map((one) => one.mid as string);
      const streams = mids.map((mid) => watch.stream(mid) as MediaStream);
      const decoded = await Promise.all(
        streams.map(async (stream) => {
          const video = Object.assign(document.createElement('video'), { muted: true, srcObject: stream });
          await video.play();
          const canvas = Object.assign(document.createElement('canvas'), { width: 32, height: 18 });
          const pen = canvas.getContext('2d') as CanvasRenderingContext2D;
          pen.drawImage(video, 0, 0, 32, 18);
          const [red = 0, green = 0, blue = 0] = pen.getImageData(2, 2, 1, 1).data;
          return { wide: video.videoWidth > 0, green: green > red + 40 && green > blue + 40 };
        }),
      );
      const same = watch.stream(mids[0] ?? '') === streams[0];
      const names = pictures.get().devices.length;
      show.close();
      watch.close();
      return {
        sections: offer.match(/^m=.*$/gm)?.map((line) => line.split(' ')[0]),
        sendonly: /a=sendonly/.test(offer),
        decoded,
        same,
        names,
        up: events.includes('up'),
        live: (show.stream as MediaStream).getTracks().filter((one) => one.readyState === 'live').length,
      };
    });
    // Chromium's made-up camera is green in its corner.
    expect(result).toEqual({
      sections: ['m=video'],
      sendonly: true,
      decoded: [
        { wide: true, green: true },
        { wide: true, green: true },
      ],
      same: true,
      names: expect.any(Number),
      up: true,
      live: 0,
    });
    expect(result.names).toBeGreaterThan(0);
  });

  it('say in words when the camera is refused or missing, and when no screen is chosen', async () => {
    await page.addInitScript(() => {
      const refuse = (name: string) => () => Promise.reject(new DOMException('no', name));
      navigator.mediaDevices.getUserMedia = refuse('NotAllowedError');
      navigator.mediaDevices.getDisplayMedia = refuse('NotAllowedError');
      Object.assign(window, {
        missing: () => {
          navigator.mediaDevices.getUserMedia = refuse('NotFoundError');
        },
      });
    });
    await lab();
    const codes = await page.evaluate(async () => {
      const own = window as unknown as { missing(): void };
      const pictures = window.lab.createPictures();
      const code = (kind: 'camera' | 'screen') =>
        pictures.open(kind).then(
          () => 'opened',
          (fault: { code: string }) => fault.code,
        );
      const refused = [await code('camera'), await code('screen'), await pictures.test(), pictures.get().problem?.code];
      own.missing();
      return [...refused, await code('camera')];
    });
    expect(codes).toEqual(['camera-refused', 'screen-refused', false, 'camera-refused', 'no-camera']);
  });

  it('are given back when a test is stopped before the camera came', async () => {
    await lab();
    const result = await page.evaluate(async () => {
      const pictures = window.lab.createPictures();
      const testing = pictures.test();
      pictures.stopTest();
      const stopped = [await testing, pictures.get().status, pictures.get().preview];
      const worked = await pictures.test();
      const [track] = (pictures.get().preview as MediaStream).getTracks() as [MediaStreamTrack];
      const live = track.readyState;
      pictures.stopTest();
      return { stopped, worked, live, after: track.readyState };
    });
    expect(result).toEqual({ stopped: [false, 'idle', undefined], worked: true, live: 'live', after: 'ended' });
  });
});

describe('the stage', () => {
  const open = async (state: string) => {
    await page.goto(`${pages.origin}/?page=stage&state=${state}&theme=light`);
    await page.waitForSelector('[data-screen=stage]');
  };
  const tiles = () => page.locator('.stage [data-tile]').evaluateAll((all) => all.map((one) => (one as HTMLElement).dataset.tile));

  it('goes from a grid to one large, and remembers it', async () => {
    await open('grid');
    expect(await tiles()).toHaveLength(5);
    expect(await page.locator('.stage .tile.talks').getAttribute('data-tile')).toBe('carol@convoke.example-1');
    await page.getByRole('button', { name: 'Who talks large' }).click();
    expect(await page.locator('.mainplace [data-tile]').getAttribute('data-tile')).toBe('carol@convoke.example-1');
    expect(await page.evaluate(() => localStorage.getItem('convoke.layout'))).toBe('speaker');
    await page.getByRole('button', { name: 'Everybody the same size' }).click();
    expect(await page.locator('.mainplace').count()).toBe(0);
  });
  it('keeps large who is pinned, by the keyboard too', async () => {
    await open('grid');
    await page.getByRole('button', { name: 'Keep large: Dave Osei' }).focus();
    await page.keyboard.press('Enter');
    expect(await page.locator('.mainplace [data-tile]').getAttribute('data-tile')).toBe('dave@convoke.example');
    await page.getByRole('button', { name: 'Keep large no longer: Dave Osei' }).click();
    expect(await page.locator('.mainplace [data-tile]').getAttribute('data-tile')).toBe('carol@convoke.example-1');
  });
  it('goes above the chat and back, and the chat stays', async () => {
    await open('grid');
    await page.getByRole('button', { name: 'Enlarge the pictures' }).click();
    await page.locator('.middle .stage.large').waitFor();
    expect(await page.getByRole('textbox', { name: 'Write to Bob Keller' }).isVisible()).toBe(true);
    expect(await page.locator('.board .stage').count()).toBe(0);
    await page.getByRole('button', { name: 'Back onto the board' }).click();
    await page.locator('.board .stage').waitFor();
    expect(await page.locator('.middle .stage').count()).toBe(0);
  });
  it('shows the camera by V when the call has the focus, and by Ctrl Shift V everywhere', async () => {
    await page.goto(`${pages.origin}/?page=board&state=live&theme=light`);
    await page.getByRole('button', { name: 'Camera', exact: true }).waitFor();
    const pressed = () => page.getByRole('button', { name: 'Camera', exact: true }).getAttribute('aria-pressed');
    await page.locator('.board').focus();
    await page.keyboard.press('v');
    await expect.poll(pressed).toBe('true');
    await page.locator('.stage [data-tile=own]').waitFor();
    await page.getByRole('textbox', { name: 'Write to Bob Keller' }).focus();
    await page.keyboard.press('v');
    expect(await pressed()).toBe('true');
    await page.keyboard.press('Control+Shift+v');
    await expect.poll(pressed).toBe('false');
    expect(await page.locator('.stage').count()).toBe(0);
  });
});
