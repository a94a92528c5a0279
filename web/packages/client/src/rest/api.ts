/** The requests that the view models make, by the types of the OpenAPI document. */
import type { components } from '../generated/openapi.js';
import type { Rest } from './rest.js';
import { ask } from './typed.js';

type Schemas = components['schemas'];

/** A place as the directory tells it: the number only of one's own. */
export type PlaceRow = Omit<Schemas['Place'], 'kind' | 'default'> & { kind: string; default?: boolean };
export type DirectoryRow = Omit<Schemas['Person'], 'places'> & { places: readonly PlaceRow[] };
export type ContactRow = Schemas['Contact'];
/** Times are milliseconds since 1970, by the server's clock. */
export type MessageRow = Schemas['Message'];
export type ChatRow = Schemas['Chat'];
export type CallRow = Schemas['CallRecord'];
export type TelephoneRow = Schemas['Telephone'];
export type ModeRow = Schemas['PersonMode'];
export type ModeBody = Schemas['ModeBody'];
export type SessionRow = Pick<Schemas['Session'], 'token' | 'expiresAt'> & Partial<Schemas['Session']>;

/** Entries of a page. */
const CONTACTS = 500;
const CHATS = 500;
const CALLS = 200;

/** The requests. */
export class Api {
  constructor(readonly rest: Rest) {}

  signIn(user: string, password: string) {
    return ask(this.rest, 'post', '/api/v1/session', { body: { user, password }, open: true });
  }
  renew() {
    return ask(this.rest, 'post', '/api/v1/session/renew', { open: true });
  }
  /** Ends the session of this token, whatever token there is when the answer comes, and if whoever signs out closes the page at once. */
  signOut(token: string) {
    return ask(this.rest, 'delete', '/api/v1/session', { headers: { Authorization: `Bearer ${token}` }, open: true, keepalive: true });
  }
  me() {
    return ask(this.rest, 'get', '/api/v1/me');
  }
  setMe(me: Schemas['ProfileBody']) {
    return ask(this.rest, 'put', '/api/v1/me', { body: me });
  }
  telephones() {
    return ask(this.rest, 'get', '/api/v1/me/telephones');
  }
  setTelephones(telephones: TelephoneRow[]) {
    return ask(this.rest, 'put', '/api/v1/me/telephones', { body: telephones });
  }
  modes() {
    return ask(this.rest, 'get', '/api/v1/me/modes');
  }
  setModes(modes: ModeBody[]) {
    return ask(this.rest, 'put', '/api/v1/me/modes', { body: modes });
  }
  directory(q: string) {
    return ask(this.rest, 'get', '/api/v1/directory', { query: { q } });
  }
  contacts(after?: string) {
    return ask(this.rest, 'get', '/api/v1/me/contacts', { query: { after, limit: CONTACTS } });
  }
  setContact(contact: string, body: Schemas['ContactBody']) {
    return ask(this.rest, 'put', '/api/v1/me/contacts/{contact}', { path: { contact }, body });
  }
  removeContact(contact: string) {
    return ask(this.rest, 'delete', '/api/v1/me/contacts/{contact}', { path: { contact } });
  }
  chats() {
    return ask(this.rest, 'get', '/api/v1/me/chats', { query: { limit: CHATS } });
  }
  chat(user: string, limit: number, before?: number) {
    return ask(this.rest, 'get', '/api/v1/me/chats/{user}', { path: { user }, query: { limit, before } });
  }
  markRead(user: string, upTo: number) {
    return ask(this.rest, 'put', '/api/v1/me/chats/{user}/read', { path: { user }, body: { upTo } });
  }
  invitations() {
    return ask(this.rest, 'get', '/api/v1/me/invitations');
  }
  calls() {
    return ask(this.rest, 'get', '/api/v1/me/calls', { query: { limit: CALLS } });
  }
}
