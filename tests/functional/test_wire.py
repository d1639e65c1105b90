# SPDX-License-Identifier: Apache-2.0
"""The recorded requests of a real APISIX, byte for byte: the same shape of answers as etcd's."""

import json
import pathlib
import re
import socket

import pytest

from lib.etcd import unb64

RECORDINGS = pathlib.Path(__file__).resolve().parents[2].parent / "shared" / "wire"


def conversations(path):
    """[(connection, [segment, …])] of what the client sent, in order; CRLF is written out in the recordings."""
    connections, order, current = {}, [], None
    for line in path.read_text().splitlines():
        if m := re.match(r"--- .* conn#(\d+) (\S+)", line):
            current = (m[1], m[2])
            if m[2] == ">":
                if m[1] not in connections:
                    connections[m[1]] = []
                    order.append(m[1])
                connections[m[1]].append(b"")
        elif current and current[1] == ">" and line.startswith("  ") and not line.lstrip().startswith("# "):
            text = line[2:]
            if text.endswith("\\r\\n"):
                data = text[:-4].encode() + b"\r\n"
            else:
                data = text.encode()
            connections[current[0]][-1] += data
    return [(name, connections[name]) for name in order if any(connections[name])]


def read_answer(s, expect_stream):
    """One answer: (status, headers, body); of a watch only its first chunk."""
    f = s.makefile("rb")
    status = int(f.readline().split()[1])
    headers = {}
    while (line := f.readline()) not in (b"\r\n", b""):
        name, _, value = line.decode().partition(":")
        headers[name.strip().lower()] = value.strip()
    if headers.get("transfer-encoding") == "chunked":
        body = b""
        while size := int(f.readline() or b"0", 16):
            body += f.read(size)
            f.readline()
            if expect_stream:
                break
        return status, headers, body
    return status, headers, f.read(int(headers.get("content-length", 0)))


def requests():
    seen = {}
    for path in sorted(RECORDINGS.glob("*.txt")):
        for _, segments in conversations(path):
            whole = b"".join(segments)
            first = whole.split(b"\r\n", 1)[0].decode(errors="replace")
            if not re.match(r"(GET|POST) /\S* HTTP/1\.1$", first):
                continue
            path_only = first.split()[1]
            if not re.search(r"/(version|health|v3/kv/range|v3/watch)$", path_only):
                continue
            count = len(re.findall(rb"(?:GET|POST) /\S* HTTP/1\.1\r\n", whole))
            if count == 1 and b"authorization" not in whole.lower():
                seen.setdefault(whole, (f"{path.name[:2]} {path_only}", segments))
    return list(seen.values())


REQUESTS = requests() if RECORDINGS.is_dir() else []


@pytest.mark.skipif(not REQUESTS, reason="there is no ../shared/wire beside the project")
def test_there_are_recordings():
    assert len(REQUESTS) >= 10


@pytest.mark.parametrize("name, segments", REQUESTS, ids=[f"{i}-{n}" for i, (n, _) in enumerate(REQUESTS)])
def test_recorded_request(meshd_once, name, segments):
    whole = b"".join(segments)
    head, _, body = whole.partition(b"\r\n\r\n")
    segments = [head + b"\r\n\r\n", body] if body else [whole]
    with socket.create_connection(("127.0.0.1", meshd_once.port), timeout=10) as s:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for segment in segments:
            s.sendall(segment)
        status, headers, answer = read_answer(s, name.endswith("/v3/watch"))
    assert status == 200, answer
    message = json.loads(answer)
    if name.endswith("/version"):
        assert tuple(map(int, message["etcdcluster"].split("."))) >= (3, 4, 0)
        return
    if name.endswith("/health"):
        assert message == {"health": "true"}
        return
    assert headers["content-type"] == "application/json"
    if name.endswith("/v3/watch"):
        assert answer.endswith(b"\n") and message["result"]["created"] is True
        header = message["result"]["header"]
    else:
        header = message["header"]
        assert "kvs" not in message or message["kvs"]
        keys = [unb64(kv["key"]) for kv in message.get("kvs", [])]
        assert keys == sorted(keys)
        for kv in message.get("kvs", []):
            assert list(kv)[:4] == ["key", "create_revision", "mod_revision", "version"]
            assert all(isinstance(kv[n], str) for n in ("create_revision", "mod_revision", "version"))
    assert list(header) == ["cluster_id", "member_id", "revision", "raft_term"]
    assert all(isinstance(v, str) and v.isdigit() for v in header.values())
    assert 1e12 < int(header["revision"]) < 1e14


def test_watch_as_the_second_request_of_a_connection(meshd_once):
    body = b'{"key":"L2FwaXNpeC8="}'
    with socket.create_connection(("127.0.0.1", meshd_once.port), timeout=10) as s:
        s.sendall(b"POST /v3/kv/range HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        status, _, answer = read_answer(s, False)
        assert status == 200
        revision = int(json.loads(answer)["header"]["revision"])
        body = b'{"create_request":{"key":"L2FwaXNpeC8=","range_end":"L2FwaXNpeDA=","start_revision":%d}}' % (revision + 1)
        s.sendall(b"POST /v3/watch HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        status, headers, answer = read_answer(s, True)
        assert status == 200 and headers["transfer-encoding"] == "chunked" and b'"created":true' in answer


def test_compacted_and_future_revisions_are_cancelled(meshd_once):
    current = meshd_once.etcd.revision()
    for start in (1, current + 1000):
        watch = meshd_once.etcd.watch(start)
        from lib.wait import wait_for
        result = wait_for(lambda w=watch: [r for r in w.results() if r.get("canceled")], "the cancel")[0]
        assert int(result["compact_revision"]) == current + 1
        assert "events" not in result
        watch.close()


def test_init_dir_puts_are_accepted(meshd_once):
    before = meshd_once.objects()
    for name in ("routes", "upstreams", "ssls"):
        import base64
        status, answer = meshd_once.etcd.request("POST", "/v3/kv/put", {
            "value": "aW5pdF9kaXI=", "key": base64.b64encode(f"/apisix/{name}/".encode()).decode()})
        assert status == 200 and list(answer) == ["header"]
    assert meshd_once.objects() == before
