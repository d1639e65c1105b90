# SPDX-License-Identifier: Apache-2.0
"""translator.max_drop: an update that removes too much is held back until the operator accepts it."""

import pytest

from lib.wait import wait_for


def upstreams(daemon):
    """Those with endpoints."""
    return {key for key, (value, *_) in daemon.objects().items() if "/upstreams/" in key and '"host"' in value}


@pytest.fixture
def careful(daemons, mesh):
    daemon = daemons(paths=[mesh], config={"translator": {"max_drop": 50}}).start()
    daemon.wait_objects(14)
    return daemon


def empty(mesh):
    """Every cluster goes; the text that it had."""
    path = next(p for p in sorted(mesh.iterdir()) if "cluster" in p.name)
    text = path.read_text()
    path.write_text("resources: []\n")
    return path, text


def held_back(daemon):
    return {row["name"]: row["value"] for row in daemon.ctl_json("status")["translator"]}["held_back"]


def test_too_much_is_held_back_until_it_is_accepted(careful, mesh):
    before = upstreams(careful)
    empty(mesh)
    wait_for(lambda: held_back(careful) > 0, "removals that are held back")
    assert upstreams(careful) == before
    assert "max_drop" in careful.ctl("report", "error").stdout
    careful.wait_log("more than translator.max_drop")
    careful.kill_worker("translator")
    wait_for(lambda: held_back(careful) > 0, "the same in the new translator")
    assert upstreams(careful) == before
    result = careful.ctl("accept")
    assert result.returncode == 0 and "cluster" in result.stdout
    wait_for(lambda: not upstreams(careful), "the removal")
    assert held_back(careful) == 0 and "max_drop" not in careful.ctl("report").stdout
    assert careful.ctl("accept").returncode == 0


def test_what_comes_again_was_never_gone(careful, mesh):
    before, revision = upstreams(careful), careful.etcd.revision()
    path, text = empty(mesh)
    wait_for(lambda: held_back(careful) > 0, "removals that are held back")
    path.write_text(text)
    wait_for(lambda: held_back(careful) == 0, "nothing held back")
    assert (upstreams(careful), careful.etcd.revision()) == (before, revision)


def test_a_little_goes_at_once(daemons, mesh):
    daemon = daemons(paths=[mesh], config={"translator": {"max_drop": 100}}).start()
    daemon.wait_objects(14)
    empty(mesh)
    wait_for(lambda: not upstreams(daemon), "the removal")
    assert held_back(daemon) == 0
