/** What the end-to-end tests share: people at a real server, each with a window under Node whose connection can be cut. */
import { WebSocket } from 'ws';
import { type Convoke, createConvoke, type Platform, type Socket, type Store, webPlatform } from '../../src/index.js';

export const URL_OF_SERVER = process.env.CONVOKE_URL ?? '';
export const USERS = (process.env.CONVOKE_USERS ?? '')
  .split(',')
  .filter(Boolean)
  .map((pair) => {
    const [user = '', password = ''] = pair.split(':');
    return { user, password };
  });

/** `fetch` that keeps cookies, as a browser does. */
function cookieFetch(): typeof fetch {
  const jar = new Map<string, string>();
  return async (url, init) => {
    const headers = new Headers(init?.headers);
    if (jar.size > 0) headers.set('Cookie', [...jar].map(([name, value]) => `${name}=${value}`).join('; '));
    const response = await fetch(url, { ...init, headers });
    for (const cookie of response.headers.getSetCookie()) {
      const [pair = ''] = cookie.split(';');
      const at = pair.indexOf('=');
      jar.set(pair.slice(0, at), pair.slice(at + 1));
    }
    return response;
  };
}

/** One person's window. */
export class Person {
  readonly convoke: Convoke;
  readonly platform: Platform;
  readonly #sockets = new Set<Socket>();
  #away = false;

  constructor(
    readonly user: string,
    readonly password: string,
  ) {
    // Each is in a browser of their own: what its windows tell each other stays out.
    const { channel: _, ...web } = webPlatform({ WebSocket, fetch: cookieFetch() });
    this.platform = {
      ...web,
      openSocket: (url, protocol) => {
        const socket = web.openSocket(this.#away ? 'ws://127.0.0.1:1/' : url, protocol);
        this.#sockets.add(socket);
        return socket;
      },
    };
    this.convoke = createConvoke({ server: URL_OF_SERVER, platform: this.platform });
  }

  async signIn(): Promise<this> {
    if (!(await this.convoke.session.signIn(this.user, this.password))) {
      throw new Error(`${this.user}: ${JSON.stringify(this.convoke.session.get().problem)}`);
    }
    await until(this.convoke.session, (state) => state.status === 'online', `${this.user} online`);
    return this;
  }

  get account(): string {
    return this.convoke.session.get().me?.user ?? this.user;
  }

  /** The network is gone, or back. */
  network(on: boolean): void {
    this.#away = !on;
    if (!on) for (const socket of this.#sockets) socket.close();
    this.#sockets.clear();
  }
}

/** Waits until a store shows something; the state then. */
export function until<S>(store: Store<S>, is: (state: S) => boolean, what: string, ms = 20_000): Promise<S> {
  return new Promise((done, fail) => {
    const end = () => {
      clearTimeout(timer);
      stop();
    };
    const look = () => {
      const state = store.get();
      if (!is(state)) return;
      end();
      done(state);
    };
    const timer = setTimeout(() => {
      end();
      fail(new Error(`not in time: ${what}; ${JSON.stringify(store.get())}`));
    }, ms);
    const stop = store.subscribe(look);
    look();
  });
}
