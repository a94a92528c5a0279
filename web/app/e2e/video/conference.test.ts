import { describe, expect, it } from 'vitest';
import { numbered, SCREEN } from '../pages/stage.ts';
import { DRIVER, talks } from '../telephones.ts';
import { PEOPLE, useWorld } from '../world.ts';
import { useJanus } from './janus.ts';
import { allSeen, askFor, joinSeen, NUMBERS, shoot, useMeeting } from './meeting.ts';

useJanus();
const world = useWorld();
const meeting = useMeeting(world);

describe('a video conference', () => {
  it('is asked for with one press, entered with one click, and ends for all', { timeout: 240_000 }, async () => {
    await world.telephones.behave({ [DRIVER]: talks('driver') });
    const alice = await meeting.window('alice');
    const bob = await meeting.window('bob', { viewport: { width: 360, height: 740 }, colorScheme: 'dark', hasTouch: true });
    const carol = await meeting.window('carol');

    await askFor(alice, `bob,carol,${DRIVER}`);
    await bob.ringing.getByText(/^Video ·/).waitFor();
    await shoot(bob.page, 'invited-360-dark');
    await joinSeen(bob);
    // From the entry of the running conference; the picture follows by its key.
    await carol.list.getByRole('button', { name: /^Join/ }).first().click();
    await carol.board.pane.waitFor();
    await carol.board.button('Camera').click();
    await allSeen({ alice, bob, carol });

    // The telephone has a place, with whether they talk; it hears the others.
    await world.telephones.isIn(DRIVER);
    const telephone = alice.stage.pane.getByRole('listitem').filter({ hasText: /…07|15550107/ });
    await telephone.getByRole('img', { name: 'talks' }).waitFor();
    await world.telephones.until('the telephone hears somebody', () => world.telephones.phone(DRIVER).hears === true);
    expect(await telephone.locator('video').count()).toBe(0);
    await shoot(alice.page, 'grid-1440-light');
    await shoot(bob.page, 'grid-360-dark');

    // One takes the picture away, and shows it again.
    await bob.board.button('Camera').click();
    await alice.stage.tile(PEOPLE.bob).locator('video').waitFor({ state: 'detached' });
    await alice.stage.tile(PEOPLE.bob).waitFor();
    await bob.board.button('Camera').click();
    await allSeen({ alice, bob });

    // Whoever is pinned stands large; then a screen that is shared.
    await carol.stage.button('Who talks large').click();
    await carol.stage.button(`Keep large: ${PEOPLE.bob}`).click();
    await carol.stage.main.getByText(PEOPLE.bob, { exact: true }).waitFor();
    await carol.stage.until(PEOPLE.bob, numbered(NUMBERS.bob));
    await carol.stage.button(`Keep large no longer: ${PEOPLE.bob}`).click();
    await alice.board.button('Share').click();
    await alice.stage.pane.getByText('You share your screen').waitFor();
    const screen = `${PEOPLE.alice}’s screen`;
    await carol.stage.main.getByText(screen, { exact: true }).waitFor();
    await carol.stage.until(screen, SCREEN);
    await bob.stage.until(screen, SCREEN);
    await carol.stage.until(PEOPLE.alice, numbered(NUMBERS.alice));
    await carol.stage.button('Enlarge the pictures').click();
    await carol.stage.until(screen, SCREEN);
    await shoot(carol.page, 'speaker-large-1440-light');
    await shoot(alice.page, 'sharing-1440-light');
    await shoot(bob.page, 'screen-360-dark');
    await alice.stage.button('Stop sharing').click();
    await carol.stage.tile(screen).waitFor({ state: 'detached' });
    await carol.stage.button('Everybody the same size').click();
    await carol.stage.main.waitFor({ state: 'detached' });
    await allSeen({ alice, bob, carol });

    // Who leaves is gone from the pictures of all; the end takes them away.
    await bob.board.button('Leave').click();
    await alice.stage.tile(PEOPLE.bob).waitFor({ state: 'detached' });
    await carol.stage.tile(PEOPLE.bob).waitFor({ state: 'detached' });
    await bob.stage.pane.waitFor({ state: 'detached' });
    await allSeen({ alice, carol });
    await alice.board.endForAll();
    await carol.board.pane.getByText(/ ended it\.$/).waitFor();
    await alice.stage.pane.waitFor({ state: 'detached' });
    await carol.stage.pane.waitFor({ state: 'detached' });
    await world.telephones.isIdle(DRIVER);
  });
});
