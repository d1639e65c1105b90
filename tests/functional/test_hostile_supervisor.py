# SPDX-License-Identifier: Apache-2.0
"""A hostile machine: folders that others share, remove or close, wedged workers, signals at bad moments."""

import contextlib
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time

import pytest

from lib.daemon import MESHCTL, alive, free_port, running_as_root
from lib.wait import wait_for


def started(daemon):
    """Starts a daemon that must refuse, and returns (status, log)."""
    daemon.start(wait=False)
    status = daemon.process.wait(20)
    daemon.process = None
    return status, daemon.log()


# ---- state_dir ----

def test_a_second_meshd_on_the_same_state_dir_is_refused(meshd, daemons, mesh):
    before, revision = meshd.objects(), meshd.etcd.revision()
    other = daemons(paths=[mesh], config={"state_dir": meshd.config["state_dir"]})
    status, log = started(other)
    assert status == 1 and "another meshd" in log and meshd.config["state_dir"] in log
    assert (meshd.objects(), meshd.etcd.revision()) == (before, revision)


def test_a_state_dir_that_the_user_cannot_reach(daemons, mesh, work):
    """Its own mode is right, but a folder above it is closed."""
    if not running_as_root():
        pytest.skip("needs a second user")
    closed = work / "closed"
    closed.mkdir(mode=0o700)
    status, log = started(daemons(paths=[mesh], config={"state_dir": str(closed / "state")}))
    assert status == 1 and str(closed / "state") in log and "chmod" in log
    assert len(log.splitlines()) < 8, log


def test_missing_parents_of_state_dir_under_a_closed_umask(daemons, mesh, work):
    daemon = daemons(paths=[mesh], config={"state_dir": str(work / "a" / "b" / "state")})
    old = os.umask(0o077)
    try:
        daemon.start()
    finally:
        os.umask(old)
    daemon.wait_objects(14)


def test_a_state_dir_that_is_removed_while_meshd_runs(meshd):
    """The next worker finds a new one, and APISIX its objects."""
    before = meshd.objects()
    shutil.rmtree(meshd.dir / "state")
    for role in ("frontend", "translator"):
        meshd.kill_worker(role)
        assert wait_for(meshd.objects, "an answer").keys() == before.keys()
    wait_for(lambda: (meshd.dir / "state" / "objects").exists() and (meshd.dir / "state" / "resources").exists(),
             "both stores in a new folder")


# ---- reload ----

def test_reload_tries_a_failed_role_again_at_once(daemons, mesh):
    """Not in up to 30 s: who reloads has mended something."""
    daemon = daemons(paths=[mesh]).start()
    daemon.wait_objects(14)
    blocked = daemon.dir / "state"
    wait_for(lambda: daemon.counters("frontend")["stored_revision"] > 0, "the object store")

    def kill():
        worker = daemon.workers()["source"]
        if worker["pid"] > 0:
            with contextlib.suppress(ProcessLookupError):
                os.kill(worker["pid"], signal.SIGKILL)
        return worker["state"] == "failed"
    wait_for(kill, "a failed source")
    assert blocked.is_dir()
    begin = time.monotonic()
    assert daemon.ctl("reload").returncode == 0
    wait_for(lambda: daemon.workers()["source"]["state"] == "ready", "a source that is tried again", 10)
    assert time.monotonic() - begin < 20


# ---- meshctl and wedged processes ----

@pytest.mark.parametrize("command", ["objects", "status"])
def test_meshctl_does_not_wait_for_a_wedged_worker(meshd, command):
    pid = meshd.workers()["translator"]["pid"]
    os.kill(pid, signal.SIGSTOP)
    try:
        result = meshd.ctl(command, timeout=12)
    finally:
        os.kill(pid, signal.SIGCONT)
    assert "5 s" in result.stderr
    assert result.returncode == (0 if command == "status" else 1)


def test_meshctl_does_not_wait_for_a_wedged_supervisor(meshd):
    os.kill(meshd.process.pid, signal.SIGSTOP)
    try:
        result = meshd.ctl("status", timeout=12)
    finally:
        os.kill(meshd.process.pid, signal.SIGCONT)
    assert result.returncode == 1 and "5 s" in result.stderr


def test_the_end_comes_within_five_seconds_even_if_all_are_wedged(meshd):
    pids = [w["pid"] for w in meshd.workers().values() if w["pid"] > 0]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    assert meshd.stop(timeout=6) == 0
    assert not any(alive(pid) for pid in pids)


# ---- signals ----

def test_sigterm_during_the_start(daemons, mesh):
    """Whatever is under way: exit status 0, and no process is left."""
    for number in range(8):
        daemon = daemons(paths=[mesh]).start(wait=False)
        wait_for(lambda d=daemon: children(d.process.pid), "a first child")
        if number:
            wait_for(lambda d=daemon, n=number: len(d.log().splitlines()) >= n, "some progress", 10)
        assert daemon.stop() == 0, daemon.log()


def test_a_storm_of_sighups(meshd):
    before, revision = meshd.objects(), meshd.etcd.revision()
    pids = {role: w["pid"] for role, w in meshd.workers().items()}
    for _ in range(500):
        meshd.process.send_signal(signal.SIGHUP)
    assert meshd.ctl("version").returncode == 0
    meshd.wait_log("configuration has been read again")
    wait_for(lambda: meshd.ctl("reload").returncode == 0, "a free moment for a reload")
    assert {role: w["pid"] for role, w in meshd.workers().items()} == pids
    assert (meshd.objects(), meshd.etcd.revision()) == (before, revision)


def children(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except FileNotFoundError:
        return []


def test_a_log_level_restarts_nobody(meshd):
    revision = meshd.etcd.revision()
    watch = meshd.etcd.watch(revision + 1)
    pids = {role: w["pid"] for role, w in meshd.workers().items()}
    meshd.config["log"] = {"level": "debug", "format": "json"}
    meshd.write_config()
    assert meshd.ctl("reload").returncode == 0
    meshd.wait_log(r'"level":"info","role":"supervisor"')
    assert {row["level"] for row in meshd.ctl_json("log")["log"]} == {"debug"}
    assert {role: w["pid"] for role, w in meshd.workers().items()} == pids
    assert not watch.closed.is_set()
    watch.close()


def test_descriptors_and_memory_of_the_supervisor_stay(meshd):
    """However often workers die."""
    def descriptors():
        return len(os.listdir(f"/proc/{meshd.process.pid}/fd"))
    before = wait_for(descriptors, "descriptors")
    for _ in range(3):
        for role in ("source", "translator", "frontend"):
            meshd.kill_worker(role)
    wait_for(lambda: descriptors() <= before, "no more descriptors than before", 10)


def test_port_taken_at_a_reload(meshd):
    before, revision = meshd.objects(), meshd.etcd.revision()
    watch = meshd.etcd.watch(revision + 1)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = f"127.0.0.1:{other.getsockname()[1]}"
        meshd.config["frontend"]["options"]["listen"].append(taken)
        meshd.write_config()
        result = meshd.ctl("reload")
    assert result.returncode == 1 and taken in result.stderr and "in use" in result.stderr
    assert (meshd.objects(), meshd.etcd.revision()) == (before, revision) and not watch.closed.is_set()
    watch.close()


def test_a_port_moves_at_a_reload(meshd):
    """The new port serves the same numbers, the old one is closed."""
    before, old = meshd.objects(), meshd.port
    meshd.port = free_port()
    meshd.config["frontend"]["options"]["listen"] = [f"127.0.0.1:{meshd.port}"]
    meshd.write_config()
    assert meshd.ctl("reload").returncode == 0
    assert wait_for(meshd.objects, "an answer on the new port") == before
    with socket.socket() as s:
        assert s.connect_ex(("127.0.0.1", old)) != 0


def test_a_killed_check_child_is_a_failed_reload(meshd):
    before, revision = meshd.objects(), meshd.etcd.revision()
    known = set(children(meshd.process.pid))
    reload = subprocess.Popen([MESHCTL, "--socket", meshd.socket, "reload"], stderr=subprocess.PIPE, text=True)
    check = wait_for(lambda: set(children(meshd.process.pid)) - known, "a check child")
    for pid in check:
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGKILL)
    output = reload.communicate(timeout=20)[1]
    assert (reload.returncode == 1 and "signal 9" in output) or reload.returncode == 0
    assert (meshd.objects(), meshd.etcd.revision()) == (before, revision)
    assert meshd.ctl("reload").returncode == 0


def test_a_unix_listener_is_for_allowed_users_and_leaves_no_file(daemons, mesh):
    """Its file lets everybody knock; who is let in depends on the uid, as on a loopback port."""
    daemon = daemons(paths=[mesh])
    path = daemon.dir / "etcd.sock"
    daemon.config["frontend"]["options"]["listen"].append(f"unix:{path}")
    daemon.write_config()
    daemon.start().wait_objects(14)
    answers = {}
    for user in ("root", "nobody", "daemon") if running_as_root() else (None,):
        argv = ["curl", "-s", "--max-time", "10", "--unix-socket", str(path), "-d", '{"key":"L2FwaXNpeC8="}',
                "http://meshd/v3/kv/range"]
        answers[user] = subprocess.run(argv, user=user, capture_output=True, text=True, timeout=20).stdout
    for user, answer in answers.items():
        assert ("permission denied" in answer) if user == "daemon" else ("header" in answer), (user, answer)
    daemon.config["frontend"]["options"]["listen"].pop()
    daemon.write_config()
    assert daemon.ctl("reload").returncode == 0
    assert not path.exists()


def test_a_file_in_the_place_of_the_control_socket(daemons, mesh, work):
    path = work / "precious"
    path.write_text("data")
    status, log = started(daemons(paths=[mesh], config={"control": {"socket": str(path)}}))
    assert status == 1 and str(path) in log and "no socket" in log and path.read_text() == "data"
