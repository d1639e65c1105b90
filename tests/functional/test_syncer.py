# SPDX-License-Identifier: Apache-2.0
"""A double of APISIX's syncer ends with exactly the store's content, whatever happens on the way."""

import os
import random
from concurrent.futures import ThreadPoolExecutor

from lib.churn import Churn
from lib.daemon import Daemon
from lib.killer import Killer
from lib.syncer import DIRECTORIES, Syncer
from lib.wait import wait_for

CHANGES = 100000 if os.environ.get("MESHD_LONG") == "yes" else 10000
PER_KILL = 1000                # changes between two kills
SYNCERS = 4
PLACEHOLDERS = {f"/apisix/{name}/" for name in DIRECTORIES}


def mesh_content(daemon):
    return {key: (value, mod) for key, (value, _, mod, _) in daemon.objects().items() if key not in PLACEHOLDERS}


class Load:
    """Changes many objects per file and counts what that changed in the store."""

    def __init__(self, daemon, churn):
        self.daemon, self.churn, self.events = daemon, churn, 0
        self.before = mesh_content(daemon)

    def step(self, syncers):
        """Some files changed at once; returns when the store has the last of it, and now and then the syncers too."""
        self.churn.change_some()
        after = wait_for(self._arrived, "what was written", deadline=120, interval=0.05)
        self.events += sum(self.before.get(key) != after.get(key) for key in self.before.keys() | after.keys())
        self.before = after
        if self.churn.random.random() < 0.5:    # not always: they shall come in late, and lag behind
            agree(self.daemon, syncers)

    def _arrived(self):
        content = mesh_content(self.daemon)
        return self.churn.arrived(value for value, _ in content.values()) and content


def same_as(daemon, syncers):
    content = mesh_content(daemon)
    return content and all(s.items() == content for s in syncers)


def explain(daemon, syncers):
    content, lines = mesh_content(daemon), []
    for number, syncer in enumerate(syncers):
        items = syncer.items()
        wrong = [key for key in sorted(items.keys() | content.keys()) if items.get(key) != content.get(key)]
        lines += [f"syncer {number} at {syncer.rev}, {syncer.error}: {len(wrong)} items differ"]
        lines += [f"  '{key}' is {items.get(key)}, in the store {content.get(key)}" for key in wrong[:3]]
    return "\n".join(lines)


def agree(daemon, syncers):
    try:
        wait_for(lambda: same_as(daemon, syncers), "the store's content in every syncer", interval=0.05)
    except AssertionError as error:
        raise AssertionError(f"{error}\n{explain(daemon, syncers)}") from None


def test_ten_thousand_changes_with_reconnects_and_kills(work):
    seed = int(os.environ.get("MESHD_SEED", random.randrange(1 << 30)))
    print(f"MESHD_SEED={seed}")
    random_ = random.Random(seed)
    folder = work / "mesh"
    folder.mkdir()
    folder.chmod(0o755)
    churn = Churn(folder, random_, groups=("s0", "s1", "e0", "e1", "r0"), size=60)
    daemon = Daemon(work, paths=[folder])
    syncers, pool = [], ThreadPoolExecutor(1)
    try:
        daemon.start()
        load = Load(daemon, churn)
        syncers = [Syncer(daemon.port, seed + i) for i in range(SYNCERS)]
        killer, kills = Killer(daemon, lambda: max(s.rev for s in syncers), random_), 0
        while load.events < CHANGES:
            load.step(syncers)
            if load.events >= (kills + 1) * PER_KILL:
                killing = pool.submit(killer.kill)
                while not killing.done():       # it waits for revisions, and for a worker that has settled
                    load.step(syncers)
                killing.result()
                kills += 1
        agree(daemon, syncers)
        assert kills >= CHANGES // PER_KILL - 2
    finally:
        pool.shutdown()
        for syncer in syncers:
            syncer.stop()
        problems = daemon.finish()
    assert not problems, "\n".join(problems)
    assert [s.log for s in syncers] == [[]] * SYNCERS
    assert not any(s.error for s in syncers)
    print(f"{load.events} changes, {kills} kills, {sum(s.messages for s in syncers)} messages on "
          f"{sum(s.connections for s in syncers)} connections")
