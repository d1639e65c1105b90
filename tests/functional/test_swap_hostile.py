# SPDX-License-Identifier: Apache-2.0
"""Swaps while everything changes and anybody is killed: what watchers see stays one history."""

import contextlib
import os
import re
import signal
import subprocess

import pytest
from test_guarantees import judge, new_seed, play
from test_swap import PAIR, Reload, copy_of, pids, use

from lib.daemon import alive
from lib.wait import wait_for

ALL = (*PAIR, "frontend")


def kill(pid, sig=signal.SIGKILL):
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, sig)


def next_of(daemon, roles):
    """Pids of the new ones that are there by now."""
    names = {f"{role} (next)" for role in roles}
    return {role: w["pid"] for role, w in (daemon.workers() or {}).items() if role in names and w["pid"] > 0}


def ready_next(daemon, since):
    """Pids of the new ones that take over, by the log from there on: `meshctl status` waits for a worker that hangs."""
    log = daemon.log()[since:]
    return "the old ones end" in log and [int(pid) for pid in re.findall(r"the new \w+ is ready \(pid (\d+)\)", log)]


class Swapper:
    """In the place of lib/killer.py: each kill() is a reload during which somebody dies, or nobody does."""

    def __init__(self, daemon, newest, random_):
        self.daemon, self.newest, self.random, self.number = daemon, newest, random_, 0

    def kill(self):
        self.number += 1
        roles = (PAIR, ("frontend",), ALL)[self.number % 3]
        if "source" in roles:
            self.daemon.config["translator"] = {"debounce": f"{10 + self.number}ms"}
        if "frontend" in roles:
            self.daemon.config["frontend"]["options"]["history"] = {"bytes": "512MB", "time": f"{60 + self.number}m"}
        self.daemon.write_config()
        old, self.since = pids(self.daemon, roles), len(self.daemon.log())
        reload = Reload(self.daemon)
        deed = (self.none, self.old, self.new, self.taking, self.client)[self.number % 5]
        deed(reload, roles, old)
        reload.end()
        wait_for(self.settled, "all workers ready", deadline=60)

    def settled(self):
        workers = self.daemon.workers() or {}
        return workers and not any("next" in role for role in workers) and \
            all(w["state"] in ("ready", "off") for w in workers.values())

    def none(self, reload, roles, old):
        pass

    def old(self, reload, roles, old):
        kill(old[self.random.choice(roles)])

    def new(self, reload, roles, old):
        while reload.process.poll() is None:
            fresh = next_of(self.daemon, roles)
            if fresh:
                kill(self.random.choice(list(fresh.values())))
                return

    def taking(self, reload, roles, old):
        """The old ones do not end: the phase of taking over lasts, and in it one of the new ones is killed."""
        kill(old[roles[-1]], signal.SIGSTOP)
        while reload.process.poll() is None:
            fresh = ready_next(self.daemon, self.since)
            if fresh:
                kill(self.random.choice(fresh))
                return

    def client(self, reload, roles, old):
        reload.process.kill()


def test_nine_guarantees_under_swaps(work):
    results = [play(work, 0, 15, new_seed(), killer=Swapper)]
    revisions, messages, segments = judge(results)
    assert revisions >= 15 and messages >= 100 and segments >= 30


@pytest.mark.parametrize("role", PAIR)
def test_the_end_while_the_old_ones_do_not_end(meshd, mesh, role):
    old = pids(meshd)
    before, revision = meshd.objects(), meshd.etcd.revision()
    kill(old[role], signal.SIGSTOP)
    use(meshd, copy_of(mesh))
    reload = Reload(meshd)
    fresh = wait_for(lambda: ready_next(meshd, 0), "the phase of taking over")
    assert len(fresh) == 2
    assert (meshd.objects(), meshd.etcd.revision()) == (before, revision)
    assert meshd.stop() == 0
    assert reload.end()[0] != 0
    assert not any(alive(pid) for pid in [*old.values(), *fresh])
    meshd.start()
    assert {k: v[0] for k, v in meshd.objects().items()} == {k: v[0] for k, v in before.items()}


def test_many_swaps_leave_nothing_behind(meshd):
    def held():
        fds = len(os.listdir(f"/proc/{meshd.process.pid}/fd"))
        children = subprocess.run(["pgrep", "-P", str(meshd.process.pid)], stdout=subprocess.PIPE, text=True,
                                  check=False).stdout.split()
        return fds, len(children)
    before, revision, objects = held(), meshd.etcd.revision(), meshd.objects()
    watch = meshd.etcd.watch(revision + 1)
    for number in range(15):
        meshd.config["translator"] = {"debounce": f"{20 + number}ms"}
        meshd.write_config()
        assert meshd.ctl("reload").returncode == 0
    wait_for(lambda: held() == before, f"as many descriptors and children as before ({before})")
    assert (meshd.objects(), meshd.etcd.revision()) == (objects, revision)
    assert watch.events() == [] and not watch.closed.is_set()
    watch.close()


def test_a_store_that_cannot_be_written(meshd, mesh):
    """The new pair begins again with what the old one has stored, and follows its own source from there."""
    in_the_way = meshd.dir / "state" / "resources.new"
    wait_for(lambda: not in_the_way.exists(), "the end of a save")
    in_the_way.mkdir()
    (in_the_way / "x").touch()
    use(meshd, copy_of(mesh, old="10.1.0.21", new="10.9.9.9"))
    assert meshd.ctl("reload").returncode == 0

    def is_the_other():
        values = [value for value, _, _, _ in meshd.objects().values()]
        return any("10.9.9.9" in v for v in values) and not any("10.1.0.21" in v for v in values)
    wait_for(is_the_other, "the other mesh")
    meshd.wait_log("starting again with what the old translator has stored")
    meshd.kill_worker("translator")
    assert is_the_other()
