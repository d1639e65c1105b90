# SPDX-License-Identifier: Apache-2.0
"""Debian's etcdctl against a running meshd."""

import json
import os
import subprocess

from lib.daemon import run
from lib.etcd import unb64
from lib.wait import wait_for


def etcdctl(port, *argv):
    return run("etcdctl", "--endpoints", f"127.0.0.1:{port}", *argv, env={**os.environ, "ETCDCTL_API": "3"})


def test_get_prefix_equals_the_json_api(meshd):
    result = etcdctl(meshd.port, "get", "/apisix/", "--prefix", "-w", "json")
    assert result.returncode == 0, result.stderr
    seen = {unb64(kv["key"]).decode(): (unb64(kv.get("value")).decode(), kv["create_revision"], kv["mod_revision"],
                                        kv["version"]) for kv in json.loads(result.stdout)["kvs"]}
    assert seen == meshd.objects()


def test_get_one_key_keys_only_and_count(meshd):
    keys = sorted(meshd.objects())
    one = etcdctl(meshd.port, "get", keys[-1], "-w", "json")
    assert [unb64(kv["key"]).decode() for kv in json.loads(one.stdout)["kvs"]] == [keys[-1]]
    only = etcdctl(meshd.port, "get", "/apisix/", "--prefix", "--keys-only")
    assert [line for line in only.stdout.split("\n") if line] == keys
    limited = json.loads(etcdctl(meshd.port, "get", "/apisix/", "--prefix", "--limit", "2", "-w", "json").stdout)
    assert len(limited["kvs"]) == 2 and limited["more"] and limited["count"] == len(keys)


def test_watch_prefix_sees_a_change_and_nothing_else(meshd, mesh):
    with subprocess.Popen(["etcdctl", "--endpoints", f"127.0.0.1:{meshd.port}", "watch", "/apisix/", "--prefix",
                           "-w", "json"], stdout=subprocess.PIPE, text=True,
                          env={**os.environ, "ETCDCTL_API": "3"}) as watch:
        try:
            wait_for(lambda: meshd.counters("frontend").get("watches", 0) >= 1, "the watch to be registered")
            path = mesh / "4-endpoints.yaml"
            path.write_text(path.read_text().replace("10.1.0.21", "10.1.0.99"))
            line = json.loads(watch.stdout.readline())
            keys = {unb64(event["kv"]["key"]).decode() for event in line["Events"]}
            values = [unb64(event["kv"]["value"]).decode() for event in line["Events"]]
            assert all(key.startswith("/apisix/upstreams/") for key in keys)
            assert all("10.1.0.99" in value for value in values)
        finally:
            watch.kill()
            watch.wait(10)


def test_endpoint_status(meshd):
    result = etcdctl(meshd.port, "endpoint", "status", "-w", "json")
    assert result.returncode == 0, result.stderr
    status = json.loads(result.stdout)[0]["Status"]
    assert status["version"].startswith("3.") and status["header"]["revision"] == meshd.etcd.revision()


def test_the_mesh_owns_its_keys(meshd):
    before = meshd.objects()
    for argv in (["put", sorted(before)[-1], "x"], ["del", "/apisix/", "--prefix"]):
        result = etcdctl(meshd.port, *argv)
        assert result.returncode != 0
        assert "permission denied" in result.stderr, result.stderr
    assert meshd.objects() == before
