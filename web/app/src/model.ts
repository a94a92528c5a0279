/** What the window shows: the client library's view models, seen from one place. */
export type * from '../../packages/client/src/view/types.ts';
