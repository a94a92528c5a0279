import { afterAll, describe, it } from 'vitest';
import { caller, example, OtherProgram, published } from './program.ts';
import { ALICE, BOB, CAROL, DRIVER, silent } from './telephones.ts';
import { useWorld } from './world.ts';

const world = useWorld();

describe('a page of another program', () => {
  let program: OtherProgram | undefined;
  afterAll(() => program?.close());

  it('calls people with ten lines and the published library, and shows how it goes', async () => {
    await world.telephones.behave({ [ALICE]: silent(), [BOB]: silent(), [CAROL]: { does: 'busy' }, [DRIVER]: silent() });
    program = await OtherProgram.start();
    program.leadOn(world.server.url);
    const who = caller('alice@localhost', await world.server.token('alice'));
    program.serve(example('location.origin'), await published('call'), who);
    const page = await world.open('/examples/embed.html', { at: program.url });
    await page.getByRole('button', { name: 'Call these people' }).click();
    const shown = page.getByRole('status');
    await shown.filter({ hasText: 'Bob Keller: In the call' }).waitFor();
    await shown.filter({ hasText: 'Carol Diaz: Busy' }).waitFor();
  });
});
