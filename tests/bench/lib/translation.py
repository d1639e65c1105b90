# SPDX-License-Identifier: Apache-2.0
"""The table of what the translation costs.  Called by tests/bench/translation/run."""

import pathlib
import statistics
import subprocess
import sys

from . import delivery, run
from .load import numbers
from .pairs import pairs
from .table import Row, number

CLUSTERS = 10000
ENDPOINTS = 5           # of a cluster whose assignments are delivered: 5.7 MB in all
HERE = pathlib.Path(__file__).resolve().parents[1]


class Bench(run.Bench):
    def __init__(self, args, folder):
        super().__init__(args, folder)
        self.plugin = delivery.build_plugin(folder, HERE, args.root)

    def new_meshd(self, endpoints, watched):
        client = self.program("client/bench_client") if watched else None
        return self.start(delivery.Meshd(self.folder(), self.args.root, self.plugin, client, CLUSTERS, endpoints))

    def new_floor(self, endpoints):
        return self.start(delivery.Floor(self.folder(), self.program("delivery/bench_floor"),
                                         self.program("client/bench_client"), CLUSTERS, endpoints))

    def translate(self, *what):
        """What bench_translation prints."""
        result = subprocess.run([str(self.program("translation/bench_translation")), *map(str, what)],
                                capture_output=True, text=True, timeout=300)
        if result.returncode != 0:
            raise SystemExit(f"bench_translation {' '.join(map(str, what))}: {result.stderr[-1000:]}")
        return numbers(result.stdout)


# ---- rows ------------------------------------------------------------------------------------

def end_to_end(b):
    """Endpoints of 10,000 clusters, from the translator's pipe to a JSON watcher."""
    meshd, floor = b.new_meshd(ENDPOINTS, True), b.new_floor(ENDPOINTS)
    b.say = f"{meshd.teller.bytes['bytes'] / 1e6:.1f} MB of assignments in a response; "
    for sender in (meshd, floor):       # the first is slower on both sides
        sender.deliver("all", CLUSTERS)
    yield pairs(b, Row("10,000 assignments, all changed, to the last event: meshd / floor program", 4, 2, False),
                lambda: meshd.deliver("all", CLUSTERS), lambda: floor.deliver("all", CLUSTERS), unit="ms")
    yield pairs(b, Row("same, 1 changed, to its event: meshd / receiving the bytes", 4, 2.5, False),
                lambda: meshd.deliver("one", 1), floor.receive, unit="ms")
    for sender in (meshd, floor):
        sender.unwatch()
        sender.stop()


def routes(b):
    both = Row("10,000 routes, full translation / memcpy and hash of resources and objects", 60, 25, False)
    alone = Row("(same, of the resources alone; not judged)", 60, 25, False)
    costs = []
    for _ in range(b.pairs):
        busy = b.quiet()
        got = b.translate("routes", 10000, 7)
        costs.append(got)
        for row, name in ((both, "ratio_both"), (alone, "ratio")):
            row.busy.append(busy)
            row.samples.append(got[name])
    alone.judged = False
    for row, name in ((both, "floor_both_us"), (alone, "floor_us")):
        row.note = " / ".join(number(statistics.median(c[n] for c in costs) / 1e3) for n in ("full_us", name)) + " ms"
    both.note += f", {costs[0]['resource_bytes'] / 1e6:.1f} + {costs[0]['object_bytes'] / 1e6:.1f} MB"
    yield both
    yield alone


def one_endpoint(b):
    row = Row("one endpoint of 10,000 clusters: full translation / that of the change", 2000, 5000, True)
    costs = []
    for _ in range(b.pairs):
        row.busy.append(b.quiet())
        costs.append(b.translate("clusters", CLUSTERS, 10, 3))
        row.samples.append(costs[-1]["full_over_change"])
    full, change = (statistics.median(c[n] for c in costs) for n in ("full_us", "change_us"))
    row.note = f"{number(full / 1e3)} ms / {number(change)} us"
    yield row


def memory(b):
    row = Row("private memory of the translator / bytes of 10,000 clusters with 10 endpoints", 3, 1.5, False)
    for _ in range(1 if b.args.quick else 3):
        meshd = b.new_meshd(10, False)
        accepted = sum(meshd.teller.bytes.values())
        size = run.settled(meshd, "translator")
        row.samples.append(size / accepted)
        row.note = f"{size / 1e6:.1f} / {accepted / 1e6:.1f} MB"
        meshd.stop()
    yield row


ALL = [end_to_end, routes, one_endpoint, memory]


if __name__ == "__main__":
    sys.exit(run.run("tests/bench/translation/run", "what the translation costs, as a table", ALL, Bench))
