"""Judges XML documents by a schema: schema.py SCHEMA FILE…. Prints {file: null or what is wrong} as JSON.

Other namespaces (lax) are judged by the schemas of this directory's sibling `schema` that declare them.
"""

import json
import pathlib
import sys

import xmlschema

SCHEMAS = pathlib.Path(__file__).resolve().parent.parent / "schema"
# What stands within documents of a schema, and has one of its own.
BESIDE = {"conference-info.xsd": ["conference-event-1.xsd"], "pidf.xsd": ["caps.xsd"]}
# The XML namespace's own schema is built in; nothing is fetched.
schema = xmlschema.XMLSchema(
    [str(SCHEMAS / name) for name in [sys.argv[1], *BESIDE.get(sys.argv[1], [])]],
    allow="local",
)
verdicts = {}
for name in sys.argv[2:]:
    errors = list(schema.iter_errors(str(pathlib.Path(name).resolve())))
    verdicts[pathlib.Path(name).name] = str(errors[0].reason) if errors else None
print(json.dumps(verdicts))
