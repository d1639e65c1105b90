# SPDX-License-Identifier: Apache-2.0
"""Overlays of a running meshd: added, changed, broken and removed by a reload."""

import json

import pytest

from lib.daemon import MESHCTL, run
from lib.wait import wait_for


def use(meshd, *overlays):
    meshd.config["translator"] = {"overlay": [str(o) for o in overlays]}
    meshd.write_config()
    return meshd.ctl("reload")


@pytest.fixture
def overlay(work):
    path = work / "overlay.yaml"
    path.write_text("objects: [{kind: global_rules, id: metrics, value: {plugins: {prometheus: {}}}}]\n"
                    "patches: [{match: {route: catalog-api}, labels: {team: shop}}]\n")
    path.chmod(0o644)
    return path


def test_reload(meshd, mesh, overlay):
    before = meshd.objects()
    assert use(meshd, overlay).returncode == 0
    wait_for(lambda: "/apisix/global_rules/op-metrics" in meshd.objects(), "the object of the overlay")
    after = meshd.objects()
    changed = {key for key in before if before[key][0] != after.get(key, ("",))[0]}
    assert len(changed) == 1 and '"labels":{"team":"shop"}' in after[changed.pop()][0]
    same = {key for key in before if before[key] == after[key]}
    assert len(same) == len(before) - 1                      # revisions and all

    about = meshd.ctl_json("explain", "--object", "/apisix/global_rules/op-metrics")
    assert about["origins"] == [{"type": "overlay", "resource": str(overlay), "field": "line[1]"}]

    overlay.write_text(overlay.read_text().replace("team: shop", "team: other"))
    assert meshd.ctl("reload").returncode == 0
    wait_for(lambda: any('"team":"other"' in value for value, *_ in meshd.objects().values()), "the changed label")

    good = meshd.objects()
    overlay.write_text("objects: [{kind: planets, id: x, value: {}}]\n")
    answer = meshd.ctl("reload")
    assert answer.returncode == 1
    assert f"{overlay}:1:" in answer.stdout + answer.stderr and "planets" in answer.stdout + answer.stderr
    assert meshd.objects() == good

    assert use(meshd).returncode == 0
    wait_for(lambda: "/apisix/global_rules/op-metrics" not in meshd.objects(), "the end of the overlay")
    assert {key: value[0] for key, value in meshd.objects().items()} == {key: value[0] for key, value in before.items()}


@pytest.mark.parametrize("name, kind, text", [
    ("observability", "global_rules", '"zipkin"'),
    ("limit", "routes", '"limit-count"'),
    ("key-auth", "consumers", '"key-auth"'),
])
def test_examples_run_as_written(project, mesh, name, kind, text):
    plain = run(MESHCTL, "translate", mesh)
    patched = run(MESHCTL, "translate", "--overlay", project / f"conf/examples/overlay/{name}.yaml", mesh)
    assert patched.returncode == 0, patched.stderr
    new = set(patched.stdout.splitlines()) - set(plain.stdout.splitlines())
    assert any(json.loads(line)["key"].startswith(f"/apisix/{kind}/") and text in line for line in new)
    assert len(new) == (2 if name == "key-auth" else 1)


def test_wrong_files_are_refused(meshd, overlay, work):
    overlay.write_text("patches: [{match: {}, set: {uri: /mine}}]\n")
    for files, text in [([overlay], "is the mesh's"), ([work / "none.yaml"], "cannot be read"), ([work], "cannot be read")]:
        answer = use(meshd, *files)
        assert answer.returncode == 1
        assert text in answer.stdout + answer.stderr
