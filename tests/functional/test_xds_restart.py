# SPDX-License-Identifier: Apache-2.0
"""Control planes that die and come back, and a meshd that does: nothing is deleted before the truth is known, and
watchers see true changes only."""

import os
import random
from concurrent.futures import ThreadPoolExecutor

import pytest
import yaml

from lib.churn import HEAD, Churn
from lib.controlplane import ControlPlane
from lib.cutter import Cutter
from lib.history import Spec, Truth
from lib.recorder import Crowd, Shared, json_state
from lib.resources import CDS, EDS, LDS, any_of, cluster, endpoints, name_of
from lib.wait import wait_for
from lib.xds_daemon import APIS, SHOP, XdsDaemon

BLUE, GREEN = "10.1.0.1", "10.1.0.2"
LIVES = 1000 if os.environ.get("MESHD_LONG") == "yes" else 25       # of each variant
GROUPS = ("s0", "s1", "e0", "r0")
WHOLE = Spec(prev_kv=True)


# ---- the same again ----

@pytest.mark.parametrize("resend", [False, True])
def test_a_reconnect_with_the_same_content_is_no_event(shop, plane, resend):
    """Whether the control plane trusts what we say to hold, or sends everything."""
    plane.resend = resend
    with shop.untouched():
        for life in range(1, 4):
            plane.stop()
            plane.start()
            plane.wait_stream(life)
            plane.wait(lambda a, life=life: a.stream == life and a.type == EDS, "requests of the new stream")


def test_other_versions_of_the_same_content_are_no_event(shop, plane):
    with shop.untouched():
        plane.stop()
        for versions in plane.versions.values():
            versions.update({name: version + "-other" for name, version in versions.items()})
        plane.start()
        plane.wait_stream(1)
        plane.wait(lambda a: a.stream == 1 and a.type == LDS and a.kind == "ack", "everything to be sent again")
        plane.wait_settled()


@pytest.mark.parametrize("role", ["source", "translator"])
def test_a_worker_that_is_killed_is_no_event(shop, plane, api, role):
    plane.wait_settled()
    with shop.untouched():
        streams = len(plane.streams)
        shop.kill_worker(role)
        plane.wait_stream(streams)
        first = plane.wait(lambda a: a.stream == streams and a.type == EDS, "requests of the new stream")
        if api == "delta":
            assert first.initial == plane.versions[EDS]


# ---- reboot ----

def wait_stored(meshd):
    def stored():
        objects, resources = meshd.counters("frontend"), meshd.counters("translator")
        return objects["stored_revision"] == objects["revision"] and \
            resources["store_bytes"] > resources["resource_bytes"]
    wait_for(stored, "everything on the disk")


@pytest.mark.parametrize("orderly", [True, False])
def test_a_reboot_while_the_control_plane_is_down(shop, plane, api, orderly):
    plane.wait_settled()
    before, held = shop.objects(), {url: dict(versions) for url, versions in plane.versions.items()}
    wait_stored(shop)
    plane.stop()
    shop.stop() if orderly else shop.kill_everything()
    shop.start()
    assert shop.objects() == before
    watch = shop.etcd.watch(shop.etcd.revision() + 1)
    shop.wait_log("WARN source.*what is held stays, trying again")
    shop.wait_state("next attempt at")
    assert watch.events() == [] and shop.objects() == before
    # up again, with one cluster less, one more and other endpoints
    plane.replace([r for r in SHOP if name_of(r) not in ("green", "blue")] +
                  [cluster("blue"), endpoints("blue", "10.1.0.9"), cluster("red"), endpoints("red", "10.1.0.3")])
    streams = len(plane.streams)
    plane.start()
    shop.wait_hosts("10.1.0.9", "10.1.0.3")
    first = plane.of(CDS, stream=streams)[0]
    assert first.initial == (held[CDS] if api == "delta" else {})
    changed = {key for key in before.keys() | shop.objects().keys() if before.get(key) != shop.objects().get(key)}
    events = watch.events()
    assert len(events) == len(changed) and {key for _, _, key, _, _ in events} == changed
    assert {key.split("/")[3].rsplit("-", 1)[0] for key in changed} == {"blue", "green", "red"}, changed
    watch.close()


# ---- churn ----

class PlaneChurn(Churn):
    """Sets of the control plane instead of files: what a file would hold changes at once."""

    def __init__(self, plane, *args):
        self.plane, self.files = plane, {}
        super().__init__(None, *args)

    def _put(self, name, text):
        resources = yaml.safe_load(HEAD + text)["resources"]
        keys = {(r["@type"], name_of(r)) for r in resources}
        with self.plane.lock:
            for url, gone in self.files.get(name, set()) - keys:
                del self.plane.set[url][gone], self.plane.versions[url][gone]
            for r in resources:
                self.plane.put_any(r["@type"], name_of(r), any_of(r))
            self.files[name] = keys
            self.plane.publish()


def live(work, number, api, seed):
    """What was violated, over all lives, and how many revisions there were."""
    random_ = random.Random(seed)
    plane = ControlPlane().start()
    churn = PlaneChurn(plane, random_, GROUPS)
    cutter = Cutter(int(plane.address.rsplit(":", 1)[1]))
    meshd = XdsDaemon(work, plane, number, options={"api": api, "server": f"grpc://127.0.0.1:{cutter.port}"})
    meshd.config["frontend"]["options"]["history"] = {"bytes": "512MB"}
    meshd.write_config()
    try:
        meshd.start()

        def arrived():
            wait_for(lambda: churn.arrived(v for v, *_ in meshd.objects().values()), "the newest set", 90, 0.1)
        arrived()
        answer = meshd.etcd.range()
        shared = Shared(int(answer["header"]["revision"]))
        truth = Truth(shared.base, json_state(answer))
        crowd = Crowd(meshd.port, [WHOLE, WHOLE, Spec(), Spec(key="/apisix/upstreams/", end="/apisix/upstreams0")],
                      shared, seed)
        try:
            for _ in range(LIVES):
                one_life(plane, churn, cutter, random_)
            arrived()
            return judge(meshd, churn, crowd, truth), len(truth.by_revision)
        finally:
            crowd.stop()
            assert crowd.error is None, crowd.error
    finally:
        problems = meshd.finish()
        cutter.close()
        plane.stop()
        assert not problems, problems


def one_life(plane, churn, cutter, random_):
    """Changes, then the end in the middle of one; more changes that nobody sees; and up again."""
    streams = len(plane.streams)
    for _ in range(random_.randrange(3)):
        churn.change_some()
    if random_.random() < 0.6:
        cutter.cut(after=random_.randrange(1, 3000))
        churn.change_some()
    cutter.cut()
    plane.stop()
    for _ in range(random_.randrange(3)):
        churn.change_some()
    plane.start()
    cutter.heal()
    plane.wait_stream(streams)
    wait_for(lambda: any(a.stream >= streams and a.kind == "ack" for a in plane.asked[-200:]), "an answer", 60)


def judge(meshd, churn, crowd, truth):
    final = meshd.etcd.revision()
    whole = [w for w in crowd.watchers if w.spec.whole()]
    wait_for(lambda: all(w.position >= final for w in whole), f"revision {final} at watchers of everything", 60)
    for watcher in whole:
        for segment in list(watcher.segments):
            truth.add(segment)
    truth.settle([(final, json_state(meshd.etcd.range(revision=final)))], churn.check(truth))
    for watcher in crowd.watchers:
        for segment in list(watcher.segments):
            truth.judge(segment)
    same = [e for e in truth.events if e.prev is not None and e.prev.value == e.value]
    for event in same:
        truth.complain("true", f"{event} changes nothing")
    return [str(v) for v in truth.found]


def test_fifty_lives_of_a_control_plane(work):
    seed = int(os.environ.get("MESHD_SEED", random.randrange(1 << 30)))
    print(f"MESHD_SEED={seed}")
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda i: live(work, i, APIS[i], seed + i), range(2)))
    found = [text for violations, _ in results for text in violations]
    assert not found, f"{len(found)} violations:\n" + "\n".join(found[:20])
    assert all(revisions >= LIVES for _, revisions in results), results
