import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { caller, example, OtherProgram, type Pages, published } from './program.ts';
import { CommandLine, PASSWORD, Server } from './server.ts';
import { PEOPLE, useWorld } from './world.ts';

const world = useWorld();

/** Alice and the driver pick up, Bob lets it ring for a while, and Carol talks already. */
const TELEPHONES = {
  alice: ['+15550101', '{ does = "answer", after_ms = 10, says = "nothing" }'],
  bob: ['+15550102', '{ does = "answer", after_ms = 500, says = "nothing" }'],
  carol: ['+15550103', '{ does = "busy" }'],
  driver: ['+15550107', '{ does = "answer", after_ms = 10, says = "nothing", presses = "1" }'],
} as const;

/** A server as an operator runs it, whose file names the origin of one program, and the telephone network of its trunk. */
class Operated {
  readonly #dir = mkdtempSync(join(tmpdir(), 'convoke-origins-'));
  readonly #data = join(this.#dir, 'data');
  readonly #running: CommandLine[] = [];
  carrier!: CommandLine;
  server!: Server;

  async start(origin: string): Promise<void> {
    const network = join(this.#dir, 'telephones.toml');
    const phone = ([owner, [number, behaviour]]: [string, readonly [string, string]]) =>
      `[[phone]]\nnumber = "${number}"\nowner = "${owner}"\nbehaviour = ${behaviour}\n`;
    writeFileSync(network, Object.entries(TELEPHONES).map(phone).join(''));
    this.carrier = this.#run('phones', '--listen', '127.0.0.1:0', '--network', network);
    const [, port] = await this.carrier.says(/takes calls at 127\.0\.0\.1:(\d+)/);
    const any = '"127.0.0.1:0"';
    const file = join(this.#dir, 'convoke.toml');
    writeFileSync(
      file,
      [
        `[server]\ndata_dir = "${this.#data}"`,
        `[im]\nudp = [${any}]\ntcp = [${any}]\ntls = [${any}]`,
        `[sip]\nudp = [${any}]\ntcp = [${any}]`,
        `[http]\nlisten = ${any}\norigins = ["${origin}"]`,
        '[dialplan]\nhome_country = "1"\nnational_prefix = "1"\ninternational_prefix = "011"',
        `[[trunk]]\nname = "phones"\nserver = "127.0.0.1"\nport = ${port}\nfrom_number = "+15550100"\n`,
      ].join('\n'),
    );
    const [, ready = ''] = await this.#run('serve', '--config', file, '--ready-line').says(/^(\{"ready".*\})$/m);
    this.server = new Server(JSON.parse(ready).ready.url, this.#data);
    for (const [user, name] of Object.entries(PEOPLE)) {
      await this.server.person(user, name, [{ label: 'work', number: TELEPHONES[user as keyof typeof PEOPLE][0] }]);
    }
  }

  async stop(): Promise<void> {
    for (const program of this.#running.reverse()) await program.end();
    rmSync(this.#dir, { recursive: true, force: true });
  }

  #run(...words: string[]): CommandLine {
    const env = { ...process.env, CONVOKE_DATA: this.#data };
    const program = new CommandLine(spawn(process.env.CONVOKE_BIN ?? '', words, { cwd: this.#dir, env }));
    this.#running.push(program);
    return program;
  }
}

/** A page that shows what a window would, with a token that the program got for it. */
const window = (server: string): Pages => ({
  '/window.html': [
    'text/html',
    `<!doctype html>
    <title>People</title>
    <output></output>
    <script type="module">
      import { createConvoke, webPlatform } from './dist/convoke.js';

      const output = document.querySelector('output');
      const { token } = await (await fetch('/who-calls.json')).json();
      const convoke = createConvoke({ server: '${server}', platform: webPlatform() });
      const show = () => {
        const { me, problem } = convoke.session.get();
        output.textContent = problem ? problem.what : me ? [me.name, convoke.telephones.get().list.map((one) => one.number)].join(': ') : '';
      };
      convoke.session.subscribe(show);
      convoke.telephones.subscribe(show);
      await convoke.session.useToken(token);
    </script>`,
  ],
});

/** What the page's own line has said, in order, and what the browser said of it to those who look after it. */
async function opened(program: OtherProgram, path: string): Promise<{ page: Page; said: () => Promise<string[]>; told: string[] }> {
  const page = await world.open(path, { at: program.url });
  const told: string[] = [];
  page.on('console', (message) => told.push(message.text()));
  const said = await page.evaluateHandle(() => {
    const said: string[] = [];
    const output = document.querySelector('output') as Element;
    new MutationObserver(() => said.push(output.textContent ?? '')).observe(output, {
      childList: true,
      subtree: true,
      characterData: true,
    });
    return said;
  });
  return { page, said: () => said.jsonValue(), told };
}

const REFUSED = 'This server admits no pages of this site.';

describe('a page of another origin', () => {
  const operated = new Operated();
  let named: OtherProgram;
  let stranger: OtherProgram;

  beforeAll(async () => {
    [named, stranger] = [await OtherProgram.start(), await OtherProgram.start()];
    await operated.start(named.url);
    const { server } = operated;
    const who = caller('alice@localhost', await server.token('alice', PASSWORD));
    const library = { ...(await published('call')), ...(await published('convoke')) };
    for (const program of [named, stranger]) program.serve(example(`'${server.url}'`), window(server.url), library, who);
  });
  afterAll(async () => {
    for (const program of [named, stranger]) program?.close();
    await operated.stop();
  });

  it('that the server does not name is told so in words, and no telephone rings', async () => {
    const { page, told } = await opened(stranger, '/examples/embed.html');
    await page.getByRole('button', { name: 'Call these people' }).click();
    await page.getByRole('status').getByText(REFUSED).waitFor();
    await expect.poll(() => told.join('\n')).toMatch(/WebSocket connection to .* failed.* 403/);
    await expect.poll(() => told.join('\n')).toContain('blocked by CORS policy');
    expect(await operated.server.ask('alice', 'GET', 'conferences')).toEqual({ conferences: [] });
    expect(operated.carrier.output).not.toContain('rings');
  });

  it('that the server does not name shows nothing of who signs in there, and is told so in words', async () => {
    const { page, said } = await opened(stranger, '/window.html');
    await page.getByRole('status').getByText(REFUSED).waitFor();
    expect((await said()).join()).not.toContain(PEOPLE.alice);
  });

  it('that the server names rings telephones by one click, and shows live how it goes', async () => {
    const { page, said } = await opened(named, '/examples/embed.html');
    await page.getByRole('button', { name: 'Call these people' }).click();
    const shown = page.getByRole('status');
    for (const row of ['Alice Martin: In the call', 'Bob Keller: In the call', 'Carol Diaz: Busy']) {
      await shown.filter({ hasText: row }).waitFor();
    }
    await operated.carrier.says(/\+15550107 is connected/);
    const rang = [...operated.carrier.output.matchAll(/(\+\d+) rings/g)].map(([, number]) => number);
    expect(rang.sort()).toEqual(['+15550101', '+15550102', '+15550107']);
    const steps = (await said()).map((words) => /Bob Keller: ([^,]+)/.exec(words)?.[1]);
    expect([...new Set(steps)]).toEqual(expect.arrayContaining(['Queued', 'Ringing', 'In the call']));
  });

  it('that the server names uses all of the library with a token', async () => {
    const { page } = await opened(named, '/window.html');
    await page.getByRole('status').getByText('Alice Martin: +15550101').waitFor();
  });
});
