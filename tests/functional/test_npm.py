# SPDX-License-Identifier: Apache-2.0
"""npm's etcd3 beside a real etcd; tests/npm/package-lock.json says which version, with all it needs."""

import json
import shutil

import pytest

from lib.daemon import run
from lib.differ import difference
from lib.twins import Rev, resolve
from lib.watches import expected_events


@pytest.fixture(scope="module")
def client(project, tmp_path_factory):
    """A folder with client.js and its packages."""
    folder = tmp_path_factory.mktemp("npm")
    for name in ("package.json", "package-lock.json", "client.js"):
        shutil.copy(project / "tests" / "npm" / name, folder)
    result = run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", folder)
    assert result.returncode == 0, result.stderr
    return folder


def test_etcd3_sees_the_same(twins, client):
    begin = twins.revision - 8
    wanted = expected_events(twins, {"key": b"/apisix/", "range_end": b"/apisix0", "start_revision": begin})
    seen = []
    for port, offset in twins.sides():
        result = run("node", f"{client}/client.js", port, offset, resolve(Rev(begin), offset), wanted)
        assert result.returncode == 0, result.stderr
        seen.append(json.loads(result.stdout))
    real, ours = seen
    assert "permission denied" in ours.pop("write")
    assert real == ours, difference(real, ours)
    assert len(ours["ranges"]["all"]) == len(twins.state()) and len(ours["events"]) == wanted
    assert len(ours["failures"]) == 4
