# SPDX-License-Identifier: Apache-2.0
"""Least privilege: what the kernel says about each worker."""

import os
import pathlib

import pytest

from lib.daemon import running_as_root, user_id


def status(pid):
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    return dict(line.split(":\t", 1) for line in lines if ":\t" in line)


def workers(meshd):
    return {role: w["pid"] for role, w in meshd.workers().items() if w["pid"] > 0}


def test_workers_have_no_privileges(meshd):
    for role, pid in workers(meshd).items():
        facts = status(pid)
        assert facts["NoNewPrivs"] == "1", role
        for kind in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
            assert int(facts[kind], 16) == 0, (role, kind)
        if running_as_root():
            assert set(facts["Uid"].split()) == {str(user_id("nobody"))}, role
            assert int(facts["CapBnd"], 16) == 0, role
            assert facts["Groups"].split() == [] or facts["Groups"].split() == facts["Gid"].split()[:1], role


def test_workers_run_under_a_seccomp_filter(meshd):
    modes = {role: status(pid).get("Seccomp") for role, pid in workers(meshd).items()}
    if os.environ.get("MESHD_NO_SECCOMP"):
        pytest.skip("no seccomp here")
    assert set(modes.values()) == {"2"}, modes


def test_each_worker_has_its_own_name_and_only_its_descriptors(meshd):
    for role, pid in workers(meshd).items():
        argv = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        assert role.encode() in argv, argv
        links = [os.readlink(f"/proc/{pid}/fd/{n}") for n in os.listdir(f"/proc/{pid}/fd")]
        assert not any(str(meshd.config_file) in link for link in links), (role, links)
        assert len(links) < 40, (role, links)


def test_secrets_are_for_allowed_users_only(daemons, mesh):
    """A local user who is not allowed gets etcd's permission denied for everything but /version and /health."""
    if not running_as_root():
        pytest.skip("needs a second user")
    import json
    import subprocess
    daemon = daemons(paths=[mesh]).start()
    daemon.wait_objects(14)
    program = f"""
import http.client, json
for method, path, body in (("GET", "/version", None), ("GET", "/health", None),
                           ("POST", "/v3/kv/range", '{{"key":"L2FwaXNpeC8=","range_end":"L2FwaXNpeDA="}}'),
                           ("POST", "/v3/watch", '{{"create_request":{{"key":"L2FwaXNpeC8="}}}}')):
    c = http.client.HTTPConnection("127.0.0.1", {daemon.port}, timeout=20)
    c.request(method, path, body)
    r = c.getresponse()
    print(json.dumps([path, r.status, r.read().decode()]))
"""
    result = subprocess.run(["/usr/bin/python3", "-c", program], user="daemon", group="daemon", extra_groups=[],
                            capture_output=True, text=True, timeout=60, cwd="/")
    answers = [json.loads(line) for line in result.stdout.splitlines()]
    assert len(answers) == 4, result.stderr
    assert [a[1] for a in answers[:2]] == [200, 200]
    for _, code, text in answers[2:]:
        assert code == 403 and "etcdserver: permission denied" in text and "10.1.0.21" not in text
    daemon.wait_log(str(user_id("daemon")))
    assert "allow_uids" in daemon.log()


def test_state_is_private(meshd):
    state = meshd.dir / "state"
    for path in [state, *state.rglob("*")]:
        assert os.stat(path).st_mode & 0o077 == 0, path
