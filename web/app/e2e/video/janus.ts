/** The video server that the demo has started. */
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { beforeAll, beforeEach } from 'vitest';

/** So long the demo may take to start it, or to start it again. */
const STARTS_MS = 10_000;

/** The process of the demo's Janus; undefined: it has none, since none is installed or the machine has no address that is not the loopback's. */
export function janus(): number | undefined {
  const demo = process.env.CONVOKE_PID;
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  const found = pids.find((pid) => {
    try {
      // proc(5): its number, its name in parentheses, its state, and whose child it is.
      const [, name, parent] = /^\d+ \((.*)\) \S+ (\d+) /s.exec(readFileSync(`/proc/${pid}/stat`, 'utf8')) ?? [];
      return name === 'janus' && parent === demo;
    } catch {
      // It has ended meanwhile.
      return false;
    }
  });
  return found === undefined ? undefined : Number(found);
}

/** The process of the one that runs; a signal to none in particular would go to whoever sends it. */
export function runningJanus(): number {
  const pid = janus();
  if (pid === undefined) throw new Error('the demo has no Janus now');
  return pid;
}

/** For a file's tests: they need it, and are skipped where there is none. */
export function useJanus(): void {
  let there = false;
  beforeAll(async () => {
    const end = Date.now() + STARTS_MS;
    there = janus() !== undefined;
    while (!there && Date.now() < end) {
      await wait(250);
      there = janus() !== undefined;
    }
  });
  beforeEach(({ skip }) => skip(!there, 'the demo has no Janus'));
}
