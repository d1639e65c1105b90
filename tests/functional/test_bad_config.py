# SPDX-License-Identifier: Apache-2.0
"""Wrong configurations: every mistake at once, with its place, and meshd does not start."""

import os
import socket
import stat

import pytest
import yaml

from lib.daemon import MESHCTL, MESHD, run, running_as_root
from lib.wait import wait_for

FIVE = """\
sorce:
  plugin: file
translator:
  debounce: soon
frontend:
  plugin: etcd
  options:
    listen: ["127.0.0.1:99999"]
    prefix: apisix
log: {level: loud}
"""


def started(daemon):
    """Starts a daemon that must refuse, and returns (status, log)."""
    daemon.start(wait=False)
    status = daemon.process.wait(20)
    daemon.process = None
    return status, daemon.log()


def test_five_mistakes_are_five_lines_with_places(daemons):
    daemon = daemons(text=FIVE)
    status, log = started(daemon)
    assert status != 0
    checks = run(MESHD, "--config", daemon.config_file, "--check"), run(MESHCTL, "check", daemon.config_file)
    for output in [log] + [c.stdout + c.stderr for c in checks]:
        for place, words in (("1:", "source"), ("4:", "debounce"), ("8:", "99999"), ("9:", "prefix"), ("10:", "level")):
            assert any(f"{daemon.config_file}:{place}" in line and words in line
                       for line in output.splitlines()), f"{place} {words}\n{output}"
    assert all(c.returncode == 1 for c in checks)


def test_a_right_file_is_right(daemons, mesh):
    daemon = daemons(paths=[mesh])
    for argv in ((MESHD, "--config", daemon.config_file, "--check"), (MESHCTL, "check", daemon.config_file)):
        assert run(*argv).returncode == 0


def test_port_taken(daemons, mesh):
    daemon = daemons(paths=[mesh])
    with socket.socket() as other:
        other.bind(("127.0.0.1", daemon.port))
        other.listen()
        status, log = started(daemon)
    assert status != 0 and f"127.0.0.1:{daemon.port}" in log and "in use" in log


def test_plugin_missing(daemons, mesh):
    daemon = daemons(paths=[mesh], config={"source": {"plugin": "nosuch", "options": {}}})
    status, log = started(daemon)
    assert status != 0 and "nosuch" in log


def test_plugins_that_must_be_refused(daemons, mesh, work):
    """Wrong owner or mode, not a plugin at all."""
    for name, make in (("text.so", lambda p: p.write_text("not a library")),
                       ("open.so", lambda p: (p.write_bytes(b"\x7fELF"), os.chmod(p, 0o666)))):
        path = work / name
        make(path)
        daemon = daemons(paths=[mesh], config={"source": {"plugin": str(path), "options": {}}})
        status, log = started(daemon)
        assert status != 0 and str(path) in log, log


def test_state_dir_that_cannot_be_written(daemons, mesh, work):
    blocked = work / "file"
    blocked.write_text("x")
    daemon = daemons(paths=[mesh], config={"state_dir": str(blocked / "state")})
    status, log = started(daemon)
    assert status != 0 and str(blocked) in log


def test_unknown_user(daemons, mesh):
    if not running_as_root():
        pytest.skip("only root changes the user")
    daemon = daemons(paths=[mesh], config={"user": "no-such-user"})
    status, log = started(daemon)
    assert status != 0 and "no-such-user" in log


@pytest.mark.parametrize("make, words", [
    (lambda p: p.mkdir(), "directory"),
    (lambda p: os.mkfifo(p), "FIFO"),
    (lambda p: p.write_bytes(b"log: {level: \xff}\n"), "UTF-8"),
    (lambda p: p.write_bytes(b"[" * 5000), "deep"),
    (lambda p: p.write_text("a: &a [1,1,1,1,1,1,1,1,1]\n" + "".join(
        f"{chr(c + 1)}: &{chr(c + 1)} [{', '.join(['*' + chr(c)] * 9)}]\n" for c in range(97, 110))), "alias"),
])
def test_files_that_are_no_configuration(work, make, words):
    path = work / "bad.yaml"
    make(path)
    result = run(MESHD, "--config", path, "--check", timeout=20)
    output = result.stdout + result.stderr
    assert result.returncode == 1 and words.lower() in output.lower(), output
    assert len(output.splitlines()) < 10


def test_missing_file(work):
    result = run(MESHD, "--config", work / "nothing.yaml")
    assert result.returncode != 0 and "nothing.yaml" in result.stderr


def test_the_default_configuration_passes(project, work):
    text = (project / "conf" / "meshd.yaml").read_text()
    assert yaml.safe_load(text)
    path = work / "meshd.yaml"
    path.write_text(text)
    result = run(MESHD, "--config", path, "--check")
    assert result.returncode == 0, result.stdout + result.stderr


def test_exit_codes_of_meshctl(work, meshd):
    assert run(MESHCTL, "--socket", work / "nobody-home", "status").returncode == 3
    assert meshd.ctl("no-such-command").returncode == 2
    assert meshd.ctl().returncode == 2
    assert meshd.ctl("version").returncode == 0


def test_reload_of_a_bad_file_keeps_the_old(meshd):
    before, revision = meshd.objects(), meshd.etcd.revision()
    pids = {role: w["pid"] for role, w in meshd.workers().items()}
    meshd.write_config(FIVE)
    result = meshd.ctl("reload")
    assert result.returncode == 1
    for place in ("1:", "4:", "8:", "9:", "10:"):
        assert f"{meshd.config_file}:{place}" in result.stdout + result.stderr
    assert {role: w["pid"] for role, w in meshd.workers().items()} == pids
    assert (meshd.objects(), meshd.etcd.revision()) == (before, revision)


def test_reload_takes_another_mesh(meshd, mesh, work):
    other = work / "other.d"
    other.mkdir()
    for path in mesh.iterdir():
        (other / path.name).write_text(path.read_text().replace("10.1.0.21", "10.9.9.9"))
    before, revision = meshd.objects(), meshd.etcd.revision()
    frontend = meshd.workers()["frontend"]["pid"]
    result = meshd.ctl("reload")
    assert result.returncode == 0, result.stderr
    assert (meshd.objects(), meshd.etcd.revision()) == (before, revision)
    meshd.config["source"]["options"]["paths"] = [str(other)]
    meshd.write_config()
    assert meshd.ctl("reload").returncode == 0
    wait_for(lambda: any("10.9.9.9" in v for v, _, _, _ in meshd.objects().values()), "the other mesh")
    changed = {k for k, v in meshd.objects().items() if before.get(k) != v}
    assert changed and all("/upstreams/" in k for k in changed)
    assert meshd.workers()["frontend"]["pid"] == frontend


def test_control_socket_is_private(meshd):
    mode = stat.S_IMODE(os.stat(meshd.socket).st_mode)
    assert mode & 0o007 == 0


def test_translate_says_that_there_are_errors(work, mesh):
    """Objects alone would look as if all were well; what is piped on stays clean."""
    good = run(MESHCTL, "translate", mesh)
    assert good.returncode == 0 and good.stderr == ""
    (mesh / "9-wrong.yaml").write_text(
        'resources:\n- {"@type": type.googleapis.com/envoy.config.cluster.v3.Cluster, name: x, type: STATC}\n'
        '- {"@type": type.googleapis.com/envoy.config.cluster.v3.Cluster, nam: y}\n')
    wrong = run(MESHCTL, "translate", mesh)
    assert wrong.returncode == 0 and wrong.stderr.startswith("meshctl: 2 errors in this mesh; ")
    assert set(good.stdout.splitlines()) <= set(wrong.stdout.splitlines())
    report = run(MESHCTL, "translate", "--report", mesh)
    assert report.stderr == "" and report.stdout.count('"severity":"error"') == 2
