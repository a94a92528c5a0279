import { describe, expect, it } from 'vitest';
import { ALICE, BOB, byHand, DRIVER, silent } from './telephones.ts';
import { PEOPLE, useWorld } from './world.ts';

const world = useWorld();

describe('a link', () => {
  const fills = (path: string) => async () => {
    const { telephones } = world;
    await telephones.behave({ [ALICE]: silent(), [BOB]: byHand, [DRIVER]: byHand });
    const alice = await world.window('alice');
    const opened = Date.now();
    await alice.reload(path);
    await alice.composer.row(PEOPLE.bob).waitFor();
    await alice.composer.row('+15550107').waitFor();
    await alice.composer.callMeAt(/^Work/);
    const called = Date.now();
    await alice.page.getByRole('button', { name: 'Call 2 people' }).click();
    await telephones.rings(BOB);
    await telephones.rings(DRIVER);
    const rang = telephones.log.filter((line) => line.what === 'ringing' && line.at >= opened);
    expect(rang.length).toBeGreaterThanOrEqual(2);
    for (const line of rang) expect(line.at, `${line.number} rang before somebody pressed Call`).toBeGreaterThanOrEqual(called);
  };

  const named = `/call?to=bob&to=${encodeURIComponent('+15550107')}`;
  it('of another program fills the list and rings nobody by itself', fills(named));

  // As the browser asks for it where the window handles `tel:` and `sip:`.
  const schemes = `/call?to=${encodeURIComponent('sip:bob@localhost')},${encodeURIComponent('tel:+1-555-0107')}`;
  it('of the schemes tel and sip fills the list and rings nobody by itself', fills(schemes));

  it('is kept while somebody signs in', async () => {
    const page = await world.open('/call?to=carol');
    await page.getByLabel('Name', { exact: true }).fill('bob');
    await page.getByLabel('Password', { exact: true }).fill('demo');
    await page.keyboard.press('Enter');
    const list = page.getByRole('complementary', { name: 'Conference board, before the call' }).getByRole('listitem');
    await list.filter({ hasText: PEOPLE.carol }).waitFor();
  });
});

describe('another program', () => {
  it('starts a conference that the window shows live, and ends it', async () => {
    await world.telephones.behave({ [ALICE]: silent(), [BOB]: silent() });
    const alice = await world.window('alice');
    const title = `By a program ${Date.now()}`;
    const { conference } = await world.server.ask<{ conference: { id: string } }>('alice', 'POST', 'conferences', {
      title,
      participants: [{ person: 'bob' }],
    });
    const entry = alice.list.getByRole('button', { name: new RegExp(title) }).first();
    await entry.click();
    await alice.board.says(PEOPLE.bob, 'In the call').waitFor();
    await world.server.ask('alice', 'POST', `conferences/${conference.id}/end`);
    await alice.board.pane.getByText('It was ended for all.').waitFor();
  });
});
