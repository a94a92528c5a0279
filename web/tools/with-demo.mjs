// Runs a command beside a demo of its own: CONVOKE_BIN=…/convoke node tools/with-demo.mjs COMMAND…
// The command finds CONVOKE_URL and CONVOKE_USERS (user:password, by commas) in its environment. Its exit code is ours.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const binary = process.env.CONVOKE_BIN;
const [program, ...words] = process.argv.slice(2);
if (!binary || !program) throw new Error('CONVOKE_BIN=…/convoke node tools/with-demo.mjs COMMAND…');

const data = mkdtempSync(join(tmpdir(), 'convoke-window-'));
const demo = spawn(binary, ['demo', '--any-ports', '--ready-line', '--data', data], { stdio: ['ignore', 'pipe', 'inherit'] });
const over = new Promise((done) => demo.once('exit', done));
try {
  const url = await new Promise((done, fail) => {
    createInterface(demo.stdout).on('line', (line) => line.startsWith('{"ready"') && done(JSON.parse(line).ready.url));
    over.then((code) => fail(new Error(`the demo ended with ${code}`)));
  });
  const env = { ...process.env, CONVOKE_URL: url, CONVOKE_USERS: 'alice:demo,bob:demo,carol:demo' };
  const run = spawn(program, words, { stdio: 'inherit', env });
  process.exitCode = await new Promise((done) => run.once('exit', (code) => done(code ?? 1)));
} finally {
  demo.kill('SIGTERM');
  await over;
  rmSync(data, { recursive: true, force: true });
}
