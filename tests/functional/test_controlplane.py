# SPDX-License-Identifier: Apache-2.0
"""The test control plane itself, asked by a client of grpcio: what the tests of meshd rely on."""

import queue

import grpc
import pytest
from envoy.config.core.v3 import base_pb2
from envoy.service.discovery.v3 import discovery_pb2 as discovery

from lib.controlplane import ALL, METHODS, ControlPlane
from lib.resources import CDS, EDS, cluster, endpoints

MESH = [cluster("a"), cluster("b"), endpoints("a", "10.0.0.1"), endpoints("b", "10.0.0.2")]
PATHS = {api: path for path, api in METHODS.items()}


class Client:
    def __init__(self, plane, api, **metadata):
        self.requests = queue.SimpleQueue()
        self.channel = grpc.insecure_channel(plane.address, options=[("grpc.use_local_subchannel_pool", 1)])
        self.kind, answer = (discovery.DiscoveryRequest, discovery.DiscoveryResponse) if api == "sotw" else \
            (discovery.DeltaDiscoveryRequest, discovery.DeltaDiscoveryResponse)
        call = self.channel.stream_stream(PATHS[api], self.kind.SerializeToString, answer.FromString)
        self.answers = call(iter(self.requests.get, None), metadata=list(metadata.items()), timeout=30)

    def ask(self, url, **fields):
        self.requests.put(self.kind(type_url=url, **fields))

    def next(self):
        return next(self.answers)

    def close(self):
        self.requests.put(None)
        self.channel.close()


@pytest.fixture
def plane():
    plane = ControlPlane(MESH).start()
    yield plane
    plane.stop()


@pytest.fixture
def client(plane):
    made = []

    def make(api, **metadata):
        made.append(Client(plane, api, **metadata))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_sotw(plane, client):
    c = client("sotw")
    c.ask(CDS, node=base_pb2.Node(id="n"))
    first = c.next()
    assert len(first.resources) == 2 and first.type_url == CDS
    c.ask(CDS, version_info=first.version_info, response_nonce=first.nonce)
    c.ask(EDS, resource_names=["a"])            # not all: no answer, as go-control-plane
    c.ask(EDS, resource_names=["a", "b"])
    second = c.next()
    assert second.type_url == EDS and len(second.resources) == 2
    plane.put(endpoints("a", "10.0.0.3"))       # crosses the request with the old nonce
    third = c.next()
    c.ask(EDS, resource_names=["a", "b"], version_info=second.version_info, response_nonce=second.nonce)
    c.ask(EDS, resource_names=["a", "b"], version_info=second.version_info, response_nonce=third.nonce,
          error_detail={"code": 3, "message": "no"})
    plane.wait(lambda a: a.kind == "nack" and a.error == "no", "the refusal")
    assert [a.stale for a in plane.of(EDS)] == [False, False, True, False]
    assert [a.kind for a in plane.of(CDS)] == ["request", "ack"] and plane.asked[0].node.id == "n"
    plane.remove(CDS, "b")
    assert len(c.next().resources) == 1


def test_delta(plane, client):
    c = client("delta")
    c.ask(CDS)
    first = c.next()
    assert {r.name for r in first.resources} == {"a", "b"}
    version = {r.name: r.version for r in first.resources}
    c.ask(CDS, response_nonce=first.nonce)
    c.ask(EDS, resource_names_subscribe=["a", "z"])
    second = c.next()
    assert [r.name for r in second.resources] == ["a"] and list(second.removed_resources) == ["z"]
    c.ask(EDS, resource_names_subscribe=["a"])  # once more: sent again
    assert [r.name for r in c.next().resources] == ["a"]
    plane.remove(CDS, "a")
    assert list(c.next().removed_resources) == ["a"]
    again = client("delta")
    again.ask(CDS, initial_resource_versions=version)
    third = again.next()
    assert not third.resources and list(third.removed_resources) == ["a"]


def test_manners(plane, client):
    plane.unknown, plane.token = {"delta"}, "Bearer x"
    for api, metadata, code in (("delta", {}, grpc.StatusCode.UNIMPLEMENTED),
                                ("sotw", {"authorization": "Bearer y"}, grpc.StatusCode.UNAUTHENTICATED)):
        c = client(api, **metadata)
        c.ask(CDS)
        with pytest.raises(grpc.RpcError) as error:
            c.next()
        assert error.value.code() == code
    plane.silent.add(ALL)
    c = client("sotw", authorization="Bearer x")
    c.ask(CDS)
    plane.wait(lambda a: a.type == CDS, "the request")
    sent = plane.respond(CDS, [cluster("c")], version="7")
    assert c.next().version_info == "7"
    c.ask(CDS, version_info="7", response_nonce=sent.nonce)
    assert plane.wait_answer(sent).kind == "ack"
    plane.end_streams(grpc.StatusCode.UNAVAILABLE, "going")
    with pytest.raises(grpc.RpcError) as error:
        c.next()
    assert error.value.details() == "going"


def test_another_life(plane, client):
    """The same set has the same versions, and the port stays."""
    address, version = plane.address, plane.version(CDS)
    plane.stop()
    plane.start()
    assert (plane.address, plane.version(CDS)) == (address, version)
    c = client("sotw")
    c.ask(CDS, version_info=version)        # held already: no answer
    c.ask(EDS, resource_names=["a", "b"])
    assert c.next().type_url == EDS
