// A demo of one's own, for tests: on ports that the system chooses.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/** Starts it on a data directory, and gives where it is and the way to stop it. */
export async function startDemo(binary, data) {
  const demo = spawn(binary, ['demo', '--any-ports', '--ready-line', '--data', data], { stdio: ['ignore', 'pipe', 'inherit'] });
  const over = new Promise((done) => demo.once('exit', done));
  const url = await new Promise((done, fail) => {
    createInterface(demo.stdout).on('line', (line) => line.startsWith('{"ready"') && done(JSON.parse(line).ready.url));
    over.then((code) => fail(new Error(`the demo ended with ${code}`)));
  });
  return {
    url,
    pid: demo.pid,
    async stop() {
      demo.kill('SIGTERM');
      await over;
    },
  };
}
