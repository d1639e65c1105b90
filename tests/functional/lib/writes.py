# SPDX-License-Identifier: Apache-2.0
"""Random writes of a client: puts, deletions, transactions inside transactions, leases; and how they are sent.

A request is a path of etcd's gateway and its JSON body. Grpc makes the same one into protobuf, and the answer
into the JSON that the gateway would have made of it.
"""

import json
import re

import grpc
from aetcd.rpc import rpc_pb2 as pb
from google.protobuf import json_format

from .etcd import Etcd, b64

def operation(rng, depth):
    key = b64(f"/t/{rng.choice('abcd')}")
    end = {"range_end": b64(rng.choice(["/t0", "/t/c"]))} if rng.random() < 0.4 else {}
    kind = rng.choice(["put", "put", "put", "range", "range", "delete", "txn", "none"])
    if kind == "put":
        more = {"value": b64(rng.choice("xyz"))} if rng.random() < 0.8 else {"ignore_value": True}
        if rng.random() < 0.3:
            more["lease"] = rng.choice([7, 8, 9])
        elif rng.random() < 0.2:
            more["ignore_lease"] = True
        return {"request_put": {"key": key, "prev_kv": rng.random() < 0.5, **more}}
    if kind == "range":
        more = {rng.choice(["keys_only", "count_only"]): True} if rng.random() < 0.3 else {}
        if rng.random() < 0.3:
            more.update(sort_order="DESCEND", sort_target=rng.choice(["MOD", "VALUE", "VERSION"]), limit=2)
        return {"request_range": {"key": key, **end, **more}}
    if kind == "delete":
        return {"request_delete_range": {"key": key, **end, "prev_kv": rng.random() < 0.5}}
    if kind == "txn" and depth < 3:
        return {"request_txn": transaction(rng, depth + 1)}
    return {} if rng.random() < 0.05 else {"request_range": {"key": key}}


def comparison(rng):
    target = rng.choice(["VERSION", "CREATE", "MOD", "VALUE", "LEASE"])
    field = {"VERSION": "version", "CREATE": "create_revision", "MOD": "mod_revision", "VALUE": "value",
             "LEASE": "lease"}[target]
    value = b64(rng.choice("xyz")) if field == "value" else rng.choice([0, 0, 1, 2, 7, 8, 30])
    end = {"range_end": b64("/t0")} if rng.random() < 0.2 else {}
    return {"key": b64(f"/t/{rng.choice('abcd')}"), "target": target, field: value, **end,
            "result": rng.choice(["EQUAL", "GREATER", "LESS", "NOT_EQUAL"])}


def transaction(rng, depth=0):
    return {"compare": [comparison(rng) for _ in range(rng.choice([0, 1, 1, 2]))],
            "success": [operation(rng, depth) for _ in range(rng.randrange(4))],
            "failure": [operation(rng, depth) for _ in range(rng.randrange(4))]}


def request(rng):
    kind = rng.choice(["put", "delete", "txn", "txn", "txn", "lease"])
    op = operation(rng, 9)
    if kind == "put" and "request_put" in op:
        return "kv/put", op["request_put"]
    if kind == "delete" and "request_delete_range" in op:
        return "kv/deleterange", op["request_delete_range"]
    if kind == "lease":
        lease = rng.choice([7, 8, 9])
        return rng.choice([("lease/grant", {"ID": lease, "TTL": 3600}), ("lease/revoke", {"ID": lease}),
                           ("kv/lease/timetolive", {"ID": lease, "keys": True}),
                           ("lease/keepalive", {"ID": lease})])
    return "kv/txn", transaction(rng)


def shift(body, offset):
    """The same request in our revisions."""
    if isinstance(body, list):
        return [shift(item, offset) for item in body]
    if isinstance(body, dict):
        return {key: value + offset if key.endswith("_revision") and value else shift(value, offset)
                for key, value in body.items()}
    return body


NUMBERS = re.compile(r'"(revision|create_revision|mod_revision)": "(\d+)"')


def normal(answer, offset):
    if isinstance(answer, dict) and isinstance(answer.get("keys"), list):
        answer = {**answer, "keys": sorted(answer["keys"])}  # etcd names a lease's keys in no order
    text = re.sub(r'"(cluster_id|member_id|raft_term)": "\d+"', r'"\1": "*"', json.dumps(answer))
    text = re.sub(r'"TTL": "35\d\d"', '"TTL": "3600"', text)
    return NUMBERS.sub(lambda m: f'"{m[1]}": "{int(m[2]) - offset}"', text)


class Json:
    """Sends over the gateway: (HTTP status, answer)."""

    def __init__(self, port):
        self.etcd = Etcd(port)

    def ask(self, path, body):
        return self.etcd.request("POST", f"/v3/{path}", body)

    def close(self):
        pass


METHODS = {
    "kv/put": ("KV/Put", pb.PutRequest, pb.PutResponse),
    "kv/deleterange": ("KV/DeleteRange", pb.DeleteRangeRequest, pb.DeleteRangeResponse),
    "kv/range": ("KV/Range", pb.RangeRequest, pb.RangeResponse),
    "kv/txn": ("KV/Txn", pb.TxnRequest, pb.TxnResponse),
    "lease/grant": ("Lease/LeaseGrant", pb.LeaseGrantRequest, pb.LeaseGrantResponse),
    "lease/revoke": ("Lease/LeaseRevoke", pb.LeaseRevokeRequest, pb.LeaseRevokeResponse),
    "kv/lease/timetolive": ("Lease/LeaseTimeToLive", pb.LeaseTimeToLiveRequest, pb.LeaseTimeToLiveResponse),
    "lease/keepalive": ("Lease/LeaseKeepAlive", pb.LeaseKeepAliveRequest, pb.LeaseKeepAliveResponse),
}


class Grpc:
    """Sends over gRPC: (status code, answer or its message)."""

    def __init__(self, port):
        self.channel = grpc.insecure_channel(f"127.0.0.1:{port}")

    def ask(self, path, body):
        method, request_type, answer_type = METHODS[path]
        message = json_format.ParseDict(body, request_type()).SerializeToString()
        path = f"/etcdserverpb.{method}"
        try:
            if method == "Lease/LeaseKeepAlive":
                answer = next(self.channel.stream_stream(path)(iter([message]), timeout=30))
            else:
                answer = self.channel.unary_unary(path)(message, timeout=30)
        except grpc.RpcError as error:
            return error.code().name, error.details()
        return "OK", json_format.MessageToDict(answer_type.FromString(answer), preserving_proto_field_name=True)

    def close(self):
        self.channel.close()
