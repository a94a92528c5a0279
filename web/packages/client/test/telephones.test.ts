import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { settle, World } from './world.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const rows = [
  { label: 'Work', number: '+15550102', kind: 'work', default: true },
  { label: 'Mobile', number: '+15550112', kind: 'mobile' },
];

async function loaded() {
  const world = await World.online({ before: ({ rest }) => void rest.routes.set('GET /me/telephones', () => rows) });
  await settle();
  return { telephones: world.convoke.telephones, rest: world.rest };
}

describe('my telephones', () => {
  it('stand as they were saved at once, so that a change soon after another one keeps it', async () => {
    const { telephones, rest } = await loaded();
    const answers: (() => void)[] = [];
    rest.routes.set('PUT /me/telephones', (body) => new Promise((done) => answers.push(() => done(body))));
    const numbers = () => telephones.get().list.map((one) => one.number);
    const saves = ['+15550122', '+15550132', '+15550142'].map((number) =>
      telephones.save([...telephones.get().list, { label: number, number, kind: 'other', default: false, guard: false }]),
    );
    expect(numbers()).toHaveLength(5);
    await settle();
    expect(rest.asked('PUT', '/me/telephones')).toHaveLength(1);
    answers.shift()?.();
    await settle();
    answers.shift()?.();
    expect(await Promise.all(saves)).toEqual([true, true, true]);
    // Of those that waited only the newest was sent.
    expect(rest.asked('PUT', '/me/telephones').map(({ body }) => (body as unknown[]).length)).toEqual([3, 5]);
    expect(numbers()).toEqual(['+15550102', '+15550112', '+15550122', '+15550132', '+15550142']);
    expect(telephones.get().saving).toBe(false);
  });

  it('are as before where the server refuses, which is said', async () => {
    const { telephones, rest } = await loaded();
    const before = telephones.get().list;
    rest.status.set('PUT /me/telephones', 429);
    expect(await telephones.save([])).toBe(false);
    expect(telephones.get()).toMatchObject({ list: before, saving: false, problem: { code: 'too-many-attempts' } });
  });

  it('are not saved before they are known: what is there would be lost', async () => {
    const world = await World.online({ before: ({ rest }) => void rest.status.set('GET /me/telephones', 503) });
    await settle();
    const { telephones } = world.convoke;
    expect(telephones.get()).toMatchObject({ list: [], loaded: false, problem: { code: 'busy-server' } });
    expect(await telephones.save([{ label: 'Work', number: '+15550102', kind: 'work', default: true, guard: false }])).toBe(false);
    expect(world.rest.asked('PUT', '/me/telephones')).toEqual([]);
  });
});
