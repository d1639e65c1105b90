# SPDX-License-Identifier: Apache-2.0
"""meshd and a real etcd that hold the same keys, values, versions and history.

Every transaction of meshd's is copied into etcd as one transaction, so that revision R of etcd is
revision R + offset of meshd.  Tests speak in etcd's revisions, wrapped in Rev(); answers of meshd are
brought back to them before they are compared.
"""

import os
import pathlib
import re
import shutil
import tempfile

from .daemon import Daemon
from .etcd import unb64
from .real_etcd import RealEtcd
from .wait import wait_for

PROJECT = pathlib.Path(__file__).resolve().parents[3]
KEPT = 14  # transactions of history; what is older is compacted in both

CLUSTER = """- "@type": type.googleapis.com/envoy.config.cluster.v3.Cluster
  name: "{name}"
  type: STATIC
  connect_timeout: 1s
  load_assignment:
    cluster_name: "{name}"
    endpoints: [{{lb_endpoints: [{{endpoint: {{address: {{socket_address: {{address: 10.9.0.{octet}, port_value: 80}}}}}}}}]}}]
"""

# What each change leaves: cluster -> last octet of its endpoint.
STEPS = [
    {"a": 1},
    {"a": 1, "b": 1},
    {"a": 2, "b": 1},
    {"a": 3, "b": 2, "c": 1, "d d": 1},
    {"a": 3, "c": 1, "d d": 1},                              # one deleted
    {"a": 3, "b": 9, "c": 1, "d d": 1},                      # and created again
    {"a": 4, "b": 9, "c": 2, "d d": 1},
    {},                                                      # all deleted at once
    {"a": 5, "b": 5, "c": 5, "é": 5},
    {"a": 6, "b": 5, "c": 5, "é": 5},
    {"a": 7, "b": 5, "c": 5, "é": 5},
    {"a": 7, "b": 5, "é": 5},
    {"a": 7, "b": 6, "é": 6, "x%/": 6},
    {"a": 7, "b": 7, "c": 7, "é": 7, "x%/": 6},
    {"a": 7, "c": 7, "é": 7, "x%/": 6},
    {"a": 7, "c": 7, "é": 7, "x%/": 8, **{f"m{i}": 1 for i in range(12)}},
    {"a": 7, "c": 7, "é": 7, "x%/": 8, **{f"m{i}": 2 for i in range(0, 12, 2)}},
    {"a": 7, "b": 3, "c": 7, "é": 7, "x%/": 8, "m0": 2, "m2": 5, "m4": 2},
    {"a": 8, "b": 3, "c": 8, "é": 7, "x%/": 8, "m0": 2, "m2": 5, "m4": 2},
    {"a": 8, "b": 3, "c": 8, "é": 7, "m0": 2, "m2": 5, "m4": 2},
]


class Rev(int):
    """A revision, in etcd's numbers."""


def resolve(value, offset):
    """The same with every Rev moved by the offset."""
    if isinstance(value, Rev):
        return int(value) + offset
    if isinstance(value, dict):
        return {k: resolve(v, offset) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(resolve(v, offset) for v in value)
    return value


REVISIONS = re.compile(rb'"(revision|create_revision|mod_revision|compact_revision|raftIndex|raftAppliedIndex)":"(\d+)"')
IDS = re.compile(rb'"(cluster_id|member_id|raft_term|leader|raftTerm)":"\d+"')


def normal_text(text, offset):
    """A JSON answer, byte for byte, but with etcd's revisions and without ids."""
    text = IDS.sub(rb'"\1":"*"', text)
    return REVISIONS.sub(lambda m: b'"%s":"%d"' % (m[1], int(m[2]) - offset), text)


class Twins:
    def __init__(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="meshd-t.", dir="/tmp"))
        os.chmod(self.dir, 0o755)
        self.mesh = self.dir / "mesh.d"
        self.mesh.mkdir()
        self.daemon = Daemon(self.dir, paths=[self.mesh])
        self.daemon.config["frontend"]["options"]["history"] = {"time": "1s", "revisions": KEPT}
        self.daemon.write_config()
        self.real = None
        self.transactions = {}  # revision -> [(key, value or None)]
        try:
            self._fill()
        except BaseException:
            self.close()
            raise

    def _fill(self):
        self.daemon.start()
        self.daemon.wait_objects(13)
        self.real = RealEtcd()
        first = self.daemon.etcd.range()
        self.offset = int(first["header"]["revision"]) - 2  # etcd's first transaction is revision 2
        self.revision = 1
        self._copy([(unb64(kv["key"]), unb64(kv.get("value"))) for kv in first["kvs"]])
        shutil.copytree(PROJECT / "conf" / "examples" / "mesh.d", self.mesh, dirs_exist_ok=True)
        wait_for(lambda: "/apisix/routes/" in "".join(k for k in self.daemon.objects() if not k.endswith("/")),
                 "the routes of the example mesh")
        for step in STEPS:
            self.change(step)

    def close(self):
        problems = self.daemon.finish()
        if self.real is not None:
            self.real.stop()
        shutil.rmtree(self.dir, ignore_errors=True)
        return problems

    # ---- changes ----

    def change(self, clusters):
        """Makes the clusters so in meshd, waits for that, and copies what happened."""
        text = "version_info: \"1\"\nresources:\n" + "".join(
            CLUSTER.format(name=name, octet=octet) for name, octet in sorted(clusters.items()))
        target = self.mesh / "5-more.yaml"
        temporary = self.dir / "new"
        temporary.write_text(text if clusters else "resources: []\n")
        os.rename(temporary, target)
        wait_for(lambda: self._octets() == clusters, f"the clusters {clusters}")
        wait_for(self._is_idle, "a translator with nothing left to publish")
        self.sync()

    def _is_idle(self):
        counters = self.daemon.counters("translator")
        return counters["lag"] == 0 and counters["objects_waiting"] == 0

    def _octets(self):
        found = {}
        for value, *_ in self.daemon.objects().values():
            if m := re.search(r'"name":"([^"]*)".*"host":"10\.9\.0\.(\d+)"', value):
                found[m[1]] = int(m[2])
        return found

    def sync(self):
        """Copies every transaction that etcd has not, and compacts it as far as meshd is."""
        target = self.daemon.etcd.revision()
        if target > self.revision + self.offset:
            watch = self.daemon.etcd.watch(self.revision + 1 + self.offset)
            wait_for(lambda: watch.events() and watch.events()[-1][4] >= target, "the copied transactions")
            watch.close()
            for revision in range(self.revision + 1, target - self.offset + 1):
                self._copy([(key.encode(), None if kind == "DELETE" else value.encode())
                            for _, kind, key, value, mod in watch.events() if mod - self.offset == revision])
        self._compact()

    def _copy(self, events):
        assert events, "a revision of meshd's without events"
        self.revision = self.real.commit(events)
        self.transactions[self.revision] = events

    @property
    def compacted(self):
        return max(self.revision - KEPT, 1)  # revision 1 is the empty store

    def _compact(self):
        if self.compacted == 1 or self.compacted == getattr(self, "_compacted_to", 0):
            return
        wanted = self.compacted + self.offset
        wait_for(lambda: self.daemon.counters("frontend")["compacted_revision"] == wanted, "the compaction")
        self.real.compact(self.compacted)
        self._compacted_to = self.compacted

    # ---- what is known of both ----

    def keys(self):
        """Every key that ever was."""
        return sorted({key for events in self.transactions.values() for key, _ in events})

    def state(self):
        """key -> value now."""
        now = {}
        for revision in sorted(self.transactions):
            now.update(self.transactions[revision])
        return {key: value for key, value in now.items() if value is not None}

    def sides(self):
        """(port, offset) of etcd and of meshd."""
        return (self.real.port, 0), (self.daemon.port, self.offset)
