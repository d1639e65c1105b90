# SPDX-License-Identifier: Apache-2.0
"""Control planes, and what stands in front of them, that break the rules: nothing changes, and the operator is told."""

import contextlib

import pytest
from envoy.service.discovery.v3 import discovery_pb2 as discovery
from google.protobuf import any_pb2

from lib import rawh2
from lib.rawh2 import GRPC_HEADERS, RawServer, message
from lib.resources import CDS, EDS, any_of, cluster, endpoints, static
from lib.wait import wait_for

HTML = {":status": "200", "content-type": "text/html"}
BAD_GATEWAY = {":status": "502", "content-type": "text/html"}
TRAILERS_ONLY = {**GRPC_HEADERS, "grpc-status": "14", "grpc-message": "server is not ready to serve"}


@contextlib.contextmanager
def instead(plane, script):
    """Another server at the control plane's address, for a while."""
    plane.stop()
    with RawServer(script, int(plane.address.rsplit(":", 1)[1])) as raw:
        yield raw
    plane.start()


# ---- HTTP/2 and gRPC ----

def truncated_message(c):
    c.headers()
    c.data(message(b"x" * 10, size=30))
    c.headers({"grpc-status": "0"}, end=True)


def truncated_frame(c):
    c.headers()
    c.frame(rawh2.DATA, message(b"x" * 10, size=95), stream=c.stream, size=100)
    c.socket.shutdown(1)


def oversized_frame(c):
    c.headers()
    c.frame(rawh2.DATA, b"x" * 30000, stream=c.stream)


def oversized_message(c):
    c.headers()
    c.data(message(b"", size=300 << 20))


def compressed(c):
    c.headers()
    c.data(message(b"\x1f\x8b\x08\0", flag=1))


def wrong_content_type(c):
    c.headers(HTML)
    c.data(b"<html>Welcome to nginx", end=True)


def bad_gateway(c):
    c.headers(BAD_GATEWAY)
    c.data(b"<html>no upstream at edge-7", end=True)


def no_status(c):
    c.headers()
    c.headers({"x-trailer": "y"}, end=True)


def bad_status(c):
    c.headers()
    c.headers({"grpc-status": "banana"}, end=True)


def trailers_only(c):
    c.headers(TRAILERS_ONLY, end=True)


def reset(c):
    c.headers()
    c.reset()


def reset_in_a_message(c):
    c.headers()
    c.data(message(b"x" * 100, size=200))
    c.reset()


def cut_in_a_message(c):
    c.headers()
    c.data(message(b"x" * 100, size=200))
    c.cut()


def no_protobuf(c):
    c.headers()
    c.data(message(b"\xff\xff\xff\xff"))


@pytest.mark.parametrize("script,pattern", [
    (truncated_message, "ended the call in the middle of a message"),
    (truncated_frame, "connection to .* lost"),
    (oversized_frame, "connection to .* lost"),
    (oversized_message, "314572800 bytes.*raise max_message"),
    (compressed, "compressed message.*switch it off there"),
    (wrong_content_type, "text/html.*nginx"),
    (bad_gateway, "502.*edge-7"),
    (no_status, "no grpc-status in the trailers.*proxy in between"),
    (bad_status, "grpc-status is not a number"),
    (trailers_only, "server is not ready to serve.*its own log says why"),
    (reset, "RST_STREAM INTERNAL_ERROR"),
    (reset_in_a_message, "RST_STREAM INTERNAL_ERROR"),
    (cut_in_a_message, "lost: Connection reset by peer"),
    (no_protobuf, "no discovery response with a type; is this an xDS v3 server"),
], ids=lambda v: v.__name__ if callable(v) else "")
def test_frames(shop, plane, script, pattern):
    with shop.untouched(), instead(plane, script):
        shop.wait_trouble(pattern)
        assert "trying again" in shop.log()


def test_ping_flood(shop, plane):
    def script(c):
        c.headers()
        for _ in range(20000):
            c.ping()
        wait_for(lambda: c.ended.is_set() or c.pongs() == 20000, "answers, or the end")
        c.cut()

    with shop.untouched(), instead(plane, script) as raw:
        wait_for(lambda: raw.connections and raw.connections[0].ended.is_set(), "the end of the flood", 60)
        assert len(shop.log()) < 20000


def encoded(api, url, resources, nonce="raw"):
    if api == "sotw":
        return discovery.DiscoveryResponse(type_url=url, version_info="raw", nonce=nonce,
                                           resources=[any_of(r) for r in resources]).SerializeToString()
    return discovery.DeltaDiscoveryResponse(
        type_url=url, nonce=nonce, resources=[discovery.Resource(name=r["name"], version="raw", resource=any_of(r))
                                              for r in resources]).SerializeToString()


def test_goaway_in_the_middle_of_a_response(shop, plane, api):
    """What has begun is still taken, and what follows on the stream; the next stream is on another connection."""
    body = message(encoded(api, CDS, [cluster("blue"), cluster("green"), static("red", "10.1.0.3")]))
    more = message(encoded(api, CDS, [cluster("blue"), cluster("green"), static("red", "10.1.0.4")], "raw-2"))

    def script(c):
        c.headers()
        c.data(body[:40])
        c.goaway()
        c.data(body[40:] + more)
        c.headers({"grpc-status": "0"}, end=True)
        c.ended.wait(30)

    with instead(plane, script) as raw:
        wait_for(lambda: "10.1.0.4" in shop.hosts(), f"what was sent around GOAWAY: {shop.log()}")
        assert {"10.1.0.1", "10.1.0.2"} <= shop.hosts()
        wait_for(lambda: len(raw.connections) > 1, "another connection")
    plane.put(static("red", "10.1.0.5"))
    shop.wait_hosts("10.1.0.1", "10.1.0.2", "10.1.0.5")


def test_stalls_in_a_message(told, planes):
    """No answer to a ping either: the connection is given up after keepalive and 20 s."""
    shops = []
    for api in ("sotw", "delta"):
        plane = planes()
        shops.append((told(plane, options={"api": api, "keepalive": "15s"}).serve_shop(), plane))

    def script(c):
        c.headers()
        c.data(message(b"x" * 100, size=200))
        c.deaf.set()

    with contextlib.ExitStack() as stack:
        for meshd, plane in shops:
            stack.enter_context(meshd.untouched())
            stack.enter_context(instead(plane, script))
        for meshd, _ in shops:
            meshd.wait_trouble("has stopped in the middle of a message for 35 s", deadline=60)


# ---- responses ----

def refused(shop, plane, sent, *words):
    answer = plane.wait_answer(sent)
    assert answer.kind == "nack" and all(word in answer.error for word in words), answer.error
    shop.wait_log(rf"WARN .*refused \(NACK\).*{words[0]}")
    row = shop.types()[sent.type.rsplit(".", 1)[1]]
    assert row["nacked"] != "-" and words[0] in row["reason"]
    wait_for(lambda: words[0] in shop.ctl("report").stdout, "the reason in the report")


def test_duplicate_names(shop, plane):
    with shop.untouched():
        plane.wait_settled()
        sent = plane.respond(EDS, [endpoints("green", "10.1.0.8"), endpoints("blue", "10.1.0.9"),
                                   endpoints("green", "10.1.0.7")])
        refused(shop, plane, sent, "green", "twice")


@pytest.mark.parametrize("url,resource", [(EDS, cluster("green")), (CDS, endpoints("green", "10.9.9.9"))])
def test_resources_of_another_type(shop, plane, url, resource):
    with shop.untouched():
        plane.wait_settled()
        refused(shop, plane, plane.respond(url, [resource]), "green", resource["@type"])


def test_an_any_that_lies(shop, plane):
    """A cluster's bytes under the name of the type that was asked for."""
    with shop.untouched():
        plane.wait_settled()
        lie = any_pb2.Any(type_url=EDS, value=any_of(static("green", "10.9.9.9")).value)
        refused(shop, plane, plane.respond(EDS, [lie]), "green")


def test_a_type_that_nobody_asked_for(shop, plane):
    url = "type.googleapis.com/envoy.config.core.v3.Node"
    with shop.untouched():
        sent = plane.respond(url, [{"@type": url, "id": "n"}], version="7")
        answer = plane.wait_answer(sent)
        assert answer.nonce == sent.nonce
        shop.wait_log("WARN .*envoy.config.core.v3.Node")


def test_an_old_nonce_and_an_old_version(shop, plane, api):
    """Nothing but labels: what came last is what is used, and it is answered by its own."""
    plane.wait_settled()
    old = next(s for s in plane.sent if s.type == EDS)
    with plane.lock:
        plane.respond(EDS, [endpoints("blue", "10.1.1.1")], version="9")
        again = plane.respond(EDS, [endpoints("blue", "10.1.1.2")], version=old.version, nonce=old.nonce)
    answer = wait_for(lambda: plane.of(EDS)[-1].nonce == old.nonce and plane.of(EDS)[-1], "an answer to the replay")
    assert answer.kind == "ack" or answer.answers is again
    assert answer.version == (old.version if api == "sotw" else "") and not answer.error
    shop.wait_hosts("10.1.1.2", "10.1.0.2")


def test_ten_thousand_empty_updates(shop, plane, api):
    plane.wait_settled()
    size = len(shop.log())
    url = EDS if api == "sotw" else CDS
    with shop.untouched():
        for part in range(10):
            with plane.lock:
                for i in range(1000):
                    plane.stream.respond(url, [], version=f"empty-{part}-{i}")
        last = plane.sent[-1]
        wait_for(lambda: plane.asked[-1].nonce == last.nonce, "an answer to the last", 60)
        answers = plane.of(url)[-10000:]
        assert all(not a.error for a in answers) and len({a.nonce for a in answers}) == 10000
        assert shop.workers()["source"]["restarts"] == 0
    assert len(shop.log()) - size < 2000, shop.log()


def test_a_refused_response_is_sent_over_and_over(shop, plane):
    """As go-control-plane does: the log says it once."""
    plane.on_nack = "resend"
    with shop.untouched():
        plane.wait_settled()
        for _ in range(50):
            sent = plane.respond(EDS, [endpoints("green", "10.1.0.8"), endpoints("green", "10.1.0.7")])
            assert plane.wait_answer(sent).kind == "nack"
            if plane.on_nack == "resend":
                plane.on_nack = "wait"
    assert shop.log().count("refused (NACK)") <= 3
