# SPDX-License-Identifier: Apache-2.0
"""Clients that we did not write, side by side on meshd and a real etcd: etcdctl, Python's aetcd and etcd3."""

import asyncio
import json
import os
import pathlib
import re
import subprocess
import sys

import aetcd
import pytest

from lib.daemon import run
from lib.differ import difference
from lib.etcd import b64
from lib.twins import Rev, resolve
from lib.watches import expected_events

ENVIRONMENT = {**os.environ, "ETCDCTL_API": "3"}
IDS = re.compile(r'("?(?:cluster_id|member_id|raft_term|ClusterID|MemberID|RaftTerm)"?\s*:\s*)\d+')


def etcdctl(port, *argv):
    return run("etcdctl", "--endpoints", f"127.0.0.1:{port}", *argv, env=ENVIRONMENT)


def normal(text, port, offset):
    """With etcd's revisions, which are the only numbers of that size; without ids and ports."""
    text = IDS.sub(r"\1*", text).replace(f"127.0.0.1:{port}", "ENDPOINT")
    return re.sub(r"\b\d{13}\b", lambda m: str(int(m[0]) - offset), text)


def both(twins, *argv):
    """(exit status, output, error) of etcdctl on etcd and on meshd."""
    results = []
    for port, offset in twins.sides():
        result = etcdctl(port, *[str(a) for a in resolve(argv, offset)])
        error = re.sub(r'"ts":"[^"]*"|client-[0-9a-f-]+', "", normal(result.stderr, port, offset))
        results.append((result.returncode, normal(result.stdout, port, offset), error))
    return results


GETS = [
    ("/apisix/routes/",), ("/nothing",), ("/apisix/", "--prefix"), ("/apisix/", "--prefix", "--keys-only"),
    ("/apisix/", "--prefix", "--print-value-only"), ("/apisix/", "--prefix", "--limit", "3"), ("", "--prefix", "--keys-only"),
    ("/apisix/s", "--from-key"), ("", "--from-key", "--keys-only"), ("/apisix/a", "/apisix/s", "--keys-only"),
    ("/apisix/s", "/apisix/a"), ("/apisix/", "--prefix", "--consistency", "s"), ("/apisix/routes/", "--hex"),
    *[("/apisix/upstreams/", "--prefix", "--keys-only", "--limit", "1", "--sort-by", by, "--order", order)
      for by in ("KEY", "VALUE") for order in ("ASCEND", "DESCEND")],
    ("/apisix/upstreams/b", "--prefix", "--sort-by", "MODIFY", "--order", "DESCEND"),
    ("/apisix/upstreams/m", "--prefix", "--sort-by", "CREATE"), ("/apisix/upstreams/m", "--prefix", "--sort-by", "VERSION"),
    ("/apisix/", "--prefix", "--rev", Rev(20), "--keys-only"), ("/apisix/", "--prefix", "--rev", Rev(2)),
    ("/apisix/", "--prefix", "--rev", Rev(10000)), ("/apisix/", "--prefix", "--rev", Rev(22), "-w", "json"),
    *[("/apisix/", "--prefix", "-w", form) for form in ("json", "fields", "simple")],
    ("/apisix/routes/", "-w", "table"),
]


@pytest.mark.parametrize("argv", GETS, ids=lambda argv: " ".join(str(a) for a in argv))
def test_etcdctl_get(twins, argv):
    real, ours = both(twins, "get", *argv)
    assert real == ours, difference(real, ours)


def test_etcdctl_endpoint(twins):
    real, ours = both(twins, "endpoint", "health")
    health = re.compile(r"took = [0-9.µm]+s")
    assert [health.sub("", "".join(map(str, r))) for r in (real, ours)][0] == health.sub("", "".join(map(str, ours)))
    assert "is healthy" in str(ours)
    for port, offset in twins.sides():
        fields = etcdctl(port, "endpoint", "status", "-w", "fields").stdout
        names = re.findall(r'^"(\w+)"', fields, re.M)
        assert names == ["ClusterID", "MemberID", "Revision", "RaftTerm", "Version", "DBSize", "Leader", "IsLearner", "RaftIndex",
                         "RaftTerm", "RaftAppliedIndex", "Errors", "Endpoint"] and '"Version" : "3.4.23"' in fields
        assert f'"Revision" : {twins.revision + offset}' in fields


def watch_lines(twins, count, *argv):
    """The first lines of `etcdctl watch` on each side."""
    recorded = []
    for port, offset in twins.sides():
        words = [str(a) for a in resolve(argv, offset)]
        with subprocess.Popen(["etcdctl", "--endpoints", f"127.0.0.1:{port}", "watch", *words], stdout=subprocess.PIPE,
                              text=True, env=ENVIRONMENT) as watch:
            try:
                recorded.append([normal(watch.stdout.readline(), port, offset) for _ in range(count)])
            finally:
                watch.kill()
                watch.wait(10)
    return recorded


@pytest.mark.parametrize("argv, count", [
    (("/apisix/", "--prefix", "-w", "json"), 1), (("/apisix/", "--prefix", "--prev-kv", "-w", "json"), 1),
    (("/apisix/", "--prefix"), 12), (("/apisix/upstreams/m", "--prefix", "--prev-kv"), 12),
    (("/apisix/a", "/apisix/z", "-w", "fields"), 12),
], ids=range(5))
def test_etcdctl_watch_from_history(twins, argv, count):
    real, ours = watch_lines(twins, count, *argv, "--rev", Rev(twins.revision - 8))
    assert real == ours, difference(real, ours)
    assert all(line for line in ours)


def test_etcdctl_watch_of_lost_history_ends(twins):
    for port, offset in twins.sides():
        result = etcdctl(port, "watch", "/apisix/", "--prefix", "--rev", str(2 + offset))
        assert result.returncode != 0 and "required revision has been compacted" in result.stderr


# ---- aetcd ----

def with_client(port, work):
    async def inner():
        client = aetcd.Client(host="127.0.0.1", port=port)
        await client.connect()
        try:
            return await work(client)
        finally:
            await client.close()
    return asyncio.run(asyncio.wait_for(inner(), 30))


def on_both(twins, work):
    return [with_client(port, lambda client, o=offset: work(client, o)) for port, offset in twins.sides()]


def kv_seen(kv, offset):
    return kv.key, kv.value, kv.version, kv.create_revision - offset, kv.mod_revision - offset


def test_aetcd_gets(twins):
    async def work(client, offset):
        one = await client.get(b"/apisix/routes/")
        prefix = await client.get_prefix(b"/apisix/upstreams/")
        ordered = await client.get_prefix(b"/apisix/", sort_order="descend", sort_target="key")
        part = await client.get_range(b"/apisix/r", b"/apisix/s")
        everything = await client.get_all()
        missing = await client.get(b"/nothing")
        return [kv_seen(kv, offset) for kv in [one, *prefix, *ordered, *part, *everything]], missing
    real, ours = on_both(twins, work)
    assert real == ours and len(ours[0]) > 50 and ours[1] is None


def test_aetcd_watches(twins):
    async def work(client, offset):
        watch = await client.watch_prefix(b"/apisix/", start_revision=twins.revision - 5 + offset, prev_kv=True)
        wanted, seen = sum(len(e) for r, e in twins.transactions.items() if r >= twins.revision - 5), []
        async for event in watch:
            seen.append((event.kind, event.kv.key, event.kv.value, event.kv.mod_revision - offset,
                         event.prev_kv.value if event.prev_kv else None))
            if len(seen) == wanted:
                break
        await watch.cancel()
        return seen
    real, ours = on_both(twins, work)
    assert real == ours and ours


def test_aetcd_cannot_write_what_the_mesh_owns(twins):
    async def work(client):
        with pytest.raises(Exception, match="permission denied"):
            await client.put(b"/apisix/routes/1", b"x")
    with_client(twins.daemon.port, work)
    assert twins.daemon.etcd.request("POST", "/v3/kv/range", {"key": b64("/apisix/routes/1")})[1].get("kvs") is None


# ---- etcd3 ----

def test_etcd3_sees_the_same(twins):
    begin = twins.revision - 8
    wanted = expected_events(twins, {"key": b"/apisix/", "range_end": b"/apisix0", "start_revision": begin})
    program, seen = pathlib.Path(__file__).parent / "lib" / "python_etcd3.py", []
    for port, offset in twins.sides():
        result = run(sys.executable, program, port, offset, begin + offset, wanted,
                     env={**os.environ, "PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION": "python"})
        assert result.returncode == 0, result.stderr
        seen.append(json.loads(result.stdout))
    real, ours = seen
    assert "permission denied" in ours.pop("put") and "permission denied" in ours.pop("delete")
    assert real == ours, difference(real, ours)
    assert len(ours["events"]) == wanted and len(ours["all"]) == len(twins.state())
