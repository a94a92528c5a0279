/** The video server that the demo has started. */
import { readdirSync, readFileSync } from 'node:fs';

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
