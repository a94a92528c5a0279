import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build, type Rolldown } from 'vite';
import { describe, it } from 'vitest';
import { ALICE, BOB, CAROL, DRIVER, silent } from './telephones.ts';
import { useWorld } from './world.ts';

const world = useWorld();
const LIBRARY = new URL('../../packages/client/', import.meta.url);

/** The library as it is published: one file. */
async function published(): Promise<string> {
  const root = fileURLToPath(LIBRARY);
  const [made] = (await build({ root, logLevel: 'warn', build: { write: false } })) as Rolldown.RolldownOutput[];
  const file = made?.output.find((one) => one.fileName === 'convoke.js');
  if (file?.type !== 'chunk') throw new Error('no convoke.js');
  return file.code;
}

describe('a page of another program', () => {
  it('calls people with ten lines and the published library, and shows how it goes', async () => {
    await world.telephones.behave({ [ALICE]: silent(), [BOB]: silent(), [CAROL]: { does: 'busy' }, [DRIVER]: silent() });
    const { url } = world.server;
    const library = await published();
    const example = readFileSync(new URL('examples/embed.html', LIBRARY), 'utf8');
    const page = await world.open();
    // The example as it is published, but for the names of server and people.
    await page.route(`${url}/examples/embed.html`, (route) =>
      route.fulfill({
        contentType: 'text/html',
        body: example
          .replace('https://convoke.example.org', url)
          .replace('bob@example.org', 'bob@localhost')
          .replace('+49 30 123456', '+1 555 0107'),
      }),
    );
    await page.route(`${url}/dist/convoke.js`, (route) => route.fulfill({ contentType: 'text/javascript', body: library }));
    const token = await world.server.token('alice');
    await page.route(`${url}/who-calls.json`, (route) => route.fulfill({ json: { user: 'alice@localhost', token } }));
    await page.goto(`${url}/examples/embed.html`);
    await page.getByRole('button', { name: 'Call these people' }).click();
    const shown = page.getByRole('status');
    await shown.filter({ hasText: 'Bob Keller: In the call' }).waitFor();
    await shown.filter({ hasText: 'Carol Diaz: Busy' }).waitFor();
  });
});
