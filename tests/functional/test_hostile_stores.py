# SPDX-License-Identifier: Apache-2.0
"""Stores that somebody spoilt, while the control plane is away: nothing is lost that was whole."""

import os
import random
import shutil
import subprocess

import pytest

from lib.daemon import running_as_root, user_id
from lib.wait import wait_for

RANDOM = random.Random(7)


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def replace(path, make):
    path.unlink()
    make(path)


SPOILS = {
    "half": lambda p: os.truncate(p, p.stat().st_size // 2),
    "empty": lambda p: os.truncate(p, 0),
    "foreign": lambda p: p.write_bytes(RANDOM.randbytes(5000)),
    "flipped": flip,
    "fifo": lambda p: replace(p, os.mkfifo),
    "folder": lambda p: replace(p, os.mkdir),
    "link": lambda p: replace(p, lambda q: q.symlink_to("/etc/passwd")),
    "closed": lambda p: os.chmod(p, 0),
}


@pytest.fixture
def stored(meshd, mesh):
    """A stopped daemon with both stores on disk, and a mesh that is gone."""
    before = meshd.objects()
    wait_for(lambda: meshd.counters("frontend")["stored_revision"] >= meshd.etcd.revision(), "the object store")
    wait_for(lambda: meshd.counters("translator")["store_bytes"] > 500, "the resource store")
    assert meshd.stop() == 0
    mesh.rename(mesh.with_name("gone"))
    return before


@pytest.mark.parametrize("name", ["objects", "objects.prev", "resources", "resources.log", "revision"])
def test_spoilt_stores(meshd, stored, name):
    state, saved = meshd.dir / "state", meshd.dir / "saved"
    shutil.copytree(state, saved)
    for spoil in SPOILS.values():
        shutil.rmtree(state)
        shutil.copytree(saved, state)
        for path in (state, *state.iterdir()):
            if running_as_root():
                os.chown(path, user_id("nobody"), -1)
        if not (state / name).exists():
            pytest.skip(f"no file {name} this time")
        spoil(state / name)
        meshd.start()
        objects = wait_for(meshd.objects, "an answer")
        # The whole part of a log is used, so that something may be there that was not complete: never less.
        assert {k: objects[k][0] for k in stored} == {k: v[0] for k, v in stored.items()}
        assert name == "resources.log" or objects.keys() == stored.keys()
        assert all(w["state"] in ("ready", "off") for w in meshd.workers().values())
        assert meshd.stop() == 0
        assert (state / "objects").is_file() and (state / "revision").exists()


def test_an_unreadable_resource_store_does_not_stop_the_translator(meshd, stored, mesh):
    """It is set aside by name; when the mesh is back, so is everything."""
    for path in (meshd.dir / "state").glob("resources*"):
        os.chmod(path, 0)
    meshd.start()
    assert meshd.workers()["translator"]["restarts"] == 0
    meshd.wait_log("resources.damaged")
    mesh.with_name("gone").rename(mesh)
    wait_for(lambda: len(meshd.ctl("resources").stdout.splitlines()) > 5, "the mesh again")
    assert {k: v[0] for k, v in meshd.objects().items()} == {k: v[0] for k, v in stored.items()}
    wait_for(lambda: (meshd.dir / "state" / "resources").exists(), "a new resource store")


def test_a_full_disk(daemons, mesh, work):
    """Changes go on, kills lose nothing, one line tells it, and the stores are written once there is room."""
    if not running_as_root():
        pytest.skip("needs a small file system")
    disk = work / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,mode=755", "tmpfs", disk]).returncode != 0:
        pytest.skip("no mount here")
    try:
        daemon = daemons(paths=[mesh], config={"state_dir": str(disk / "state")}).start()
        daemon.wait_objects(14)
        fill(disk / "fill")
        path = mesh / "4-endpoints.yaml"
        path.write_text(path.read_text().replace("10.1.0.21", "10.1.0.99"))
        wait_for(lambda: any("10.1.0.99" in v[0] for v in daemon.objects().values()), "a change")
        before = daemon.objects()
        daemon.wait_log("No space left on device")
        for role in ("frontend", "translator"):
            daemon.kill_worker(role)
            assert wait_for(daemon.objects, "an answer") == before
        assert daemon.log().count("object store cannot be written") <= 2
        (disk / "fill").unlink()
        wait_for(lambda: daemon.counters("frontend")["stored_revision"] >= daemon.etcd.revision(), "a written store")
        assert daemon.stop() == 0
    finally:
        subprocess.run(["umount", "-l", disk])


def fill(path):
    try:
        with open(path, "wb") as file:
            while True:
                file.write(b"x" * 4096)
    except OSError:
        pass
