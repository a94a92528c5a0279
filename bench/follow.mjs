// The client library under Node, as the load of P8 runs it: node bench/follow.mjs SERVER USER PASSWORD CONFERENCE
// Signs in, follows the conference, and writes a line for each one who comes in, with the moment at which the library told it.
import { WebSocket } from '../web/node_modules/ws/wrapper.mjs';
import { createConvoke, webPlatform } from '../web/packages/client/dist/convoke.js';

const [server, user, password, conference] = process.argv.slice(2);
const say = (line) => console.log(JSON.stringify(line));

/** `fetch` with the one cookie that a session is. */
let cookie = '';
async function fetchInSession(url, init) {
  const response = await fetch(url, { ...init, headers: { ...init.headers, Cookie: cookie } });
  for (const set of response.headers.getSetCookie()) cookie = set.split(';', 1)[0];
  return response;
}

const convoke = createConvoke({ server, platform: webPlatform({ WebSocket, fetch: fetchInSession }) });
if (!(await convoke.session.signIn(user, password))) throw new Error(JSON.stringify(convoke.session.get().problem));
await new Promise((done) => {
  const look = () => convoke.session.get().status === 'online' && done();
  convoke.session.subscribe(look);
  look();
});

const board = convoke.conferences.openBoard(conference);
const inside = new Set();
let follows = false;
function look() {
  const unixMs = performance.timeOrigin + performance.now();
  const { groups, stale } = board.get();
  for (const { participant } of groups.in) {
    if (!inside.has(participant) && follows) say({ joined: { participant, unixMs } });
    inside.add(participant);
  }
  if (follows || stale) return;
  follows = true;
  say({ following: { count: board.get().count } });
}
board.subscribe(look);
look();
