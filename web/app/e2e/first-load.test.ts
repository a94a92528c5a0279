import { expect, it } from 'vitest';
import { FIRST_LOAD_MAX_BYTES } from '../tools/codings.mjs';
import { Window } from './pages/window.ts';
import { PEOPLE, useWorld } from './world.ts';

const world = useWorld();

/** What came over the wire for one request, with its head. */
interface Loaded {
  path: string;
  coding: string;
  /** 0: not here as a whole yet. */
  bytes: number;
}

it('loads little until the list of chats answers, as it comes over the wire', async () => {
  const page = await world.open('', { at: 'about:blank' });
  const wire = await page.context().newCDPSession(page);
  const loaded = new Map<string, Loaded>();
  wire.on('Network.responseReceived', ({ requestId, response }) => {
    const named = Object.entries(response.headers).find(([name]) => name.toLowerCase() === 'content-encoding');
    loaded.set(requestId, { path: new URL(response.url).pathname, coding: named?.[1] ?? '', bytes: 0 });
  });
  wire.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => {
    const one = loaded.get(requestId);
    if (one) one.bytes = encodedDataLength;
  });
  await wire.send('Network.enable');
  const list = page.waitForResponse((response) => new URL(response.url()).pathname.endsWith('/me/chats'));
  await page.goto(world.server.url);
  const window = new Window(page);
  await window.signIn('alice');
  // Contacts are listed without it already.
  expect(await (await list).finished()).toBeNull();
  await window.chatWith(PEOPLE.bob);
  const asked = [...loaded.values()];
  const isScript = ({ path }: Loaded) => /^\/assets\/index-.*\.(js|css)$/.test(path);
  expect(asked.filter((one) => isScript(one) && one.bytes === 0)).toEqual([]);
  const all = asked.filter(({ bytes }) => bytes > 0);
  const bytes = all.reduce((sum, one) => sum + one.bytes, 0);
  console.log(`until the list of chats answers: ${all.length} answers, ${bytes} bytes`);
  const scripts = all.filter(isScript);
  expect(scripts.map(({ coding }) => coding)).toEqual(scripts.map(() => 'br'));
  expect(scripts.length).toBeGreaterThanOrEqual(2);
  expect(bytes).toBeLessThanOrEqual(FIRST_LOAD_MAX_BYTES);
});
