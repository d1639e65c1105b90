# SPDX-License-Identifier: Apache-2.0
"""What an installation contains, and a plugin that is built from it alone."""

import os
import shutil
import subprocess

import pytest

from lib.daemon import MESHCTL, MESHD, ROOT, run
from lib.wait import wait_for


def test_what_is_installed():
    for path in ("usr/sbin/meshd", "usr/bin/meshctl", "usr/include/meshd/plugin.h"):
        assert (ROOT / path).is_file(), path
    assert list(ROOT.glob("usr/lib/**/meshd/plugins/file.so"))
    assert list(ROOT.glob("usr/lib/**/meshd/plugins/etcd.so"))
    assert list(ROOT.glob("**/etc/meshd/meshd.yaml"))
    assert (ROOT / "usr/lib/systemd/system/meshd.service").is_file()


def test_versions_agree():
    daemon = run(MESHD, "--version")
    assert daemon.returncode == 0 and daemon.stdout.startswith("meshd ")
    assert run(MESHCTL, "version").stdout


def build(source, target, *flags):
    subprocess.run([shutil.which("cc"), "-std=gnu17", "-shared", "-fPIC", "-Wall", "-Wextra", "-Werror",
                    "-Wno-missing-field-initializers", *flags,
                    f"-I{ROOT}/usr/include", str(source), "-o", str(target)], check=True, capture_output=True)
    os.chmod(target, 0o755)


def with_source(path, **options):
    return {"source": {"plugin": str(path), "options": options}}


def test_a_source_built_from_the_installed_header_alone(daemons, project, work):
    plugin = work / "example.so"
    build(project / "tests" / "plugins" / "example_source.c", plugin)
    daemon = daemons(config=with_source(plugin)).start()
    objects = wait_for(lambda: (o := daemon.objects()) and any("/upstreams/" in k and k[-1] != "/" for k in o) and o,
                       "an object of the example source")
    assert any("example" in key for key in objects)


def test_a_source_is_told_only_what_its_own_origin_sent(daemons, project, work):
    """Never what another one sent, and nothing if it does not say who it is (a table that ends before that)."""
    source, plugin = project / "tests" / "plugins" / "example_source.c", work / "example.so"
    build(source, plugin)
    daemon = daemons(config=with_source(plugin)).start()
    daemon.wait_log("0 resources of 'example' are held")
    wait_for(lambda: any("example" in key for key in daemon.objects()), "an object of the example source")
    daemon.kill_worker("source")
    daemon.wait_log("2 resources of 'example' are held")
    for flags, origin in ((('-DEXAMPLE_ORIGIN="another"',), "another"),
                          (('-DEXAMPLE_ORIGIN="another"',
                            "-DEXAMPLE_TABLE_SIZE=offsetof(struct mesh_source_api, origin)"), "another")):
        fresh = work / "fresh.so"
        build(source, fresh, *flags)
        fresh.rename(plugin)
        count = daemon.log().count(f"0 resources of '{origin}' are held")
        before = daemon.objects()
        daemon.kill_worker("source")
        wait_for(lambda c=count, o=origin: daemon.log().count(f"0 resources of '{o}' are held") > c, "an empty list")
        assert daemon.objects() == before


@pytest.mark.parametrize("flags, words", [
    (("-DEXAMPLE_ABI=99",), "abi"),
    (("-DEXAMPLE_KIND=MESH_FRONTEND",), "frontend"),
])
def test_wrong_abi_and_kind_are_refused(daemons, project, work, flags, words):
    plugin = work / "wrong.so"
    build(project / "tests" / "plugins" / "example_source.c", plugin, *flags)
    daemon = daemons(config=with_source(plugin))
    result = run(MESHD, "--config", daemon.config_file, "--check")
    output = result.stdout + result.stderr
    assert result.returncode == 1 and str(plugin) in output and words in output.lower(), output


def test_wrong_mode_and_owner_are_refused(daemons, project, work):
    plugin = work / "open.so"
    build(project / "tests" / "plugins" / "example_source.c", plugin)
    daemon = daemons(config=with_source(plugin))
    cases = [lambda: os.chmod(plugin, 0o777)]
    if os.geteuid() == 0:
        cases.append(lambda: (os.chmod(plugin, 0o755), os.chown(plugin, 12345, 12345)))
    for make_wrong in cases:
        make_wrong()
        result = run(MESHD, "--config", daemon.config_file, "--check")
        output = result.stdout + result.stderr
        assert result.returncode == 1 and str(plugin) in output, output
