/** Messages that came: out of their wrapper, once each, to whom they are for. */
import { CPIM, readCpim } from '../im/cpim.js';
import { COMPOSING, IMDN } from '../im/imdn.js';
import { INVITATION } from '../im/invitation.js';
import type { SipRequest } from '../sip/message.js';
import type { Respond } from '../sip/transactions.js';
import { aorOf } from '../sip/uri.js';
import { readEnvelope, SOAP_TYPE } from '../soap/envelope.js';
import { readReport } from '../soap/service.js';
import type { Core, Line } from './core.js';

const TEXT = 'text/plain';
const ACCEPT = [TEXT, CPIM, IMDN, COMPOSING, INVITATION, SOAP_TYPE].join(', ');

/** Answers a MESSAGE and hands on what is in it. */
export function receive(core: Core, line: Line, request: SipRequest, respond: Respond): void {
  const from = aorOf(request.header('From') ?? '');
  if (!from) {
    respond(400, 'Bad From');
    return;
  }
  if (request.type === SOAP_TYPE) {
    service(line, from, request.body);
    respond(200, 'OK');
    return;
  }
  const wrapped = request.type === CPIM ? readCpim(request.body) : undefined;
  const type = wrapped?.type ?? request.type;
  if (type !== TEXT && type !== IMDN && type !== COMPOSING && type !== INVITATION) {
    respond(415, 'Unsupported Media Type', [['Accept', ACCEPT]]);
    return;
  }
  const number = Number(request.header('Convoke-Message-Id'));
  const serverId = Number.isSafeInteger(number) && number > 0 ? number : undefined;
  const sent = Date.parse(request.header('Date') ?? '');
  const written = Number.isFinite(sent) ? core.localTime(sent) : core.platform.now();
  // Of what we say, only we are told.
  const ours = from.toLowerCase() === line.user.toLowerCase();
  core.onMessage.tell({
    from,
    sentTo: ours ? aorOf(request.header('Convoke-Sent-To') ?? '') : undefined,
    type,
    body: wrapped?.body ?? request.body,
    id: wrapped?.id ?? (serverId === undefined ? request.callId : `m${serverId}`),
    serverId,
    // Nobody's clock puts a message into the future.
    at: Math.min(written, core.platform.now()),
    wants: wrapped?.wants ?? new Set(),
    request,
  });
  // After it is shown, so that whatever fails before is not acknowledged.
  respond(200, 'OK');
}

/** An envelope: the conference service's is believed, and that of whoever was asked something. */
function service(line: Line, from: string, body: string): void {
  const envelope = readEnvelope(body);
  if (!envelope || line.service.take(from, envelope.relatesTo, envelope.body)) return;
  if (from.toLowerCase() !== line.service.account.toLowerCase()) return;
  for (const { conference, end } of readReport(envelope.body) ?? []) {
    if (end) line.followed.ended(conference, end);
  }
}
