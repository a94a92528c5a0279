/** The demo's telephones as its page sees and uses them: what each does now, what happened, and what it does when it is called. */
import type { Behaviour, Phone, PhoneAction, PhoneEvent } from '../src/phones/model.ts';
import { PATIENCE_MS } from './patience.ts';

export const ALICE = '+15550101';
export const BOB = '+15550102';
export const CAROL = '+15550103';
export const BUSY = '+15550104';
export const BOB_AT_HOME = '+15550105';
export const DECLINES = '+15550106';
export const DRIVER = '+15550107';
export const MAILBOX = '+15550108';

export const byHand: Behaviour = { does: 'by-hand' };

/** Picked up so soon that nobody waits for it, and talked into. */
export function talks(voice: 'alice' | 'bob' | 'carol' | 'driver', after_ms = 300): Behaviour {
  return { does: 'answer', after_ms, says: { voice }, presses: '1' };
}

export function silent(after_ms = 300): Behaviour {
  return { does: 'answer', after_ms, says: 'nothing', presses: '1' };
}

interface State {
  phones: Phone[];
  log: PhoneEvent[];
}

export class Telephones {
  #state: State = { phones: [], log: [] };
  #usual: State | undefined;
  readonly #waiting = new Set<() => void>();
  readonly #stop = new AbortController();

  private constructor(readonly url: string) {}

  /** Follows them until they are closed. */
  static async follow(url: string): Promise<Telephones> {
    const telephones = new Telephones(url);
    void telephones.#read();
    await telephones.until('telephones', (state) => state.phones.length > 0);
    telephones.#usual = telephones.#state;
    return telephones;
  }

  close(): void {
    this.#stop.abort();
  }

  get log(): readonly PhoneEvent[] {
    return this.#state.log;
  }

  phone(number: string): Phone {
    const phone = this.#state.phones.find((one) => one.number === number);
    if (!phone) throw new Error(`no telephone ${number}`);
    return phone;
  }

  /** Those that ring, by number. */
  get ringing(): string[] {
    return this.#state.phones.filter((phone) => phone.state === 'ringing').map((phone) => phone.number);
  }

  until(what: string, fits: (state: State) => boolean, ms = PATIENCE_MS): Promise<void> {
    return new Promise((done, fail) => {
      const look = () => {
        if (!fits(this.#state)) return;
        end();
        done();
      };
      const timer = setTimeout(() => {
        end();
        const now = this.#state.phones.map((phone) => `${phone.number} ${phone.state} ${phone.board ?? ''}`);
        fail(new Error(`not in time: ${what}; ${now.join(', ')}`));
      }, ms);
      const end = () => {
        clearTimeout(timer);
        this.#waiting.delete(look);
      };
      this.#waiting.add(look);
      look();
    });
  }

  /** Until it has been so for `ms` without a break. */
  async untilFor(ms: number, what: string, fits: (state: State) => boolean): Promise<void> {
    const end = Date.now() + PATIENCE_MS;
    const breaks = () =>
      this.until(`no more: ${what}`, (state) => !fits(state), ms).then(
        () => true,
        () => false,
      );
    do await this.until(`${what} for ${ms} ms`, fits, end - Date.now());
    while (await breaks());
  }

  rings(number: string): Promise<void> {
    return this.until(`${number} rings`, () => this.phone(number).state === 'ringing');
  }

  isIn(number: string): Promise<void> {
    return this.until(`${number} is in a call`, () => this.phone(number).state === 'talking');
  }

  isIdle(number: string): Promise<void> {
    return this.until(`${number} is idle`, () => this.phone(number).state === 'idle');
  }

  allIdle(): Promise<void> {
    return this.until('all telephones are idle', ({ phones }) => phones.every((phone) => phone.state === 'idle'));
  }

  async act(number: string, action: PhoneAction): Promise<void> {
    await this.#send('POST', `${number}/${action}`);
  }

  /** Presses keys, one after the other: `*5`. */
  async press(number: string, keys: string): Promise<void> {
    for (const key of keys) await this.#send('POST', `${number}/key`, { key });
  }

  /** From their next calls on. */
  async behave(behaviours: Readonly<Record<string, Behaviour>>): Promise<void> {
    for (const [number, behaviour] of Object.entries(behaviours)) await this.#send('PUT', `${number}/behaviour`, behaviour);
  }

  /** As they were at first: nobody is in a call, and each does what it usually does. */
  async reset(): Promise<void> {
    for (const { number, state } of this.#state.phones) {
      if (state === 'ringing') await this.act(number, 'decline');
      if (state === 'talking') await this.act(number, 'hangup');
    }
    for (const { number, behaviour } of this.#usual?.phones ?? []) {
      if (JSON.stringify(this.phone(number).behaviour) !== JSON.stringify(behaviour)) await this.behave({ [number]: behaviour });
    }
    await this.allIdle();
  }

  async #send(method: string, path: string, body?: unknown): Promise<void> {
    const response = await fetch(`${this.url}/phones/api/${path}`, {
      method,
      headers: { 'X-Convoke': '1', 'Content-Type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
  }

  async #read(): Promise<void> {
    try {
      const response = await fetch(`${this.url}/phones/api`, { signal: this.#stop.signal });
      let text = '';
      for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
        text += chunk;
        const events = text.split('\n\n');
        text = events.pop() ?? '';
        for (const event of events) this.#take(event);
      }
    } catch {
      // Closed, or the server is gone: whoever still waits says so.
    }
  }

  #take(event: string): void {
    const data = event.split('\n').filter((line) => line.startsWith('data:'));
    if (data.length === 0) return;
    this.#state = JSON.parse(data.map((line) => line.slice(5)).join('\n')) as State;
    for (const look of [...this.#waiting]) look();
  }
}
