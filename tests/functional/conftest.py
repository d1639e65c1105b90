# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the functional tests: a meshd of one's own, from an installed tree.

MESHD_ROOT is a DESTDIR that `meson install` filled (scripts/test does it), MESHD_BUILD the build
folder.  Every daemon here has its own temporary folder, free loopback ports and a configuration
that the test may change; it is ended by its own process id, and a daemon that a test leaves behind in a
bad state (a sanitizer report, a worker that did not end) fails that test.
"""

import os
import pathlib
import shutil
import tempfile

import pytest

from lib.controlplane import ControlPlane
from lib.daemon import Daemon
from lib.twins import Twins
from lib.xds_daemon import APIS, SHOP, XdsDaemon

PROJECT = pathlib.Path(__file__).resolve().parents[2]


def pytest_addoption(parser):
    parser.addoption("--write-goldens", action="store_true", help="write the goldens of the corpus anew")


@pytest.fixture(scope="session")
def project():
    return PROJECT


@pytest.fixture(scope="session")
def corpus():
    """Real resources from real control planes, beside the project."""
    path = PROJECT.parent / "shared" / "corpus"
    if not path.is_dir():
        pytest.skip("there is no ../shared/corpus beside the project")
    return path


@pytest.fixture
def work():
    """A folder that an unprivileged user can enter (pytest's own is 0700)."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="meshd-t.", dir="/tmp"))
    os.chmod(path, 0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def mesh(work):
    """A copy of the example mesh."""
    path = work / "mesh.d"
    shutil.copytree(PROJECT / "conf" / "examples" / "mesh.d", path)
    return path


@pytest.fixture
def daemons(work):
    """Makes daemons and ends them: daemons(paths=[…], **configuration)."""
    made = []

    def make(**kwargs):
        daemon = Daemon(work, number=len(made), **kwargs)
        made.append(daemon)
        return daemon

    yield make
    problems = [text for daemon in made for text in daemon.finish()]
    assert not problems, "\n".join(problems)


@pytest.fixture
def meshd(daemons, mesh):
    """A running meshd that serves the example mesh."""
    daemon = daemons(paths=[mesh])
    daemon.start()
    daemon.wait_objects(13 + 1)
    return daemon


@pytest.fixture(scope="module")
def meshd_once():
    """One meshd with the example mesh for a whole module whose tests only read."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="meshd-t.", dir="/tmp"))
    os.chmod(path, 0o755)
    shutil.copytree(PROJECT / "conf" / "examples" / "mesh.d", path / "mesh.d")
    daemon = Daemon(path, paths=[path / "mesh.d"])
    daemon.start()
    daemon.wait_objects(13 + 1)
    yield daemon
    problems = daemon.finish()
    shutil.rmtree(path, ignore_errors=True)
    assert not problems, "\n".join(problems)


@pytest.fixture(scope="session")
def twins():
    """A meshd and a real etcd with the same content and history (lib/twins.py)."""
    pair = Twins()
    yield pair
    problems = pair.close()
    assert not problems, "\n".join(problems)


@pytest.fixture(params=APIS)
def api(request):
    return request.param


@pytest.fixture
def planes():
    """Makes control planes and ends them: planes(resources, address=…, credentials=…)."""
    made = []

    def make(resources=SHOP, **kwargs):
        made.append(ControlPlane(resources, **kwargs).start())
        return made[-1]

    yield make
    for plane in made:
        plane.stop()


@pytest.fixture
def plane(planes):
    return planes()


@pytest.fixture
def told(work):
    """Makes daemons that a control plane tells their mesh: told(plane, options={…}, **configuration)."""
    made = []

    def make(plane, **kwargs):
        made.append(XdsDaemon(work, plane, number=len(made), **kwargs))
        return made[-1]

    yield make
    problems = [text for daemon in made for text in daemon.finish()]
    assert not problems, "\n".join(problems)


@pytest.fixture
def shop(told, plane, api):
    """A meshd with all of SHOP from `plane`."""
    return told(plane, options={"api": api}).serve_shop()
