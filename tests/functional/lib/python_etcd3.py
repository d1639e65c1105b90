# SPDX-License-Identifier: Apache-2.0
"""What Python's etcd3 sees of a server, as one JSON document for ../test_clients.py.

    python python_etcd3.py PORT OFFSET REVISION EVENTS

A program of its own, for etcd3's generated code loads only into a protobuf that is not the compiled one
(PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION=python). Revisions are printed less OFFSET.
"""

import json
import sys

import etcd3

PORT, OFFSET, REVISION, EVENTS = map(int, sys.argv[1:])


def seen(pair):
    value, meta = pair
    return [meta.key.decode(), value.decode(), meta.version, meta.create_revision - OFFSET, meta.mod_revision - OFFSET]


def watch(client):
    events, cancel = client.watch_prefix("/apisix/", start_revision=REVISION, prev_kv=True)
    out = []
    for event in events:
        out.append([type(event).__name__, event.key.decode(), event.value.decode(), event.mod_revision - OFFSET,
                    event.prev_value.decode()])
        if len(out) == EVENTS:
            cancel()
            return out


def refusal(call, *arguments):
    try:
        call(*arguments)
        return "done"
    except Exception as error:  # whatever the client makes of it
        return repr(error)


def main():
    client = etcd3.client(port=PORT, timeout=20)
    result = {
        "all": [seen(pair) for pair in client.get_all()],
        "prefix": [seen(pair) for pair in client.get_prefix("/apisix/upstreams/", sort_order="descend")],
        "range": [seen(pair) for pair in client.get_range("/apisix/r", "/apisix/s")],
        "one": seen(client.get("/apisix/routes/")),
        "none": client.get("/nothing")[0],
        "keys": [meta.key.decode() for _, meta in client.get_prefix("/apisix/", keys_only=True)],
        "events": watch(client),
        "without_key": refusal(client.get, ""),
    }
    if OFFSET:
        result["put"] = refusal(client.put, "/apisix/routes/1", "x")
        result["delete"] = refusal(client.delete_prefix, "/apisix/")
    client.close()
    json.dump(result, sys.stdout)


main()
