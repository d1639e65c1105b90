# SPDX-License-Identifier: Apache-2.0
"""meshd and a real etcd with the same content answer thousands of range requests alike.

What differs on purpose: ids and terms (they name the server); an unknown sort_order or sort_target is an
error, as in etcd 3.5 (3.4 ignores the one and dies of the other); what is equal in a sort stays in key
order (etcd's order is that of chance beyond 12 kvs); large answers come with a Content-Length instead of
in chunks.
"""

import json

import grpc
import pytest
from aetcd.rpc import rpc_pb2
from google.protobuf.json_format import MessageToDict

from lib.differ import report
from lib.etcd import b64, unb64
from lib.exchange import Exchange, post
from lib.grid import FILTERS, range_requests
from lib.twins import normal_text, resolve

def json_body(request, offset):
    request = resolve(request, offset)
    return json.dumps({k: b64(v) if isinstance(v, bytes) else v for k, v in request.items()})


SORT_FIELDS = (None, "version", "create_revision", "mod_revision", "value")


def sort_value(kv, target):
    name = SORT_FIELDS[target]
    return unb64(kv.get(name)) if name == "value" else int(kv.get(name, 0))


def stable_kvs(twins, request):
    """What etcd would answer if its sort kept equals in key order: made from its unsorted answer."""
    plain = {k: v for k, v in request.items() if k not in ("sort_order", "sort_target", "limit", "keys_only")}
    if not request.get("sort_order") and request.get("limit", 0) > 0 and not any(name in request for name in FILTERS):
        plain["limit"] = request["limit"] + 1  # without an order etcd sorts only what it fetched
    status, answer = twins.real.etcd.request("POST", "/v3/kv/range", json.loads(json_body(plain, 0)))
    assert status == 200, answer
    kvs = sorted(answer.get("kvs", []), key=lambda kv: sort_value(kv, request["sort_target"]),
                 reverse=request.get("sort_order") == 2)
    if request.get("limit", 0) > 0:
        kvs = kvs[:request["limit"]]
    return kvs


def settle_ties(twins, request, text):
    """etcd's answer with the equals of its unstable sort in key order. What it sorted by must not change."""
    answer = json.loads(text)
    if not request.get("sort_target") or not answer.get("kvs"):
        return text
    kvs = stable_kvs(twins, request)
    if SORT_FIELDS[request["sort_target"]] in answer["kvs"][0]:
        assert [sort_value(kv, request["sort_target"]) for kv in kvs] == \
            [sort_value(kv, request["sort_target"]) for kv in answer["kvs"]], request
    if request.get("keys_only"):
        kvs = [{k: v for k, v in kv.items() if k != "value"} for kv in kvs]
    answer["kvs"] = kvs
    return json.dumps(answer, separators=(",", ":")).encode()


def headers_that_matter(answer):
    """Names and values in order; Date and the framing, which depends on length, are looked at elsewhere."""
    return [(k, v) for k, v in answer.headers if k not in ("Date", "Content-Length", "Transfer-Encoding")]


def seen(answer, offset):
    return answer.line, headers_that_matter(answer), normal_text(answer.body, offset), answer.trailers


def test_ranges_over_json(twins):
    requests, mismatches = range_requests(twins), []
    assert len(requests) > 3000
    real_end, our_end = [Exchange(port) for port, _ in twins.sides()]
    for request in requests:
        answer = real_end.ask(post("/v3/kv/range", json_body(request, 0)))
        ours = seen(our_end.ask(post("/v3/kv/range", json_body(request, twins.offset))), twins.offset)
        if seen(answer, 0) == ours:
            continue
        answer.body = settle_ties(twins, request, answer.body)
        if seen(answer, 0) != ours:
            mismatches.append((request, seen(answer, 0), ours))
    assert not mismatches, report(len(requests), mismatches)


def outcome(call, message, offset):
    """(code, details, normalised answer) of one gRPC call with these bytes."""
    try:
        answer = rpc_pb2.RangeResponse.FromString(call(message))
    except grpc.RpcError as error:
        return error.code(), error.details(), None
    answer.header.revision -= offset
    answer.header.cluster_id = answer.header.member_id = answer.header.raft_term = 1
    for kv in answer.kvs:
        kv.create_revision -= offset
        kv.mod_revision -= offset
    return None, None, answer


@pytest.fixture(scope="module")
def channels(twins):
    made = [(grpc.insecure_channel(f"127.0.0.1:{port}"), offset) for port, offset in twins.sides()]
    yield made
    for channel, _ in made:
        channel.close()


def as_text(answer):
    return json.dumps(MessageToDict(answer, preserving_proto_field_name=True), separators=(",", ":")).encode()


def same_but_ties(twins, request, real, ours):
    return real[2] is not None and ours[2] is not None and \
        settle_ties(twins, request, as_text(real[2])) == as_text(ours[2])


def test_ranges_over_grpc(twins, channels):
    requests, mismatches = range_requests(twins), []
    calls = [(channel.unary_unary("/etcdserverpb.KV/Range"), offset) for channel, offset in channels]
    for request in requests:
        real, ours = [outcome(call, rpc_pb2.RangeRequest(**resolve(request, offset)).SerializeToString(), offset)
                      for call, offset in calls]
        if real != ours and not same_but_ties(twins, request, real, ours):
            mismatches.append((request, real, ours))
    assert not mismatches, report(len(requests), mismatches)


def test_unknown_sorts_are_refused(twins):
    request = {"key": b"/apisix/", "range_end": b"/apisix0", "sort_order": 7}
    real, ours = [Exchange(port).ask(post("/v3/kv/range", json_body(request, offset))) for port, offset in twins.sides()]
    assert "200" in real.line and "400" in ours.line and b"etcdserver: invalid sort option" in ours.body
    request = {"key": b"/apisix/", "range_end": b"/apisix0", "sort_target": 7}  # kills an etcd 3.4
    assert b"etcdserver: invalid sort option" in Exchange(twins.daemon.port).ask(
        post("/v3/kv/range", json_body(request, twins.offset))).body


def test_large_answers_tell_their_length(twins):
    request = json_body({"key": b"/apisix/", "range_end": b"/apisix0"}, 0)
    real, ours = [Exchange(port).ask(post("/v3/kv/range", request)) for port, _ in twins.sides()]
    assert real.chunks >= 1 and real.header("Content-Length") is None
    assert ours.chunks == -1 and int(ours.header("Content-Length")) == len(ours.body)
