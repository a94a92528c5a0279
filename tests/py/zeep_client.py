"""A conference client on zeep that knows only the URL of the WSDL and a token: zeep_client.py WSDL-URL TOKEN

Takes one JSON line per operation on standard input, {"operation", "arguments", "id"}, and prints one per answer: {"answer": …} as
zeep decoded it, or {"fault": {"faultcode", "code", "expected", "came"}} as zeep raised it. The first line it prints lists the operations.
"""

import json
import sys

import requests
import zeep
from zeep.plugins import Plugin

WSA = "http://www.w3.org/2005/08/addressing"
CONFERENCE = "urn:convoke:conference:1"


class Command(Plugin):
    """Sets the id of a command when the test chose one."""

    id = None

    def egress(self, envelope, http_headers, operation, binding_options):
        message_id = envelope.find(".//{%s}MessageID" % WSA)
        if self.id is not None and message_id is not None:
            message_id.text = self.id
        return envelope, http_headers


def given(value):
    """What zeep decoded, as JSON: choices and elements of no content are kept apart from those that did not come."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, list):
        return [given(one) for one in value]
    if hasattr(value, "isoformat"):
        return value.isoformat()
    return {key: given(value[key]) for key in dir(value)} if hasattr(value, "__values__") else str(value)


def detail(fault, name):
    """A word of the typed detail."""
    found = None if fault.detail is None else fault.detail.find(".//{%s}%s" % (CONFERENCE, name))
    return "" if found is None else found.text


session = requests.Session()
session.headers["Authorization"] = "Bearer " + sys.argv[2]
command = Command()
client = zeep.Client(
    sys.argv[1],
    transport=zeep.Transport(session=session, operation_timeout=40),
    settings=zeep.Settings(strict=True, forbid_dtd=True, forbid_entities=True),
    plugins=[command],
)
print(json.dumps(sorted(client.service._operations)), flush=True)
for line in sys.stdin:
    order = json.loads(line)
    command.id = order["id"]
    try:
        said = {"answer": given(getattr(client.service, order["operation"])(**order["arguments"]))}
    except zeep.exceptions.Fault as fault:
        code = str(fault.code).split(":")[-1].split("}")[-1]
        said = {"fault": {"faultcode": code} | {name: detail(fault, name) for name in ("code", "expected", "came")}}
    print(json.dumps(said), flush=True)
