# SPDX-License-Identifier: Apache-2.0
"""A reload from one source to another: the same resources are no event, and a server that fails changes nothing."""

import contextlib

import grpc
import pytest

from lib.controlplane import ControlPlane
from lib.daemon import alive, free_port
from lib.resources import EDS, endpoints, read
from lib.wait import wait_for
from lib.xds_daemon import SHOP

PAIR = ("source", "translator")


@pytest.fixture
def plane(mesh):
    """The same resources as the files of `mesh`, for whoever asks."""
    plane = ControlPlane(read(mesh)).start()
    plane.mesh = mesh
    yield plane
    plane.stop()


@pytest.fixture
def swapping(daemons, mesh):
    """A meshd on the files of the example mesh, which gives up a reload after two seconds."""
    daemon = daemons(paths=[mesh], config={"node": {"id": "node-1"}, "reload_timeout": "2s"})
    daemon.start()
    daemon.wait_objects(13 + 1)
    return daemon


def use(daemon, plugin, **options):
    daemon.config["source"] = {"plugin": plugin, "options": options}
    daemon.write_config()
    return daemon.ctl("reload")


def pids(daemon):
    return {role: daemon.workers()[role]["pid"] for role in PAIR}


def held(daemon):
    return daemon.objects(), daemon.etcd.revision()


@contextlib.contextmanager
def no_event(daemon):
    before, watch = held(daemon), daemon.etcd.watch(daemon.etcd.revision() + 1)
    yield
    assert held(daemon) == before
    assert watch.events() == [] and not watch.closed.is_set()
    watch.close()


def swap(daemon, plugin, **options):
    """A reload that brings a new pair."""
    old = pids(daemon)
    result = use(daemon, plugin, **options)
    assert result.returncode == 0, result.stdout + result.stderr + daemon.log()
    assert not set(pids(daemon).values()) & set(old.values()) and not any(map(alive, old.values()))


def test_the_same_resources_from_any_source_are_no_event(swapping, mesh, plane):
    journey = [("xds", {"server": plane.url, "api": "delta"}), ("xds", {"server": plane.url, "api": "sotw"}),
               ("kuma", {"server": plane.url, "mesh": "default", "name": "node-1", "api": "sotw"}),
               ("xds", {"server": plane.url, "api": "auto"}),
               ("kuma", {"server": plane.url, "mesh": "default", "name": "node-1", "api": "delta"}),
               ("file", {"paths": [str(mesh)]})]
    with no_event(swapping):
        for plugin, options in journey:
            swap(swapping, plugin, **options)
            if plugin != "file":
                plane.wait_settled()
    assert [s.api for s in plane.streams] == ["delta", "sotw", "sotw", "delta", "delta"]
    assert [next(a.node.id for a in plane.of(stream=n)) for n in range(5)] == \
        ["node-1", "node-1", "default.node-1", "node-1", "default.node-1"]
    assert not plane.of(kind="nack") and not any(a.initial for a in plane.asked)
    wait_for(lambda: not plane.live(), "the end of the last stream")


@pytest.mark.parametrize("api", ["delta", "sotw"])
def test_after_the_swap_the_new_source_counts(swapping, mesh, plane, api):
    swap(swapping, "xds", server=plane.url, api=api)
    old, new = "10.1.0.21", "10.9.9.9"
    path = mesh / "4-endpoints.yaml"
    path.write_text(path.read_text().replace(old, "10.9.9.1"))      # nobody's any more
    changed = [r for r in read(mesh) if "10.9.9.1" in str(r)]
    assert len(changed) == 1 and changed[0]["@type"] == EDS
    watch = swapping.etcd.watch(swapping.etcd.revision() + 1)
    plane.put(endpoints(changed[0]["cluster_name"], new))
    events = watch.wait_events(1)
    assert all(new in value and "10.9.9.1" not in value for *_, value, _ in events)
    # back to the files, which say something else by now: the difference at once, in one transaction
    swap(swapping, "file", paths=[str(mesh)])
    later = watch.wait_events(len(events) + 1)[len(events):]
    assert {key for _, _, key, _, _ in later} == {key for _, _, key, _, _ in events}
    assert len({mod for *_, mod in later}) == 1 and all("10.9.9.1" in value for *_, value, _ in later)
    watch.close()


@pytest.mark.parametrize("api", ["delta", "sotw"])
def test_endpoints_that_never_come_are_those_held(swapping, plane, api):
    plane.silent.add(EDS)
    with no_event(swapping):
        swap(swapping, "xds", server=plane.url, api=api)
        plane.wait(lambda a: a.type == EDS, "the question for endpoints")
    watch = swapping.etcd.watch(swapping.etcd.revision() + 1)
    plane.silent.clear()
    plane.put(next(r for r in read(plane.mesh) if r["@type"] == EDS) | {"endpoints": []})
    assert len({key for _, _, key, _, _ in watch.wait_events(1)}) == 1
    watch.close()


def wrong(kind, plane):
    """(server, what the refusal says)"""
    if kind == "nobody listens":
        address = f"127.0.0.1:{free_port()}"
        return f"grpc://{address}", ["cannot connect", address]
    if kind == "no answer":
        plane.silent.add("all types")
        return plane.url, ["reload_timeout", "has not answered yet"]
    if kind == "no endpoints":
        plane.silent.add(EDS)
        plane.replace(SHOP)
        return plane.url, ["2 listeners and clusters need", "ClusterLoadAssignment '", "connected to"]
    if kind == "refused":
        plane.refuse = (grpc.StatusCode.PERMISSION_DENIED, "this node is not ours")
        return plane.url, ["this node is not ours"]
    return "grpc://nowhere.invalid:15010", ["nowhere.invalid"]


@pytest.mark.parametrize("plugin", ["xds", "kuma"])
@pytest.mark.parametrize("kind", ["nobody listens", "no answer", "no endpoints", "refused", "no such name"])
def test_a_server_that_fails_is_refused(swapping, mesh, plane, kind, plugin):
    server, words = wrong(kind, plane)
    more = {"mesh": "default", "name": "node-1"} if plugin == "kuma" else {}
    old = pids(swapping)
    with no_event(swapping):
        result = use(swapping, plugin, server=server, **more)
        said = result.stdout + result.stderr
        assert result.returncode == 1
        assert all(word in said for word in [*words, server.removeprefix("grpc://")]), said
        assert pids(swapping) == old
    wait_for(lambda: not any("next" in role for role in swapping.workers()), "the end of the new pair")
    path = mesh / "4-endpoints.yaml"
    path.write_text(path.read_text().replace("10.1.0.21", "10.1.0.78"))
    wait_for(lambda: any("10.1.0.78" in v for v, *_ in swapping.objects().values()), "a change of the old source")
