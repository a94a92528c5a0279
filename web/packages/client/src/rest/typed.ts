/** The REST API as its OpenAPI document types it: `ask(rest, 'get', '/api/v1/me/chats/{user}', { path: { user }, query: { limit: 50 } })`. */
import type { paths } from '../generated/openapi.js';
import type { Rest, RestResult } from './rest.js';

/** The methods that the API has. */
export type Verb = 'get' | 'put' | 'post' | 'delete';

/** The paths that have this method. */
export type PathOf<V extends Verb> = { [P in keyof paths]: paths[P] extends Record<V, { responses: unknown }> ? P : never }[keyof paths];

type OperationOf<P extends keyof paths, V extends Verb> = paths[P] extends Record<V, infer O> ? O : never;
type Json<C> = C extends { content: { 'application/json': infer T } } ? T : undefined;

/** What a good answer holds. */
export type AnswerOf<P extends keyof paths, V extends Verb> =
  OperationOf<P, V> extends { responses: infer R }
    ? R extends { 200: infer A }
      ? Json<A>
      : R extends { 201: infer A }
        ? Json<A>
        : undefined
    : never;

type Part<O, K extends string> = O extends { parameters: infer A }
  ? A extends Partial<Record<K, infer T>>
    ? NonNullable<T>
    : never
  : never;
type BodyOf<O> = O extends { requestBody: infer B }
  ? Json<B>
  : O extends { requestBody?: infer B }
    ? Json<NonNullable<B>> | undefined
    : undefined;

/** What a request carries. */
export interface TypedOptions<P extends keyof paths, V extends Verb> {
  /** For the braces of the path. */
  readonly path?: Part<OperationOf<P, V>, 'path'>;
  readonly query?: Part<OperationOf<P, V>, 'query'>;
  readonly body?: BodyOf<OperationOf<P, V>>;
  /** `Idempotency-Key`, say. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Without a token: signing in, and what else concerns the cookie. */
  readonly open?: boolean;
  /** Asked to its end also where the page ends before. */
  readonly keepalive?: boolean;
}

/** Asks; never rejects. */
export function ask<V extends Verb, P extends PathOf<V>>(
  rest: Rest,
  verb: V,
  path: P,
  options: TypedOptions<P, V> = {},
): Promise<RestResult<AnswerOf<P, V>>> {
  const parts = (options.path ?? {}) as Readonly<Record<string, string | number>>;
  const filled = String(path)
    .replace('/api/v1', '')
    .replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(String(parts[name] ?? '')));
  const { query, body, headers, open, keepalive } = options as {
    query?: Record<string, string | number | undefined>;
    body?: unknown;
    headers?: Record<string, string>;
    open?: boolean;
    keepalive?: boolean;
  };
  return rest.ask(verb.toUpperCase(), filled, { query, body, headers, open, keepalive });
}
