# SPDX-License-Identifier: Apache-2.0
"""Starts the servers, runs the rows, prints the table.  Called by tests/bench/etcd."""

import argparse
import base64
import json
import os
import pathlib
import shutil
import signal
import sys
import tempfile
import time

from . import machine, mesh, rows, servers, table
from .load import Load

OBJECTS = 10000


def arguments():
    parser = argparse.ArgumentParser(prog="tests/bench/etcd", description="meshd against etcd and nginx, as a table")
    parser.add_argument("--root", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--client", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--quick", action="store_true", help="3 pairs of 1 s instead of 5 of 3 s; numbers to trust less")
    parser.add_argument("--pairs", type=int, help="how many pairs of runs")
    parser.add_argument("--seconds", type=int, help="how long one run is")
    parser.add_argument("--only", default="", help="rows whose function's name contains one of these, separated by commas: " +
                        ", ".join(f.__name__ for f in rows.ALL))
    return parser.parse_args()


class Bench:
    def __init__(self, args, folder):
        self.dir, self.root, self.objects = pathlib.Path(folder), args.root, OBJECTS
        self.pairs = max(1, args.pairs or (3 if args.quick else 5))
        self.seconds = max(1, args.seconds or (1 if args.quick else 3))
        self.repeats = 1 if args.quick else 3
        self.quiet = machine.patience(20 if args.quick else 300)
        self.servers, self.meshes = [], {}
        self.meshd = self.new_meshd(self.objects)
        body = servers.routes(self.meshd.port)
        self.size = len(body)
        self.etcd = self.new_etcd()
        self.etcd.fill(body)
        self.nginx = self._start(servers.Nginx(self._folder(), body))
        kvs = [(base64.b64decode(kv["key"]), base64.b64decode(kv["value"])) for kv in json.loads(body)["kvs"]]
        self.value_size = sum(len(value) for _, value in kvs) / len(kvs)
        self.load = Load(self._folder(), args.client, kvs[len(kvs) // 2][0].decode(), self.objects,
                         sum(len(key) + len(value) for key, value in kvs) / len(kvs))

    def _folder(self):
        return self.dir / f"{len(list(self.dir.iterdir())):03d}"

    def _start(self, server):
        self.servers.append(server)
        return server.start()

    def new_meshd(self, objects):
        if objects not in self.meshes:
            self.meshes[objects] = self._folder()
            mesh.write(self.meshes[objects], objects)
        return self._start(servers.Meshd(self._folder(), self.root, self.meshes[objects], objects))

    def new_etcd(self):
        return self._start(servers.Etcd(self._folder()))

    def stop(self):
        for server in self.servers:
            server.stop()


def say(text):
    print(text, file=sys.stderr, flush=True)


def measure(bench, only):
    done = []
    for function in rows.ALL:
        if not any(name in function.__name__ for name in only.split(",")):
            continue
        if function.__name__ in rows.NEED_PUT and not servers.can_put(bench.meshd.port):
            say(f"{function.__name__}: meshd does not let clients write below /bench/; not run")
            continue
        for row in function(bench):     # each when it is done
            say(f"{time.strftime('%H:%M:%S')}  " + "  ".join(cell for cell in row.cells() if cell))
            done.append(row)
    return done


def closing(bench, done):
    busy = [share for row in done for share in row.busy]
    print(f"\n{time.strftime('%Y-%m-%d')}, {machine.describe()}; {bench.objects} routes of {bench.value_size:.0f} bytes, "
          f"{bench.size} bytes of JSON; {bench.pairs} pairs of {bench.seconds} s; other work before a step: median "
          f"{100 * sorted(busy)[len(busy) // 2] if busy else 0:.0f} %, at most {100 * max(busy, default=0):.0f} %.\n")
    print(table.draw(done))


def main():
    args = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    memory = pathlib.Path("/dev/shm")
    folder = tempfile.mkdtemp(prefix="meshd-bench.", dir=memory if memory.is_dir() else None)
    os.chmod(folder, 0o755)
    bench = Bench.__new__(Bench)
    bench.servers = []
    try:
        bench.__init__(args, folder)
        done = measure(bench, args.only)
        closing(bench, done)
    finally:
        bench.stop()
        shutil.rmtree(folder, ignore_errors=True)
    return 1 if any(row.verdict == "MISSED" for row in done) else 0


if __name__ == "__main__":
    sys.exit(main())
