# SPDX-License-Identifier: Apache-2.0
"""The connection of the plugin xds to its control plane: who it is, tokens, TLS, several servers, what it is refused."""

import os
import socket
from datetime import datetime, timedelta, timezone

import grpc
import pytest

from lib.ca import Ca
from lib.resources import static

BLUE, GREEN = "10.1.0.1", "10.1.0.2"
DOWN = (grpc.StatusCode.UNAVAILABLE, "going away")


# ---- refusals ----

@pytest.mark.parametrize("api,code,remedy", [
    ("sotw", "UNAVAILABLE", "its own log says why"), ("delta", "UNAVAILABLE", "its own log says why"),
    ("delta", "RESOURCE_EXHAUSTED", "limits how often"), ("sotw", "INVALID_ARGUMENT", "check the section node:"),
    ("sotw", "INTERNAL", "what is held stays, trying again"),
])
def test_not_ready_at_the_start(told, plane, api, code, remedy):
    plane.refuse = (getattr(grpc.StatusCode, code), "the words of the server")
    meshd = told(plane, options={"api": api}).start(wait=False)
    meshd.wait_log(f"WARN .*{code}: the words of the server.*{remedy}")
    meshd.wait_state("the words of the server")
    plane.refuse = None
    meshd.wait_hosts(BLUE, GREEN)


def test_permission_denied_is_not_asked_again_at_once(shop, plane):
    with shop.untouched():
        streams = len(plane.streams)
        plane.refuse = (grpc.StatusCode.PERMISSION_DENIED, "not this namespace")
        plane.stream.fail(*DOWN)
        shop.wait_trouble("PERMISSION_DENIED: not this namespace.*the section node:")
        due = shop.wait_state("next attempt at").rsplit(" ", 1)[1].replace("Z", "+00:00")
        plane.refuse = None
        assert datetime.fromisoformat(due) > datetime.now(timezone.utc) + timedelta(seconds=3), due
        assert len(plane.streams) == streams + 1
        plane.wait_stream(streams + 1)


def test_auto_takes_what_there_is(told, plane):
    """Incremental first; once it is unimplemented, the other, at once and from then on."""
    plane.unknown = {"delta"}
    meshd = told(plane).serve_shop()
    meshd.wait_log("no incremental xDS; asking for the state of the world")
    assert "WARN source" not in meshd.log()
    plane.unknown = set()
    with meshd.untouched():
        plane.stream.fail(*DOWN)
        plane.wait_stream(1)
    assert [s.api for s in plane.streams] == ["sotw", "sotw"]


def test_auto_prefers_incremental(told, plane):
    told(plane).serve_shop()
    assert [s.api for s in plane.streams] == ["delta"]


@pytest.mark.parametrize("option", ["auto", "delta", "sotw"])
def test_no_such_service(told, plane, option):
    plane.unknown = {"delta", "sotw"}
    meshd = told(plane, options={"api": option}).start()
    meshd.wait_log("WARN .*UNIMPLEMENTED.*no aggregated xDS v3 there: check host and port of server")
    plane.unknown = set()
    meshd.wait_hosts(BLUE, GREEN)


# ---- the token ----

@pytest.fixture
def token(work):
    path = work / "token"
    path.write_text("one\n")
    return path


@pytest.fixture
def trusted(told, plane, token):
    plane.token = "Bearer one"
    return told(plane, options={"token_file": str(token)}).serve_shop()


def test_a_renewed_token_is_used_for_the_next_stream(trusted, plane, token):
    with trusted.untouched():
        plane.token = "Bearer two"
        (token.parent / "new").write_text("two")
        os.rename(token.parent / "new", token)
        plane.stream.fail(*DOWN)
        plane.wait_stream(1)
    assert [s.metadata["authorization"] for s in plane.streams] == ["Bearer one", "Bearer two"]


def test_a_refused_token(trusted, plane, token):
    with trusted.untouched():
        plane.token = "Bearer two"
        plane.stream.fail(*DOWN)
        trusted.wait_trouble("UNAUTHENTICATED: the token is not valid.*renew token_file")
        assert "one" not in trusted.log().split("token is not valid")[1].splitlines()[0].split()
        token.write_text("two\n")


def test_a_token_file_that_vanishes(trusted, plane, token):
    with trusted.untouched():
        token.unlink()
        plane.stream.fail(*DOWN)
        trusted.wait_trouble(f"{token}.*")
        assert len(plane.streams) == 1
        token.write_text("one\n")


# ---- TLS ----

@pytest.fixture
def ca(work):
    return Ca(work, "ca")


def credentials(ca, name="server", **kwargs):
    cert, key = ca.issue(name, **kwargs)
    return grpc.ssl_server_credentials([(key.read_bytes(), cert.read_bytes())])


@pytest.fixture
def secured(told, planes, ca):
    plane = planes(credentials=credentials(ca))
    return told(plane, options={"tls": {"ca": str(ca.cert)}}).serve_shop()


@pytest.mark.parametrize("which,pattern", [
    ("name", "is for istiod.istio-system.svc, not for 127.0.0.1.*tls.server_name"),
    ("expired", "has expired on .*the server needs a new one"),
    ("unknown", "signed by stranger, which is not in .*put the control plane's CA there"),
    ("plain", "write grpc://"),
])
def test_tls_that_is_wrong(secured, ca, work, which, pattern):
    """As it was before, and again afterwards."""
    plane, good = secured.plane, secured.plane.credentials
    bad = {"name": lambda: credentials(ca, "other", san="DNS:istiod.istio-system.svc"),
           "expired": lambda: credentials(ca, "old", days=-1),
           "unknown": lambda: credentials(Ca(work / "elsewhere", "stranger")),
           "plain": lambda: None}[which]()
    with secured.untouched():
        plane.stop()
        plane.credentials = bad
        plane.start()
        secured.wait_trouble(pattern)
        plane.stop()
        plane.credentials = good
        plane.start()


def test_a_ca_that_is_replaced(secured, work):
    """The next connection reads the file anew."""
    plane, stranger = secured.plane, Ca(work / "elsewhere", "stranger")
    with secured.untouched():
        plane.stop()
        plane.credentials = credentials(stranger)
        plane.start()
        secured.wait_trouble("signed by stranger, which is not in .*put the control plane's CA there")
        (work / "next.pem").write_bytes(stranger.cert.read_bytes())
        os.rename(work / "next.pem", work / "ca.pem")


# ---- servers ----

def test_several_servers(told, planes):
    """The first that answers; when it goes, another, and nothing changes."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        dead = f"grpc://127.0.0.1:{s.getsockname()[1]}"
        one, two = planes(), planes()
        meshd = told(two, options={"server": [dead, one.url, two.url]}).serve_shop()
        assert one.streams and not two.streams
        meshd.wait_state(one.url)
        with meshd.untouched():
            one.stop()
            two.wait_stream(0)
        meshd.wait_state(two.url)


def test_unix_socket(told, planes, work):
    plane = planes(address=f"unix:{work}/control.sock")
    os.chmod(work / "control.sock", 0o777)
    told(plane).serve_shop()


# ---- size ----

def test_a_response_of_20_mib(told, planes, api):
    pad = {"filter_metadata": {"pad": {"x": "y" * (512 << 10)}}}
    plane = planes([static(f"c{i}", f"10.3.0.{i}", metadata=pad) for i in range(40)])
    meshd = told(plane, options={"api": api}).start()
    meshd.wait_hosts(*(f"10.3.0.{i}" for i in range(40)), deadline=60)
    assert max(len(s.message.SerializeToString()) for s in plane.sent) > 20 << 20
    plane.wait_settled()


def test_a_response_that_is_too_large(told, planes, api):
    plane = planes([static("a", BLUE)])
    meshd = told(plane, options={"api": api, "max_message": "1MB"}).start()
    meshd.wait_hosts(BLUE)
    plane.put(static("b", GREEN, metadata={"filter_metadata": {"pad": {"x": "y" * (2 << 20)}}}))
    meshd.wait_trouble("max_message")
    assert meshd.hosts() == {BLUE}
    plane.put(static("b", GREEN))
    meshd.wait_hosts(BLUE, GREEN)
