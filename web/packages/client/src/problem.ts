/** What goes wrong, in words for people. */

import { refusedNumber } from './refusal.js';
import type { RestError } from './rest/rest.js';
import type { Outcome } from './soap/client.js';
import type { Problem, ProblemCode } from './view/types.js';

const WORDS: Readonly<Record<ProblemCode, readonly [what: string, todo: string]>> = {
  'wrong-password': ['The name or the password is wrong.', 'Check both and try again.'],
  'too-many-attempts': ['There were too many wrong passwords.', 'Wait a few minutes, then try again.'],
  'session-ended': ['You were signed out.', 'Sign in again.'],
  'other-user': ['Somebody else signed in in this browser.', 'Sign in again, or use another browser for each person.'],
  unreachable: ['The server cannot be reached.', 'It is tried again by itself; check the network.'],
  'origin-refused': ['This server admits no pages of this site.', 'Ask its administrator to name the site in [http] origins.'],
  'foreign-page': ["People sign in on the server's own pages alone.", 'Open those; a page of another site uses a token.'],
  'bad-answer': ['The server gave an answer that makes no sense.', 'Try again; if it stays so, tell the administrator.'],
  'busy-server': ['The server is busy.', 'It is tried again by itself.'],
  'not-allowed': ['You may not do this here.', 'Ask a moderator or the administrator.'],
  unknown: ['That is not there any more.', 'Look again at what is there now.'],
  'no-telephone': ['They have no telephone that could be called.', 'Choose another number, or write to them.'],
  'number-refused': ['This number may not be called.', 'Choose another number, or ask the administrator.'],
  expired: ['It took too long, so nothing was done.', 'Try again.'],
  'wrong-state': ['This does not fit any more: something changed meanwhile.', 'Look again at what is there now.'],
  'limit-reached': ['There are as many as allowed.', 'Take somebody off first, or ask the administrator.'],
  locked: ['The conference is locked.', 'Ask a moderator to unlock it.'],
  'no-microphone': ['No microphone was found.', 'Plug one in, or choose a telephone.'],
  'microphone-refused': ['This page may not use the microphone.', 'Allow it in the browser, or choose a telephone.'],
  'device-lost': ['The microphone was unplugged.', 'Plug it in again, or choose another one.'],
  'no-sound': ['Sound could not be set up.', 'Try again, or choose a telephone.'],
  'no-camera': ['No camera was found.', 'Plug one in; the call goes on without.'],
  'camera-refused': ['This page may not use the camera.', 'Allow it in the browser; the call goes on without.'],
  'screen-refused': ['No screen was chosen.', 'Share again, and choose one.'],
  'no-picture': ['The picture could not be set up.', 'Try again; the call goes on without.'],
  'not-understood': ['This is neither a name that is known, nor a number, nor an address.', 'Check how it is written.'],
  internal: ['Something went wrong on the way.', 'Try again; if it stays so, tell the administrator.'],
};

export function problem(code: ProblemCode, detail?: string): Problem {
  const [what, todo] = WORDS[code];
  return { code, what, todo, detail };
}

/** The service's and the REST API's codes that people are told in words of their own. */
const CODES: Readonly<Record<string, ProblemCode>> = {
  unauthenticated: 'session-ended',
  'wrong-password': 'wrong-password',
  'not-allowed': 'not-allowed',
  'unknown-conference': 'unknown',
  'unknown-participant': 'unknown',
  'unknown-person': 'not-understood',
  'no-telephone': 'no-telephone',
  'number-refused': 'number-refused',
  expired: 'expired',
  'wrong-state': 'wrong-state',
  'limit-reached': 'limit-reached',
  locked: 'locked',
  overloaded: 'busy-server',
  'shutting-down': 'busy-server',
  'no-reply-to': 'unreachable',
  'origin-refused': 'origin-refused',
  'foreign-page': 'foreign-page',
};

/** Why a command was not carried out; undefined where it was. */
export function problemOf(outcome: Outcome): Problem | undefined {
  if ('answer' in outcome) return undefined;
  if ('fault' in outcome) {
    const { fault } = outcome;
    const { code, expected, came } = fault;
    const why = problem(CODES[code] ?? 'internal', `${code}: expected ${expected}, came ${came}`);
    return why.code === 'number-refused' ? { ...why, refused: refusedNumber(fault, outcome.numbers ?? []) } : why;
  }
  const { status } = outcome;
  const code: ProblemCode =
    status === 403
      ? 'not-allowed'
      : status === 404 || status === 480
        ? 'unreachable'
        : status === 413
          ? 'limit-reached'
          : status === 0
            ? 'expired'
            : 'internal';
  return problem(code, `SIP ${status}`);
}

/** Why a request failed. `numbers`: those that it named, in its order. */
export function restProblem(error: RestError, numbers: readonly (string | undefined)[] = []): Problem {
  const { status, words } = error;
  const byStatus: ProblemCode =
    status === 0
      ? error.code === 'unreachable'
        ? 'unreachable'
        : 'bad-answer'
      : status === 401
        ? 'session-ended'
        : status === 403
          ? 'not-allowed'
          : status === 404
            ? 'unknown'
            : status === 429
              ? 'too-many-attempts'
              : status >= 500
                ? 'busy-server'
                : 'internal';
  const why = problem(CODES[error.code] ?? byStatus, `${status} ${error.code}: ${words}`);
  return why.code === 'number-refused' ? { ...why, refused: refusedNumber(error, numbers) } : why;
}
