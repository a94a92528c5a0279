/** Another program: its own web server, with the library as it is published and the example page of *Call these people*. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { fileURLToPath } from 'node:url';
import { build, type Rolldown } from 'vite';

const LIBRARY = new URL('../../packages/client/', import.meta.url);

/** Paths, and what is found there. */
export type Pages = Readonly<Record<string, readonly [type: string, text: string]>>;

/** The library as it is published: files by their path. */
export async function published(mode: 'call' | 'convoke'): Promise<Pages> {
  const root = fileURLToPath(LIBRARY);
  const [made] = (await build({ root, mode, logLevel: 'warn', build: { write: false } })) as Rolldown.RolldownOutput[];
  const chunks = (made?.output ?? []).flatMap((file) => (file.type === 'chunk' ? [file] : []));
  if (!chunks.some(({ fileName }) => fileName === `${mode}.js`)) throw new Error(`no ${mode}.js`);
  return Object.fromEntries(chunks.map(({ fileName, code }) => [`/dist/${fileName}`, ['text/javascript', code] as const]));
}

/** The example as it is published, but for the names of server (an expression) and people. */
export function example(server: string): Pages {
  const page = readFileSync(new URL('examples/embed.html', LIBRARY), 'utf8')
    .replace("'https://convoke.example.org'", server)
    .replace('bob@example.org', 'bob@localhost')
    .replace('+49 30 123456', '+1 555 0107');
  return { '/examples/embed.html': ['text/html', page] };
}

/** Who it calls as: what its server tells its pages. */
export function caller(user: string, token: string): Pages {
  return { '/who-calls.json': ['application/json', JSON.stringify({ user, token })] };
}

export class OtherProgram {
  readonly #server: Server;
  #pages: Pages = {};

  private constructor(server: Server) {
    this.#server = server;
    server.on('request', (request, response) => {
      const found = this.#pages[request.url ?? ''];
      response.writeHead(found ? 200 : 404, { 'content-type': found?.[0] ?? 'text/plain' }).end(found?.[1] ?? '');
    });
  }

  static async start(): Promise<OtherProgram> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new OtherProgram(server);
  }

  /** Its origin. */
  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  serve(...pages: readonly Pages[]): void {
    this.#pages = Object.assign({}, ...pages);
  }

  /** Has the road to Convoke's WebSocket under its own name. */
  leadOn(convoke: string): void {
    this.#server.on('upgrade', (request, socket) => {
      const other = connect(Number(new URL(convoke).port), '127.0.0.1');
      const headers = Object.entries(request.headers).map(([name, value]) => `${name}: ${value}\r\n`);
      other.write(`GET ${request.url} HTTP/1.1\r\n${headers.join('')}\r\n`);
      other.pipe(socket).pipe(other);
      for (const one of [other, socket]) one.on('error', () => undefined);
    });
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}
