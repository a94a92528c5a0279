import { afterEach, describe, expect, it } from 'vitest';
import { numbered } from '../pages/stage.ts';
import { DRIVER, talks } from '../telephones.ts';
import { PEOPLE, useWorld } from '../world.ts';
import { forbidCamera } from './cameras.ts';
import { janus, runningJanus, useJanus } from './janus.ts';
import { allSeen, askFor, joinSeen, NUMBERS, shoot, useMeeting } from './meeting.ts';

useJanus();
const world = useWorld();
const meeting = useMeeting(world);

describe('a video conference', () => {
  it('takes somebody whose camera is refused with sound alone, and tells them', { timeout: 120_000 }, async () => {
    const alice = await meeting.window('alice');
    const bob = await meeting.window('bob', { browser: await meeting.cameras.browser(NUMBERS.bob, false), permissions: ['microphone'] });
    await forbidCamera(bob.page);
    await askFor(alice, 'bob');
    await joinSeen(bob);
    await bob.board.pane.getByText('Your browser refuses the camera to this page.').waitFor();
    await bob.board.pane.getByText('the call goes on without it').waitFor();
    await bob.stage.until(PEOPLE.alice, numbered(NUMBERS.alice));
    await alice.board.says(PEOPLE.bob, 'In the call').waitFor();
    // What is heard of him comes to her: his fake microphone beeps.
    await alice.stage.tile(PEOPLE.bob).getByRole('img', { name: 'talks' }).waitFor();
    expect(await alice.stage.tile(PEOPLE.bob).locator('video').count()).toBe(0);
    await shoot(bob.page, 'camera-refused-1440-light');
  });
});

describe('a video server that hangs and dies', () => {
  afterEach(() => {
    // Nothing may be left hanging for others.
    const pid = janus();
    if (pid !== undefined) process.kill(pid, 'SIGCONT');
  });

  it('is told in words, the sound goes on, and pictures return with it by themselves', { timeout: 180_000 }, async () => {
    await world.telephones.behave({ [DRIVER]: talks('driver') });
    const alice = await meeting.window('alice');
    const bob = await meeting.window('bob');
    await askFor(alice, `bob,${DRIVER}`);
    await joinSeen(bob);
    await allSeen({ alice, bob });
    await world.telephones.isIn(DRIVER);

    // It hangs, so that it is away for as long as this takes.
    const before = runningJanus();
    process.kill(before, 'SIGSTOP');
    for (const window of [alice, bob]) {
      await window.page.getByText('Pictures are being set up again; the sound goes on.').first().waitFor();
      await window.board.says(PEOPLE[window === alice ? 'bob' : 'alice'], 'In the call').waitFor();
    }
    await shoot(alice.page, 'no-video-server-1440-light');
    await alice.stage.pane.locator('.tile:not(.filmed)').getByRole('img', { name: 'talks' }).first().waitFor();
    await world.telephones.until('the telephone hears somebody', () => world.telephones.phone(DRIVER).hears === true);

    process.kill(before, 'SIGKILL');
    await expect.poll(janus).toSatisfy((now) => now !== undefined && now !== before);
    await allSeen({ alice, bob });
    expect(world.telephones.phone(DRIVER).state).toBe('talking');
  });
});
