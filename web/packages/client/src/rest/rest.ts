/** The REST API's requests: a bearer token, JSON, one try more with a new token, and errors as values. */
import type { Platform } from '../platform.js';

/** A refusal, or status 0: no answer that makes sense. */
export interface RestError {
  readonly status: number;
  /** The server's code: `not-allowed`, `unknown-person` … */
  readonly code: string;
  readonly words: string;
  /** Of `number-refused`: `abroad`, `emergency` … */
  readonly why?: string;
  /** Which of those that the request names, in its order and from 0. */
  readonly index?: number;
  /** Seconds until it may be tried again. */
  readonly retryAfter?: number;
}

export type RestResult<T> = { readonly ok: true; readonly data: T } | { readonly ok: false; readonly error: RestError };

/** What a request carries. */
export interface RestOptions {
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** Without a token: signing in, and what else concerns the cookie. */
  readonly open?: boolean;
  /** Asked to its end also where the page ends before. */
  readonly keepalive?: boolean;
}

/** What a server wants where the cookie counts, and what no page of another origin may send. */
const OWN_PAGE = { 'X-Convoke': '1' };

export class Rest {
  #token = '';
  /** Asks for another token after a 401; false: there is none. */
  renew: () => Promise<boolean> = async () => false;
  /** The Date of an answer. */
  onDate: (date: string | null) => void = () => {};

  constructor(
    readonly platform: Platform,
    /** `https://host`, without a slash at its end; empty: the page's own server. */
    readonly server: string,
  ) {}

  set token(token: string) {
    this.#token = token;
  }

  get token(): string {
    return this.#token;
  }

  /** Asks; never rejects. */
  async ask<T>(method: string, path: string, options: RestOptions = {}): Promise<RestResult<T>> {
    const used = this.#token;
    const result = await this.#once<T>(method, path, options);
    if (result.ok || result.error.status !== 401 || options.open) return result;
    const another = this.#token !== used || (await this.renew());
    return another ? this.#once<T>(method, path, options) : result;
  }

  async #once<T>(method: string, path: string, { query = {}, body, headers = {}, open, keepalive }: RestOptions): Promise<RestResult<T>> {
    const search = Object.entries(query)
      .filter(([, value]) => value !== undefined && value !== '')
      .map(([key, value]) => `${key}=${encodeURIComponent(String(value))}`)
      .join('&');
    if (open && this.platform.foreign?.(this.server)) {
      return { ok: false, error: { status: 0, code: 'foreign-page', words: 'the cookie is for pages of the server alone' } };
    }
    const sent: Record<string, string> = { Accept: 'application/json', ...(open ? OWN_PAGE : {}), ...headers };
    if (!open && this.#token) sent.Authorization = `Bearer ${this.#token}`;
    if (body !== undefined) sent['Content-Type'] = 'application/json';
    try {
      const url = `${this.server}/api/v1${path}${search ? `?${search}` : ''}`;
      const response = await this.platform.fetch(url, {
        method,
        headers: sent,
        body: body === undefined ? undefined : JSON.stringify(body),
        ...(keepalive ? { keepalive } : {}),
      });
      this.onDate(response.header('Date'));
      const text = await response.text();
      const good = response.status >= 200 && response.status < 300;
      const data: unknown = text ? parse(text) : undefined;
      if (good && (data !== undefined || !text)) return { ok: true, data: data as T };
      return { ok: false, error: errorOf(good ? 0 : response.status, data, response.header('Retry-After')) };
    } catch {
      if ((await this.platform.admitted?.(this.server)) === false) {
        return { ok: false, error: { status: 0, code: 'origin-refused', words: 'pages of this origin are not admitted' } };
      }
      return { ok: false, error: { status: 0, code: 'unreachable', words: 'no connection' } };
    }
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function errorOf(status: number, data: unknown, retryAfter: string | null): RestError {
  const error = (data as { error?: Partial<Record<'code' | 'expected' | 'came' | 'why' | 'index', unknown>> } | undefined)?.error;
  const word = (value: unknown) => (typeof value === 'string' ? value.slice(0, 512) : '');
  const seconds = Number(retryAfter);
  return {
    status,
    code: word(error?.code) || (status ? `http-${status}` : 'bad-answer'),
    words: error ? `expected ${word(error.expected)}, came ${word(error.came)}` : `status ${status}`,
    why: word(error?.why) || undefined,
    index: typeof error?.index === 'number' ? error.index : undefined,
    retryAfter: seconds > 0 ? seconds : undefined,
  };
}
