"""A person's client in a browser, of other makes (websockets, aiortc): web_client.py URL DOMAIN USER PASSWORD HERTZ HEARD

Registers at URL by SIP over WebSocket (RFC 7118) and prints {"registered": status}. Then it takes JSON lines on standard input:

{"call": CONFERENCE}   calls the conference, offering sound: {"answered": status}, and {"connected": true} once sound can pass
{"fresh": true}        offers a new peer connection in a re-INVITE: {"changed": status}, {"connected": true}
{"hang_up": true}      {"over": status}

Before each INVITE it prints {"invites": microseconds since 1970}.

While it is in a call it says a tone of HERTZ at -10 dBFS. When the other side hangs up, it prints {"ended": the Reason field}. At the
end of its call it writes what its newest peer connection heard, 16 bits at 48 kHz in one channel, to the file HEARD, and ends.
"""

import asyncio
import hashlib
import json
import re
import secrets
import sys
import threading
import time
import uuid

import websockets
from webrtc import PATIENCE, Peer

URL, DOMAIN, USER, PASSWORD, HERTZ, HEARD = sys.argv[1:]
ALGORITHMS = {"SHA-256": hashlib.sha256, "MD5": hashlib.md5}
ME = f"sip:{USER}@{DOMAIN}"
HOST = f"{secrets.token_hex(6)}.invalid"
CONTACT = f"<sip:{USER}@{HOST};transport=ws>"
SDP = "application/sdp"


def say(**words):
    print(json.dumps(words), flush=True)


class Message:
    """A SIP message: its first line, header fields in order, body."""

    def __init__(self, text):
        head, _, self.body = text.partition("\r\n\r\n")
        self.first, *lines = head.split("\r\n")
        self.fields = [tuple(part.strip() for part in line.split(":", 1)) for line in lines]
        self.status = int(self.first.split()[1]) if self.first.startswith("SIP/2.0 ") else None

    def all(self, name):
        return [value for field, value in self.fields if field.lower() == name.lower()]

    def get(self, name):
        return next(iter(self.all(name)), "")


def digest(challenge, method, uri):
    """Credentials for a challenge (RFC 7616, qop=auth)."""
    given = {key.lower(): quoted or bare for key, quoted, bare in re.findall(r'(\w+)=(?:"([^"]*)"|([^\s,]+))', challenge)}
    algorithm = given.get("algorithm", "MD5")

    def hashed(*parts):
        return ALGORITHMS[algorithm](":".join(parts).encode()).hexdigest()

    once, count = secrets.token_hex(8), "00000001"
    who = hashed(USER, given["realm"], PASSWORD)
    response = hashed(who, given["nonce"], count, once, "auth", hashed(method, uri))
    said = {"username": USER, "realm": given["realm"], "nonce": given["nonce"], "uri": uri, "response": response, "cnonce": once}
    quoted = ", ".join(f'{key}="{value}"' for key, value in said.items())
    return f"Digest {quoted}, algorithm={algorithm}, qop=auth, nc={count}"


def answerable(challenge):
    algorithm = re.search(r"algorithm=\"?([\w-]+)", challenge)
    return challenge.startswith("Digest ") and (algorithm is None or algorithm[1] in ALGORITHMS)


class Dialog:
    """Where requests go, and in which order."""

    def __init__(self, target):
        self.target = target
        self.to = f"<{target}>"
        self.me = f"<{ME}>;tag={secrets.token_hex(4)}"
        self.call_id = secrets.token_hex(8)
        self.routes = []
        self.number = 0

    def confirmed(self, response):
        # RFC 3261 12.2: a re-INVITE changes the target, never the routes.
        if not self.routes:
            self.routes = response.all("Record-Route")[::-1]
        self.to = response.get("To")
        self.target = re.search(r"<([^>]+)>", response.get("Contact"))[1]


class Client:
    """SIP over one WebSocket."""

    def __init__(self, socket):
        self.socket = socket
        self.responses = asyncio.Queue()
        self.ended = asyncio.Event()

    async def receive(self):
        async for text in self.socket:
            message = Message(text if isinstance(text, str) else text.decode())
            if message.status is not None:
                if message.status >= 200:
                    self.responses.put_nowait(message)
                continue
            method = message.first.split()[0]
            if method == "ACK":
                continue
            lines = ["SIP/2.0 200 OK"]
            for name in ("Via", "From", "To", "Call-ID", "CSeq"):
                lines += [f"{name}: {value}" for value in message.all(name)]
            await self.socket.send("\r\n".join([*lines, "Content-Length: 0", "", ""]))
            if method == "BYE":
                say(ended=message.get("Reason"))
                self.ended.set()

    async def send(self, method, dialog, number, branch, fields, body):
        lines = [
            f"{method} {dialog.target} SIP/2.0",
            f"Via: SIP/2.0/WS {HOST};branch={branch}",
            "Max-Forwards: 70",
            *(f"Route: {route}" for route in dialog.routes),
            f"From: {dialog.me}",
            f"To: {dialog.to}",
            f"Call-ID: {dialog.call_id}",
            f"CSeq: {number} {method}",
            *fields,
            f"Content-Length: {len(body.encode())}",
        ]
        await self.socket.send("\r\n".join([*lines, "", body]))

    async def request(self, method, dialog, fields=(), body=""):
        """Sends a request and waits for its final response; answers one challenge, and acknowledges what INVITE brings."""
        credentials = ()
        while True:
            dialog.number += 1
            number, branch = dialog.number, f"z9hG4bK{secrets.token_hex(8)}"
            if method == "INVITE":
                say(invites=time.time_ns() // 1000)
            await self.send(method, dialog, number, branch, [*fields, *credentials], body)
            while True:
                response = await asyncio.wait_for(self.responses.get(), PATIENCE)
                if response.get("CSeq") == f"{number} {method}" and response.get("Call-ID") == dialog.call_id:
                    break
            if method == "INVITE":
                await self.acknowledge(dialog, response, number, branch)
            names = {401: ("WWW-Authenticate", "Authorization"), 407: ("Proxy-Authenticate", "Proxy-Authorization")}
            if credentials or response.status not in names:
                return response
            asks, answers = names[response.status]
            challenge = next(filter(answerable, response.all(asks)))
            credentials = (f"{answers}: {digest(challenge, method, dialog.target)}",)

    async def acknowledge(self, dialog, response, number, branch):
        if response.status < 300:
            dialog.confirmed(response)
            branch = f"z9hG4bK{secrets.token_hex(8)}"
            await self.send("ACK", dialog, number, branch, [], "")
        else:
            # Of this INVITE alone, with the To of its failure (RFC 3261 17.1.1.3).
            before, dialog.to = dialog.to, response.get("To")
            await self.send("ACK", dialog, number, branch, [], "")
            dialog.to = before

    async def register(self):
        dialog = Dialog(f"sip:{DOMAIN}")
        dialog.to = f"<{ME}>"
        contact = f'Contact: {CONTACT};reg-id=1;+sip.instance="<urn:uuid:{uuid.uuid4()}>"'
        return await self.request("REGISTER", dialog, [contact, "Supported: path, outbound, gruu", "Expires: 600"])

    async def invite(self, dialog):
        """Offers a new peer connection; gives it once it is connected, or the status that came instead."""
        peer = Peer(float(HERTZ))
        offer = await peer.offer()
        fields = [f"Contact: {CONTACT}", f"Content-Type: {SDP}", "Allow: INVITE, ACK, BYE, CANCEL"]
        response = await self.request("INVITE", dialog, fields, offer)
        if response.status >= 300:
            await peer.close()
            return response.status, None
        return response.status, (peer, response.body)


async def main():
    loop, words = asyncio.get_running_loop(), asyncio.Queue()

    def read():
        for line in sys.stdin:
            loop.call_soon_threadsafe(words.put_nowait, json.loads(line))

    async with websockets.connect(URL, subprotocols=["sip"], proxy=None, max_size=None) as socket:
        client = Client(socket)
        receiving = asyncio.ensure_future(client.receive())
        say(registered=(await client.register()).status)
        threading.Thread(target=read, daemon=True).start()
        dialog = peer = None
        ended = asyncio.ensure_future(client.ended.wait())
        while not client.ended.is_set():
            word = asyncio.ensure_future(words.get())
            await asyncio.wait([word, ended, receiving], return_when=asyncio.FIRST_COMPLETED)
            if not word.done():
                word.cancel()
                break
            word = word.result()
            if "hang_up" in word:
                say(over=(await client.request("BYE", dialog)).status)
                break
            if "call" in word:
                dialog = Dialog(f"sip:conf-{word['call']}@{DOMAIN}")
            status, answered = await client.invite(dialog)
            say(**{"answered" if "call" in word else "changed": status})
            if answered is not None:
                old, (peer, answer) = peer, answered
                await peer.answered(answer)
                say(connected=True)
                if old is not None:
                    await old.close()
        if peer is not None:
            peer.write(HEARD)
            await peer.close()
        receiving.cancel()


asyncio.run(main())
