/** The paths of the REST API that the view models use, with what they carry (`/api/v1/openapi.json`). */
import type { Rest, RestResult } from './rest.js';

/** A place as the directory tells it: the number only of one's own. */
export interface PlaceRow {
  readonly label: string;
  readonly kind: string;
  readonly default?: boolean;
  readonly number?: string;
}

export interface DirectoryRow {
  readonly user: string;
  readonly name: string;
  readonly places: readonly PlaceRow[];
}

export interface ContactRow {
  /** An account; absent for an outside number. */
  readonly user?: string;
  /** What stands in its path: the account, or the number. */
  readonly key: string;
  readonly name: string;
  readonly favourite: boolean;
  /** Numbers that I know of them. */
  readonly numbers: readonly PlaceRow[];
  /** Of an account: as in the directory. */
  readonly places: readonly PlaceRow[];
}

/** Times are milliseconds since 1970, by the server's clock. */
export interface MessageRow {
  readonly id: number;
  readonly at: number;
  readonly from: string;
  readonly to: string;
  readonly type: 'text' | 'invitation' | 'invitation-answer' | 'other';
  /** Of a text. */
  readonly text?: string;
  /** The XML document of an invitation or an answer. */
  readonly document?: string;
  readonly imdnId?: string;
  readonly delivered: boolean;
  readonly read: boolean;
}

export interface ChatRow {
  readonly with: string;
  readonly last: MessageRow;
  readonly unread: number;
}

export interface CallRow {
  readonly conference: string;
  readonly title: string;
  readonly startedBy: string;
  readonly startedAt: number;
  readonly endedAt?: number;
  /** How long somebody was in it. */
  readonly durationMs: number;
  readonly missed: boolean;
  readonly people: readonly { readonly user?: string; readonly name: string; readonly joined: boolean }[];
}

export interface TelephoneRow {
  readonly label: string;
  readonly number: string;
  readonly kind?: string | null;
  readonly default: boolean;
  readonly guard?: boolean | null;
  readonly whenToUse: string;
}

export interface MeRow {
  readonly user: string;
  readonly name: string;
  readonly language: string;
}

export interface SessionRow extends Partial<MeRow> {
  readonly token: string;
  readonly expires_at: number;
  readonly domain?: string;
  /** Where SIP over WebSocket is. */
  readonly sip?: string;
}

const part = encodeURIComponent;

/** The requests. */
export class Api {
  constructor(readonly rest: Rest) {}

  signIn(user: string, password: string): Promise<RestResult<SessionRow>> {
    return this.rest.ask('POST', '/session', { body: { user, password }, open: true });
  }
  renew(): Promise<RestResult<SessionRow>> {
    return this.rest.ask('POST', '/session/renew', { open: true });
  }
  signOut(): Promise<RestResult<void>> {
    return this.rest.ask('DELETE', '/session');
  }
  me(): Promise<RestResult<MeRow>> {
    return this.rest.ask('GET', '/me');
  }
  setMe(me: { name: string; language: string }): Promise<RestResult<unknown>> {
    return this.rest.ask('PUT', '/me', { body: me });
  }
  telephones(): Promise<RestResult<readonly TelephoneRow[]>> {
    return this.rest.ask('GET', '/me/telephones');
  }
  setTelephones(telephones: readonly TelephoneRow[]): Promise<RestResult<readonly TelephoneRow[]>> {
    return this.rest.ask('PUT', '/me/telephones', { body: telephones });
  }
  directory(q: string): Promise<RestResult<{ people: readonly DirectoryRow[] }>> {
    return this.rest.ask('GET', '/directory', { query: { q } });
  }
  contacts(after?: string): Promise<RestResult<{ contacts: readonly ContactRow[]; next?: string }>> {
    return this.rest.ask('GET', '/me/contacts', { query: { after, limit: 500 } });
  }
  setContact(key: string, contact: { name: string; favourite: boolean; numbers: readonly PlaceRow[] }): Promise<RestResult<unknown>> {
    return this.rest.ask('PUT', `/me/contacts/${part(key)}`, { body: contact });
  }
  removeContact(key: string): Promise<RestResult<unknown>> {
    return this.rest.ask('DELETE', `/me/contacts/${part(key)}`);
  }
  chats(): Promise<RestResult<{ chats: readonly ChatRow[] }>> {
    return this.rest.ask('GET', '/me/chats', { query: { limit: 500 } });
  }
  chat(user: string, limit: number, before?: number): Promise<RestResult<{ messages: readonly MessageRow[] }>> {
    return this.rest.ask('GET', `/me/chats/${part(user)}`, { query: { limit, before } });
  }
  markRead(user: string, upTo: number): Promise<RestResult<unknown>> {
    return this.rest.ask('PUT', `/me/chats/${part(user)}/read`, { body: { upTo } });
  }
  calls(): Promise<RestResult<{ calls: readonly CallRow[] }>> {
    return this.rest.ask('GET', '/me/calls', { query: { limit: 200 } });
  }
}
