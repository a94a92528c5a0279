/** A wire between page and server that can be cut, and led to another server: the page's address stays the same. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

export class Relay {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #target: number;
  #cut = false;

  private constructor(to: string) {
    this.#target = portOf(to);
    this.#server = createServer((socket) => this.#join(socket));
  }

  static async open(to: string): Promise<Relay> {
    const relay = new Relay(to);
    relay.#server.listen(0, '127.0.0.1');
    await once(relay.#server, 'listening');
    return relay;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Leads what connects from now on to this server. */
  aim(to: string): void {
    this.#target = portOf(to);
  }

  /** Ends all connections and refuses new ones until it is mended. */
  cut(): void {
    this.#cut = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  mend(): void {
    this.#cut = false;
  }

  close(): void {
    this.cut();
    this.#server.close();
  }

  #join(socket: Socket): void {
    if (this.#cut) {
      socket.destroy();
      return;
    }
    const other = connect(this.#target, '127.0.0.1');
    for (const [one, two] of [
      [socket, other],
      [other, socket],
    ] as const) {
      this.#sockets.add(one);
      // An error is followed by the end.
      one.on('error', () => undefined);
      one.on('close', () => {
        this.#sockets.delete(one);
        two.destroy();
      });
      one.pipe(two);
    }
  }
}

function portOf(url: string): number {
  return Number(new URL(url).port);
}
