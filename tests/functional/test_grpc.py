# SPDX-License-Identifier: Apache-2.0
"""The gRPC client against grpcio's server: calls, large messages, TLS, servers and addresses in turn.

How it meets servers that break the rules is tests/unit/grpc.
"""

import contextlib
import os
import re
import socket
import ssl
import threading

import grpc
import pytest

from lib.ca import Ca
from lib.grpc_talk import Talk, serve


@pytest.fixture
def servers():
    """Makes servers: servers(…) as lib.grpc_talk.serve(), returns the port."""
    made = []

    def make(*args, **kwargs):
        server, port = serve(*args, **kwargs)
        made.append(server)
        make.last = server
        return port

    yield make
    for server in made:
        server.stop(None).wait(10)


@pytest.fixture
def talk():
    made = []

    def make(*arguments):
        made.append(Talk(*arguments))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def dead_port():
    """A port where nobody listens and nobody else can."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        yield s.getsockname()[1]


# ---- calls ----

def test_calls(servers, talk):
    port = servers()
    t = talk(f"grpc://127.0.0.1:{port}")
    assert t.call(1, "/t/Echo", "hello") == ("OK", "remote", "")
    assert t.hear("message 1 ").split()[2] == "5"
    t.say("call 2 /t/Fail 0 authorization=secret", "finish 2", "send 2 x")
    assert t.end(2) == ("PERMISSION_DENIED", "remote", "nö: secret")
    assert t.call(3, "/t/None")[0] == "UNIMPLEMENTED"
    t.say("call 4 /t/Bidi 0", "send 4 one")
    t.hear("message 4 3 ")
    t.say("send 4 three", "peer")
    t.hear("message 4 5 ")
    assert t.hear("peer ") == f"peer grpc://127.0.0.1:{port}"
    assert "end 4" not in "".join(t.lines)
    t.say("finish 4")
    assert t.end(4) == ("OK", "remote", "")


def test_unix_socket(servers, talk, work):
    servers(f"unix:{work}/xds.sock")
    t = talk(f"unix:{work}/xds.sock")
    assert t.call(1, "/t/Echo", "hello") == ("OK", "remote", "")


def test_large(servers, talk):
    """Up and down, and never held twice."""
    t = talk(f"grpc://127.0.0.1:{servers()}")
    assert t.call(1, "/t/Echo", "small")[0] == "OK"
    before = t.peak_kb()
    assert t.call(2, "/t/Big", "52428800")[0] == "OK"
    assert t.hear("message 2 ").split()[2] == "52428800"
    assert t.peak_kb() - before < 52428800 / 1024 * 1.5
    t.say("call 3 /t/Echo 0", "sendn 3 20971520", "finish 3")
    assert t.end(3)[0] == "OK"
    assert t.hear("message 3 ").split()[2] == "20971520"


def test_size_limit(servers, talk):
    t = talk(f"grpc://127.0.0.1:{servers()}", "--max", 1000)
    code, where, text = t.call(1, "/t/Big", "1001")
    assert (code, where) == ("RESOURCE_EXHAUSTED", "local") and "1001 bytes" in text
    assert t.call(2, "/t/Big", "1000")[0] == "OK"


def test_goaway(servers, talk, work):
    """A server that stops serves its calls to their end; new ones get a new connection."""
    path = f"{work}/xds.sock"
    servers(f"unix:{path}")
    old = servers.last
    t = talk(f"unix:{path}")
    t.say("call 1 /t/Bidi 0", "send 1 one")
    t.hear("message 1 3 ")
    stopped = old.stop(60)
    os.rename(path, path + ".old") if os.path.exists(path) else None
    servers(f"unix:{path}")
    assert t.call(2, "/t/Echo", "hello", count=1)[0] == "OK"
    t.say("send 1 three")
    t.hear("message 1 5 ")
    t.say("finish 1")
    assert t.end(1) == ("OK", "remote", "")
    assert stopped.wait(30)


# ---- servers in turn ----

def test_dead_server_first(servers, talk, dead_port):
    port = servers()
    t = talk(f"grpc://127.0.0.1:{dead_port}", f"grpc://127.0.0.1:{port}")
    assert t.call(1, "/t/Echo", "hello")[0] == "OK"


def test_dead_address_first(servers, talk, work):
    """127.0.0.2 refuses; the name has 127.0.0.1 as well."""
    port = servers()
    (work / "hosts").write_text("127.0.0.2 cp.mesh\n127.0.0.1 cp.mesh\n")
    t = talk(f"grpc://cp.mesh:{port}", "--hosts", work / "hosts")
    assert t.call(1, "/t/Echo", "hello")[0] == "OK"
    t.say("peer")
    assert t.hear("peer ") == f"peer grpc://cp.mesh:{port} (127.0.0.1)"
    # The file is read anew for each connection.
    (work / "hosts").write_text("127.0.0.2 cp.mesh\n")
    t.say("refresh")
    code, _, text = t.call(2, "/t/Echo", "hello")
    assert code == "UNAVAILABLE" and f"cp.mesh:{port} (127.0.0.2): Connection refused" in text


def test_server_comes_back(servers, talk, dead_port):
    t = talk(f"grpc://127.0.0.1:{dead_port}")
    code, where, text = t.call(1, "/t/Echo", "hello")
    assert (code, where) == ("UNAVAILABLE", "local") and "Connection refused" in text


# ---- in the source worker's sandbox ----

def xds(server):
    return {"node": {"id": "test", "cluster": "test"}, "source": {"plugin": "xds", "options": {"server": server}}}


def test_sandboxed_names(daemons, servers):
    """The worker may read what names need, ask nameservers, and connect."""
    port = servers()
    daemon = daemons(config=xds([f"grpc://meshd-test.invalid:{port}", f"grpc://localhost:{port}"])).start()
    daemon.wait_log("Method not found!")
    assert daemon.workers()["source"]["restarts"] == 0


def test_sandboxed_failure(daemons, dead_port):
    daemon = daemons(config=xds([f"grpc://meshd-test.invalid:{dead_port}", f"grpc://localhost:{dead_port}"])).start()
    line = daemon.wait_log("cannot connect to .*").group()
    assert re.search(f"grpc://meshd-test.invalid:{dead_port}: .*(name|nameserver)", line)
    assert f"grpc://localhost:{dead_port} (127.0.0.1): Connection refused" in line
    assert daemon.workers()["source"]["restarts"] == 0


# ---- TLS ----

@pytest.fixture
def ca(work):
    return Ca(work, "ca")


def credentials(ca, client_ca=None, **kwargs):
    cert, key = ca.issue("server", **kwargs)
    return grpc.ssl_server_credentials([(key.read_bytes(), cert.read_bytes())],
                                       client_ca.cert.read_bytes() if client_ca else None, client_ca is not None)


def test_tls(servers, talk, ca):
    port = servers(credentials=credentials(ca))
    for host in ("127.0.0.1", "localhost"):
        t = talk(f"grpcs://{host}:{port}", "--ca", ca.cert)
        assert t.call(1, "/t/Echo", "hello") == ("OK", "remote", "")
        assert t.call(2, "/t/Big", "5000000")[0] == "OK"
    t = talk(f"grpcs://127.0.0.1:{port}", "--skip")
    assert t.call(1, "/t/Echo", "hello") == ("OK", "remote", "")


def test_tls_name(servers, talk, ca):
    port = servers(credentials=credentials(ca, san="DNS:istiod.istio-system.svc,DNS:istiod"))
    for host in ("127.0.0.1", "localhost"):
        code, where, text = talk(f"grpcs://{host}:{port}", "--ca", ca.cert).call(1, "/t/Echo", "hello")
        assert (code, where) == ("UNAVAILABLE", "local")
        assert f"is for istiod.istio-system.svc, istiod, not for {host}" in text and "server_name" in text
    t = talk(f"grpcs://127.0.0.1:{port}", "--ca", ca.cert, "--name", "istiod")
    assert t.call(1, "/t/Echo", "hello")[0] == "OK"


def test_tls_expired(servers, talk, ca):
    port = servers(credentials=credentials(ca, days=-1))
    code, _, text = talk(f"grpcs://127.0.0.1:{port}", "--ca", ca.cert).call(1, "/t/Echo", "hello")
    assert code == "UNAVAILABLE" and "the certificate of server has expired on 2" in text


def test_tls_unknown_ca(servers, talk, ca, work):
    other = Ca(work / "other", "other")
    port = servers(credentials=credentials(ca))
    code, _, text = talk(f"grpcs://127.0.0.1:{port}", "--ca", other.cert).call(1, "/t/Echo", "hello")
    assert code == "UNAVAILABLE" and "signed by ca, which is not in" in text and str(other.cert) in text
    code, _, text = talk(f"grpcs://127.0.0.1:{port}").call(1, "/t/Echo", "hello")
    assert code == "UNAVAILABLE" and "name the control plane's CA in tls.ca" in text


def test_tls_ca_replaced(servers, talk, ca, work):
    """The file counts as it is when a connection is made; one that cannot be read leaves the old."""
    other = Ca(work / "other", "other")
    port = servers(credentials=credentials(ca))
    file = work / "trusted.pem"
    t = talk(f"grpcs://127.0.0.1:{port}", "--ca", file)
    code, _, text = t.call(1, "/t/Echo", "hello")
    assert code == "UNAVAILABLE" and "create it or correct the path" in text
    file.write_bytes(other.cert.read_bytes())
    assert "signed by ca" in t.call(1, "/t/Echo", "hello", count=2)[2]
    file.write_bytes(ca.cert.read_bytes())
    assert t.call(1, "/t/Echo", "hello", count=3)[0] == "OK"
    file.write_text("nonsense")
    t.say("refresh")
    assert t.call(1, "/t/Echo", "hello", count=4)[0] == "OK"
    file.write_bytes(other.cert.read_bytes())
    t.say("refresh")
    assert t.call(1, "/t/Echo", "hello", count=5)[0] == "UNAVAILABLE"


def test_tls_client_certificate(servers, talk, ca):
    port = servers(credentials=credentials(ca, client_ca=ca))
    url = f"grpcs://127.0.0.1:{port}"
    code, _, text = talk(url, "--ca", ca.cert).call(1, "/t/Echo", "hello")
    assert code == "UNAVAILABLE" and "set tls.cert and tls.key" in text
    cert, key = ca.issue("client", usage="clientAuth")
    t = talk(url, "--ca", ca.cert, "--cert", cert, "--key", key)
    assert t.call(1, "/t/Echo", "hello")[0] == "OK"
    _, wrong = ca.issue("wrong", usage="clientAuth")
    code, _, text = talk(url, "--ca", ca.cert, "--cert", cert, "--key", wrong).call(1, "/t/Echo", "hello")
    assert code == "UNAVAILABLE" and "is not the private key of the certificate in tls.cert" in text


@contextlib.contextmanager
def tls_only(ca, alpn=True, client=False):
    """A port that does the TLS handshake, by Python's ssl, and then waits for the client to go."""
    cert, key = ca.issue("server")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    if alpn:
        context.set_alpn_protocols(["h2"])
    if client:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(ca.cert)

    def serve_one(listener):
        with contextlib.suppress(OSError):
            connection, _ = listener.accept()
            connection.settimeout(30)
            with context.wrap_socket(connection, server_side=True) as tls:
                tls.recv(1000)
                tls.recv(1000)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve_one, args=[listener])
        thread.start()
        yield listener.getsockname()[1]
        thread.join()


def test_tls_alert(talk, ca):
    """A server that says what it wants, as most do."""
    with tls_only(ca, client=True) as port:
        code, _, text = talk(f"grpcs://127.0.0.1:{port}", "--ca", ca.cert).call(1, "/t/Echo", "hello")
    assert code == "UNAVAILABLE" and "it wants a certificate from us; set tls.cert and tls.key" in text


def test_tls_without_http2(talk, ca):
    with tls_only(ca, alpn=False) as port:
        code, _, text = talk(f"grpcs://127.0.0.1:{port}", "--ca", ca.cert).call(1, "/t/Echo", "hello")
    assert code == "UNAVAILABLE" and "does not offer HTTP/2 (ALPN h2)" in text


def test_tls_or_not(servers, talk, ca):
    """The wrong scheme, both ways."""
    plain, tls = servers(), servers(credentials=credentials(ca))
    code, _, text = talk(f"grpcs://127.0.0.1:{plain}", "--ca", ca.cert).call(1, "/t/Echo", "hello")
    assert code == "UNAVAILABLE" and "write grpc://" in text
    code, _, text = talk(f"grpc://127.0.0.1:{tls}").call(1, "/t/Echo", "hello")
    assert code == "UNAVAILABLE" and "write grpcs://" in text
