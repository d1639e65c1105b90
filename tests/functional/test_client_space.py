# SPDX-License-Identifier: Apache-2.0
"""What APISIX and tools write: keys beside the mesh's, transactions, leases; bounds, kills, and etcd's words."""

import json
import os
import pathlib
import re

import pytest

from lib.daemon import run
from lib.etcd import b64, unb64
from lib.wait import wait_for

RECORDINGS = pathlib.Path(__file__).resolve().parents[2].parent / "shared" / "wire"
KEYS_MAX = 1000
OWNED = re.compile(r"/apisix/(consumer_groups|consumers|global_rules|plugin_configs|plugin_metadata|plugins|protos|"
                   r"routes|secrets|services|ssls|stream_routes|upstreams)/")


def etcdctl(port, *argv, stdin=""):
    result = run("etcdctl", "--endpoints", f"127.0.0.1:{port}", *argv, input=stdin,
                 env={**os.environ, "ETCDCTL_API": "3"})
    assert result.returncode == 0, result.stderr
    return result.stdout


def post(etcd, path, body, status=200):
    got, answer = etcd.request("POST", f"/v3/{path}", body)
    assert got == status, answer
    return answer


def put(etcd, key, value="", status=200, **more):
    return post(etcd, "kv/put", {"key": b64(key), "value": b64(value), **more}, status)


def outside(etcd):
    """key -> value of everything that is not the mesh's."""
    pairs = {unb64(kv["key"]).decode(): unb64(kv.get("value")).decode() for kv in etcd.range("\0", "\0")["kvs"]}
    return {key: value for key, value in pairs.items() if not OWNED.match(key)}


# ---- tools ----

def test_etcdctl_put_get_del(meshd):
    assert etcdctl(meshd.port, "put", "/tools/a", "1") == "OK\n"
    assert etcdctl(meshd.port, "put", "--prev-kv", "/tools/a", "2") == "OK\n/tools/a\n1\n"
    etcdctl(meshd.port, "put", "/tools/b", "3")
    assert etcdctl(meshd.port, "get", "/tools/", "--prefix") == "/tools/a\n2\n/tools/b\n3\n"
    assert etcdctl(meshd.port, "del", "--prev-kv", "/tools/", "--prefix") == "2\n/tools/a\n2\n/tools/b\n3\n"
    assert etcdctl(meshd.port, "get", "/tools/", "--prefix") == ""
    assert etcdctl(meshd.port, "del", "/tools/a") == "0\n"


def test_etcdctl_txn(meshd):
    txn = 'value("/tools/a") = "1"\n\nput /tools/a 2\nget /tools/a\n\nput /tools/a 1\n\n'
    assert etcdctl(meshd.port, "txn", stdin=txn) == "FAILURE\n\nOK\n"
    assert etcdctl(meshd.port, "txn", stdin=txn) == "SUCCESS\n\nOK\n\n/tools/a\n2\n"
    assert int(json.loads(etcdctl(meshd.port, "get", "/tools/a", "-w", "json"))["kvs"][0]["version"]) == 2


def test_etcdctl_leases(meshd):
    lease = re.match(r"lease (\w+) granted with TTL\(100s\)", etcdctl(meshd.port, "lease", "grant", "100"))[1]
    etcdctl(meshd.port, "put", "--lease", lease, "/tools/leased", "x")
    assert re.search(r"granted with TTL\(100s\), remaining\(\d+s\), attached keys\(\[/tools/leased\]\)",
                     etcdctl(meshd.port, "lease", "timetolive", lease, "--keys"))
    assert lease in etcdctl(meshd.port, "lease", "list")
    assert f"lease {lease} keepalived with TTL(100)" in etcdctl(meshd.port, "lease", "keep-alive", "--once", lease)
    revision = meshd.etcd.revision()
    watch = meshd.etcd.watch(key="/tools/", end="/tools0")
    assert "revoked" in etcdctl(meshd.port, "lease", "revoke", lease)
    assert watch.wait_events(1) == [(revision + 1, "DELETE", "/tools/leased", "", revision + 1)]
    assert "already expired" in etcdctl(meshd.port, "lease", "timetolive", lease)
    watch.close()


def test_etcdctl_looks_at_the_cluster(meshd):
    members = json.loads(etcdctl(meshd.port, "member", "list", "-w", "json"))["members"]
    assert [m["clientURLs"] for m in members] == [[f"http://127.0.0.1:{meshd.port}"]]
    health = run("etcdctl", "--endpoints", f"127.0.0.1:{meshd.port}", "endpoint", "health", "--cluster",
                 env={**os.environ, "ETCDCTL_API": "3"})
    assert health.returncode == 0 and "is healthy" in health.stdout + health.stderr
    assert etcdctl(meshd.port, "alarm", "list") == ""
    assert "compacted revision" in etcdctl(meshd.port, "compact", str(meshd.etcd.revision()))


# ---- APISIX: the recorded requests of its admin API and of server-info ----

def recorded(name):
    """[(path, body)] of every request in a recording."""
    found, path = [], None
    for line in (RECORDINGS / name).read_text().splitlines():
        if m := re.match(r"\s*POST /v3/(\S+) HTTP/1\.1", line):
            path = m[1]
        elif path and line.lstrip().startswith("{"):
            found.append((path, json.loads(line)))
            path = None
    return found


@pytest.mark.skipif(not RECORDINGS.is_dir(), reason="there is no ../shared/wire beside the project")
def test_recorded_server_info(meshd):
    leases = {}
    requests = recorded("18-server-info-lease.txt")
    while requests[0][0] != "lease/grant":  # the lease that is spoken of before was granted before
        requests.pop(0)
    assert [path for path, _ in requests] == ["lease/grant", "kv/put", "kv/range", "lease/keepalive"]
    for path, body in requests:
        for name in ("lease", "ID"):
            if str(body.get(name, "0")) != "0":
                body[name] = leases.setdefault("id", body[name])
        answer = post(meshd.etcd, path, body)
        if path == "lease/grant":
            assert answer["TTL"] == "60"
            leases["id"] = answer["ID"]
        elif path == "lease/keepalive":
            assert answer["result"]["ID"] == leases["id"] and answer["result"]["TTL"] == "60"
    info = {key: value for key, value in outside(meshd.etcd).items() if "server_info" in key}
    assert len(info) == 1 and json.loads(*info.values())["version"]


@pytest.mark.skipif(not RECORDINGS.is_dir(), reason="there is no ../shared/wire beside the project")
def test_recorded_admin_api_may_not_change_the_mesh(meshd):
    before = meshd.objects()
    denied = 0
    for path, body in recorded("17-admin-api.txt"):
        body.pop("lease", None)
        status, answer = meshd.etcd.request("POST", f"/v3/{path}", body)
        if status == 403:
            denied += 1
            assert answer["error"] == "etcdserver: permission denied" and "the mesh owns" in answer["message"]
        else:
            assert status == 200, answer
    assert denied >= 4
    assert outside(meshd.etcd)["/apisix/gen_id"] == "1"
    assert {k: v for k, v in meshd.objects().items() if k in before} == before


def test_owned_ranges_are_refused_whole(meshd):
    put(meshd.etcd, "/apisix/gen_id", "1")
    before = meshd.objects()
    for key, end in (("/", "0"), ("\0", "\0"), ("/apisix/routes/nothing", None), ("/apisix/gen_id", "/apisix0")):
        body = {"key": b64(key), **({"range_end": b64(end)} if end else {})}
        assert post(meshd.etcd, "kv/deleterange", body, 403)["code"] == 7
        post(meshd.etcd, "kv/txn", {"failure": [{"request_delete_range": body}]}, 403)
    for name in ("routes", "ssls"):  # init_etcd's puts go through and change nothing
        op = {"key": b64(f"/apisix/{name}/"), "value": b64("init_dir")}
        assert list(post(meshd.etcd, "kv/put", op)) == ["header"]
        assert post(meshd.etcd, "kv/txn", {"success": [{"request_put": op}]})["succeeded"]
    assert meshd.objects() == before


# ---- events, kills, bounds ----

def test_one_transaction_is_one_message(meshd):
    put(meshd.etcd, "/tools/old", "x")
    revision = meshd.etcd.revision()
    watch = meshd.etcd.watch(key="/tools/", end="/tools0")
    post(meshd.etcd, "kv/txn", {"success": [
        {"request_put": {"key": b64(f"/tools/{i}"), "value": b64(str(i))}} for i in range(5)] + [
        {"request_delete_range": {"key": b64("/tools/old")}}]})
    watch.wait_events(6)
    assert [int(r["header"]["revision"]) for r in watch.results() if "events" in r] == [revision + 1]
    assert {mod for *_, mod in watch.events()} == {revision + 1}
    watch.close()


def test_a_lease_expires(meshd):
    lease = post(meshd.etcd, "lease/grant", {"TTL": 1})
    assert lease["TTL"] == "2"
    put(meshd.etcd, "/tools/short", "x", lease=lease["ID"])
    put(meshd.etcd, "/tools/kept", "x", lease=lease["ID"])
    put(meshd.etcd, "/tools/kept", "y")
    watch = meshd.etcd.watch(key="/tools/", end="/tools0")
    assert [e[1:3] for e in watch.wait_events(1)] == [("DELETE", "/tools/short")]
    assert outside(meshd.etcd) == {"/tools/kept": "y"}
    assert put(meshd.etcd, "/tools/late", "x", 404, lease=lease["ID"])["code"] == 5
    watch.close()


def test_kill_the_frontend(meshd):
    """Keys and revisions stay; leases end, and their keys with one transaction that a watcher sees."""
    lease = post(meshd.etcd, "lease/grant", {"TTL": 3600})["ID"]
    put(meshd.etcd, "/tools/a", "1")
    put(meshd.etcd, "/tools/a", "1")  # the same again is a revision all the same
    for name in ("l1", "l2"):
        put(meshd.etcd, f"/tools/{name}", "x", lease=lease)
    before, revision = meshd.objects(), meshd.etcd.revision()
    kept = meshd.etcd.range("/tools/a", None)["kvs"]
    assert kept[0]["version"] == "2"
    for number in (1, 2):
        meshd.kill_worker("frontend")
        wait_for(lambda: meshd.workers()["frontend"]["restarts"] == number and meshd.objects(), "the frontend")
        assert meshd.objects() == before
        assert meshd.etcd.range("/tools/a", None)["kvs"] == kept
        assert outside(meshd.etcd) == {"/tools/a": "1"}
        assert meshd.etcd.revision() == revision + 1
    watch = meshd.etcd.watch(revision - 3, key="/tools/", end="/tools0")
    assert [e[1:3] + e[4:] for e in watch.wait_events(6)] == [
        ("PUT", "/tools/a", revision - 3), ("PUT", "/tools/a", revision - 2), ("PUT", "/tools/l1", revision - 1),
        ("PUT", "/tools/l2", revision), ("DELETE", "/tools/l1", revision + 1), ("DELETE", "/tools/l2", revision + 1)]
    leases = [e["kv"].get("lease") for r in watch.results() for e in r.get("events", [])]
    assert leases == [None, None, lease, lease, None, None]
    assert "TTL" not in post(meshd.etcd, "lease/keepalive", {"ID": lease})["result"]
    watch.close()


def test_a_restart_keeps_what_clients_wrote(meshd):
    put(meshd.etcd, "/tools/a", "1")
    put(meshd.etcd, "/tools/leased", "x", lease=post(meshd.etcd, "lease/grant", {"TTL": 3600})["ID"])
    before, revision = meshd.objects(), meshd.etcd.revision()
    assert meshd.stop() == 0
    meshd.start()
    wait_for(lambda: meshd.objects() == before, "the objects")
    assert outside(meshd.etcd) == {"/tools/a": "1"} and meshd.etcd.revision() == revision + 1


def test_publications_leave_it_alone(meshd, mesh):
    put(meshd.etcd, "/apisix/gen_id", "1")
    put(meshd.etcd, "/apisix/data_plane/server_info/x", "{}")
    kept = meshd.etcd.range("/apisix/data_plane/", "/apisix/gen_ie")["kvs"]
    path = mesh / "4-endpoints.yaml"
    watch = meshd.etcd.watch()
    path.write_text(path.read_text().replace("10.1.0.21", "10.1.0.99"))
    watch.wait_events(1)
    meshd.kill_worker("translator")  # which then publishes everything
    assert meshd.etcd.range("/apisix/data_plane/", "/apisix/gen_ie")["kvs"] == kept
    watch.close()


def test_it_is_bounded(meshd):
    etcd = meshd.etcd
    for i in range(0, KEYS_MAX, 100):
        post(etcd, "kv/txn", {"success": [{"request_put": {"key": b64(f"/many/{n}")}} for n in range(i, i + 100)]})
    revision = etcd.revision()
    full = put(etcd, "/many/more", "x", 429)
    assert full["error"] == "etcdserver: mvcc: database space exceeded" and full["code"] == 8
    post(etcd, "kv/txn", {"success": [{"request_put": {"key": b64(f"/more/{n}")}} for n in range(2)]}, 429)
    assert etcd.revision() == revision
    put(etcd, "/many/0", "changed")
    assert post(etcd, "kv/deleterange", {"key": b64("/many/"), "range_end": b64("/many0")})["deleted"] == "1000"
    big = "x" * 1500000
    for name in "ab":
        put(etcd, f"/big/{name}", big)
    put(etcd, "/big/c", big, 429)
    assert put(etcd, "/big/a", big + "x" * 100000, 400)["error"] == "etcdserver: request is too large"
    for i in range(1000):
        post(etcd, "lease/grant", {"TTL": 3600, "ID": i + 1})
    post(etcd, "lease/grant", {"TTL": 3600}, 429)
    counters = meshd.counters("frontend")
    assert counters["client_keys"] == 2 and counters["leases"] == 1000 and counters["client_refused"] == 3


def test_put_and_delete_of_one_key_is_refused(meshd):
    ops = [{"request_put": {"key": b64("/t/a")}}, {"request_delete_range": {"key": b64("/t/"), "range_end": b64("/t0")}}]
    for some in (ops, ops[::-1], [{"request_txn": {"success": [op]}} for op in ops], [ops[0], ops[0]]):
        assert post(meshd.etcd, "kv/txn", {"success": some}, 400)["error"] == \
            "etcdserver: duplicate key given in txn request"
    assert outside(meshd.etcd) == {}
