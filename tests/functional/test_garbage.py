# SPDX-License-Identifier: Apache-2.0
"""Garbage on the etcd port and on the control socket: connection closed, one line, daemon alive."""

import os
import random
import socket
import struct

import pytest

from lib.wait import wait_for

RANDOM = random.Random(20)
H2 = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def throw(family, address, data):
    """Sends bytes and reads until the other side closes or has nothing to say for 2 s."""
    with socket.socket(family, socket.SOCK_STREAM) as s:
        s.settimeout(2)
        try:
            s.connect(address)
            s.sendall(data)
            s.shutdown(socket.SHUT_WR)
            answer = b""
            while chunk := s.recv(65536):
                answer += chunk
            return answer
        except (TimeoutError, ConnectionError, BrokenPipeError):
            return None


@pytest.mark.parametrize("data", [
    b"\x00" * 4096,
    RANDOM.randbytes(65536),
    b"GET / HTTP/9.9\r\n\r\n",
    b"POST /v3/kv/range HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n{}",
    b"POST /v3/kv/range HTTP/1.1\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}",
    b"POST /v3/kv/range HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
    b"POST /v3/kv/range HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\n",
    b"GET /" + b"a" * 100000 + b" HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 100000 + b"\r\n",
    H2 + RANDOM.randbytes(4096),
    H2 + struct.pack(">I", 0xFFFFFF00) + b"\xff" * 100,
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + RANDOM.randbytes(400),
], ids=["zeros", "random", "version", "two-lengths", "length-and-chunked", "huge-length", "huge-chunk", "long-line",
        "many-headers", "h2-random", "h2-huge-frame", "tls"])
def test_garbage_on_the_etcd_port(meshd, data):
    before = meshd.objects()
    pids = {role: w["pid"] for role, w in meshd.workers().items()}
    for _ in range(3):
        throw(socket.AF_INET, ("127.0.0.1", meshd.port), data)
    assert meshd.objects() == before
    assert {role: w["pid"] for role, w in meshd.workers().items()} == pids
    assert len(meshd.log().splitlines()) < 100


@pytest.mark.parametrize("data", [
    b"",
    b"\x00",
    b"\xff" * 4,
    struct.pack("<I", 16) + b"\xff" * 16,
    struct.pack("<I", 1 << 30) + b"x" * 100,
    struct.pack("<I", 65536) + RANDOM.randbytes(65536),
    struct.pack("<I", 6) + b"\x0a\x04a\x00bc",
    RANDOM.randbytes(200000),
], ids=["nothing", "one-byte", "ones", "bad-message", "huge-size", "full-random", "nul-in-text", "random"])
def test_garbage_on_the_control_socket(meshd, data):
    pids = {role: w["pid"] for role, w in meshd.workers().items()}
    for _ in range(3):
        throw(socket.AF_UNIX, str(meshd.socket), data)
    assert {role: w["pid"] for role, w in meshd.workers().items()} == pids
    assert len(meshd.log().splitlines()) < 100


def test_many_silent_control_connections(meshd):
    """More connections than there is room for neither block the daemon nor stay for ever."""
    held = []
    for _ in range(80):
        s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        s.settimeout(1)
        try:
            s.connect(str(meshd.socket))
        except OSError:
            s.close()
            break
        held.append(s)
    wait_for(meshd.workers, "an answer from the control socket", 20)
    for s in held:
        s.close()


def test_a_request_in_single_bytes(meshd):
    body = b'{"key":"L2FwaXNpeC8=","range_end":"L2FwaXNpeDA=","limit":1}'
    request = b"POST /v3/kv/range HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    with socket.create_connection(("127.0.0.1", meshd.port), timeout=10) as s:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for i in range(len(request)):
            s.sendall(request[i:i + 1])
        assert s.recv(65536).startswith(b"HTTP/1.1 200 OK\r\n")


def test_garbage_on_a_pipe(meshd):
    """Foreign bytes on a pipe between two workers: that pipe is replaced, nothing else happens."""
    if os.geteuid() != 0:
        pytest.skip("only root may take a descriptor of another process")
    before, revision = meshd.objects(), meshd.etcd.revision()
    worker = meshd.workers()["translator"]["pid"]
    pidfd = os.pidfd_open(worker)
    import ctypes
    libc = ctypes.CDLL(None, use_errno=True)
    thrown = 0
    try:
        for name in sorted(os.listdir(f"/proc/{worker}/fd"), key=int):
            if int(name) <= 4 or not os.readlink(f"/proc/{worker}/fd/{name}").startswith("socket:"):
                continue
            fd = libc.syscall(438, pidfd, int(name), 0)     # pidfd_getfd(2)
            if fd < 0:
                pytest.skip("pidfd_getfd is not allowed here")
            with socket.socket(fileno=fd) as s:
                if s.family == socket.AF_UNIX:
                    s.send(b"\xde\xad\xbe\xef" * 64)
                    thrown += 1
    finally:
        os.close(pidfd)
    assert thrown > 0
    meshd.wait_log("(?i)pipe")
    wait_for(lambda: (meshd.workers() or {}).get("frontend", {}).get("state") == "ready"
             and all(w["state"] in ("ready", "off") for w in meshd.workers().values()), "all workers ready")
    assert wait_for(meshd.objects, "an answer") == before and meshd.etcd.revision() == revision
