"""Loads a WSDL with zeep, as strictly as it can, and prints the operations of its services, and of its port types, whose bindings
it may not know: wsdl.py FILE-OR-URL"""

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
port_types = {
    port_type.name.localname: {
        operation.name: [part.element.signature(client.wsdl.types) for part in operation.input_message.parts.values()]
        for operation in port_type.operations.values()
    }
    for port_type in client.wsdl.port_types.values()
}
print(json.dumps({"services": services, "portTypes": port_types}))
