# SPDX-License-Identifier: Apache-2.0
"""The table of what the translation costs.  Called by tests/bench/translation/run."""

import argparse
import os
import pathlib
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

from . import delivery, machine, table
from .load import numbers
from .pairs import pairs
from .table import Row, number

CLUSTERS = 10000
ENDPOINTS = 5           # of a cluster whose assignments are delivered: 5.7 MB in all
HERE = pathlib.Path(__file__).resolve().parents[1]


class Bench:
    def __init__(self, args, folder):
        self.dir, self.args = pathlib.Path(folder), args
        self.pairs = max(1, args.pairs or (3 if args.quick else 7))
        self.quiet = machine.patience(20 if args.quick else 120)
        self.servers = []
        self.plugin = delivery.build_plugin(folder, HERE, args.root)
        self.bytes = 0

    def _program(self, path):
        return pathlib.Path(self.args.build) / "tests/bench" / path

    def _folder(self):
        return self.dir / f"{len(list(self.dir.iterdir())):03d}"

    def _start(self, server):
        self.servers.append(server)
        return server.start()

    def new_meshd(self, endpoints, watched):
        client = self._program("client/bench_client") if watched else None
        return self._start(delivery.Meshd(self._folder(), self.args.root, self.plugin, client, CLUSTERS, endpoints))

    def new_floor(self, endpoints):
        return self._start(delivery.Floor(self._folder(), self._program("delivery/bench_floor"),
                                          self._program("client/bench_client"), CLUSTERS, endpoints))

    def translate(self, *what):
        """What bench_translation prints."""
        result = subprocess.run([str(self._program("translation/bench_translation")), *map(str, what)],
                                capture_output=True, text=True, timeout=300)
        if result.returncode != 0:
            raise SystemExit(f"bench_translation {' '.join(map(str, what))}: {result.stderr[-1000:]}")
        return numbers(result.stdout)

    def stop(self):
        for server in self.servers:
            server.unwatch()
            server.stop()


# ---- rows ------------------------------------------------------------------------------------

def end_to_end(b):
    """Endpoints of 10,000 clusters, from the translator's pipe to a JSON watcher."""
    meshd, floor = b.new_meshd(ENDPOINTS, True), b.new_floor(ENDPOINTS)
    b.bytes = meshd.teller.bytes["bytes"]
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


def settled(meshd):
    """Private memory of the translator when its stores are on disk and it does not shrink any more."""
    meshd.wait_saved()
    pid, last = meshd.workers()["translator"], None
    for _ in range(30):
        size = machine.memory(pid)["private"]
        if size == last:
            return size
        last = size
        time.sleep(2)
    return last


def memory(b):
    row = Row("private memory of the translator / bytes of 10,000 clusters with 10 endpoints", 3, 1.5, False)
    for _ in range(1 if b.args.quick else 3):
        meshd = b.new_meshd(10, False)
        accepted = sum(meshd.teller.bytes.values())
        size = settled(meshd)
        row.samples.append(size / accepted)
        row.note = f"{size / 1e6:.1f} / {accepted / 1e6:.1f} MB"
        meshd.stop()
    yield row


ALL = [end_to_end, routes, one_endpoint, memory]


# ---- the run ---------------------------------------------------------------------------------

def arguments():
    parser = argparse.ArgumentParser(prog="tests/bench/translation/run", description="what the translation costs, as a table")
    parser.add_argument("--root", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--build", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--quick", action="store_true", help="3 pairs instead of 7; numbers to trust less")
    parser.add_argument("--pairs", type=int, help="how many pairs of runs")
    parser.add_argument("--only", default="", help="rows whose function's name contains one of these, separated by commas: " +
                        ", ".join(f.__name__ for f in ALL))
    return parser.parse_args()


def measure(b):
    done = []
    for function in ALL:
        if not any(name in function.__name__ for name in b.args.only.split(",")):
            continue
        for row in function(b):     # each when it is done
            print(f"{time.strftime('%H:%M:%S')}  " + "  ".join(cell for cell in row.cells() if cell), file=sys.stderr, flush=True)
            done.append(row)
    return done


def main():
    args = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    memory_files = pathlib.Path("/dev/shm")
    folder = tempfile.mkdtemp(prefix="meshd-bench.", dir=memory_files if memory_files.is_dir() else None)
    os.chmod(folder, 0o755)
    b = None
    try:
        b = Bench(args, folder)
        done = measure(b)
        busy = [share for row in done for share in row.busy] or [0]
        print(f"\n{time.strftime('%Y-%m-%d')}, {machine.describe()}; {b.pairs} pairs; {b.bytes / 1e6:.1f} MB of assignments in "
              f"a response; other work before a step: median {100 * statistics.median(busy):.0f} %, "
              f"at most {100 * max(busy):.0f} %.\n\n{table.draw(done)}")
    finally:
        if b is not None:
            b.stop()
        shutil.rmtree(folder, ignore_errors=True)
    return 1 if any(row.verdict == "MISSED" for row in done) else 0


if __name__ == "__main__":
    sys.exit(main())
