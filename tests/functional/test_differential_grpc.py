# SPDX-License-Identifier: Apache-2.0
"""gRPC that is wrong, unknown or refused, and the server's own state: meshd beside a real etcd.

What differs on purpose: the words for protobuf that cannot be read (etcd's come from its library) and groups in it; writes,
which the mesh does not allow on its keys; sizes and raft numbers in Maintenance.Status.
"""

import grpc
import pytest
from aetcd.rpc import rpc_pb2

from lib.differ import report
from lib.etcd import b64
from lib.exchange import Exchange, post
from lib.twins import normal_text

SMALL = rpc_pb2.RangeRequest(key=b"/apisix/routes/").SerializeToString()


@pytest.fixture(scope="module")
def channels(twins):
    made = [grpc.insecure_channel(f"127.0.0.1:{port}") for port, _ in twins.sides()]
    yield made
    for channel in made:
        channel.close()


def status(make_call):
    """(code, details) of a call; OK with its answer's size when it succeeds."""
    try:
        answer = make_call()
        return grpc.StatusCode.OK, len(list(answer)) if not isinstance(answer, bytes) else bool(answer)
    except grpc.RpcError as error:
        return error.code(), error.details()


def on_both(channels, call):
    return [status(lambda c=channel: call(c)) for channel in channels]


UNKNOWN = ["/nothing", "/nothing/", "//", "/etcdserverpb.KV/Nothing", "/etcdserverpb.KV/range", "/etcdserverpb.KV/", "/etcdserverpb.Nothing/Range",
           "/etcdserverpb/KV/Range", "/KV/Range", "/etcdserverpb.kv/Range", "/a/b/c", "/etcdserverpb.KV/Range/", "/etcdserverpb.Watch/Nothing",
           "/etcdserverpb.Lease/Nothing", "/etcdserverpb.Maintenance/Nothing", "/etcdserverpb.Auth/Nothing", "/ü/x",
           "/" + "x" * 90 + "/y"]


@pytest.mark.parametrize("method", UNKNOWN)
def test_unknown_methods(channels, method):
    real, ours = on_both(channels, lambda c: c.unary_unary(method)(b""))
    assert real == ours


BROKEN = [b"\x0a", b"\x0a\x05abc", b"\xff", b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", b"\x08\x01", b"\x0d\x01\x02\x03\x04",
          b"\x1a\x01a", b"\x00", b"\x03", b"\x04", b"\x07", b"\x0f", b"\x18", b"\x18\xff", b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
          b"\x0b\x0c", SMALL + b"\x1a\x00", SMALL + b"\x9c\x06", b"\x38\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"]
ODD = [b"", b"\x12\x01b", SMALL + SMALL, SMALL + b"\x0a\x01z", SMALL + b"\x98\x06\x01", SMALL + b"\x9a\x06\x03abc", SMALL + b"\x9d\x06abcd",
       SMALL + b"\x99\x06abcdefgh", SMALL + b"\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
       SMALL + b"\x18\x81\x00", SMALL + b"\x38\x02", SMALL + b"\x20\x00", SMALL + b"\x28\x80\x80\x80\x80\x10"]
GROUP = SMALL + b"\x9b\x06\x08\x01\x9c\x06"


def test_protobuf_that_cannot_be_read(channels):
    mismatches = []
    for message in BROKEN:
        real, ours = on_both(channels, lambda c, m=message: c.unary_unary("/etcdserverpb.KV/Range")(m))
        words = "grpc: error unmarshalling request: "
        if real[0] != ours[0] or (real[1] is not True and not (real[1].startswith(words) and ours[1].startswith(words))):
            mismatches.append((message, real, ours))
    assert not mismatches, report(len(BROKEN), mismatches)


def test_protobuf_that_is_odd(channels):
    mismatches = []
    for message in ODD:
        real, ours = on_both(channels, lambda c, m=message: c.unary_unary("/etcdserverpb.KV/Range")(m))
        if real != ours:
            mismatches.append((message, real, ours))
    assert not mismatches, report(len(ODD), mismatches)


def test_groups_are_refused(channels):
    """On purpose: what protobuf gave up before version 3 is not worth its nesting; no client sends it."""
    real, ours = on_both(channels, lambda c: c.unary_unary("/etcdserverpb.KV/Range")(GROUP))
    assert real[0] == grpc.StatusCode.OK and ours[0] == grpc.StatusCode.INTERNAL


@pytest.mark.parametrize("messages", ([], [SMALL, SMALL], [b""]), ids=("none", "two", "empty"))
def test_the_wrong_number_of_messages(channels, messages):
    real, ours = on_both(channels, lambda c: c.stream_unary("/etcdserverpb.KV/Range")(iter(messages)))
    assert real == ours


def test_messages_of_a_size(channels):
    """1.5 MB is etcd's largest request by default, and half a megabyte more for the frame around it."""
    small, large = [rpc_pb2.RangeRequest(key=b"k" * n).SerializeToString() for n in (1000000, 8000000)]
    real, ours = on_both(channels, lambda c: c.unary_unary("/etcdserverpb.KV/Range")(small))
    assert real == ours == (grpc.StatusCode.OK, True)
    real, ours = on_both(channels, lambda c: c.unary_unary("/etcdserverpb.KV/Range")(large))
    assert real[0] == ours[0] == grpc.StatusCode.RESOURCE_EXHAUSTED


def test_metadata_and_deadlines_change_nothing(channels):
    metadata = (("x-test", "a"), ("hasleader", "true"), ("x-bin", b"\x00\xff"), ("client-api-version", "3.5"))
    real, ours = on_both(channels, lambda c: c.unary_unary("/etcdserverpb.KV/Range")(SMALL, metadata=metadata, timeout=20))
    assert real == ours == (grpc.StatusCode.OK, True)


# ---- what a client may try to write ----

WRITES = [
    ("/etcdserverpb.KV/Put", rpc_pb2.PutRequest(key=b"/apisix/routes/1", value=b"x"), "/v3/kv/put", {"key": b64("/apisix/routes/1")}),
    ("/etcdserverpb.KV/DeleteRange", rpc_pb2.DeleteRangeRequest(key=b"/apisix/", range_end=b"/apisix0"), "/v3/kv/deleterange",
     {"key": b64("/apisix/"), "range_end": b64("/apisix0")}),
]


@pytest.mark.parametrize("method, message, path, body", WRITES, ids=("put", "delete"))
def test_the_mesh_owns_its_keys(twins, channels, method, message, path, body):
    before = twins.daemon.etcd.range()
    code, details = status(lambda: channels[1].unary_unary(method)(message.SerializeToString()))
    assert code == grpc.StatusCode.PERMISSION_DENIED and details.startswith("etcdserver: permission denied")
    answered, answer = twins.daemon.etcd.request("POST", path, body)
    assert answered == 403 and answer["error"] == "etcdserver: permission denied" and answer["code"] == 7
    assert twins.daemon.etcd.range() == before


@pytest.mark.parametrize("method, path", (("Put", "put"), ("DeleteRange", "deleterange")))
def test_writes_without_a_key(twins, channels, method, path):
    real, ours = on_both(channels, lambda c: c.unary_unary(f"/etcdserverpb.KV/{method}")(b""))
    assert real == ours and real[0] == grpc.StatusCode.INVALID_ARGUMENT
    answers = [Exchange(port).ask(post(f"/v3/kv/{path}", "{}")) for port, _ in twins.sides()]
    assert answers[0].line == answers[1].line and answers[0].body == answers[1].body


def test_authenticate_without_users(twins, channels):
    message = rpc_pb2.AuthenticateRequest(name="root", password="x").SerializeToString()
    real, ours = on_both(channels, lambda c: c.unary_unary("/etcdserverpb.Auth/Authenticate")(message))
    assert real == ours
    answers = [Exchange(port).ask(post("/v3/auth/authenticate", '{"name":"root","password":"x"}')) for port, _ in twins.sides()]
    assert (answers[0].line, answers[0].body) == (answers[1].line, answers[1].body)


# ---- the server itself ----

def test_status_over_grpc(twins, channels):
    real, ours = [rpc_pb2.StatusResponse.FromString(c.unary_unary("/etcdserverpb.Maintenance/Status")(b"")) for c in channels]
    assert [f.name for f, _ in real.ListFields()] == [f.name for f, _ in ours.ListFields()]
    assert real.version == ours.version
    for answer, offset in ((real, 0), (ours, twins.offset)):
        assert answer.header.revision - offset == twins.revision
        assert answer.leader == answer.header.member_id and answer.raftTerm == answer.header.raft_term
        assert answer.raftIndex >= answer.raftAppliedIndex > 0 and answer.dbSize >= answer.dbSizeInUse > 0


def test_status_over_json(twins):
    real, ours = [Exchange(port).ask(post("/v3/maintenance/status", "{}")) for port, _ in twins.sides()]
    assert real.line == ours.line and sorted(h[0] for h in real.headers) == sorted(h[0] for h in ours.headers)
    names = [[part.split(b'"')[0] for part in normal_text(answer.body, 0).split(b',"')] for answer in (real, ours)]
    assert names[0] == names[1]
