"""Prints the versions of what the Python tests use, as one JSON object."""

import json
from importlib import import_module
from importlib.metadata import version

PACKAGES = ("zeep", "xmlschema", "pesq", "numpy", "schemathesis", "openapi-spec-validator")

for package in PACKAGES:
    import_module(package.replace("-", "_"))
print(json.dumps({package: version(package) for package in PACKAGES}))
