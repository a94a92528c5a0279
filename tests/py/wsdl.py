"""Loads a WSDL with zeep, as strictly as it can, and prints its operations: wsdl.py FILE-OR-URL"""

import json
import sys

import zeep

client = zeep.Client(sys.argv[1], settings=zeep.Settings(strict=True, forbid_dtd=True, forbid_entities=True))
services = {
    service.name: {
        name: {
            "address": port.binding_options["address"],
            "operations": {operation.name: operation.input.signature() for operation in port.binding._operations.values()},
        }
        for name, port in service.ports.items()
    }
    for service in client.wsdl.services.values()
}
print(json.dumps(services))
