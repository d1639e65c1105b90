# SPDX-License-Identifier: Apache-2.0
"""The source plugin xds by the rules of xDS, both variants: what it asks, what it answers, what becomes of it.

The control plane is lib/controlplane.py; every test reads the outcome from the frontend.
"""

import grpc
from envoy.service.discovery.v3 import discovery_pb2 as discovery
from google.protobuf import any_pb2, duration_pb2

from lib.resources import CDS, EDS, LDS, PREFIX, RDS, any_of, cluster, endpoints, listener, routes, static
from lib.wait import wait_for
from lib.xds_daemon import SHOP

BLUE, GREEN = "10.1.0.1", "10.1.0.2"
UNAVAILABLE = (grpc.StatusCode.UNAVAILABLE, "going away")
BROKEN = any_pb2.Any(type_url=CDS, value=b"\x0a\x05green\x22\x7f")      # name: green, then a text that is cut off


def held(plane, url):
    return set(plane.set.get(url, {}))


# ---- requests and answers ----

def test_acknowledgement(shop, plane, api):
    plane.wait_settled()
    for sent in plane.sent:
        answer = sent.by
        assert (answer.kind, answer.nonce, answer.dropped, answer.initial) == ("ack", sent.nonce, [], {})
        if api == "sotw":
            assert answer.version == sent.version
            assert set(answer.names) == (held(plane, sent.type) if sent.type in (EDS, RDS) else set())
        else:
            assert (answer.version, answer.names) == ("", [])
    rows = shop.types()
    assert rows["Cluster"]["resources"] == rows["ClusterLoadAssignment"]["resources"] == 2
    assert rows["Listener"]["acked"] != "-" and rows["Listener"]["nacked"] == "-" and rows["Listener"]["asked"] == "all"
    if api == "sotw":
        assert rows["RouteConfiguration"]["version"] == plane.version(RDS)
    assert f"connected to {plane.url} since" in shop.state() and api in shop.state()


def test_the_node_is_sent_once_per_stream(shop, plane):
    plane.put(endpoints("blue", "10.1.0.7"))
    shop.wait_hosts("10.1.0.7", GREEN)
    plane.stream.fail(*UNAVAILABLE)
    plane.wait(lambda a: a.stream == 1 and a.type == EDS, "requests of the second stream")
    with_node = [a for a in plane.of() if a.node is not None]
    assert [a.stream for a in with_node] == [0, 1] and with_node[0] is plane.of(stream=0)[0]
    assert with_node[1] is plane.of(stream=1)[0]
    node = with_node[0].node
    assert (node.id, node.cluster, dict(node.metadata)) == ("node-1", "shop", {"team": "blue"})
    assert node.user_agent_name == "meshd" and node.WhichOneof("user_agent_version_type")


def test_everything_is_named_in_one_request(told, planes, api):
    """A server as go-control-plane answers only those who name all that it has."""
    names = [f"s{i:02}" for i in range(60)]
    plane = planes([cluster(n) for n in names] + [endpoints(n, f"10.2.0.{i}") for i, n in enumerate(names)])
    told(plane, options={"api": api}).start().wait_hosts(*(f"10.2.0.{i}" for i in range(60)))
    asked = [a for a in plane.of(EDS) if a.kind == "request"]
    assert len(asked) == 1 and sorted(asked[0].names) == names


def test_nothing_is_asked_by_name_before_there_is_a_name(told, planes, api):
    plane = planes([])
    told(plane, options={"api": api}).start()
    if api == "sotw":
        plane.wait(lambda a: a.type == LDS, "a request")
        plane.respond(CDS, [])
        plane.respond(LDS, [])
    plane.wait(lambda a: a.type == LDS and a.kind == "ack", "the acknowledgement of nothing")
    assert {a.type for a in plane.of()} == {CDS, LDS}
    plane.put(cluster("a"), endpoints("a", BLUE))
    plane.wait(lambda a: a.type == EDS and a.kind == "ack", "endpoints")
    assert all(a.names or a.kind == "ack" for a in plane.of(EDS))


def test_refusal_and_then_acceptance(shop, plane, api):
    """The good ones of a response are used, the bad one is named and keeps its last good version."""
    plane.wait_settled()
    before = plane.version(CDS)
    plane.silent.add(EDS)
    with plane.lock:
        resources = [any_of(cluster("blue")), BROKEN, any_of(static("red", "10.1.0.3"))]
        plane.stream.respond(CDS, resources, version="bad")
        sent = plane.sent[-1]
    refusal = plane.wait_answer(sent)
    assert refusal.kind == "nack" and refusal.nonce == sent.nonce and refusal.code == 3
    assert "green" in refusal.error and "blue" not in refusal.error and "red" not in refusal.error
    assert refusal.names == [] and refusal.version == (before if api == "sotw" else "")
    shop.wait_hosts(BLUE, GREEN, "10.1.0.3")
    row = shop.types()["Cluster"]
    assert row["nacked"] != "-" and "green" in row["reason"]
    if api == "sotw":
        assert row["version"] == before
    shop.wait_log(r"Cluster is refused \(NACK\).*green.*the last good versions stay")
    assert "green" in shop.ctl("report").stdout
    plane.silent.clear()
    plane.put(static("red", "10.1.0.4"), cluster("green"))
    shop.wait_hosts(BLUE, GREEN, "10.1.0.4")
    plane.wait_settled()
    assert plane.of(CDS)[-1].kind == "ack"
    wait_for(lambda: "error" not in shop.ctl("report").stdout, "a report without the error")


def test_two_responses_that_cross_their_answers(shop, plane, api):
    """Each is answered once, in order; the first answer is late for the server."""
    plane.wait_settled()
    with plane.lock:
        one = plane.respond(EDS, [endpoints("blue", "10.1.1.1"), endpoints("green", GREEN)], version="v1")
        two = plane.respond(EDS, [endpoints("blue", "10.1.1.2"), endpoints("green", GREEN)], version="v2")
    plane.wait_answer(two)
    assert [a.nonce for a in plane.of(EDS)[-2:]] == [one.nonce, two.nonce]
    if api == "sotw":
        assert [(a.version, a.stale) for a in plane.of(EDS)[-2:]] == [("v1", True), ("v2", False)]
        assert all(sorted(a.names) == ["blue", "green"] for a in plane.of(EDS)[-2:])
    shop.wait_hosts("10.1.1.2", GREEN)


def test_names_that_cross_a_response(shop, plane):
    """New names are not lost when the request with them is late for the server."""
    plane.wait_settled()
    with plane.lock:
        plane.put_any(CDS, "red", any_of(cluster("red")))
        plane.put_any(EDS, "red", any_of(endpoints("red", "10.1.0.3")))
        plane.put_any(EDS, "blue", any_of(endpoints("blue", "10.1.0.9")))
        plane.publish()
        plane.respond(EDS, [endpoints("green", GREEN)], version="crossing")
    shop.wait_hosts("10.1.0.9", GREEN, "10.1.0.3")


def test_equal_nonces_of_two_types(shop, plane):
    plane.wait_settled()
    with plane.lock:
        one = plane.respond(EDS, [endpoints("blue", "10.1.1.1")], nonce="same", version="e")
        two = plane.respond(RDS, [routes("shop", blue="blue")], nonce="same", version="r")
        three = plane.respond(EDS, [endpoints("green", "10.1.1.2")], nonce="same-too", version="e2")
    for sent in (one, two, three):
        assert plane.wait_answer(sent).kind == "ack"
    assert [a.nonce for a in plane.of(RDS)][-1] == "same"
    shop.wait_hosts("10.1.1.1", "10.1.1.2")


# ---- names ----

def test_names_that_come_and_go(shop, plane, api):
    plane.wait_settled()
    count = len(plane.of(EDS))
    plane.put(endpoints("red", "10.1.0.3"), cluster("red"))
    shop.wait_hosts(BLUE, GREEN, "10.1.0.3")
    asked = next(a for a in plane.of(EDS)[count:] if a.names and a.kind == "request")
    assert sorted(asked.names) == (["blue", "green", "red"] if api == "sotw" else ["red"])
    assert api == "sotw" or asked.nonce == ""
    plane.remove(CDS, "green")
    shop.wait_hosts(BLUE, "10.1.0.3")
    if api == "sotw":
        plane.wait(lambda a: a.type == EDS and sorted(a.names) == ["blue", "red"], "the name to be left out")
    else:
        dropped = plane.wait(lambda a: a.type == EDS and a.dropped, "the name to be dropped")
        assert (dropped.dropped, dropped.nonce, dropped.names) == (["green"], "", [])


def test_the_last_name_goes(told, planes, api):
    plane = planes([cluster("a"), endpoints("a", BLUE), static("b", GREEN)])
    meshd = told(plane, options={"api": api}).start()
    meshd.wait_hosts(BLUE, GREEN)
    plane.remove(CDS, "a")
    meshd.wait_hosts(GREEN)
    if api == "sotw":
        plane.wait(lambda a: a.type == EDS and not a.names and not a.error, "a request without names")
    else:
        plane.wait(lambda a: a.type == EDS and a.dropped == ["a"], "the name to be dropped")
    plane.stream.fail(*UNAVAILABLE)
    plane.wait(lambda a: a.stream == 1 and a.type == LDS, "another stream")
    plane.put(static("b", "10.1.0.3"))      # what is asked comes before the answer to this
    plane.wait(lambda a: a.stream == 1 and a.type == CDS and a.kind == "ack", "its first answer")
    assert not plane.of(EDS, stream=1)
    plane.put(cluster("a"), static("b", GREEN))
    meshd.wait_hosts(BLUE, GREEN)


def test_what_is_removed_comes_back(shop, plane):
    for _ in range(3):
        plane.remove(CDS, "green")
        shop.wait_hosts(BLUE)
        plane.put(cluster("green"))
        shop.wait_hosts(BLUE, GREEN)
    plane.remove(EDS, "green")      # no more than a word in delta, nothing at all in sotw
    plane.put(endpoints("green", "10.1.0.8"))
    shop.wait_hosts(BLUE, "10.1.0.8")


# ---- deletion and absence ----

def test_an_empty_set_is_obeyed_loudly(shop, plane, api):
    plane.replace([])
    plane.publish()
    wait_for(lambda: all(value == "init_dir" for value, *_ in shop.objects().values()), "the end of everything")
    plane.wait_settled()
    assert plane.of(CDS)[-1].kind == plane.of(LDS)[-1].kind == "ack"
    if api == "sotw":
        for word, count in (("Cluster", 2), ("Listener", 1)):
            shop.wait_log(rf"WARN .*{word}.*\b{count}\b")
    plane.put(*SHOP)
    shop.wait_hosts(BLUE, GREEN)


def test_absence_by_name_means_nothing(shop, plane):
    """Endpoints and routes go with what refers to them, not because a response is without them."""
    with shop.untouched():
        for url in (RDS, EDS):
            assert plane.wait_answer(plane.respond(url, [], version="none")).kind == "ack"
        assert plane.wait_answer(plane.respond(EDS, [endpoints("green", GREEN)], version="one")).kind == "ack"
    plane.remove(LDS, "shop")
    wait_for(lambda: not any("/routes/shop" in key for key in shop.objects()), "the end of the routes")


def test_unrequested_names_are_ignored(shop, plane):
    with shop.untouched():
        sent = plane.respond(EDS, [endpoints("blue", BLUE), endpoints("green", GREEN), endpoints("nobody", "10.9.9.9")])
        assert plane.wait_answer(sent).kind == "ack"
    assert "nobody" not in shop.log()


def test_a_wrapper_without_a_resource_is_a_heartbeat(shop, plane, api):
    beats = [discovery.Resource(name=name, version=plane.versions[CDS][name], ttl=duration_pb2.Duration(seconds=9))
             for name in ("blue", "green")]
    if api == "sotw":
        beats = [any_pb2.Any(type_url=PREFIX + beat.DESCRIPTOR.full_name, value=beat.SerializeToString())
                 for beat in beats]
    with shop.untouched():
        assert plane.wait_answer(plane.respond(CDS, beats, version="beat")).kind == "ack"


def test_wrapped_resources_of_the_state_of_the_world(told, planes):
    plane = planes([])
    meshd = told(plane, options={"api": "sotw"}).start()
    wrapped = discovery.Resource(name="a", version="1", resource=any_of(static("a", BLUE)))
    plane.wait(lambda a: a.type == CDS, "a request")
    plane.respond(LDS, [])
    sent = plane.respond(CDS, [any_pb2.Any(type_url=PREFIX + "envoy.service.discovery.v3.Resource",
                                           value=wrapped.SerializeToString())])
    assert plane.wait_answer(sent).kind == "ack"
    meshd.wait_hosts(BLUE)


def test_what_the_server_cannot_give(shop, plane, api):
    """resource_errors, and both lists of removed names."""
    error = discovery.ResourceError(resource_name=discovery.ResourceName(name="green"),
                                    error_detail={"code": 5, "message": "no such service in this zone"})
    assert plane.wait_answer(plane.respond(EDS, [], version="x", resource_errors=[error])).kind == "ack"
    wait_for(lambda: "no such service in this zone" in shop.ctl("report").stdout, "the server's words in the report")
    if api == "delta":
        sent = plane.respond(EDS, [], removed=["green"],
                             removed_resource_names=[discovery.ResourceName(name="blue")])
        assert plane.wait_answer(sent).kind == "ack"
        shop.wait_hosts()
    plane.respond(EDS, [endpoints("green", "10.1.0.8"), endpoints("blue", BLUE)], version="y")
    shop.wait_hosts(BLUE, "10.1.0.8")
    wait_for(lambda: "no such service" not in shop.ctl("report").stdout, "a report without it")


# ---- warming ----

def test_a_changed_cluster_waits_for_its_endpoints(shop, plane):
    """Until they come, the old version is used."""
    changed = cluster("green", connect_timeout="3s")
    changed["eds_cluster_config"]["service_name"] = "green-2"
    with shop.untouched():
        plane.silent.add(EDS)
        plane.put(changed)
        plane.wait(lambda a: a.type == EDS and "green-2" in a.names, "the new endpoints to be asked for")
        plane.wait_settled()
        plane.silent.clear()
    plane.put(endpoints("green-2", "10.1.0.8"))
    wait_for(lambda: any('"name":"green"' in v and '"connect":3' in v and "10.1.0.8" in v
                         for v, *_ in shop.objects().values()), "the cluster's change, with its endpoints")


def test_endpoints_are_asked_for_again_after_a_changed_cluster(told, plane):
    """The state of the world: a server may hold them back until then (XDS.md 4.3)."""
    meshd = told(plane, options={"api": "sotw"}).serve_shop()
    plane.wait_settled()
    count = len(plane.of(EDS))
    plane.put(cluster("green", connect_timeout="3s"))
    again = wait_for(lambda: plane.of(EDS)[count:], "endpoints to be asked for again")[0]
    assert sorted(again.names) == ["blue", "green"] and again.kind == "request" and not again.stale
    assert (again.version, again.nonce) == (plane.version(EDS), [s for s in plane.sent if s.type == EDS][-1].nonce)
    meshd.wait_hosts(BLUE, GREEN)


def test_endpoints_that_never_come(told, planes, api):
    """After initial_fetch_timeout the cluster is there without endpoints; the others have not waited for it."""
    late = cluster("late")
    late["eds_cluster_config"]["eds_config"]["initial_fetch_timeout"] = "1s"
    plane = planes([late, static("b", BLUE), listener("l", 9080, "r"), routes("r", late="late", b="b")])
    plane.silent.add(EDS)
    meshd = told(plane, options={"api": api}).start()
    meshd.wait_hosts(BLUE)
    wait_for(lambda: any('"name":"late"' in value for value, *_ in meshd.objects().values()), "the empty cluster")
    plane.silent.clear()
    plane.put(endpoints("late", GREEN))
    meshd.wait_hosts(BLUE, GREEN)


# ---- the next stream ----

def test_a_new_stream_says_what_is_held(shop, plane, api):
    plane.put(endpoints("blue", "10.1.0.7"))
    shop.wait_hosts("10.1.0.7", GREEN)
    plane.wait_settled()
    with shop.untouched():
        plane.stream.fail(*UNAVAILABLE)
        plane.wait(lambda a: a.stream == 1 and a.type == RDS, "all requests of the second stream")
        for url in (CDS, LDS, EDS, RDS):
            first = plane.of(url, stream=1)[0]
            assert first.nonce == "" and first.kind == "request"
            assert set(first.names) == (held(plane, url) if url in (EDS, RDS) else set())
            if api == "sotw":
                assert first.version == plane.version(url)
            else:
                assert first.initial == plane.versions[url]
    assert not [a for a in plane.of() if a.error]
