# SPDX-License-Identifier: Apache-2.0
"""Who may read: users with passwords, TLS, client certificates, and their renewal while it runs."""

import json
import os
import shutil
import socket
import ssl
import subprocess
import time

import pytest

from lib.ca import Ca
from lib.daemon import run, running_as_root
from lib.etcd import b64, unb64
from lib.wait import wait_for

RANGE = json.dumps({"key": b64("/apisix/"), "range_end": b64("/apisix0")})
PASSWORD = "a6pw"


def etcdctl(endpoint, *argv):
    return run("etcdctl", "--endpoints", endpoint, *argv, env={**os.environ, "ETCDCTL_API": "3"})


def stranger():
    """A user that meshd does not let in by its uid, where we may become one."""
    return 65533 if running_as_root() else None


def as_stranger(*argv, **kwargs):
    if not running_as_root():
        pytest.skip("needs a second user")
    return run(*argv, user=stranger(), group=stranger(), extra_groups=[], cwd="/", **kwargs)


def curl(port, path, body=None, *more, scheme="http", method=None):
    """(status, headers, body) of a request by a user that meshd does not know."""
    argv = ["curl", "-sS", "-i", "--max-time", "20", *more, f"{scheme}://localhost:{port}{path}"]
    if body is not None:
        argv += ["-X", method or "POST", "-d", body]
    result = as_stranger(*argv)
    assert result.returncode == 0, result.stderr
    head, _, text = result.stdout.partition("\n\n")
    if "HTTP/" not in head:
        head, _, text = result.stdout.partition("\r\n\r\n")
    return int(head.split()[1]), head, text


def apisix_request(port, path, body, token=None):
    """The bytes that APISIX's client sends, head and body apart; the whole answer."""
    head = (f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
            "User-Agent: lua-resty-http/0.16.1 (Lua) ngx_lua/10028\r\n")
    if token:
        head += f"Authorization: {token}\r\n"
    head += f"Content-Length: {len(body)}\r\n\r\n"
    program = ("import socket, sys\n"
               f"s = socket.create_connection(('127.0.0.1', {port}), 20)\n"
               "s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)\n"
               f"s.sendall({head.encode()!r}); s.sendall({body.encode()!r}); s.shutdown(socket.SHUT_WR)\n"
               "data = b''\n"
               "while chunk := s.recv(65536):\n"
               "    data += chunk\n"
               "sys.stdout.buffer.write(data)\n")
    result = as_stranger("/usr/bin/python3", "-I", "-S", "-c", program)
    assert result.returncode == 0, result.stderr
    return result.stdout


# ---- users -------------------------------------------------------------------------------------

@pytest.fixture
def password_file(work):
    path = work / "password"
    path.write_text(PASSWORD + "\n")
    os.chmod(path, 0o644)
    return path


@pytest.fixture
def with_users(daemons, mesh, password_file):
    daemon = daemons(paths=[mesh])
    daemon.config["frontend"]["options"]["users"] = [{"name": "a6", "password_file": str(password_file)}]
    daemon.write_config()
    daemon.start()
    daemon.wait_objects(14)
    return daemon


def login(port, password=PASSWORD, name="a6"):
    return apisix_request(port, "/v3/auth/authenticate", json.dumps({"name": name, "password": password}))


def token_of(answer):
    return json.loads(answer[answer.index("{"):])["token"]


def test_login_then_range_and_watch_as_apisix_does(with_users):
    port = with_users.port
    answer = login(port)
    head, body = answer.split("\n\n", 1)
    assert head.startswith("HTTP/1.1 200 OK")
    assert list(json.loads(body)) == ["header", "token"]
    assert list(json.loads(body)["header"]) == ["cluster_id", "member_id", "revision", "raft_term"]
    assert "Grpc-Metadata-Content-Type: application/grpc" in head
    token = token_of(answer)
    ranged = apisix_request(port, "/v3/kv/range", RANGE, token)
    assert ranged.startswith("HTTP/1.1 200 OK")
    assert len(json.loads(ranged.split("\n\n", 1)[1])["kvs"]) >= 14


@pytest.mark.parametrize("path, body, token, status, error, code", [
    ("/v3/auth/authenticate", '{"name":"a6","password":"WRONG"}', None, "400 Bad Request",
     "etcdserver: authentication failed, invalid user ID or password", 3),
    ("/v3/auth/authenticate", '{"name":"nobody","password":"a6pw"}', None, "400 Bad Request",
     "etcdserver: authentication failed, invalid user ID or password", 3),
    ("/v3/auth/authenticate", '{"password":"a6pw"}', None, "400 Bad Request", "etcdserver: user name is empty", 3),
    ("/v3/kv/range", RANGE, None, "400 Bad Request", "etcdserver: user name is empty", 3),
    ("/v3/kv/range", RANGE, "jAzLJmhNkszBwxAK.648", "401 Unauthorized", "etcdserver: invalid auth token", 16),
    ("/v3/watch", '{"create_request":{"key":"L2FwaXNpeC8="}}', "X.648", "401 Unauthorized",
     "etcdserver: invalid auth token", 16),
], ids=["wrong-password", "wrong-name", "no-name", "no-token", "bad-token", "watch-bad-token"])
def test_refusals_are_those_of_etcd(with_users, path, body, token, status, error, code):
    answer = apisix_request(with_users.port, path, body, token)
    assert answer.startswith(f"HTTP/1.1 {status}"), answer
    text = json.dumps({"error": error, "message": error, "code": code}, separators=(",", ":"))
    assert f"\n{len(text):x}\n{text}\n0\nGrpc-Trailer-Content-Type: application/grpc\n" in answer, answer
    assert "Trailer: Grpc-Trailer-Content-Type\n" in answer
    assert PASSWORD not in with_users.log() and "WRONG" not in with_users.log()


def test_without_users_nobody_can_log_in(meshd):
    status, answer = meshd.etcd.request("POST", "/v3/auth/authenticate", {"name": "a", "password": "b"})
    assert status == 412
    assert answer == {"error": "etcdserver: authentication is not enabled",
                      "message": "etcdserver: authentication is not enabled", "code": 9}


def test_etcdctl_with_user_and_password(with_users):
    endpoint = f"127.0.0.1:{with_users.port}"
    result = etcdctl(endpoint, "--user", f"a6:{PASSWORD}", "get", "/apisix/", "--prefix", "--keys-only")
    assert result.returncode == 0, result.stderr
    assert len([line for line in result.stdout.split("\n") if line]) >= 14
    result = etcdctl(endpoint, "--user", "a6:WRONG", "get", "/apisix/", "--prefix")
    assert result.returncode != 0
    assert "authentication failed, invalid user ID or password" in result.stderr
    argv = ["etcdctl", "--endpoints", endpoint, "get", "/apisix/", "--prefix", "--keys-only"]
    result = as_stranger(*argv, env={"ETCDCTL_API": "3", "PATH": os.environ["PATH"]})
    assert result.returncode != 0 and "user name is empty" in result.stderr, result.stderr
    argv[1:1] = ["--user", f"a6:{PASSWORD}"]
    result = as_stranger(*argv, env={"ETCDCTL_API": "3", "PATH": os.environ["PATH"]})
    assert result.returncode == 0, result.stderr


def test_tokens_survive_a_killed_frontend(with_users):
    token = token_of(login(with_users.port))
    with_users.kill_worker("frontend")
    assert apisix_request(with_users.port, "/v3/kv/range", RANGE, token).startswith("HTTP/1.1 200 OK")


def test_a_changed_password_counts_at_once_and_without_reload(with_users, password_file):
    token = token_of(login(with_users.port))
    password_file.write_text("another\n")
    wait_for(lambda: login(with_users.port, "another").startswith("HTTP/1.1 200"), "the new password to count")
    assert login(with_users.port).startswith("HTTP/1.1 400")
    assert apisix_request(with_users.port, "/v3/kv/range", RANGE, token).startswith("HTTP/1.1 401")
    with_users.wait_log("read the new password of user 'a6'")


def test_the_log_says_how_to_let_a_stranger_in(with_users):
    apisix_request(with_users.port, "/v3/kv/range", RANGE)
    line = with_users.wait_log(r"refused uid 65533.*").group(0)
    assert "allow_uids" in line and "log in as one of frontend.options.users" in line


# ---- TLS ---------------------------------------------------------------------------------------

@pytest.fixture
def ca(work):
    return Ca(work / "ca", "test-ca")


def tls_daemon(daemons, mesh, cert, key, **more):
    daemon = daemons(paths=[mesh])
    options = daemon.config["frontend"]["options"]
    options["tls"] = {"cert": str(cert), "key": str(key), **more.pop("tls", {})}
    options.update(more)
    daemon.write_config()
    return daemon


@pytest.fixture
def tls(daemons, mesh, ca):
    return tls_daemon(daemons, mesh, *ca.issue("server")).start()


def client_context(ca, alpn=None, cert=None):
    context = ssl.create_default_context(cafile=str(ca.cert))
    if alpn:
        context.set_alpn_protocols(alpn)
    if cert:
        context.load_cert_chain(*[str(c) for c in cert])
    return context


def tls_connect(port, context):
    return context.wrap_socket(socket.create_connection(("localhost", port), timeout=20), server_hostname="localhost")


def ask(sock, path="/v3/kv/range", body=RANGE):
    """One JSON request on an open connection; the answer's JSON."""
    sock.sendall(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
    data = b""
    while b"\r\n\r\n" not in data:
        chunk = sock.recv(65536)
        assert chunk, data
        data += chunk
    head, _, rest = data.partition(b"\r\n\r\n")
    size = int([line for line in head.split(b"\r\n") if line.startswith(b"Content-Length:")][0].split(b":")[1])
    while len(rest) < size:
        rest += sock.recv(65536)
    return json.loads(rest)


def test_json_and_grpc_over_tls(tls, ca):
    with tls_connect(tls.port, client_context(ca, ["h2", "http/1.1"])) as sock:
        assert sock.selected_alpn_protocol() == "http/1.1" and sock.version() == "TLSv1.3"
        keys = [unb64(kv["key"]).decode() for kv in ask(sock)["kvs"]]
        assert len(keys) >= 13
    with tls_connect(tls.port, client_context(ca, ["h2"])) as sock:
        assert sock.selected_alpn_protocol() == "h2"
    with tls_connect(tls.port, client_context(ca)) as sock:
        assert sock.selected_alpn_protocol() is None and len(ask(sock)["kvs"]) == len(keys)
    result = etcdctl(f"https://localhost:{tls.port}", "--cacert", ca.cert, "get", "/apisix/", "--prefix", "--keys-only")
    assert result.returncode == 0, result.stderr
    assert [line for line in result.stdout.split("\n") if line] == keys


def test_a_watch_over_tls(tls, ca, mesh):
    with tls_connect(tls.port, client_context(ca)) as sock:
        body = json.dumps({"create_request": {"key": b64("/apisix/"), "range_end": b64("/apisix0")}})
        sock.sendall(f"POST /v3/watch HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
        data = sock.recv(65536)
        while b'"created":true' not in data:
            data += sock.recv(65536)
        path = mesh / "4-endpoints.yaml"
        path.write_text(path.read_text().replace("10.1.0.21", "10.1.0.99"))
        while b'"events"' not in data:
            data += sock.recv(65536)


def test_old_tls_is_refused(tls, ca):
    context = client_context(ca)
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, ConnectionError)):
        tls_connect(tls.port, context)


@pytest.mark.parametrize("data, answer", [
    (b"GET /version HTTP/1.1\r\nHost: x\r\n\r\n",
     b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"),
    (b"POST /v3/kv/range HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n" + b"x" * 100000,
     b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"),
    (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0" * 9, None),
    (b"\0" * 1000, None),
    (b"", b""),
], ids=["get", "post", "h2c", "zeros", "nothing"])
def test_plaintext_to_a_tls_port_is_closed_in_order(tls, ca, data, answer):
    with socket.create_connection(("127.0.0.1", tls.port), timeout=20) as sock:
        sock.sendall(data)
        sock.shutdown(socket.SHUT_WR)
        got = b""
        while chunk := sock.recv(65536):  # a reset would raise
            got += chunk
    assert answer is None or got == answer
    if b"HTTP/1.1" in data:
        assert "the client must use https://" in tls.log()
    with tls_connect(tls.port, client_context(ca)) as sock:
        assert ask(sock)["kvs"]


def test_a_remote_like_stranger_logs_in_over_tls(daemons, mesh, ca, password_file):
    """Another uid is as unknown as another machine: a user lets it in."""
    daemon = tls_daemon(daemons, mesh, *ca.issue("server"),
                        users=[{"name": "a6", "password_file": str(password_file)}]).start()
    tls_args = ["--cacert", str(ca.cert)]
    assert curl(daemon.port, "/v3/kv/range", RANGE, *tls_args, scheme="https")[0] == 400
    status, _, text = curl(daemon.port, "/v3/auth/authenticate", json.dumps({"name": "a6", "password": PASSWORD}),
                           *tls_args, scheme="https")
    assert status == 200
    header = ["-H", f"Authorization: {json.loads(text)['token']}"]
    status, _, text = curl(daemon.port, "/v3/kv/range", RANGE, *tls_args, *header, scheme="https")
    assert status == 200 and json.loads(text)["kvs"]


def test_client_certificates(daemons, mesh, ca, work):
    other = Ca(work / "other", "other-ca")
    daemon = tls_daemon(daemons, mesh, *ca.issue("server"), tls={"client_ca": str(ca.cert)}).start()
    good = ca.issue("apisix", "clientAuth", "DNS:apisix")
    bad = other.issue("apisix", "clientAuth", "DNS:apisix")
    base = ["--cacert", str(ca.cert)]
    status, _, text = curl(daemon.port, "/v3/kv/range", RANGE, *base, "--cert", str(good[0]), "--key", str(good[1]),
                           scheme="https")
    assert status == 200 and json.loads(text)["kvs"]
    for cert in (None, bad):
        with pytest.raises((ssl.SSLError, ConnectionError, AssertionError)):
            with tls_connect(daemon.port, client_context(ca, cert=cert)) as sock:
                ask(sock)
    endpoint = f"https://localhost:{daemon.port}"
    result = etcdctl(endpoint, "--cacert", ca.cert, "--cert", good[0], "--key", good[1], "get", "/apisix/", "--prefix")
    assert result.returncode == 0, result.stderr
    daemon.wait_log("TLS handshake failed")


def replace(target, source):
    """As a certificate manager does: a new file under the old name."""
    temporary = target.with_suffix(".new")
    shutil.copy(source, temporary)
    os.rename(temporary, target)


def served_name(port, ca):
    with tls_connect(port, client_context(ca)) as sock:
        return dict(pair[0] for pair in sock.getpeercert()["subject"])["commonName"]


def test_renewed_certificates_serve_new_connections_and_close_none(tls, ca, work):
    first = client_context(ca)
    cert, key = ca.folder / "server.pem", ca.folder / "server.key"
    renewed = ca.issue("renewed")
    with tls_connect(tls.port, first) as sock:
        assert ask(sock)["kvs"]
        pid = tls.workers()["frontend"]["pid"]
        replace(key, renewed[1])
        replace(cert, renewed[0])
        wait_for(lambda: served_name(tls.port, ca) == "renewed", "the new certificate")
        assert ask(sock)["kvs"]
        assert tls.ctl("reload").returncode == 0
        assert ask(sock)["kvs"]
        assert tls.workers()["frontend"]["pid"] == pid


def test_a_bad_certificate_file_keeps_the_old_one(tls, ca):
    (ca.folder / "server.pem").write_text("nothing\n")

    def refused():
        assert served_name(tls.port, ca) == "server"
        return "keeping the certificate in use, tls.cert: " in tls.log()
    wait_for(refused, "a line about the bad file")
    end = time.monotonic() + 2.5  # more looks at it, no more lines
    while time.monotonic() < end:
        assert served_name(tls.port, ca) == "server"
    assert tls.log().count("keeping the certificate in use") == 1
    assert tls.ctl("reload").returncode == 1


# ---- mistakes in the configuration ---------------------------------------------------------------

def check(daemon):
    return subprocess.run([str(daemon.ctl.__globals__["MESHD"]), "--check", "--config", str(daemon.config_file)],
                          capture_output=True, text=True, timeout=60)


def test_the_check_names_file_and_remedy(daemons, mesh, ca, work):
    cert, key = ca.issue("server")
    other_key = ca.issue("other")[1]
    encrypted = ca.folder / "encrypted.key"
    subprocess.run(["openssl", "pkey", "-in", key, "-aes256", "-passout", "pass:secret", "-out", encrypted], check=True)
    os.chmod(encrypted, 0o644)
    hidden = ca.folder / "hidden.key"
    shutil.copy(key, hidden)
    os.chmod(hidden, 0o600)
    empty = work / "empty"
    empty.write_text("\n")
    users = [{"name": "a6", "password_file": str(empty)}]
    for tls_options, more, expected in [
        ({"cert": cert, "key": other_key}, {}, f"'{other_key}' is not the key of the certificate"),
        ({"cert": cert, "key": "/nonexistent/key"}, {}, "'/nonexistent/key' cannot be read: No such file or directory; "
         "create it or correct the path"),
        ({"cert": key, "key": key}, {}, f"'{key}' holds no certificate that can be used"),
        ({"cert": cert, "key": cert}, {}, f"'{cert}' holds no private key"),
        ({"cert": cert, "key": encrypted}, {}, f"'{encrypted}' is encrypted; store the key without a passphrase"),
        ({"cert": cert, "key": key, "client_ca": key}, {}, f"'{key}' holds no CA certificate"),
        ({"cert": cert}, {}, "without tls.key it has no effect"),
        ({"cert": cert, "key": key}, {"users": users}, f"'{empty}' is empty; write the password into its first line"),
    ]:
        daemon = daemons(paths=[mesh])
        options = daemon.config["frontend"]["options"]
        options["tls"] = {name: str(path) for name, path in tls_options.items()}
        options.update(more)
        daemon.write_config()
        result = check(daemon)
        output = result.stdout + result.stderr
        assert result.returncode == 1 and expected in output, output
        assert f"{daemon.config_file.name}:" in output
    daemon = daemons(paths=[mesh])
    daemon.config["frontend"]["options"]["tls"] = {"cert": str(cert), "key": str(hidden)}
    daemon.write_config()
    if running_as_root():
        # The check child may not look at it; the worker says so.
        daemon.start(wait=False)
        line = daemon.wait_log(r"cannot serve TLS, tls.key: .*").group(0)
        assert str(hidden) in line and "let the user that meshd runs as read it" in line
