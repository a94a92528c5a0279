import { createReadStream, existsSync, statSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join } from 'node:path';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { WebSocketServer } from 'ws';
import { Focus } from '../../packages/client/test/focus.ts';
import { DOMAIN, Peer, RestServer, SERVER } from '../../packages/client/test/world.ts';
import { launch } from './browser.ts';
import { policy } from './serve.ts';

// The window as it is shipped, with the real client library, at the scripted server of the library's own tests.

const DIST = '../dist';
const BOB = `bob@${DOMAIN}`;
const CAROL = `carol@${DOMAIN}`;
const places = [
  { label: 'work', kind: 'work', default: false },
  { label: 'mobile', kind: 'mobile', default: true },
];
const types: Record<string, string> = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml' };

let browser: Browser;
let server: Server;
let sockets: WebSocketServer;
let peer: Peer;
let rest: RestServer;
let focus: Focus;
let context: BrowserContext;
let page: Page;
let faults: string[];

beforeAll(async () => {
  browser = await launch(['--use-fake-ui-for-media-stream', '--use-fake-device-for-media-stream']);
});
afterAll(() => browser?.close());

beforeEach(async () => {
  peer = new Peer();
  rest = new RestServer(peer);
  rest.status.set('POST /session/renew', 401);
  const people = [
    { user: BOB, name: 'Bob Keller', places },
    { user: CAROL, name: 'Carol Diaz', places },
  ];
  rest.routes.set('GET /directory', (_, path) => {
    const wanted = decodeURIComponent(/q=([^&]*)/.exec(path)?.[1] ?? '').toLowerCase();
    return { people: people.filter((one) => one.user.includes(wanted) || one.name.toLowerCase().includes(wanted)) };
  });
  rest.routes.set('GET /me/contacts', () => ({ contacts: people.map((one) => ({ ...one, favourite: one.user === BOB, numbers: [] })) }));
  rest.routes.set('GET /me/telephones', () => [
    { label: 'Work', number: '+15550101', kind: 'work', default: true, guard: false, whenToUse: '' },
  ]);
  focus = new Focus(peer, 'c1');
  server = createServer(async (request, response) => {
    const path = new URL(request.url ?? '/', 'http://x').pathname;
    if (path.startsWith('/api/v1')) {
      let body = '';
      for await (const chunk of request) body += chunk;
      const headers = Object.fromEntries(
        Object.entries(request.headers).map(([name, value]) => [name === 'authorization' ? 'Authorization' : name, String(value)]),
      );
      const answer = await rest.fetch(SERVER + request.url, { method: request.method ?? 'GET', headers, ...(body ? { body } : {}) });
      response.writeHead(answer.status, { 'content-type': 'application/json' });
      response.end(await answer.text());
      return;
    }
    const wanted = join(DIST, path);
    const file = existsSync(wanted) && statSync(wanted).isFile() ? wanted : join(DIST, 'index.html');
    response.writeHead(200, {
      'content-type': types[extname(file)] ?? 'application/octet-stream',
      'content-security-policy': policy(request.headers.host),
    });
    createReadStream(file).pipe(response);
  });
  sockets = new WebSocketServer({ server, path: '/sip', handleProtocols: () => 'sip' });
  sockets.on('connection', (socket) => {
    const connection = peer.accept();
    connection.onMessage = (data) => socket.send(data);
    connection.onClose = () => socket.close();
    // The script takes a moment to open; what a real connection would have kept is kept.
    const early: string[] = [];
    connection.onOpen = () => {
      for (const text of early) connection.send(text);
    };
    socket.on('message', (data) => (connection.open ? connection.send(data.toString()) : early.push(data.toString())));
    socket.on('close', () => connection.cut());
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  context = await browser.newContext({ locale: 'en-GB', viewport: { width: 1440, height: 900 }, reducedMotion: 'reduce' });
  page = await context.newPage();
  faults = [];
  page.on('pageerror', (error) => faults.push(error.message));
  page.on('console', (message) => message.type() === 'error' && !/status of 40[14]/.test(message.text()) && faults.push(message.text()));
});
afterEach(async () => {
  await context.close();
  for (const socket of sockets.clients) socket.terminate();
  sockets.close();
  server.closeAllConnections();
  await new Promise((done) => server.close(done));
  expect(faults).toEqual([]);
});

async function signIn(path = '/'): Promise<void> {
  await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`);
  await page.getByRole('textbox', { name: 'Name' }).fill('alice');
  await page.getByRole('textbox', { name: 'Password' }).fill('demo');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('link', { name: /Bob Keller/ }).waitFor();
}

it('writes, reads, and shows how far a message came', async () => {
  await signIn();
  await page
    .getByRole('link', { name: /Bob Keller/ })
    .first()
    .click();
  const field = page.getByRole('textbox', { name: 'Write to Bob Keller' });
  await field.fill('Is the dock free?');
  await field.press('Enter');
  await page.locator('[data-mark=sent]').waitFor();
  expect(peer.chat.map((one) => one.text)).toEqual(['Is the dock free?']);
  peer.text(BOB, 'b1', 'Yes, from seven <b>on</b>');
  await page.getByText('Yes, from seven <b>on</b>').first().waitFor();
});

it('rings telephones, follows each on the board, and ends for all', async () => {
  await signIn();
  await page.getByRole('button', { name: 'New conference' }).click();
  const add = page.getByRole('combobox', { name: 'Add people' });
  for (const name of ['Bob', 'Carol']) {
    await add.fill(name);
    await page
      .getByRole('option', { name: new RegExp(name) })
      .first()
      .click();
  }
  await page.getByRole('button', { name: /Call me at/ }).click();
  await page.getByRole('menuitemradio', { name: /Work/ }).click();
  await page.getByRole('button', { name: 'Call 2 people' }).click();
  await page.locator('[data-screen=board]').waitFor();
  focus.phase = 'running';
  focus.set('alice', { state: 'joined' });
  focus.set('bob', { state: 'ringing' });
  const bob = page
    .getByRole('listitem')
    .filter({ hasText: 'Bob Keller' })
    .filter({ has: page.locator('[data-chip]') });
  await bob.locator('[data-chip=ringing]').waitFor();
  focus.set('bob', { state: 'joined', talking: true });
  await bob.locator('[data-chip=joined]').waitFor();
  focus.set('carol', { state: 'busy', reason: 'busy' });
  const carol = page
    .getByRole('listitem')
    .filter({ hasText: 'Carol Diaz' })
    .filter({ has: page.locator('[data-chip]') });
  await carol.locator('[data-chip=busy]').waitFor();
  await carol.getByRole('button', { name: /Redial/ }).click();
  await carol.locator('[data-chip=dialling]').waitFor();
  await bob.getByRole('button', { name: 'Mute: Bob Keller' }).click();
  await bob.locator('[data-chip=muted]').waitFor();
  focus.set('bob', { hand: 1 });
  await bob.getByRole('button', { name: 'Give floor: Bob Keller' }).click();
  await bob.locator('[data-chip=hand]').waitFor({ state: 'detached' });
  await page.getByRole('button', { name: 'Lock the conference' }).click();
  await page.getByText('Locked: nobody else comes in').waitFor();
  await page.getByRole('button', { name: 'End for all' }).click();
  await page.getByRole('alertdialog').getByRole('button', { name: 'End for all' }).click();
  await page.getByText(/ ended it\.$/).waitFor();
  expect(focus.asked.map((one) => one.split(' ')[0])).toEqual(
    expect.arrayContaining(['create', 'call', 'mute', 'giveFloor', 'lock', 'end']),
  );
});

it('opens the list by a link after signing in, and calls nobody', async () => {
  await signIn(`/call?to=${BOB},tel:%2B15550177`);
  await page.locator('[data-screen=composer]').waitFor();
  await page.getByRole('listitem').filter({ hasText: '+15550177' }).waitFor();
  expect(focus.asked).toEqual([]);
});

it('says that the connection is away, keeps what is written, and sends it in order', async () => {
  await signIn();
  await page
    .getByRole('link', { name: /Bob Keller/ })
    .first()
    .click();
  peer.up = false;
  peer.connection.cut();
  await page.getByText('No connection').waitFor();
  const field = page.getByRole('textbox', { name: 'Write to Bob Keller' });
  for (const text of ['one', 'two', 'three']) {
    await field.fill(text);
    await field.press('Enter');
  }
  expect(await page.locator('[data-mark=sending]').count()).toBe(3);
  peer.up = true;
  await page.getByRole('button', { name: 'Try now' }).click();
  await page.locator('[data-mark=sent]').nth(2).waitFor();
  expect(peer.chat.map((one) => one.text)).toEqual(['one', 'two', 'three']);
  await page.getByText('No connection').waitFor({ state: 'detached' });
});

it('rings for an invitation, and declines it with a message', async () => {
  await signIn();
  focus.title = 'Dock inspection';
  focus.phase = 'running';
  focus.add({ name: 'Carol', user: CAROL, role: 'owner', state: 'joined' });
  focus.add({ name: 'Alice', user: `alice@${DOMAIN}`, state: 'ringing' });
  const expires = new Date(Date.now() + 45_000).toISOString();
  peer.message(
    CAROL,
    'application/vnd.convoke.invitation+xml',
    `<invitation xmlns="urn:convoke:invitation:1" id="i1" conference="c1" uri="sip:conf-c1@${DOMAIN}" title="Dock inspection" kind="call" expires="${expires}"><from user="${CAROL}" name="Carol Diaz"/><in name="Carol Diaz"/></invitation>`,
  );
  const sheet = page.getByRole('dialog', { name: 'Carol Diaz calls you' });
  await sheet.waitFor();
  await sheet.getByRole('button', { name: 'Decline with a message' }).click();
  await page.getByRole('menuitem', { name: 'I cannot talk now' }).click();
  await sheet.waitFor({ state: 'detached' });
  expect(focus.asked.some((one) => one.startsWith('decline'))).toBe(true);
  const answers = peer.requests('MESSAGE').filter((one) => one.body.includes('invitation-answer'));
  expect(answers.at(-1)?.body).toContain('I cannot talk now');
});
