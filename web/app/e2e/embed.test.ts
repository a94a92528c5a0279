import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { fileURLToPath } from 'node:url';
import { build, type Rolldown } from 'vite';
import { afterAll, describe, it } from 'vitest';
import { ALICE, BOB, CAROL, DRIVER, silent } from './telephones.ts';
import { useWorld } from './world.ts';

const world = useWorld();
const LIBRARY = new URL('../../packages/client/', import.meta.url);

/** The library as it is published: one file. */
async function published(): Promise<string> {
  const root = fileURLToPath(LIBRARY);
  const [made] = (await build({ root, mode: 'call', logLevel: 'warn', build: { write: false } })) as Rolldown.RolldownOutput[];
  const file = made?.output.find((one) => one.fileName === 'call.js');
  if (file?.type !== 'chunk') throw new Error('no call.js');
  return file.code;
}

/** Another program's web server, with the road to Convoke's WebSocket under its own name. */
async function otherProgram(pages: Readonly<Record<string, readonly [type: string, text: string]>>, convoke: string): Promise<Server> {
  const server = createServer((request, response) => {
    const [type, text] = pages[request.url ?? ''] ?? ['text/plain', ''];
    response.writeHead(200, { 'content-type': type }).end(text);
  });
  server.on('upgrade', (request, socket) => {
    const other = connect(Number(new URL(convoke).port), '127.0.0.1');
    const headers = Object.entries(request.headers).map(([name, value]) => `${name}: ${value}\r\n`);
    other.write(`GET ${request.url} HTTP/1.1\r\n${headers.join('')}\r\n`);
    other.pipe(socket).pipe(other);
    for (const one of [other, socket]) one.on('error', () => undefined);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

describe('a page of another program', () => {
  let server: Server | undefined;
  afterAll(() => void server?.close());

  it('calls people with ten lines and the published library, and shows how it goes', async () => {
    await world.telephones.behave({ [ALICE]: silent(), [BOB]: silent(), [CAROL]: { does: 'busy' }, [DRIVER]: silent() });
    const example = readFileSync(new URL('examples/embed.html', LIBRARY), 'utf8');
    const who = { user: 'alice@localhost', token: await world.server.token('alice') };
    const pages = {
      // As it is published, but for the names of server and people.
      '/examples/embed.html': [
        'text/html',
        example
          .replace("'https://convoke.example.org'", 'location.origin')
          .replace('bob@example.org', 'bob@localhost')
          .replace('+49 30 123456', '+1 555 0107'),
      ],
      '/dist/call.js': ['text/javascript', await published()],
      '/who-calls.json': ['application/json', JSON.stringify(who)],
    } as const;
    server = await otherProgram(pages, world.server.url);
    const at = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const page = await world.open('/examples/embed.html', { at });
    await page.getByRole('button', { name: 'Call these people' }).click();
    const shown = page.getByRole('status');
    await shown.filter({ hasText: 'Bob Keller: In the call' }).waitFor();
    await shown.filter({ hasText: 'Carol Diaz: Busy' }).waitFor();
  });
});
