# SPDX-License-Identifier: Apache-2.0
"""The rows of the table, each a function that measures and returns Row objects.

`b` is the Bench of tests/bench/etcd's driver: servers, load, how long and how often.
"""

import time

from . import machine
from .load import release
from .pairs import pairs
from .table import Row, number

WATCHERS = 1000
IDLE_SECONDS = 11.5     # meshd lets range bodies go after 10 s without a reader


# ---- ratios of two servers -------------------------------------------------------------------

def json_range(b):
    row = Row("JSON range of 10,000, 1 client: etcd / meshd", 20, 35, True)
    yield pairs(b, row, lambda: b.load.http_p50(b.etcd.port, b.seconds),
                lambda: b.load.http_p50(b.meshd.port, b.seconds), unit="ms", scale=1e-3)


def json_range_nginx(b):
    row = Row("same, meshd / nginx sending the same bytes", 1.5, 1.0, False)
    yield pairs(b, row, lambda: b.load.http_p50(b.meshd.port, b.seconds),
                lambda: b.load.http_p50(b.nginx.port, b.seconds, "get", "/range"), unit="ms", scale=1e-3)


def json_range_16(b):
    row = Row("same, 16 clients, req/s: meshd / etcd", 15, 25, True)
    longer = b.seconds * 3      # one answer of etcd takes more than a second then
    yield pairs(b, row, lambda: b.load.http_rate(b.meshd.port, longer),
                lambda: b.load.http_rate(b.etcd.port, longer), unit="req/s")


def grpc_range(b):
    row = Row("gRPC range of 10,000, 1 client: etcd / meshd", 3, 4.5, True)
    yield pairs(b, row, lambda: b.load.grpc_p50(b.etcd.port, b.seconds),
                lambda: b.load.grpc_p50(b.meshd.port, b.seconds), unit="ms", scale=1e-3)


def grpc_range_16(b):
    row = Row("same, 16 clients, req/s: meshd / etcd", 2, 2.8, True)
    yield pairs(b, row, lambda: b.load.grpc_rate(b.meshd.port, b.seconds),
                lambda: b.load.grpc_rate(b.etcd.port, b.seconds), unit="req/s")


def one_key(b):
    row = Row("one key, 16 clients, JSON, req/s: meshd / etcd", 5, 8, True)
    yield pairs(b, row, lambda: b.load.http_rate(b.meshd.port, b.seconds, "one"),
                lambda: b.load.http_rate(b.etcd.port, b.seconds, "one"), unit="req/s")
    row = Row("one key, 16 clients, gRPC, req/s: meshd / etcd", 3, 4.5, True)
    yield pairs(b, row, lambda: b.load.grpc_rate(b.meshd.port, b.seconds, "one"),
                lambda: b.load.grpc_rate(b.etcd.port, b.seconds, "one"), unit="req/s")


def last_watcher(b):
    for form, name, floor, aim in (("json", "JSON", 3, 5), ("grpc", "gRPC", 1.3, 1.7)):
        row = Row(f"event to last of 1,000 watchers, {name}: etcd / meshd", floor, aim, True)
        yield pairs(b, row, lambda f=form: b.load.last_us(b.etcd.port, f, WATCHERS, b.seconds),
                    lambda f=form: b.load.last_us(b.meshd.port, f, WATCHERS, b.seconds), unit="ms", scale=1e-3)


def events(b):
    row = Row("events/s to 1,000 JSON watchers: meshd / etcd", 10, 30, True)
    yield pairs(b, row, lambda: b.load.events_rate(b.meshd.port, "json", WATCHERS, b.seconds),
                lambda: b.load.events_rate(b.etcd.port, "json", WATCHERS, b.seconds), unit="/s")


# ---- growth, memory, start: meshd alone or another life of it --------------------------------

def growth(b):
    """Time per key of a small and of a large key space."""
    small, large = b.new_meshd(1000), b.new_meshd(50000)
    for name, p50 in (("JSON", b.load.http_p50), ("gRPC", b.load.grpc_p50)):
        row = Row(f"p50 per key at 50,000 / at 1,000, {name}", 1.3, 1.1, False)
        yield pairs(b, row, lambda f=p50: f(large.port, b.seconds, keys=50000) / 50,
                    lambda f=p50: f(small.port, b.seconds, keys=1000), unit="us per 1,000 keys")
    small.stop()
    large.stop()


def settled(b, meshd):
    """Memory of the frontend and of all, once the body of a range has been let go."""
    b.load.http_p50(meshd.port, 1, keys=meshd.objects)
    time.sleep(IDLE_SECONDS)
    sizes = {role: machine.memory(pid) for role, pid in meshd.workers().items()}
    sizes["supervisor"] = machine.memory(meshd.process.pid)
    return {role: size["rss"] for role, size in sizes.items()}, {role: size["pss"] for role, size in sizes.items()}


def per_resource(b):
    frontend = Row("KB per resource over empty at 10,000: frontend alone", 1.5, 1.0, False, "KB")
    everything = Row("same, all processes", 4, 2.5, False, "KB")
    for _ in range(b.repeats):
        empty, full = b.new_meshd(0), b.new_meshd(b.objects)
        (rss0, pss0), (rss1, pss1) = settled(b, empty), settled(b, full)
        frontend.samples.append((rss1["frontend"] - rss0["frontend"]) / b.objects / 1024)
        each = {role: (pss1[role] - pss0.get(role, 0)) / b.objects / 1024 for role in pss1}
        everything.samples.append(sum(each.values()))
        everything.note = ", ".join(f"{role} {size:.2f}" for role, size in each.items())
        empty.stop()
        full.stop()
    frontend.note = f"RSS {rss0['frontend'] / 1e6:.1f} -> {rss1['frontend'] / 1e6:.1f} MB"
    yield frontend
    yield everything


def range_growth(b):
    """In a meshd of its own, for freed memory of an earlier run would hide what is needed."""
    row = Row("MB that RSS grows while 16 clients range 10,000 in JSON", 32, 12, False, "MB")
    meshd = b.new_meshd(b.objects)
    for _ in range(b.repeats):
        settled(b, meshd)
        pids = meshd.pids()
        before = {pid: machine.resident(pid) for pid in pids}
        for pid in pids:
            machine.reset_peak(pid)
        b.load.http_rate(meshd.port, b.seconds)
        row.samples.append(sum(machine.peak(pid) - before[pid] for pid in pids) / 1e6)
    meshd.stop()
    machine.reset_peak(b.etcd.process.pid)
    before = machine.resident(b.etcd.process.pid)
    b.load.http_rate(b.etcd.port, b.seconds * 3)
    row.note = f"etcd {(machine.peak(b.etcd.process.pid) - before) / 1e6:.0f} MB"
    yield row


def idle_watchers(b):
    """In a fresh meshd, for freed memory of an earlier run would hide what a watcher takes."""
    wakeups = Row("wake-ups per second, all processes, 10,000 keys, 1,000 watches", 20, 10, False, "/s")
    for form, name, floor, aim in (("json", "JSON", 4, 2), ("grpc", "gRPC", 24, 16)):
        row = Row(f"KB of RSS per idle watcher, {name}", floor, aim, False, "KB")
        for _ in range(b.repeats):
            meshd = b.new_meshd(b.objects)
            settled(b, meshd)
            frontend = meshd.workers()["frontend"]
            before = machine.resident(frontend)
            watches = b.load.hold(meshd.port, form, WATCHERS)
            time.sleep(1)
            row.samples.append((machine.resident(frontend) - before) / WATCHERS / 1024)
            pids = meshd.pids()
            each = {pid: machine.wakeups([pid]) for pid in pids}
            wakeups.samples.append(machine.wakeups_per_second(pids, 10))
            wakeups.note = "by process: " + ", ".join(str(machine.wakeups([p]) - each[p]) for p in pids) + " in 10 s"
            release(watches)
            meshd.stop()
        yield row
    yield wakeups


def start(b):
    """Both end between two runs; meshd's stores stay, etcd gets a new folder."""
    row = Row("exec to first range (stores present): etcd / meshd", 10, 20, True)
    meshd, etcd = b.new_meshd(b.objects), b.new_etcd()
    size = b.size * 9 // 10
    meshd.wait_saved()
    meshd.stop()
    etcd.stop()
    folders = iter(range(1000))
    yield pairs(b, row, lambda: b.load.first_ms(etcd.port, 1, etcd.command(f"fresh-{next(folders)}")),
                lambda: b.load.first_ms(meshd.port, size, meshd.command()), unit="ms")


ALL = [json_range, json_range_nginx, json_range_16, grpc_range, grpc_range_16, one_key, last_watcher, events, growth,
       per_resource, range_growth, idle_watchers, start]
NEED_PUT = {"last_watcher", "events"}
