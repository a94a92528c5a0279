#!/usr/bin/env python3
"""Shows that soap-proto's parser accepts exactly what schema/envelope.xsd accepts.

Needs PyPI's xmlschema. Usage: agree.py SOAPCHECK [COUNT]
(SOAPCHECK is the built example: cargo build -p soap-proto --example soapcheck.)

Good documents come from soapcheck itself; bad ones are those with one to three changes each: elements dropped, doubled,
swapped, renamed, moved to another namespace, attributes added, text changed to borderline values. Both judge every
document; any difference is an error. Prints one line of JSON; exits 0 only when there is no difference.
"""
import copy, json, pathlib, random, subprocess, sys
import xml.etree.ElementTree as ET
import xmlschema

HERE = pathlib.Path(__file__).resolve().parent
SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
WSA = "http://www.w3.org/2005/08/addressing"
CONF = "urn:convoke:conference:1"
REPORT = "urn:convoke:report:1"
VIDEO = "urn:convoke:video:1"
NAMESPACES = [SOAP, WSA, CONF, REPORT, VIDEO, "", "urn:other"]
LOCALS = ["conference", "participant", "person", "number", "sip", "name", "place", "id", "leg", "state", "words", "cause",
          "policy", "title", "since", "waitMs", "first", "user", "Address", "MessageID", "expires", "sent", "seconds", "asserted",
          "create", "end", "list", "get", "created", "muted", "locked", "hand", "handSince", "role", "call", "decline", "lock", "raiseHand", "accepted", "Fault", "faultcode", "detail", "fault", "code", "request", "requested", "invite",
          "modes", "modesResponse", "callable", "callableResponse", "may", "soundMoves", "absent", "mode", "address", "guest", "way", "none", "shows", "asked", "known", "language", "video", "here", "source", "owner", "x"]
TEXTS = ["", " ", "listener-mix", "recording", "  c1\t\n", "c1", "c 1", "a" * 64, "a" * 65, "ä" * 64, "ä" * 65, "a" * 128, "a" * 129, "a" * 320, "a" * 321,
         "x" * 512, "x" * 513, "true", "false", "1", "0", "TRUE", "yes", "on", "off", " off ", " true ", "00", "-1", "+1", "1.0", "1e3", "25000", "25001",
         "025000", "99999", "100000", "999999999999999999", "9999999999999999999", "30", "31", "030", "99", "100", "699", "700", "127", "128",
         "alice@example.org", "alice@", "@x", "a@b@c", "sip:alice@example.org", "sips:x", "sip:", "sip:a b", "tel:+1", "SIP:a@b",
         "+1 555 0107", "(030) 123-4", "030/123", "12a", "+", "1" * 40, "1" * 41, "2026-11-20T15:04:38Z", "2026-11-20T15:04:38.123Z",
         "2026-11-20T15:04:38.1234Z", "2026-02-29T00:00:00Z", "2024-02-29T00:00:00Z", "2026-11-20T24:00:00Z", "2026-11-20T15:04:60Z",
         "2026-11-20T15:04:38", "2026-11-20T15:04:38+00:00", "1999-01-01T00:00:00Z", "2026-04-31T00:00:00Z", "owner", "joined", "no-answer",
         "no-Answer", "hung-up", "end", "hand-over", "s:Client", "Client", ":Client", "s:Other", "1:Client", "bad-request", "running",
         "x\u0080y", "a\u00a0b", "\u200b", "a\u2028b", "😀" * 64, "😀" * 65, "isdn:+4930123", "isdn:12", "h323:room@x", "atm:4700", "ISDN:123", "h323:", "pstn", "by-hand", "[::1]@[::1]", "a@[::1]:5060", "a%b@c", "a/b", "<&>\"'", "\u007f"]


def nodes(root):
    return [(p, i, c) for p in root.iter() for i, c in enumerate(list(p))]


def mutate(root, rng):
    all_nodes = nodes(root)
    parent, index, child = rng.choice(all_nodes)
    kind = rng.randrange(10)
    if kind == 0:
        parent.remove(child)
    elif kind == 1:
        parent.insert(index, copy.deepcopy(child))
    elif kind == 2:
        other = rng.randrange(len(parent))
        parent.remove(child)
        parent.insert(other, child)
    elif kind == 3:
        child.tag = child.tag.split("}")[0] + "}" + rng.choice(LOCALS) if "}" in child.tag else rng.choice(LOCALS)
    elif kind == 4:
        ns = rng.choice(NAMESPACES)
        local = child.tag.split("}")[-1]
        child.tag = "{%s}%s" % (ns, local) if ns else local
    elif kind == 5:
        name = rng.choice(["x", "id", "{%s}mustUnderstand" % SOAP, "{%s}x" % WSA, "{urn:other}y", "{http://www.w3.org/XML/1998/namespace}lang"])
        rng.choice([c for _, _, c in all_nodes] + [root]).set(name, rng.choice(["0", "1", "2", "", "en"]))
    elif kind == 6 or kind == 7:
        leaves = [c for _, _, c in all_nodes if len(c) == 0]
        rng.choice(leaves or [child]).text = rng.choice(TEXTS)
    elif kind == 8:
        # Not U+00A0 (nor U+0085 in TEXTS): xmlschema takes them for white space, as Python does and XML does not.
        child.tail = rng.choice(["\n  ", "text", " ", "\t<\r"])
    else:
        _, _, donor = rng.choice(all_nodes)
        parent.insert(rng.randrange(len(parent) + 1), copy.deepcopy(donor))


def main():
    soapcheck, count = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 2000
    schema = xmlschema.XMLSchema(str(HERE / "../../schema/envelope.xsd"))
    good = subprocess.run([soapcheck, "generate", str(count)], stdout=subprocess.PIPE, check=True).stdout.split(b"\0")[:-1]
    rng = random.Random(int(sys.argv[3]) if len(sys.argv) > 3 else 1)
    documents = list(good)
    for text in good:
        for _ in range(4):
            root = ET.fromstring(text)
            for _ in range(rng.choice([1, 1, 2, 3])):
                if list(root):
                    mutate(root, rng)
            out = ET.tostring(root, encoding="utf-8")
            if b"\0" not in out and len(out) <= 64 * 1024:
                documents.append(out)
    judged = subprocess.run([soapcheck, "judge"], input=b"\0".join(documents) + b"\0", stdout=subprocess.PIPE, check=True)
    verdicts = judged.stdout.decode().split("\n")[:-1]
    assert len(verdicts) == len(documents), (len(verdicts), len(documents))
    agreed = {"both": 0, "neither": 0}
    different = []
    for number, (document, verdict) in enumerate(zip(documents, verdicts)):
        # 32 levels are ours to refuse; the generator never nests so deep.
        error = next(schema.iter_errors(ET.fromstring(document)), None)
        ours, theirs = not verdict.startswith("refused"), error is None
        if ours == theirs:
            agreed["both" if ours else "neither"] += 1
            assert theirs or number >= len(good)
        else:
            different.append((verdict, str(error and error.reason), document.decode()))
    for verdict, reason, document in different[:5]:
        print("DIFFERENCE\n ours: %s\n xsd: %s\n %s" % (verdict, reason, document), file=sys.stderr)
    print(json.dumps({"documents": len(documents), "accepted_by_both": agreed["both"], "refused_by_both": agreed["neither"],
                      "different": len(different)}))
    sys.exit(1 if different or not agreed["neither"] else 0)


main()
