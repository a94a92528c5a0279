import type { Store } from '../model.ts';
import { createStore } from '../store.ts';

/** What a simulated telephone does now. */
export type PhoneState = 'idle' | 'ringing' | 'talking';

/** What a telephone does when it is called, as in a file of telephones. */
export interface Behaviour {
  readonly does: Does;
  readonly [detail: string]: unknown;
}

export const doings = ['by-hand', 'answer', 'busy', 'no-answer', 'decline', 'voicemail', 'refuse'] as const;
export type Does = (typeof doings)[number];

/** One telephone of the simulated network. */
export interface Phone {
  readonly number: string;
  /** Whose it is, and what they call it. */
  readonly name: string;
  readonly user?: string;
  readonly label: string;
  readonly behaviour: Behaviour;
  readonly state: PhoneState;
  /** Since when, in milliseconds since 1970. */
  readonly since: number;
  /** Who calls, as the telephone shows it. */
  readonly caller?: { readonly name?: string; readonly number?: string };
  /** Title of the conference, once it is known. */
  readonly conference?: string;
  /** Somebody is heard now. */
  readonly hears?: boolean;
  /** What the board shows of it, in the words of `LegState`, with `muted` and `hand`. */
  readonly board?: string;
}

/** One line of what happened. */
export interface PhoneEvent {
  readonly at: number;
  readonly number: string;
  readonly what: string;
  readonly key?: string;
}

export interface PhonesState {
  readonly phones: readonly Phone[];
  /** Newest first. */
  readonly log: readonly PhoneEvent[];
  /** `absent`: this server has no telephones to play with. */
  readonly status: 'loading' | 'here' | 'lost' | 'absent';
}

export type PhoneAction = 'answer' | 'decline' | 'hangup';

export interface Phones extends Store<PhonesState> {
  act(number: string, action: PhoneAction): void;
  key(number: string, key: string): void;
  /** From its next call on. */
  behave(number: string, behaviour: Behaviour): void;
}

/** The voices that the network ships; the people of the demo have one each. */
const voices = ['alice', 'bob', 'carol'];

/** How a telephone does what is asked of it: quick enough to try, slow enough to see. */
export function behaviourOf(does: Does, phone: Pick<Phone, 'user'>): Behaviour {
  switch (does) {
    case 'answer': {
      const voice = phone.user !== undefined && voices.includes(phone.user) ? phone.user : 'driver';
      return { does, after_ms: 3_000, says: { voice }, presses: '1' };
    }
    case 'decline':
    case 'voicemail':
      return { does, after_ms: 3_000 };
    case 'refuse':
      return { does, status: 404 };
    default:
      return { does };
  }
}

const LOG_MAX = 50;

function isState(value: unknown): value is { phones: Phone[]; log?: PhoneEvent[] } {
  return typeof value === 'object' && value !== null && Array.isArray((value as { phones?: unknown }).phones);
}

/** Follows `/phones/api` by server-sent events: each event holds the whole state, which is small. */
export function createPhones(base = '/phones/api'): Phones & { close(): void } {
  const store = createStore<PhonesState>({ phones: [], log: [], status: 'loading' });
  const source = new EventSource(base);
  const take = (event: MessageEvent<string>) => {
    let state: unknown;
    try {
      state = JSON.parse(event.data);
    } catch {
      return;
    }
    if (isState(state)) store.set({ phones: state.phones, log: (state.log ?? []).slice(0, LOG_MAX), status: 'here' });
  };
  source.addEventListener('message', take);
  source.addEventListener('state', take);
  source.addEventListener('error', () => {
    // A closed source is one that the server does not have; otherwise the browser tries again by itself.
    const absent = source.readyState === EventSource.CLOSED;
    store.set((now) => ({ ...now, status: absent && now.phones.length === 0 ? 'absent' : 'lost' }));
  });
  const send = (method: 'POST' | 'PUT', number: string, path: string, body?: unknown) =>
    void fetch(`${base}/${encodeURIComponent(number)}/${path}`, {
      method,
      headers: { 'X-Convoke': '1', ...(body === undefined ? {} : { 'Content-Type': 'application/json' }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    }).catch(() => store.set((now) => ({ ...now, status: 'lost' })));
  return {
    get: store.get,
    subscribe: store.subscribe,
    act: (number, action) => send('POST', number, action),
    key: (number, key) => send('POST', number, 'key', { key }),
    behave: (number, behaviour) => send('PUT', number, 'behaviour', behaviour),
    close: () => source.close(),
  };
}
