// Runs a command beside a demo of its own: CONVOKE_BIN=…/convoke node tools/with-demo.mjs COMMAND…
// The command finds CONVOKE_URL, CONVOKE_DATA (the demo's data directory), CONVOKE_PID (its process) and CONVOKE_USERS (user:password, by
// commas) in its environment.
// Its exit code is ours.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startDemo } from './demo.mjs';

const binary = process.env.CONVOKE_BIN;
const [program, ...words] = process.argv.slice(2);
if (!binary || !program) throw new Error('CONVOKE_BIN=…/convoke node tools/with-demo.mjs COMMAND…');

const data = mkdtempSync(join(tmpdir(), 'convoke-window-'));
try {
  const demo = await startDemo(binary, data);
  const env = {
    ...process.env,
    CONVOKE_URL: demo.url,
    CONVOKE_DATA: data,
    CONVOKE_PID: String(demo.pid),
    CONVOKE_USERS: 'alice:demo,bob:demo,carol:demo',
  };
  const run = spawn(program, words, { stdio: 'inherit', env });
  process.exitCode = await new Promise((done) => run.once('exit', (code) => done(code ?? 1)));
  await demo.stop();
} finally {
  rmSync(data, { recursive: true, force: true });
}
