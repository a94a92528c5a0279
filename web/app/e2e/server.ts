/** What tests ask of the server beside the window: as its administrator, and as a program of one of its people. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PATIENCE_MS } from './patience.ts';

/** Of the people that tests make; those of the demo have a shorter one. */
export const PASSWORD = 'demo-demo';

export class Server {
  readonly #tokens = new Map<string, Promise<string>>();
  readonly #running = new Set<CommandLine>();

  constructor(
    readonly url: string,
    readonly data: string,
  ) {}

  /** Makes or renames an account, with {@link PASSWORD}. */
  async person(user: string, name: string, telephones: readonly { label: string; number: string }[] = []): Promise<void> {
    const account = `users/${user}@localhost`;
    await this.#administrate('PUT', account, { name });
    await this.#administrate('PUT', `${account}/password`, { password: PASSWORD });
    await this.#administrate('PUT', `${account}/telephones`, telephones);
  }

  /** Asks REST as a person. */
  async ask<T>(user: string, method: string, path: string, body?: unknown): Promise<T> {
    return request<T>(this.url, method, path, await this.token(user), body);
  }

  /** Of a session; asked for once. */
  token(user: string, password = 'demo'): Promise<string> {
    const known = this.#tokens.get(user);
    if (known) return known;
    const token = request<{ token: string }>(this.url, 'POST', 'session', undefined, { user, password }).then((made) => made.token);
    this.#tokens.set(user, token);
    return token;
  }

  /** Has somebody call from a command line; it ends with the conference. */
  call(user: string, ...words: string[]): CommandLine {
    return this.#run('call', ...words, '--as', user, '--json');
  }

  /** Has somebody write from a command line. */
  send(user: string, to: string, text: string): CommandLine {
    return this.#run('send', to, text, '--as', user);
  }

  #run(...words: string[]): CommandLine {
    const binary = process.env.CONVOKE_BIN;
    if (!binary) throw new Error('CONVOKE_BIN names no program');
    const line = new CommandLine(spawn(binary, [...words, '--data', this.data]));
    this.#running.add(line);
    return line;
  }

  /** Ends the command lines that a test has left over. */
  async endCommandLines(): Promise<void> {
    const running = [...this.#running];
    this.#running.clear();
    await Promise.all(running.map((line) => line.end()));
  }

  /** Ends the conferences that a test has left over. */
  async endConferences(users: readonly string[]): Promise<void> {
    for (const user of users) {
      const { conferences } = await this.ask<{ conferences: { id: string; state: string }[] }>(user, 'GET', 'conferences');
      for (const { id } of conferences) {
        // Only its owner may, and it may be over by now.
        await this.ask(user, 'POST', `conferences/${id}/end`).catch(() => undefined);
      }
    }
  }

  async #administrate(method: string, path: string, body: unknown): Promise<void> {
    const key = readFileSync(join(this.data, 'administrator.key'), 'utf8').trim();
    await request(this.url, method, path, key, body);
  }
}

/** A program that runs, and all that it has written. */
export class CommandLine {
  output = '';
  readonly #waiting = new Set<() => void>();
  readonly #program: ChildProcessWithoutNullStreams;
  /** Why nothing more will come. */
  #over: string | undefined;

  constructor(program: ChildProcessWithoutNullStreams) {
    this.#program = program;
    const over = (why: string) => {
      this.#over ??= why;
      for (const look of [...this.#waiting]) look();
    };
    program.on('error', (error) => over(`could not be run (${error.message})`));
    // Its last words have come by then.
    program.on('close', (code, signal) => over(`ended with ${signal ?? code}`));
    for (const stream of [program.stdout, program.stderr]) {
      stream.on('data', (chunk) => {
        this.output += chunk;
        for (const look of [...this.#waiting]) look();
      });
    }
  }

  /** Stops it, where it still runs. */
  end(): Promise<void> {
    return new Promise((done) => {
      if (this.#over !== undefined) return done();
      this.#program.once('close', () => done());
      // One that could not be run has no id, and its signal would go to all of us.
      if (this.#program.pid !== undefined) this.#program.kill('SIGKILL');
    });
  }

  /** Waits until it has written this, and gives what was; it fails when it is over without. */
  says(what: RegExp): Promise<RegExpExecArray> {
    return new Promise((done, fail) => {
      const never = (why: string) => new Error(`never said ${what}, ${why}: ${this.output}`);
      const timer = setTimeout(() => {
        this.#waiting.delete(look);
        fail(never('and still runs'));
      }, PATIENCE_MS);
      const look = () => {
        const said = what.exec(this.output);
        if (!said && this.#over === undefined) return;
        clearTimeout(timer);
        this.#waiting.delete(look);
        if (said) done(said);
        else fail(never(this.#over ?? ''));
      };
      this.#waiting.add(look);
      look();
    });
  }
}

async function request<T>(url: string, method: string, path: string, token: string | undefined, body: unknown): Promise<T> {
  const response = await fetch(`${url}/api/v1/${path}`, {
    method,
    headers: { ...(token ? { Authorization: `Bearer ${token}` } : {}), 'Content-Type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
  return (await response.json()) as T;
}
