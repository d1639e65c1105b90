# SPDX-License-Identifier: Apache-2.0
"""The plugin xds as a sidecar of Istio: its node, the certificate from the mesh's CA, health.

istiod is played by the test control plane and by a stand-in of its certificate service; what a real one sends is in
tests/data/recorded/istio.
"""

import http.server
import json
import re
import socket
import subprocess
import threading

import grpc
import pytest

from lib.ca import Ca
from lib.controlplane import ControlPlane
from lib.daemon import MESHD, run
from lib.meshca import MeshCa, put_text
from lib.resources import CDS, LDS, PREFIX, SDS
from lib.wait import wait_for

ISTIO = {"namespace": "shop", "service_account": "cart", "workload": "cart-1", "ip": "10.20.0.31",
         "labels": {"app": "cart", "tier": 1}}
GROUP = {"auto_register_group": "carts"}
HEALTH = "type.googleapis.com/istio.v1.HealthInformation"
IDENTITY = "spiffe://cluster.local/ns/shop/sa/cart"


def from_agent(name):
    """How istiod names a secret that the sidecar's agent makes."""
    return {"name": name, "sds_config": {"resource_api_version": "V3", "api_config_source": {
        "api_type": "GRPC", "transport_api_version": "V3",
        "grpc_services": [{"envoy_grpc": {"cluster_name": "sds-grpc"}}]}}}


def inbound():
    """A cluster, and a listener that terminates mutual TLS with the certificate of the workload."""
    tls = PREFIX + "envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext"
    manager = PREFIX + "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
    router = {"name": "r", "typed_config": {"@type": PREFIX + "envoy.extensions.filters.http.router.v3.Router"}}
    to_app = {"match": {"prefix": "/"}, "route": {"cluster": "app"}}
    return [
        {"@type": CDS, "name": "app", "type": "STATIC", "load_assignment": {"cluster_name": "app", "endpoints": [
            {"lb_endpoints": [{"endpoint": {"address": {"socket_address": {
                "address": "127.0.0.1", "port_value": 8080}}}}]}]}},
        {"@type": LDS, "name": "inbound", "traffic_direction": "INBOUND",
         "address": {"socket_address": {"address": "10.20.0.31", "port_value": 8443}}, "filter_chains": [{
             "transport_socket": {"name": "tls", "typed_config": {
                 "@type": tls, "require_client_certificate": True, "common_tls_context": {
                     "tls_certificate_sds_secret_configs": [from_agent("default")],
                     "validation_context_sds_secret_config": from_agent("ROOTCA")}}},
             "filters": [{"name": "http", "typed_config": {
                 "@type": manager, "stat_prefix": "in", "http_filters": [router], "route_config": {
                     "name": "in", "virtual_hosts": [{"name": "v", "domains": ["*"], "routes": [to_app]}]}}}]}]}]


@pytest.fixture
def istiod(work):
    """A control plane with a certificate service, by TLS; its token is 'secret'."""
    server = Ca(work / "server-ca", "server-root")
    cert, key = server.issue("istiod", san="DNS:istiod.istio-system.svc")
    plane = ControlPlane(inbound(), credentials=grpc.ssl_server_credentials(
        [(key.read_bytes(), cert.read_bytes())]))
    plane.ca, plane.root = MeshCa(work / "mesh-ca"), server.cert
    plane.more, plane.silent, plane.resend = [plane.ca], {HEALTH}, True
    plane.start()
    yield plane
    plane.stop()


@pytest.fixture
def sidecar(daemons, work, istiod):
    """Makes meshds of that mesh: sidecar(option=value, …)."""
    def make(node=None, start=True, istio=None, **options):
        token = work / "token"
        if not token.exists():
            token.write_text("secret\n")
        daemon = daemons(config={"node": node or {}, "secrets": "memory", "source": {"plugin": "xds", "options": {
            "server": istiod.url, "token_file": str(token), "tls": {
                "ca": str(istiod.root), "server_name": "istiod.istio-system.svc"},
            "istio": {k: v for k, v in {**ISTIO, **(istio or {})}.items() if v is not None}, **options}}})
        return daemon.start() if start else daemon
    return make


def certificates(daemon):
    """What APISIX gets: (certificate, key) of each of its ssls."""
    values = [json.loads(value) for key, (value, *_) in daemon.objects().items()
              if key.startswith("/apisix/ssls/") and value != b"init_dir" and value != "init_dir"]
    return [(v["cert"], v["key"]) for v in values if v.get("type", "server") == "server"]


def served(daemon, leaf):
    return any(cert.strip() == leaf.strip() for cert, _ in certificates(daemon))


def status(daemon):
    return daemon.counters("connection")


# ---- who we are ----

def test_node(istiod, sidecar):
    daemon = sidecar(node={"metadata": {"NETWORK": "west", "CLUSTER_ID": "other", "deep": {"list": [1, True]}}},
                     istio={"mesh_id": "m"})
    node = istiod.wait(lambda a: a.node is not None, "a request with a node").node
    assert node.id == "sidecar~10.20.0.31~cart-1.shop~shop.svc.cluster.local"
    assert {k: v for k, v in node.metadata.items() if k not in ("LABELS", "deep")} == {
        "NAME": "cart-1", "WORKLOAD_NAME": "cart-1", "NAMESPACE": "shop", "INSTANCE_IPS": "10.20.0.31",
        "SERVICE_ACCOUNT": "cart", "CLUSTER_ID": "other", "NETWORK": "west", "MESH_ID": "m",
        "INTERCEPTION_MODE": "REDIRECT"}
    assert dict(node.metadata["LABELS"]) == {"app": "cart", "tier": "1"}
    assert list(node.metadata["deep"]["list"]) == [1, True]
    assert istiod.streams[0].metadata["authorization"] == "Bearer secret"
    assert daemon.ctl_json("status")["source"][0]["origin"].endswith(" shop/cart-1")


def test_own_node_id_wins(istiod, sidecar):
    sidecar(node={"id": "sidecar~1.2.3.4~x.y~z"})
    node = istiod.wait(lambda a: a.node is not None, "a request with a node").node
    assert node.id == "sidecar~1.2.3.4~x.y~z"


def test_address_is_found(istiod, sidecar):
    """Without the option: an address of this machine that is not loopback, as the server is on loopback."""
    probe = run("ip", "-4", "route", "get", "192.0.2.1")
    found = re.search(r"src (\S+)", probe.stdout)
    if found is None:
        pytest.skip("this machine has no IPv4 route")
    sidecar(istio={"ip": None})
    node = istiod.wait(lambda a: a.node is not None, "a request with a node").node
    assert node.id.split("~")[1] == found.group(1) == node.metadata["INSTANCE_IPS"]


@pytest.mark.parametrize("options, error", [
    ({"service_account": "cart"}, "source.options.istio.service_account: has no effect without istio.namespace"),
    ({"namespace": "a b"}, "'a b' becomes part of a name"),
    ({"namespace": "a.b"}, "a namespace has no dots"),
    ({"namespace": "a", "ip": "10.0.0.300"}, "'10.0.0.300' is no IP address"),
    ({"namespace": "a", "labels": {"app": ["x"]}}, "the value of label 'app' must be a word"),
    ({"namespace": "a", "ca_server": "http://x"}, "source.options.istio.ca_server[0]"),
])
def test_bad_options(daemons, options, error):
    daemon = daemons(config={"source": {"plugin": "xds", "options": {"server": "grpc://127.0.0.1:15010",
                                                                    "istio": options}}})
    result = run(MESHD, "--config", daemon.config_file, "--check")
    assert result.returncode == 1 and error in result.stderr


# ---- the certificate ----

def test_certificate(istiod, sidecar):
    daemon = sidecar()
    wait_for(lambda: istiod.ca.issued and served(daemon, istiod.ca.issued[0]), "the certificate in APISIX's objects")
    asked = istiod.ca.asked[0]
    assert istiod.ca.names_in(asked["csr"]) == ["URI:" + IDENTITY] and asked["seconds"] == 86400
    assert asked["metadata"]["authorization"] == "Bearer secret" and asked["metadata"]["clusterid"] == "Kubernetes"
    cert, key = certificates(daemon)[0]
    public = [subprocess.run(["openssl", *argv], input=text, text=True, capture_output=True, check=True).stdout
              for argv, text in ((["x509", "-noout", "-pubkey"], cert), (["pkey", "-pubout"], key))]
    assert public[0] == public[1]
    assert status(daemon)["certificate"] == IDENTITY
    assert not [a for a in istiod.of(SDS) if a.names], "secrets that an agent would make are not asked for"
    assert "PRIVATE KEY" not in daemon.log()
    assert not [p for p in daemon.dir.rglob("*") if p.is_file() and b"PRIVATE KEY" in p.read_bytes()]


def test_renewal(istiod, sidecar):
    """At half of its life; what refuses meanwhile leaves the old one in place."""
    istiod.ca.ttl = 8
    daemon = sidecar()
    wait_for(lambda: len(istiod.ca.issued) >= 1 and served(daemon, istiod.ca.issued[0]), "the first")
    istiod.ca.refuse = (grpc.StatusCode.UNAUTHENTICATED, "no more")
    daemon.wait_log("no certificate for .*UNAUTHENTICATED: no more.*renew token_file.*the old one stays, valid until 2")
    assert served(daemon, istiod.ca.issued[0]) and "no more" in status(daemon)["certificate_error"]
    istiod.ca.refuse, istiod.ca.ttl = None, 3600
    wait_for(lambda: len(istiod.ca.issued) >= 2 and served(daemon, istiod.ca.issued[-1]), "the second")
    keys = [asked["csr"] for asked in istiod.ca.asked]
    assert len(set(keys)) == len(keys), "each has a key of its own"
    assert "certificate_error" not in status(daemon)


def test_translator_dies(istiod, sidecar):
    """secrets: memory keeps nothing of it, so the source hands it on again."""
    daemon = sidecar()
    wait_for(lambda: istiod.ca.issued and served(daemon, istiod.ca.issued[0]), "the certificate")
    before = [o for o in daemon.objects().items() if o[0].startswith("/apisix/ssls/")]
    daemon.kill_worker("translator")
    wait_for(lambda: [r["state"] for r in daemon.ctl_json("resources")["resources"] if r["name"] == "default"] ==
             ["active"], "the secret in the new translator")
    assert [o for o in daemon.objects().items() if o[0].startswith("/apisix/ssls/")] == before
    assert len(istiod.ca.issued) == 1


@pytest.mark.parametrize("bend, words", [
    ({"other": True}, "a certificate for another key than ours"),
    ({"ttl": -60}, "it is valid only until .*is this machine's clock right"),
    ({"rooted": False}, "the CA names no root; .*set istio.root"),
    ({"raw": put_text(1, b"nonsense")}, "something that is no certificate"),
    ({"raw": b"\x0a\xff\xff"}, "no IstioCertificateResponse"),
    ({"raw": b""}, "something that is no certificate"),
    ({"raw": put_text(1, b"x") * 40}, "no IstioCertificateResponse of reasonable size"),
    ({"refuse": (grpc.StatusCode.PERMISSION_DENIED, "who?")}, "PERMISSION_DENIED: who[?]; it knows the token"),
], ids=["other-key", "expired", "no-root", "nonsense", "truncated", "empty", "many", "denied"])
def test_bad_answers(istiod, sidecar, bend, words):
    vars(istiod.ca).update(bend)
    daemon = sidecar()
    daemon.wait_log("no certificate for " + IDENTITY + ": .*" + words)
    assert status(daemon)["certificate"] == "none yet" and not certificates(daemon)


def test_root_of_the_operator(istiod, sidecar, work):
    istiod.ca.rooted = False
    root = work / "root.pem"
    root.write_text(istiod.ca.root)
    daemon = sidecar(istio={"root": str(root)})
    wait_for(lambda: istiod.ca.issued and served(daemon, istiod.ca.issued[0]), "the certificate")


def test_called_otherwise(istiod, sidecar):
    istiod.ca.name = "spiffe://cluster.local/ns/shop/sa/other"
    daemon = sidecar()
    daemon.wait_log("the CA calls this machine 'spiffe://cluster.local/ns/shop/sa/other', not '" + IDENTITY)
    wait_for(lambda: served(daemon, istiod.ca.issued[0]), "the certificate")


def test_token_missing(istiod, sidecar, work):
    (work / "token").write_text("\n")
    daemon = sidecar()
    daemon.wait_log("no certificate for .*holds no token.*write the token there")
    (work / "token").write_text("new\n")
    wait_for(lambda: istiod.ca.asked and istiod.ca.asked[0]["metadata"]["authorization"] == "Bearer new",
             "a request with the new token")


def test_no_certificate_without_tls(daemons):
    """On the plaintext port there is no certificate service; nothing is asked for."""
    plane = ControlPlane(inbound()).start()
    try:
        daemon = daemons(config={"source": {"plugin": "xds", "options": {"server": plane.url, "istio": ISTIO}}}).start()
        plane.wait_settled()
        wait_for(lambda: states(daemon).get("inbound", ("",))[0] == "active", "a listener that waits for nothing")
        assert "certificate" not in status(daemon) and not certificates(daemon)
        assert not [a for a in plane.of(SDS) if a.names]
    finally:
        plane.stop()


# ---- other secrets of the agent ----

def originating(name, secret):
    """A cluster that speaks TLS and checks its peer by roots of that name; istiod lets nobody time out."""
    tls = PREFIX + "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext"
    roots = from_agent(secret)
    roots["sds_config"]["initial_fetch_timeout"] = "0s"
    return {"@type": CDS, "name": name, "type": "STRICT_DNS", "load_assignment": {"cluster_name": name, "endpoints": [
        {"lb_endpoints": [{"endpoint": {"address": {"socket_address": {
            "address": "example.com", "port_value": 443}}}}]}]},
            "transport_socket": {"name": "tls", "typed_config": {"@type": tls, "common_tls_context": {
                "validation_context_sds_secret_config": roots}}}}


def states(daemon):
    return {r["name"]: (r["state"], r["bytes"]) for r in daemon.ctl_json("resources")["resources"]}


def test_secrets_in_files(istiod, sidecar):
    """They come from here, or are empty: nothing waits, and istiod is not asked."""
    istiod.put(*(originating(f"c{i}", name) for i, name in enumerate(
        ["file-root:system", "file-root:/etc/hostname", "file-root:/etc/nowhere", "file-cert:/etc/hosts", "what"])))
    daemon = sidecar()
    wait_for(lambda: (s := states(daemon)) and all(s.get(f"c{i}", ("",))[0] == "active" for i in range(5)),
             "active clusters")
    sizes = {name: size for name, (_, size) in states(daemon).items()}
    assert sizes["file-root:system"] > 1000
    assert sizes["file-root:/etc/hostname"] == 2 + len("file-root:/etc/hostname")
    assert sizes["file-root:/etc/nowhere"] == 2 + len("file-root:/etc/nowhere") and sizes["what"] == 2 + len("what")
    assert "secret 'file-root:/etc/nowhere' of the control plane: '/etc/nowhere' cannot be read: No such file" in \
        daemon.log()
    assert "secret 'file-root:/etc/hostname' of the control plane: the file has no certificates" in daemon.log()
    assert not [a for a in istiod.of(SDS) if a.names]


# ---- health ----

@pytest.fixture
def workload():
    """An HTTP server whose status is workload.status."""
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            server.asked.append(self.path)
            self.send_response(server.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.status, server.asked = 204, []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def told(istiod, count):
    """The error texts of the first messages about health, once there are so many."""
    return wait_for(lambda: len(said := istiod.of(HEALTH)) >= count and [a.error for a in said],
                    f"{count} messages about health")


@pytest.mark.parametrize("api", ["delta", "sotw"])
def test_health_by_http(istiod, sidecar, workload, api):
    port = workload.server_address[1]
    daemon = sidecar(api=api, istio=GROUP, health={"http": f"http://localhost:{port}/ready?x", "interval": "100ms",
                                                     "unhealthy": 2})
    assert told(istiod, 1) == [""]
    assert workload.asked[0] == "/ready?x" and status(daemon)["workload"] == "healthy"
    before = len(workload.asked) + 1
    workload.status = 503
    assert told(istiod, 2) == ["", f"localhost:{port}: it answers with status 503"]
    assert len(workload.asked) > before, "one bad answer is not enough"
    workload.status = 302
    assert told(istiod, 3)[2] == ""
    workload.status = 500
    told(istiod, 4)
    istiod.end_streams(grpc.StatusCode.UNAVAILABLE)
    again = wait_for(lambda: [a for a in istiod.of(HEALTH) if a.stream == 1], "the new stream being told")
    assert "status 500" in again[0].error
    assert [a.node for a in istiod.of(HEALTH)] == [None] * len(istiod.of(HEALTH)), "never the first of a stream"


def test_health_by_tcp(istiod, sidecar):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        sidecar(istio=GROUP, health={"tcp": f"127.0.0.1:{port}", "interval": "100ms", "unhealthy": 1})
        assert told(istiod, 1) == [""]
    assert told(istiod, 2)[1] == f"127.0.0.1:{port}: Connection refused"


def test_health_of_one_that_is_mute(istiod, sidecar):
    with socket.create_server(("127.0.0.1", 0)) as server:
        daemon = sidecar(istio=GROUP, health={"http": f"127.0.0.1:{server.getsockname()[1]}", "interval": "100ms",
                                              "timeout": "50ms", "unhealthy": 2})
        assert told(istiod, 1)[0].endswith(": no answer in time")
        daemon.wait_log("the workload is not healthy: .*no answer in time; the control plane is told")


@pytest.mark.parametrize("options, error", [
    ({"tcp": "127.0.0.1:80", "group": None}, "istiod takes it only from machines that register themselves"),
    ({"tcp": "example.com:80"}, "the host must be an address or localhost"),
    ({"tcp": "127.0.0.1"}, "'127.0.0.1' is no ADDRESS:PORT"),
    ({"http": "https://127.0.0.1:80/"}, "is no http://ADDRESS:PORT/PATH"),
    ({"http": "127.0.0.1:80", "tcp": "127.0.0.1:80"}, "only one of health.http and"),
])
def test_bad_health_options(daemons, options, error):
    health = dict(options)
    istio = {**ISTIO, "auto_register_group": health.pop("group", "carts")}
    daemon = daemons(config={"source": {"plugin": "xds", "options": {
        "server": "grpc://127.0.0.1:15010", "health": health,
        "istio": {k: v for k, v in istio.items() if v is not None}}}})
    result = run(MESHD, "--config", daemon.config_file, "--check")
    assert result.returncode == 1 and error in result.stderr
