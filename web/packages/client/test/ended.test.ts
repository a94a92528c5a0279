import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Notice } from '../src/index.js';
import type { Focus } from './focus.js';
import { ALICE, BOB, CAROL, names, ready } from './scene.js';
import { settle, type World } from './world.js';

beforeEach(() => {
  vi.useFakeTimers({ now: Date.parse('2026-11-26T10:00:00Z') });
});
afterEach(() => {
  vi.useRealTimers();
});

const people = (_: World, focus: Focus) => {
  focus.phase = 'running';
  focus.add({ name: 'alice', user: ALICE, role: 'owner', state: 'joined' });
  focus.add({ name: 'Bob Keller', user: BOB, state: 'joined', hand: 1, talking: true });
  focus.add({ name: 'Carol Diaz', user: CAROL, state: 'ringing' });
  focus.add({ name: 'Gate', state: 'busy' });
};

describe('a board that is over', () => {
  it('shows nobody as in or called, and all clocks stand', async () => {
    const { world, focus } = await ready({ before: people });
    const notices: Notice[] = [];
    world.convoke.onNotice((notice) => notices.push(notice));
    const open = world.convoke.conferences.openBoard('c1');
    await settle(1_000);
    expect(names(open.get().groups.hands)).toEqual(['Bob Keller']);
    // The last document that comes tells of nobody's end.
    focus.over('by-command', 'Alice ended it');
    await settle(1_000);
    const { groups, me, count, endedAt } = open.get();
    expect(count).toBe(0);
    expect([groups.hands, groups.in, groups.calling].map((rows) => rows.length)).toEqual([0, 0, 0]);
    expect(names(groups.left)).toEqual(['Bob Keller', 'Carol Diaz']);
    expect(names(groups.notReached)).toEqual(['Gate']);
    expect(groups.left[0]).toMatchObject({ state: 'left', reason: 'conference-ended', since: endedAt, talking: false, hand: undefined });
    expect(me).toMatchObject({ state: 'left', since: endedAt });
    // One sentence says it of all.
    expect(notices.map((one) => one.kind)).toEqual(['conference-ended']);
  });

  it.each(['a document', 'a report'])('shows how the last legs ended, which no document told, when it is over by %s', async (by) => {
    const { world, focus, peer } = await ready({
      before: (_, focus) => {
        focus.phase = 'running';
        focus.add({ name: 'alice', user: ALICE, role: 'owner', state: 'ringing' });
        focus.add({ name: 'Bob Keller', user: BOB, state: 'queued' });
      },
    });
    const open = world.convoke.conferences.openBoard('c1');
    await settle(1_000);
    focus.legEnds = { alice: { state: 'busy', reason: 'busy' } };
    const words = 'alice was not reached: The line is busy.';
    if (by === 'a report') {
      const ended = `<c:ended><c:reason>owner-left</c:reason><c:words>${words}</c:words></c:ended>`;
      focus.end = { reason: 'owner-left', words };
      peer.answer(
        'urn:uuid:of-before',
        `<r:report><r:entry><c:conference>c1</c:conference><c:version>9</c:version>${ended}</r:entry></r:report>`,
      );
    } else focus.over('owner-left', words);
    await settle(1_000);
    const { me, groups, end, endedAt } = open.get();
    expect(end).toEqual({ reason: 'owner-left', words });
    expect(me).toMatchObject({ state: 'busy', reason: 'busy', since: endedAt });
    expect(names(groups.left)).toEqual(['Bob Keller']);
  });

  it('stays so when an answer that is older comes', async () => {
    const { world, focus } = await ready({ before: people });
    const open = world.convoke.conferences.openBoard('c1');
    await settle(1_000);
    focus.over('owner-left', 'Alice left');
    // As `get` tells it: the roster as it was.
    await settle(3_000);
    expect(open.get()).toMatchObject({ state: 'ended', end: { reason: 'owner-left' }, count: 0 });
    expect(names(open.get().groups.left)).toEqual(['Bob Keller', 'Carol Diaz']);
  });
});

describe('the clock of a conference', () => {
  it('counts from its record, whoever came and went since', async () => {
    const began = Date.now() - 600_000;
    const { world, focus } = await ready({
      before: (world, focus) => {
        people(world, focus);
        // Whoever is in came later than it began.
        for (const one of focus.people) one.since = Date.now() - 5_000;
        world.rest.routes.set('GET /me/calls', () => ({
          calls: [{ conference: 'c1', title: '', startedBy: ALICE, startedAt: began, durationMs: 0, missed: false, people: [] }],
        }));
      },
    });
    const open = world.convoke.conferences.openBoard('c1');
    await settle(1_000);
    expect(open.get().startedAt).toBe(began);
    expect(world.convoke.conferences.get().live).toMatchObject([{ id: 'c1', since: began }]);
    focus.set('Carol Diaz', { state: 'joined' });
    await settle(1_000);
    expect(open.get().startedAt).toBe(began);
  });

  it('learns the record of one that has only begun', async () => {
    const { world, focus } = await ready();
    const began = Date.now() - 40_000;
    world.rest.routes.set('GET /me/calls', () => ({
      calls: [{ conference: 'c1', title: '', startedBy: BOB, startedAt: began, durationMs: 0, missed: false, people: [] }],
    }));
    people(world, focus);
    const open = world.convoke.conferences.openBoard('c1');
    await settle(3_000);
    expect(open.get().startedAt).toBe(began);
  });
});
