# SPDX-License-Identifier: Apache-2.0
"""Senders that deliver prepared resources when told, and the watch that says when the last event had come.

A sender (the plugin delivery/source.c in a meshd, or the programs delivery/floor.c and delivery/feeder.c) connects to
the port of its Teller. Times of both ends are of the monotonic clock, which all processes share.
"""

import json
import os
import pathlib
import shutil
import socket
import subprocess

from . import servers
from .load import numbers

PATIENCE = 90


class Teller:
    """The connection to one sender, which calls us."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(PATIENCE)
        self.port = self.listener.getsockname()[1]
        self.connection = self.lines = None
        self.bytes = {}

    def welcome(self):
        self.connection, _ = self.listener.accept()
        self.connection.settimeout(PATIENCE)
        self.lines = self.connection.makefile()
        self.bytes = numbers(self.lines.readline())

    def tell(self, what, answers=("begin_us",)):
        self.connection.sendall(f"{what}\n".encode())
        got = {}
        while not all(name in got for name in answers):
            line = self.lines.readline()
            if not line:
                raise SystemExit(f"a sender went away when it was told '{what}'")
            got.update(numbers(line))
        return got


class Watch:
    def __init__(self, client, port):
        self.process = subprocess.Popen([str(client), "until", str(port)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self._expect("ready")

    def _expect(self, word):
        line = self.process.stdout.readline()
        if not line.startswith(word):
            raise SystemExit(f"the watch says '{line.strip()}' instead of '{word}'")
        return line

    def await_events(self, count):
        self.process.stdin.write(f"{count}\n")
        self.process.stdin.flush()
        self._expect("waiting")

    def end_us(self):
        return numbers(self._expect("end_us"))["end_us"]

    def stop(self):
        self.process.stdin.close()
        self.process.wait(30)
        self.process.stdout.close()


class Sender:
    """What is common to a server with a Teller: one delivery, in milliseconds until its last event."""

    teller = watch = None

    def deliver(self, what, events):
        self.watch.await_events(events)
        begin = self.teller.tell(what)["begin_us"]
        return (self.watch.end_us() - begin) / 1e3

    def unwatch(self):
        if self.watch is not None:
            self.watch.stop()
            self.watch = None


class Floor(Sender, servers.Server):
    name = "bench_floor"

    def __init__(self, folder, program, client, clusters, endpoints):
        super().__init__(folder)
        self.program, self.client, self.shape = program, client, (clusters, endpoints)
        self.teller = Teller()

    def command(self):
        return [str(self.program), str(self.port), str(self.teller.port), *map(str, self.shape)]

    def serves(self):
        self.teller.welcome()
        self.watch = Watch(self.client, self.port)
        return True

    def receive(self):
        """Milliseconds to read all, and do nothing with it."""
        got = self.teller.tell("raw", ("begin_us", "end_us"))
        return (got["end_us"] - got["begin_us"]) / 1e3


class Feeder(servers.Server):
    """A control plane, which the meshds of one bench ask one after the other."""
    name = "bench_feeder"

    def __init__(self, folder, program, clusters, endpoints):
        super().__init__(folder)
        self.program, self.shape = program, (clusters, endpoints)
        self.teller = Teller()

    def command(self):
        return [str(self.program), str(self.port), str(self.teller.port), *map(str, self.shape)]

    def serves(self):
        self.teller.welcome()
        return True


class Meshd(Sender, servers.Meshd):
    """A meshd with the bench's source; `watch` only when a client is given."""

    def __init__(self, folder, root, plugin, client, clusters, endpoints):
        super().__init__(folder, root, folder, clusters)
        self.client, self.teller = client, Teller()
        self.configure(source={"plugin": str(plugin), "options": {
            "teller": self.teller.port, "clusters": clusters, "endpoints": endpoints}})

    def configure(self, **sections):
        self.config.write_text(json.dumps({**json.loads(self.config.read_text()), **sections}))

    def serves(self):
        if self.teller.connection is None:
            self.teller.welcome()
        body = {"key": servers.b64("/apisix/upstreams/"), "range_end": servers.b64("/apisix/upstreams0"),
                "count_only": True}
        status, text = servers.post(self.port, "/v3/kv/range", body)
        if status != 200 or int(json.loads(text).get("count", 0)) < self.objects or not self.workers():
            return False
        if self.client is not None:
            self.watch = Watch(self.client, self.port)
        return True


class XdsMeshd(Meshd):
    """A meshd with the source plugin xds, whose control plane is a Feeder."""

    def __init__(self, folder, root, feeder, api, client, clusters):
        servers.Meshd.__init__(self, folder, root, folder, clusters)
        self.client, self.teller = client, feeder.teller
        self.configure(node={"id": "bench"}, source={"plugin": "xds", "options": {
            "server": f"grpc://127.0.0.1:{feeder.port}", "api": api}})

    def trip(self):
        """Milliseconds of a round trip over TCP, now."""
        return self.teller.tell("trips", ("trip_us",))["trip_us"] / 1e3

    def again(self):
        """Throws meshd out; back when everything was sent to it, and accepted, once more."""
        self.teller.tell("same")

    def revision(self):
        _, text = servers.post(self.port, "/v3/kv/range", {"key": servers.b64("/apisix/"), "count_only": True})
        return int(json.loads(text)["header"]["revision"])


def build_plugin(folder, here, root):
    """From the header that was installed, and nothing else of the tree."""
    plugin = pathlib.Path(folder) / "bench.so"
    sources = [str(here / "delivery" / name) for name in ("source.c", "prepared.c")]
    result = subprocess.run([shutil.which("cc"), "-std=gnu17", "-O2", "-shared", "-fPIC", "-Wall", "-Wextra",
                             f"-I{root}/usr/include", *sources, "-o", str(plugin)], capture_output=True, text=True)
    if result.returncode != 0:
        raise SystemExit(f"the bench's source plugin is not built:\n{result.stderr[-2000:]}")
    os.chmod(plugin, 0o755)
    return plugin
