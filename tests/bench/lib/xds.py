# SPDX-License-Identifier: Apache-2.0
"""The table of what a control plane's words cost on their way to APISIX.  Called by tests/bench/xds/run."""

import sys

from . import delivery, run
from .pairs import pairs
from .table import Row

CLUSTERS = 10000
ENDPOINTS = 5           # 5.7 MB of assignments, about 6.5 MB as a response


class Bench(run.Bench):
    def new(self, api, clusters=CLUSTERS, watched=True):
        """A meshd, and a feeder for it alone."""
        feeder = self.start(delivery.Feeder(self.folder(), self.program("delivery/bench_feeder"), clusters, ENDPOINTS))
        client = self.program("client/bench_client") if watched else None
        return self.start(delivery.XdsMeshd(self.folder(), self.args.root, feeder, api, client, clusters))

    def new_floor(self):
        return self.start(delivery.Floor(self.folder(), self.program("delivery/bench_floor"),
                                         self.program("client/bench_client"), CLUSTERS, ENDPOINTS))

    def end(self, *servers):
        for server in servers:
            server.unwatch()
            server.stop()


def all_changed(b):
    """One response with all assignments, from the control plane's socket to a JSON watcher."""
    meshd, floor = b.new("sotw"), b.new_floor()
    b.say = f"{meshd.teller.bytes['bytes'] / 1e6:.1f} MB of assignments in a response; "
    for sender in (meshd, floor):       # the first is slower on both sides
        sender.deliver("all", CLUSTERS)
    yield pairs(b, Row("SotW, 10,000 assignments, all changed, to the last event: meshd / floor program", 5, 2.5, False),
                lambda: meshd.deliver("all", CLUSTERS), lambda: floor.deliver("all", CLUSTERS), unit="ms")
    row = pairs(b, Row("(same, 1 changed, all sent, to its event: meshd / receiving the bytes; not judged)", 5, 2.5,
                       False), lambda: meshd.deliver("one", 1), floor.receive, unit="ms")
    row.judged = False
    yield row
    b.end(meshd, floor)


def one_changed(b):
    meshd = b.new("delta")
    for _ in range(3):
        meshd.deliver("one", 1)
    yield pairs(b, Row("Delta, one of 10,000 changed, to its event: meshd / a round trip over TCP", 10, 5, False),
                lambda: meshd.deliver("one", 1), meshd.trip, unit="us", scale=1e3)
    b.end(meshd)


def reconnect(b):
    """Everything is sent again; every revision is a commit, and the next change is the next revision."""
    row = Row("reconnect, 10,000 unchanged are sent again, SotW and Delta: commits that a watcher sees", 0, 0, False, "")
    for api in ("sotw", "delta"):
        meshd = b.new(api)
        meshd.deliver("one", 1)
        before = meshd.revision()
        for _ in range(b.pairs):
            meshd.again()
            row.samples.append(meshd.revision() - before)
        meshd.deliver("one", 1)
        row.samples.append(meshd.revision() - before - 1)
        b.end(meshd)
    yield row


def memory(b):
    """Clusters and assignments are resources alike."""
    row = Row("growth of the source's private memory over empty, 10,000 resources, Delta", 4, 2, False, "MB")
    double = Row("(same, 20,000 resources; not judged)", 4, 2, False, "MB")
    double.judged = False
    sizes = []
    for clusters in (1, CLUSTERS // 2, CLUSTERS):
        meshd = b.new("delta", clusters, watched=False)
        sizes.append(run.settled(meshd, "source"))
        b.end(meshd)
    for r, size in zip((row, double), sizes[1:]):
        r.samples.append((size - sizes[0]) / 1e6)
        r.note = f"{sizes[0] / 1e6:.2f} -> {size / 1e6:.2f} MB"
        yield r


if __name__ == "__main__":
    sys.exit(run.run("tests/bench/xds/run", "what a control plane's words cost on their way to APISIX, as a table",
                     [all_changed, one_changed, reconnect, memory], Bench))
