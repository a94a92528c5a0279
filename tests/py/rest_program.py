"""A program of somebody's that knows only REST: rest_program.py URL USER PASSWORD OTHER

Signs in, changes and reads its person's telephones, asks to be told by webhook, starts a conference with OTHER, follows it by
server-sent events, mutes and unmutes OTHER, ends the conference, and signs out. The first notice by webhook it takes only when it comes
again. Prints what it saw as one JSON object.
"""

import hashlib
import hmac
import http.server
import json
import queue
import sys
import threading
import time

import requests

URL, USER, PASSWORD, OTHER = sys.argv[1:]
PATIENCE = 60
# How old a signature may be.
FRESH = 300

notices = queue.Queue()
# What the listener answers, one after the other; then it takes everything.
answers = iter([503])


class Listener(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        answer = next(answers, 204)
        notices.put((answer, self.headers["Convoke-Delivery"], self.headers["Convoke-Signature"], body, time.monotonic()))
        self.send_response(answer)
        self.end_headers()

    def log_message(self, *_):
        pass


listener = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Listener)
threading.Thread(target=listener.serve_forever, daemon=True).start()

program = requests.Session()
program.trust_env = False


def call(method, path, body=None, expect=200, **headers):
    answer = program.request(method, f"{URL}/api/v1{path}", json=body, headers=headers, timeout=PATIENCE)
    assert answer.status_code == expect, (method, path, answer.status_code, answer.text)
    return answer.json()


seen = {}
refused = program.post(f"{URL}/api/v1/session", json={"user": USER, "password": "wrong"}, timeout=PATIENCE)
seen["wrong"] = refused.status_code
seen["session"] = {key: value for key, value in call("POST", "/session", {"user": USER, "password": PASSWORD}).items()}
renewed = call("POST", "/session/renew", **{"X-Convoke": "1"})
program.headers["Authorization"] = f"Bearer {renewed['token']}"

telephones = call("GET", "/me/telephones")
telephones.insert(0, {"label": "pocket", "number": "+1 555 110 1", "kind": "mobile", "whenToUse": "on the road"})
telephones[1]["default"] = True
call("PUT", "/me/telephones", telephones)
seen["telephones"] = call("GET", "/me/telephones")
seen["directory"] = call("GET", f"/directory?q={OTHER}")["people"]
hook = call(
    "POST",
    "/me/webhooks",
    {"url": f"http://127.0.0.1:{listener.server_port}/", "events": ["conference.created", "conference.ended"]},
    expect=201,
)

made = call(
    "POST",
    "/conferences",
    {"title": "By program", "participants": [{"person": OTHER}]},
    expect=201,
    **{"Idempotency-Key": "program-1"},
)["conference"]
again = call(
    "POST",
    "/conferences",
    {"title": "By program", "participants": [{"person": OTHER}]},
    expect=201,
    **{"Idempotency-Key": "program-1"},
)["conference"]
assert again["id"] == made["id"], (made, again)
conference = f"/conferences/{made['id']}"
seen["roles"] = [one["role"] for one in made["participants"]]
other = made["participants"][1]["id"]


def events(since=None):
    headers = {"Last-Event-ID": str(since)} if since is not None else {}
    stream = program.get(f"{URL}/api/v1{conference}/events", headers=headers, stream=True, timeout=PATIENCE)
    assert stream.status_code == 200, stream.text
    assert stream.headers["Content-Type"] == "text/event-stream"
    event = {}
    for line in stream.iter_lines(decode_unicode=True):
        if line:
            name, _, value = line.partition(": ")
            event[name] = value
        elif "data" in event:
            yield event["event"], int(event.get("id", 0)), json.loads(event["data"])
            event = {}
        else:
            event = {}


def words(report):
    change = report["change"]
    who = report.get("participant", {}).get("name", "conference")
    return f"{who} {change.get('state', change['what'])}"


LAST = 2**53 - 1
told = []
stream = events()
name, version, snapshot = next(stream)
assert name == "snapshot" and snapshot["id"] == made["id"], (name, snapshot)
first = version


def follow(what):
    """Reads reports until one that says this."""
    global version
    for name, number, report in stream:
        if name == "snapshot":
            # Reports that were forgotten already are told as a whole.
            version = number
            continue
        # What comes last says by its id that nothing follows.
        id_of = LAST if report["change"]["what"] == "ended" else version + 1
        assert name == "report" and (number, report["version"]) == (id_of, version + 1), (version, number, name, report)
        version += 1
        if report["change"]["what"] not in ("talking", "silent"):
            told.append(words(report))
            if told[-1] == what:
                return report
    raise AssertionError(f"{what} never came: {told}")


follow(f"{OTHER} joined")
call("POST", f"{conference}/participants/{other}/mute")
follow(f"{OTHER} muted")
# A stream that breaks goes on where it was.
stream.close()
call("POST", f"{conference}/participants/{other}/unmute")
stream = events(since=version)
follow(f"{OTHER} muted")
mine = call("GET", "/conferences")["conferences"]
assert [one["id"] for one in mine] == [made["id"]], mine
call("POST", f"{conference}/end")
seen["ended"] = follow("conference ended")["change"]["cause"]["reason"]
assert next(stream, None) is None, "the stream ends with the conference"
seen["told"] = told
seen["versions"] = [first, version]

told_by_webhook, deliveries, came, signed = [], [], [], []
while not told_by_webhook or told_by_webhook[-1][0] != "conference.ended":
    answer, delivery, signature, body, at = notices.get(timeout=PATIENCE)
    signed_at, _, mac = signature.removeprefix("t=").partition(",v1=")
    expected = hmac.new(hook["secret"].encode(), signed_at.encode() + b"." + body, hashlib.sha256).hexdigest()
    is_good = hmac.compare_digest(mac, expected) and abs(time.time() - int(signed_at)) < FRESH
    notice = json.loads(body)
    assert notice["report"]["conference"] == made["id"], notice
    told_by_webhook.append([notice["event"], is_good, answer])
    deliveries.append((delivery, body))
    came.append(at)
    signed.append(int(signed_at))
seen["webhook"] = told_by_webhook
# Which notice each was, by number and content: 0 is the first.
seen["deliveries"] = [deliveries.index(one) for one in deliveries]
seen["pause"] = came[1] - came[0]
seen["signed_apart"] = signed[1] - signed[0]
calls = call("GET", "/me/calls")["calls"]
seen["calls"] = [[one["title"], one["missed"], [who["joined"] for who in one["people"]]] for one in calls]
call("DELETE", "/session", **{"X-Convoke": "1"})
seen["after"] = program.get(f"{URL}/api/v1/me", timeout=PATIENCE).status_code
print(json.dumps(seen))
