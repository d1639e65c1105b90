# SPDX-License-Identifier: Apache-2.0
"""What the benches with pairs of runs have in common: their options, their servers, the run and its table."""

import argparse
import os
import pathlib
import shutil
import signal
import statistics
import sys
import tempfile
import time

from . import machine, table


class Bench:
    """`say` describes what was delivered, for the line above the table."""

    def __init__(self, args, folder):
        self.dir, self.args, self.say = pathlib.Path(folder), args, ""
        self.pairs = max(1, args.pairs or (3 if args.quick else 7))
        self.quiet = machine.patience(20 if args.quick else 120)
        self.servers = []

    def program(self, path):
        return pathlib.Path(self.args.build) / "tests/bench" / path

    def folder(self):
        return self.dir / f"{len(list(self.dir.iterdir())):03d}"

    def start(self, server):
        self.servers.append(server)
        return server.start()

    def stop(self):
        for server in reversed(self.servers):
            if hasattr(server, "unwatch"):
                server.unwatch()
            server.stop()


def settled(meshd, role):
    """Private memory of a worker when the stores are on disk and it does not shrink any more."""
    meshd.wait_saved()
    pid, last = meshd.workers()[role], None
    for _ in range(30):
        size = machine.memory(pid)["private"]
        if size == last:
            return size
        last = size
        time.sleep(2)
    return last


def arguments(prog, description, rows):
    parser = argparse.ArgumentParser(prog=prog, description=description)
    parser.add_argument("--root", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--build", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--quick", action="store_true", help="3 pairs instead of 7; numbers to trust less")
    parser.add_argument("--pairs", type=int, help="how many pairs of runs")
    parser.add_argument("--only", default="", help="rows whose function's name contains one of these, separated by "
                        "commas: " + ", ".join(f.__name__ for f in rows))
    return parser.parse_args()


def measure(b, rows):
    done = []
    for function in rows:
        if not any(name in function.__name__ for name in b.args.only.split(",")):
            continue
        for row in function(b):     # each when it is done
            print(f"{time.strftime('%H:%M:%S')}  " + "  ".join(cell for cell in row.cells() if cell), file=sys.stderr,
                  flush=True)
            done.append(row)
    return done


def run(prog, description, rows, make=Bench):
    """Everything; the exit status."""
    args = arguments(prog, description, rows)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    memory_files = pathlib.Path("/dev/shm")
    folder = tempfile.mkdtemp(prefix="meshd-bench.", dir=memory_files if memory_files.is_dir() else None)
    os.chmod(folder, 0o755)
    b = None
    try:
        b = make(args, folder)
        done = measure(b, rows)
        busy = [share for row in done for share in row.busy] or [0]
        print(f"\n{time.strftime('%Y-%m-%d')}, {machine.describe()}; {b.pairs} pairs; {b.say}other work before a step: "
              f"median {100 * statistics.median(busy):.0f} %, at most {100 * max(busy):.0f} %.\n\n{table.draw(done)}")
    finally:
        if b is not None:
            b.stop()
        shutil.rmtree(folder, ignore_errors=True)
    return 1 if any(row.verdict == "MISSED" for row in done) else 0
