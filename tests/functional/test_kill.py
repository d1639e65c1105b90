# SPDX-License-Identifier: Apache-2.0
"""Nothing changes without cause: kill -9 of each worker, and of everything, under a watch."""

import os
import signal

import pytest

from lib.daemon import alive
from lib.large import MANY, write_endpoints, write_large_mesh
from lib.wait import wait_for

ROUNDS = 100 if os.environ.get("MESHD_LONG") == "yes" else 10


def touch_endpoint(mesh, old, new):
    path = mesh / "4-endpoints.yaml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.mark.parametrize("role", ["source", "translator"])
def test_kill_left_of_the_frontend(meshd, mesh, role):
    """A watcher connected all the time sees no event, and the connection lives."""
    before, revision = meshd.objects(), meshd.etcd.revision()
    watch = meshd.etcd.watch(revision + 1)
    for number in range(1, ROUNDS + 1):
        meshd.kill_worker(role)
        assert meshd.workers()[role]["restarts"] == number
        assert meshd.objects() == before
    assert meshd.etcd.revision() == revision
    assert not watch.closed.is_set() and watch.events() == []
    # and the chain still works
    touch_endpoint(mesh, "10.1.0.21", "10.1.0.77")
    assert all("10.1.0.77" in value for _, _, _, value, _ in watch.wait_events(1))
    watch.close()


def test_kill_the_frontend(meshd, mesh):
    """The watch ends with the process; a new one from the same revision sees no event, and what comes next."""
    before, revision = meshd.objects(), meshd.etcd.revision()
    for number in range(1, ROUNDS + 1):
        watch = meshd.etcd.watch(revision + 1)
        meshd.kill_worker("frontend")
        wait_for(watch.closed.is_set, "the end of the watch")
        assert watch.events() == []
        watch.close()
        assert meshd.workers()["frontend"]["restarts"] == number
        assert wait_for(meshd.objects, "an answer") == before
        assert meshd.etcd.revision() == revision
    watch = meshd.etcd.watch(revision + 1)
    assert watch.events() == [] and not any(r.get("canceled") for r in watch.results())
    touch_endpoint(mesh, "10.1.0.21", "10.1.0.77")
    assert watch.wait_events(1)[0][0] > revision
    watch.close()


def test_kill_the_frontend_right_after_a_change(meshd, mesh):
    """What a watcher saw is never taken back nor given another value."""
    seen, address = {}, 21
    for _ in range(ROUNDS):
        watch = meshd.etcd.watch(meshd.etcd.revision() + 1)
        touch_endpoint(mesh, f"10.1.0.{address}", f"10.1.0.{address + 1}")
        address += 1
        for _, _, key, value, mod in watch.wait_events(1):
            assert seen.setdefault((key, mod), value) == value
        meshd.kill_worker("frontend")
        watch.close()
        objects = wait_for(meshd.objects, "an answer")
        for key, (value, _, mod, _) in objects.items():
            assert seen.setdefault((key, mod), value) == value
        assert any(f"10.1.0.{address}" in value for value, _, _, _ in objects.values())


def endpoints_seen(watch):
    """(revision, key, value) of what a watch of the upstreams was told."""
    return [(mod, key, value) for _, _, key, value, mod in watch.events()]


def test_kill_the_frontend_takes_no_history(daemons, work):
    """A watcher of a quiet range goes on where it began, however much happened elsewhere; so do all others."""
    folder = work / "large.d"
    folder.mkdir(mode=0o755)
    write_large_mesh(folder)
    meshd = daemons(paths=[folder])
    meshd.start()
    wait_for(lambda: len(meshd.objects()) >= 2 * MANY, "the large mesh", 120)
    first = meshd.etcd.revision()
    quiet = dict(key="/apisix/routes/", end="/apisix/routes0")
    told = meshd.etcd.watch(first + 1, key="/apisix/upstreams/", end="/apisix/upstreams0")
    for change in range(1, 6):
        write_endpoints(folder, f"10.0.1.{change}")
        wait_for(lambda n=change: len(told.messages) > n, f"change {change}", 120)
    counters = wait_for(lambda: (c := meshd.counters("frontend"))["stored_revision"] == c["revision"] and c,
                        "the object store to be written", 60)
    assert counters["history_bytes"] > 24 << 20, "too little happened to prove anything"
    before = endpoints_seen(told)
    past = meshd.etcd.range(revision=first, keys_only=True)["kvs"]
    told.close()
    meshd.kill_worker("frontend")
    watch = meshd.etcd.watch(first + 1, **quiet)
    again = meshd.etcd.watch(first + 1, key="/apisix/upstreams/", end="/apisix/upstreams0")
    wait_for(lambda: len(endpoints_seen(again)) >= len(before) or again.results()[-1].get("canceled"), "the past", 60)
    assert endpoints_seen(again) == before
    assert watch.events() == [] and not any(r.get("canceled") for r in watch.results()), watch.results()
    assert meshd.etcd.range(revision=first, keys_only=True)["kvs"] == past
    names = "history_transactions", "compacted_revision", "revision"
    wait_for(lambda: (now := meshd.counters("frontend")) and all(now[n] == counters[n] for n in names), "the history")
    again.close()
    watch.close()


def test_kill_everything_and_start_again(meshd):
    """After kill -9 of every process and a new start: the same objects and numbers, no event."""
    before, revision = meshd.objects(), meshd.etcd.revision()
    wait_for(lambda: meshd.counters("frontend")["stored_revision"] >= revision, "the object store to be written")
    for _ in range(3):
        meshd.kill_everything()
        meshd.start()
        assert wait_for(meshd.objects, "an answer") == before
        watch = meshd.etcd.watch(revision + 1)
        wait_for(lambda: (c := meshd.counters("translator"))["commits"] >= 1 and c["lag"] == 0, "a publication")
        assert meshd.objects() == before and meshd.etcd.revision() == revision
        assert watch.events() == [] and not any(r.get("canceled") for r in watch.results())
        watch.close()


def test_restart_with_the_mesh_gone_keeps_serving(meshd, mesh):
    """Control plane gone, machine rebooted: APISIX goes on reading the last good objects."""
    before = meshd.objects()
    revision = meshd.etcd.revision()
    wait_for(lambda: meshd.counters("frontend")["stored_revision"] >= revision, "the object store to be written")
    meshd.stop()
    hidden = mesh.with_name("hidden")
    mesh.rename(hidden)
    meshd.start()
    assert meshd.objects() == before
    hidden.rename(mesh)
    watch = meshd.etcd.watch(meshd.etcd.revision() + 1)
    touch_endpoint(mesh, "10.1.0.21", "10.1.0.78")
    assert any("10.1.0.78" in value for _, _, _, value, _ in watch.wait_events(1))
    assert len(watch.events()) <= 2
    watch.close()


def test_supervisor_killed_ends_its_workers(meshd):
    pids = [w["pid"] for w in meshd.workers().values() if w["pid"] > 0]
    assert pids
    os.kill(meshd.process.pid, signal.SIGKILL)
    meshd.process.wait(10)
    for pid in pids:
        wait_for(lambda p=pid: not alive(p), f"the end of worker {pid}")


def test_sigterm_ends_everything(meshd):
    pids = [w["pid"] for w in meshd.workers().values() if w["pid"] > 0]
    assert meshd.stop(timeout=8) == 0
    assert not any(alive(pid) for pid in pids)
