# SPDX-License-Identifier: Apache-2.0
"""The source plugin kuma against a control plane with Kuma's manners (lib/kuma_plane.py)."""

import ipaddress
import socket
import threading

import grpc
import pytest
import yaml
from envoy.config.core.v3 import health_check_pb2
from envoy.config.endpoint.v3 import endpoint_components_pb2
from envoy.service.health.v3 import hds_pb2

from lib.daemon import MESHCTL, free_port, run
from lib.kuma_plane import KumaPlane
from lib.wait import wait_for
from lib.xds_daemon import SHOP, XdsDaemon

DATAPLANE = {"networking": {"address": "${IP}",
                            "inbound": [{"port": 8080, "tags": {"kuma.io/service": "web"}}]}}
HEALTHY, UNHEALTHY = 1, 2


@pytest.fixture
def plane():
    plane = KumaPlane(SHOP).start()
    plane.token = "a.b.c"
    yield plane
    plane.stop()


@pytest.fixture
def kuma(work, plane):
    """kuma(option=…): a meshd that joins as web-1."""
    made = []
    for name, text in (("token", "a.b.c\n"), ("dataplane.yaml", yaml.safe_dump(DATAPLANE))):
        (work / name).write_text(text)
        (work / name).chmod(0o644)

    def make(**options):
        daemon = XdsDaemon(work, plane, number=len(made), options={
            "name": "web-1", "token_file": str(work / "token"), "dataplane_file": str(work / "dataplane.yaml"),
            **options})
        daemon.config["source"]["plugin"] = "kuma"
        daemon.config["node"] = {"metadata": {"team": "blue"}}
        daemon.write_config()
        made.append(daemon)
        return daemon

    yield make
    problems = [text for daemon in made for text in daemon.finish()]
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize("api", ("delta", "sotw"))
def test_joins(kuma, plane, api):
    kuma(api=api).serve_shop()
    node = plane.of()[0].node
    assert (node.id, node.cluster) == ("default.web-1", "web")
    metadata = {key: value for key, value in node.metadata.items()}
    assert metadata["dataplane.proxyType"] == "dataplane" and metadata["team"] == "blue"
    assert "kumaDp" in metadata["version"] and len(metadata["features"]) == 0
    assert {k: plane.registered[k] for k in ("type", "mesh", "name")} == {
        "type": "Dataplane", "mesh": "default", "name": "web-1"}
    networking = plane.registered["networking"]
    ipaddress.IPv4Address(networking["address"])        # ${IP}
    assert networking["inbound"] == DATAPLANE["networking"]["inbound"]
    assert plane.streams[0].metadata["authorization"] == "a.b.c"


def test_leaves(kuma, plane):
    daemon = kuma().serve_shop()
    daemon.stop()
    wait_for(lambda: plane.registered is None and plane.removals == 1, "the end of the registration")


WORDS = [
    ("authentication failed: could not parse token", "kumactl generate dataplane-token"),
    ("authentication failed: proxy mesh from requestor: a is different than in token: b", "another mesh or name"),
    ('resource "default.web-1" not found; create a Dataplane in Kuma CP first', "set dataplane_file"),
    ("could not register proxy passed in kuma-dp run: mesh of name default is not found", "no such mesh"),
    ("could not register proxy passed in kuma-dp run: networking: invalid", "correct dataplane_file"),
]


@pytest.mark.parametrize("text, remedy", WORDS)
def test_words(kuma, plane, text, remedy):
    plane.refuse = (grpc.StatusCode.UNKNOWN, text)
    daemon = kuma().start()
    daemon.wait_state(remedy)
    daemon.wait_log(f"WARN .*{remedy}")


def test_no_token(kuma, plane, work):
    (work / "token").unlink()
    daemon = kuma().start()
    daemon.wait_state("the token in")
    assert not plane.streams
    (work / "token").write_text("a.b.c")
    (work / "token").chmod(0o644)
    daemon.wait_hosts("10.1.0.1", "10.1.0.2")


def test_bad_dataplane(kuma, plane, work):
    (work / "dataplane.yaml").write_text("name: other\nnetworking: {}\n")
    kuma().start().wait_state("its name is 'other', and we are 'web-1'")
    assert not plane.streams


def test_check(kuma):
    daemon = kuma(name="Web 1")
    answer = run(MESHCTL, "check", daemon.config_file)
    assert answer.returncode == 1 and "'Web 1' is no name for a Dataplane" in answer.stderr + answer.stdout


def test_reload_takes_the_place(kuma, plane):
    """The new source is refused while the old one is there: the reload goes on, nothing changes, the Dataplane returns."""
    daemon = kuma().serve_shop()
    before, streams = daemon.objects(), len(plane.streams)
    watch = daemon.etcd.watch(daemon.etcd.revision() + 1)
    daemon.config["source"]["options"]["keepalive"] = "20s"
    daemon.write_config()
    answer = run(MESHCTL, "--socket", daemon.socket, "reload")
    assert answer.returncode == 0, answer.stdout
    assert "keeps the new source waiting for the end of the old one" in daemon.log()    # and was not waited for
    plane.wait_stream(streams)
    wait_for(lambda: plane.registered is not None and plane.removals == 1, "the Dataplane of the new source")
    assert plane.refused > 0 and daemon.objects() == before
    daemon.wait_state("connected to")
    plane.wait_settled()
    with daemon.untouched():
        pass
    assert len(watch.wait_events(1)) == 1       # that of untouched()
    watch.close()


# ---- health ----

def specifier(port):
    check = health_check_pb2.HealthCheck()
    check.tcp_health_check.SetInParent()
    check.interval.seconds, check.timeout.seconds = 1, 1
    check.healthy_threshold.value = check.unhealthy_threshold.value = 1
    message = hds_pb2.HealthCheckSpecifier()
    message.interval.seconds = 1
    for name, p in (("localhost:80", port), ("kuma:envoy:admin", 9901)):
        cluster = message.cluster_health_checks.add(cluster_name=name, health_checks=[check])
        endpoint = endpoint_components_pb2.Endpoint()
        endpoint.address.socket_address.address = "127.0.0.1"
        endpoint.address.socket_address.port_value = p
        cluster.locality_endpoints.add(endpoints=[endpoint])
    return message


def test_health(kuma, plane):
    port = free_port()
    plane.specifier = specifier(port)
    daemon = kuma().serve_shop()
    wait_for(lambda: plane.reports and plane.reports[-1] == {"localhost:80": UNHEALTHY, "kuma:envoy:admin": HEALTHY},
             "a report that the workload is not there")
    request, metadata = plane.hds[0]
    assert request.node.id == "default.web-1" and metadata["authorization"] == "a.b.c"
    assert list(request.capability.health_check_protocols) == [0, 1]
    assert "1 of them unhealthy: localhost:80" in daemon.connection()["health checks"]
    with socket.create_server(("127.0.0.1", port)) as server:
        threading.Thread(target=accept_all, args=(server,), daemon=True).start()
        wait_for(lambda: plane.reports[-1]["localhost:80"] == HEALTHY, "a report that the workload is there")


def accept_all(server):
    try:
        while True:
            server.accept()[0].close()
    except OSError:
        pass


def test_without_health(kuma, plane):
    """A control plane that has no such service, and one that is not to be told."""
    daemon = kuma().serve_shop()
    wait_for(lambda: daemon.connection().get("health checks") == "the control plane does not ask for them", "the row")
    assert "health checks" not in kuma(health=False, name="web-2").start().connection()
