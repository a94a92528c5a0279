#!/usr/bin/env python3
"""Shows that an ordinary toolkit, given only the WSDL, sends what soap-proto takes and reads what it writes.

Needs PyPI's zeep. Usage: zeep_reads.py SOAPCHECK  (cargo build -p soap-proto --example soapcheck)

A throw-away HTTP server on loopback answers zeep with documents of soapcheck's writer; what zeep sent is judged by
soapcheck. Prints one line of JSON; exits 0 only when every answer was read and every request accepted.
"""
import http.server, json, pathlib, re, subprocess, sys, threading
import zeep

WSDL = pathlib.Path(__file__).resolve().parents[4] / "docs/wsdl/conference.wsdl"
ONE = dict(conference="c1", participant="p1")
ARGUMENTS = {
    "create": dict(title="Plan", initiator={"person": "alice@example.org", "place": "mobile"},
                   participant=[{"person": "bob"}, {"number": "+1 555 0107", "name": "X"}, {"sip": "sip:room@example.org"}],
                   policy={"callAllAtOnce": True, "onOwnerLeft": "end"}, payer="p", account="a"),
    "add": dict(conference="c1", participant=[{"person": "bob"}]), "call": dict(ONE, place="work"),
    "disconnect": ONE, "remove": ONE, "mute": ONE, "unmute": ONE, "hide": ONE, "unhide": ONE, "raiseHand": ONE, "lowerHand": ONE, "giveFloor": ONE,
    "lock": dict(conference="c1"), "unlock": dict(conference="c1"), "makeModerator": ONE, "handOver": ONE,
    "muteAll": dict(conference="c1"), "unmuteAll": dict(conference="c1"), "disconnectAll": dict(conference="c1"),
    "decline": dict(ONE, words="in a meeting"), "end": dict(conference="c1"), "pictures": dict(conference="c1", video="two", words="one is gone"),
    "get": dict(conference="c1", since=3, waitMs=100), "list": {},
}


class Answers(http.server.BaseHTTPRequestHandler):
    status, document, received = 200, b"", []

    def do_POST(self):
        Answers.received.append(self.rfile.read(int(self.headers["content-length"])))
        self.send_response(Answers.status)
        self.send_header("Content-Type", "text/xml; charset=utf-8")
        self.send_header("Content-Length", str(len(Answers.document)))
        self.end_headers()
        self.wfile.write(Answers.document)

    def log_message(self, *_):
        pass


def main():
    soapcheck = sys.argv[1]
    documents = subprocess.run([soapcheck, "generate", "2000"], stdout=subprocess.PIPE, check=True).stdout.split(b"\0")[:-1]
    server = http.server.HTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    client = zeep.Client(str(WSDL))
    service = client.create_service("{urn:convoke:conference:1}ConferenceServiceSoap", "http://127.0.0.1:%d/" % server.server_port)
    seen, faults = {}, 0
    for document in documents:
        name = re.search(rb"<c:(\w+)Response[ />]", document)
        if name:
            operation = name.group(1).decode()
            Answers.status, Answers.document = 200, document
            getattr(service, operation)(**ARGUMENTS[operation])
            seen[operation] = seen.get(operation, 0) + 1
        elif b"<s:Fault>" in document:
            Answers.status, Answers.document = 500, document
            try:
                service.list()
                sys.exit("a fault was not one to zeep")
            except zeep.exceptions.Fault as fault:
                code = fault.detail.find(".//{urn:convoke:conference:1}code")
                assert code is not None and code.text
                faults += 1
    judged = subprocess.run([soapcheck, "judge"], input=b"\0".join(Answers.received) + b"\0", stdout=subprocess.PIPE, check=True)
    verdicts = judged.stdout.decode().split("\n")[:-1]
    refused = [v for v in verdicts if v != "request"]
    print(json.dumps({"answers_read": seen, "faults_read": faults, "requests": len(verdicts), "refused": refused[:5]}))
    sys.exit(0 if not refused and set(seen) == set(ARGUMENTS) and faults else 1)


main()
