# SPDX-License-Identifier: Apache-2.0
"""Limits of the etcd port: floods, greedy and stuck clients, and that nobody else feels them."""

import json
import os
import pathlib
import socket
import struct
import subprocess
import time

import pytest

from lib.daemon import running_as_root
from lib.etcd import b64
from lib.large import MANY, write_endpoints, write_large_mesh
from lib.wait import wait_for

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, CONTINUATION = 0, 1, 3, 4, 6, 7, 9
END_HEADERS = 4
ENHANCE_YOUR_CALM = 11
# HPACK: :method POST, :scheme http, literals with indexed names :path, :authority, content-type.
WATCH_CALL = b"\x83\x86\x04\x19/etcdserverpb.Watch/Watch\x01\x01x\x0f\x10\x10application/grpc"
RANGE_CALL = WATCH_CALL.replace(b"\x19/etcdserverpb.Watch/Watch", b"\x16/etcdserverpb.KV/Range")
RANGE = json.dumps({"key": b64("/apisix/"), "range_end": b64("/apisix0")})


def small(daemons, mesh, **options):
    daemon = daemons(paths=[mesh])
    daemon.config["frontend"]["options"].update(options)
    daemon.write_config()
    daemon.start()
    daemon.wait_objects(14)
    return daemon


def connect(port):
    return socket.create_connection(("127.0.0.1", port), timeout=30)


def read_all(sock):
    """Everything until the other side closes; a reset ends it too."""
    data = b""
    try:
        while chunk := sock.recv(65536):
            data += chunk
    except ConnectionError:
        pass
    return data


# ---- HTTP/2 floods -----------------------------------------------------------------------------

def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def goaway_error(data):
    error, at = None, 0
    while at + 9 <= len(data):
        size = int.from_bytes(data[at:at + 3], "big")
        if data[at + 3] == GOAWAY and at + 17 <= len(data):
            error = int.from_bytes(data[at + 13:at + 17], "big")
        at += 9 + size
    return error


FLOODS = {
    "settings": lambda i: frame(SETTINGS, 0, 0),
    "ping": lambda i: frame(PING, 0, 0, b"12345678"),
    "empty-data": lambda i: (frame(HEADERS, END_HEADERS, 1, WATCH_CALL) if i == 0 else frame(DATA, 0, 1)),
    "rapid-reset": lambda i: (frame(HEADERS, END_HEADERS, 2 * i + 1, WATCH_CALL) +
                              frame(RST_STREAM, 0, 2 * i + 1, struct.pack(">I", 8))),
    "made-to-reset": lambda i: (frame(HEADERS, END_HEADERS, 2 * i + 1, WATCH_CALL) +
                                frame(8, 0, 2 * i + 1, struct.pack(">I", 0x7FFFFFFF))),
    "continuation": lambda i: (frame(HEADERS, 0, 1, WATCH_CALL) if i == 0
                               else frame(CONTINUATION, 0, 1, b"\x00\x01a\x01b")),
}


@pytest.mark.parametrize("name", FLOODS)
def test_http2_floods_end_the_connection_and_disturb_nobody(meshd, mesh, name):
    watch = meshd.etcd.watch()
    pid = meshd.workers()["frontend"]["pid"]
    with connect(meshd.port) as sock:
        try:
            sock.sendall(PREFACE + frame(SETTINGS, 0, 0))
            sock.sendall(b"".join(FLOODS[name](i) for i in range(5000)))
            sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        data = read_all(sock)
    # A client that goes on sending may have lost the last words to a reset.
    assert goaway_error(data) in (None, ENHANCE_YOUR_CALM)
    wait_for(lambda: meshd.counters("frontend")["requests_malformed"] >= 1, "the flood to be counted")
    path = mesh / "4-endpoints.yaml"
    path.write_text(path.read_text().replace("10.1.0.21", "10.1.0.99"))
    watch.wait_events(1)
    watch.close()
    assert meshd.workers()["frontend"]["pid"] == pid
    assert len(meshd.log().splitlines()) < 60


def test_streams_of_one_connection_are_bounded(meshd):
    with connect(meshd.port) as sock:
        sock.sendall(PREFACE + frame(SETTINGS, 0, 0) +
                     b"".join(frame(HEADERS, END_HEADERS, 2 * i + 1, WATCH_CALL) for i in range(1200)))
        data, refused, at = b"", 0, 0
        while refused == 0:
            data += sock.recv(65536)
            while at + 9 <= len(data) and at + 9 + int.from_bytes(data[at:at + 3], "big") <= len(data):
                size = int.from_bytes(data[at:at + 3], "big")
                if data[at + 3] == RST_STREAM:
                    assert data[at + 9:at + 13] == b"\0\0\0\x07"  # REFUSED_STREAM
                    assert int.from_bytes(data[at + 5:at + 9], "big") > 2 * 1024
                    refused += 1
                at += 9 + size


# ---- HTTP/1 ------------------------------------------------------------------------------------

@pytest.mark.parametrize("head, body, status", [
    ("POST /v3/kv/range HTTP/1.1\r\nHost: x\r\nX: " + "y" * 20000 + "\r\n", "", 431),
    ("POST /v3/kv/range HTTP/1.1\r\nHost: x\r\n" + "X: y\r\n" * 5000, "", 431),
    ("POST /v3/kv/range HTTP/1.1\r\nHost: x\r\nContent-Length: 5000000\r\n", "", 413),
    ("POST /v3/kv/range HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n", "500000\r\n", 413),
], ids=["long-header", "many-headers", "large-body", "large-chunk"])
def test_sizes_of_requests_are_bounded(meshd, head, body, status):
    with connect(meshd.port) as sock:
        sock.sendall((head + "\r\n" + body).encode())
        sock.shutdown(socket.SHUT_WR)
        answer = read_all(sock)
    assert answer.startswith(f"HTTP/1.1 {status} ".encode()), answer[:200]


def test_pipelined_requests_are_all_answered(meshd):
    request = f"POST /v3/kv/range HTTP/1.1\r\nHost: x\r\nContent-Length: {len(RANGE)}\r\n\r\n{RANGE}".encode()
    with connect(meshd.port) as sock:
        sock.sendall(request * 200)
        sock.shutdown(socket.SHUT_WR)
        assert read_all(sock).count(b"HTTP/1.1 200 OK\r\n") >= 1
    with connect(meshd.port) as sock:
        sock.sendall(request * 200)
        data = b""
        while data.count(b'"count":"') < 200:
            data += sock.recv(65536)


def test_connections_are_bounded(daemons, mesh):
    daemon = small(daemons, mesh, max_connections=16)
    pid = daemon.workers()["frontend"]["pid"]
    held = [connect(daemon.port) for _ in range(16)]
    wait_for(lambda: daemon.counters("frontend")["connections"] == 16, "16 connections")
    with connect(daemon.port) as late:
        assert read_all(late) == b""
    daemon.wait_log("closed a new connection, there are 16 of at most 16; raise max_connections")
    held[0].sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
    assert held[0].recv(65536).startswith(b"HTTP/1.1 200 OK")
    for sock in held:
        sock.close()
    wait_for(lambda: daemon.counters("frontend")["connections"] == 0, "all connections to end")
    assert daemon.objects() and daemon.workers()["frontend"]["pid"] == pid


def test_strangers_get_half_of_the_connections(daemons, mesh):
    if not running_as_root():
        pytest.skip("needs a second user")
    daemon = small(daemons, mesh, max_connections=16)
    program = (f"import socket, sys\n"
               f"held = [socket.create_connection(('127.0.0.1', {daemon.port}), 20) for _ in range(20)]\n"
               f"print('ready', flush=True)\n"
               f"sys.stdin.read()\n")
    with subprocess.Popen(["/usr/bin/python3", "-I", "-S", "-c", program], user=65533, group=65533, extra_groups=[],
                          cwd="/", stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as stranger:
        assert stranger.stdout.readline() == "ready\n"
        wait_for(lambda: daemon.counters("frontend")["connections_refused"] >= 12, "the other half to be refused")
        assert daemon.counters("frontend")["connections"] == 8
        assert daemon.objects()
        stranger.stdin.close()


HEAD = b"POST /v3/kv/range HTTP/1.1\r\nHost: x\r\n"
SLOW = {  # what is sent at once, and what then comes byte by byte, for ever
    "request line": (b"", b"/" * 100),
    "header": (HEAD + b"X: ", b"y" * 100),
    "headers": (HEAD, b"A: b\r\n" * 20),
    "body": (HEAD + b"Content-Length: 1000\r\n\r\n", b" " * 100),
    "chunks": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n" * 20),
    "preface": (PREFACE[:4], PREFACE[4:20]),
    "message": (PREFACE + frame(SETTINGS, 0, 0) + frame(HEADERS, END_HEADERS, 1, RANGE_CALL) +
                frame(DATA, 0, 1, b"\0\0\0\0\x10"), frame(DATA, 0, 1, b"\n") * 10),
}


def trickle(socks):
    """One more byte to each; the names of those that the server has ended."""
    ended = set()
    for name, (sock, rest) in socks.items():
        try:
            sock.send(rest[:1])
            if len(rest) > 1:
                del rest[:1]
            sock.setblocking(False)
            while sock.recv(65536):
                pass
            ended.add(name)
        except BlockingIOError:
            sock.setblocking(True)
        except ConnectionError:
            ended.add(name)
    return ended


def test_who_never_ends_a_request_is_ended(meshd):
    """30 s after its first byte, however busily it goes on; a watch that says nothing stays, and so does who asks."""
    watch, asking = meshd.etcd.watch(), connect(meshd.port)
    socks = {}
    for name, (first, rest) in SLOW.items():
        sock = connect(meshd.port)
        sock.sendall(first)
        socks[name] = sock, bytearray(rest)
    wait_for(lambda: meshd.counters("frontend")["connections"] >= 2 + len(SLOW), "all connections")
    wait_for(lambda: trickle(socks) == set(SLOW), "the end of all that never end", 60, 1)
    asking.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
    assert asking.recv(65536).startswith(b"HTTP/1.1 200 OK")
    wait_for(lambda: meshd.counters("frontend")["connections"] == 2, "the watch and the one who asks alone")
    assert not watch.closed.is_set()
    for sock in (asking, *(sock for sock, _ in socks.values())):
        sock.close()
    watch.close()


# ---- watches -----------------------------------------------------------------------------------

def resident(pid):
    """Bytes that a process holds in memory of its own."""
    lines = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_")) * 1024


def test_a_large_commit_reaches_all_and_a_stuck_watcher_costs_little(daemons, work):
    folder = work / "large.d"
    folder.mkdir(mode=0o755)
    write_large_mesh(folder)
    daemon = daemons(paths=[folder])
    daemon.config["frontend"]["options"]["watch_buffer"] = "1MB"
    daemon.write_config()
    daemon.start()
    wait_for(lambda: len(daemon.objects()) >= 2 * MANY, "the large mesh", 120)
    watch = daemon.etcd.watch()
    stuck = [connect(daemon.port) for _ in range(8)]
    body = json.dumps({"create_request": {"key": b64("/apisix/"), "range_end": b64("/apisix0")}})
    for sock in stuck:
        sock.sendall(f"POST /v3/watch HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
    wait_for(lambda: daemon.counters("frontend")["watches"] == 9, "all watches")
    pid = daemon.workers()["frontend"]["pid"]
    before, changes = resident(pid), 0
    while daemon.counters("frontend")["watches_cancelled"] < 8:
        changes += 1
        assert changes < 20, "the kernel cannot hold that much for a client that does not read"
        write_endpoints(folder, f"10.0.1.{changes}")
        wait_for(lambda: len(watch.messages) > changes, f"change {changes}", 120)
    sizes = [len(r["events"]) for r in watch.results() if "events" in r]
    assert sizes == [MANY] * changes  # each commit whole, in one message
    assert daemon.counters("frontend")["watches"] == 1 and daemon.workers()["frontend"]["pid"] == pid
    grown = resident(pid) - before
    assert grown < 96 << 20, f"{grown >> 20} MB"  # one copy each for the eight would be 240
    # What they get in the end: whole lines, the last of which tells them where to go on.
    data = b""
    stuck[0].settimeout(30)
    while b'"canceled":true' not in data[-4096:]:
        chunk = stuck[0].recv(1 << 20)
        assert chunk, data[-200:]
        data += chunk
    assert b'"compact_revision":"' in data[-4096:]
    watch.close()
    # Seven still have not read: that is no reason to end in another way.
    assert daemon.stop() == 0 and "ended by" not in daemon.log()
    for sock in stuck:
        sock.close()


READERS = 80


def test_readers_that_stand_still_are_bounded_together(daemons, work):
    """Each has an answer of its own and stays below the bound of one connection; the answers are 700 MB."""
    folder = work / "large.d"
    folder.mkdir(mode=0o755)
    write_large_mesh(folder)
    daemon = daemons(paths=[folder])
    daemon.config["frontend"]["options"].update(max_unread="32MB", max_connections=256)
    daemon.write_config()
    daemon.start()
    wait_for(lambda: len(daemon.objects()) >= 2 * MANY, "the large mesh", 120)
    watch = daemon.etcd.watch()
    pid = daemon.workers()["frontend"]["pid"]
    before, stuck, asked = resident(pid), [], daemon.counters("frontend")["requests"]
    for i in range(READERS):
        body = json.dumps({"key": b64("/apisix/"), "range_end": b64("/apisix0"), "limit": 10 * MANY + i})
        stuck.append(connect(daemon.port))
        stuck[-1].sendall(f"POST /v3/kv/range HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
        wait_for(lambda n=asked + len(stuck): daemon.counters("frontend")["requests"] >= n, "the request to be taken")
    wait_for(lambda: daemon.counters("frontend")["connections_unread"] >= READERS - 16, "those that stand still to be let go")
    grown = resident(pid) - before  # what a sanitizer keeps of freed memory included
    assert grown < 400 << 20, f"{grown >> 20} MB"
    write_endpoints(folder, "10.0.1.1")
    wait_for(lambda: len(watch.messages) > 1, "the change", 120)
    assert len(daemon.objects()) >= 2 * MANY and daemon.workers()["frontend"]["pid"] == pid
    daemon.wait_log("more than max_unread")
    for sock in stuck:
        sock.close()
    watch.close()


def test_watches_are_bounded(daemons, mesh):
    daemon = small(daemons, mesh, max_watches=16)
    one = json.dumps({"create_request": {"key": b64("/apisix/")}})
    with connect(daemon.port) as sock:
        body = one * 17
        sock.sendall(f"POST /v3/watch HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
        data = b""
        while data.count(b'"created":true') < 17:
            data += sock.recv(65536)
        assert data.count(b'"canceled":true') == 1 and b"max_watches allows no more" in data
    end = time.monotonic() + 30
    while daemon.counters("frontend")["watches"] > 0:
        assert time.monotonic() < end
