# SPDX-License-Identifier: Apache-2.0
"""What real control planes sent, translated with nobody there, against goldens.

Each folder of tests/data/recorded is one mesh: `config` is what the control plane was given, `resources` what it sent,
objects.jsonl and report.jsonl what becomes of that.  --write-goldens writes those two anew.
"""

import json
import pathlib
import re

import pytest

from lib.daemon import MESHCTL, run
from test_golden_corpus import compare

RECORDED = pathlib.Path(__file__).resolve().parents[1] / "data" / "recorded"
MESHES = sorted(path.name for path in RECORDED.iterdir() if (path / "resources").is_dir())


def translated(folder, *how):
    answer = run(MESHCTL, "translate", "--capture", *how, "resources", cwd=folder)
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


@pytest.mark.parametrize("name", MESHES)
def test_mesh(name, request):
    write = request.config.getoption("--write-goldens")
    compare(RECORDED / name / "objects.jsonl", translated(RECORDED / name), write)
    compare(RECORDED / name / "report.jsonl", translated(RECORDED / name, "--report"), write)


def objects():
    lines = (json.loads(line) for line in translated(RECORDED / "istio").splitlines())
    return {line["value"].get("name", line["key"]): line["value"] for line in lines}


def test_istio_says_what_was_meant():
    """The few things that the configuration is about, read from it by hand."""
    made = objects()
    canary = made["0.0.0.0_9080/reviews.shop.svc.cluster.local:9080/canary-by-header"]
    assert ["http_x_canary", "==", "yes"] in canary["vars"]
    assert made["outbound|9080|v2|reviews.shop.svc.cluster.local"]["nodes"] == [
        {"host": "10.20.0.12", "port": 9080, "weight": 1}]
    split = made["0.0.0.0_9080/reviews.shop.svc.cluster.local:9080/split"]
    weights = split["plugins"]["traffic-split"]["rules"][0]["weighted_upstreams"]
    assert sorted(w["weight"] for w in weights) == [10, 90]
    # principals cannot be proven on the plaintext side, so the rule for POST lets nobody in
    guard = made["virtualInbound/inbound|http|8080/default rbac"]
    assert guard["priority"] > made["virtualInbound/inbound|http|8080/default"]["priority"]
    assert guard["plugins"]["fault-injection"]["abort"]["http_status"] == 403 and "GET" in str(guard["vars"])
    assert "POST" not in str(guard["vars"])


def masked(text):
    """Without certificates and keys, which Kuma makes anew for each stream."""
    return re.sub(r"-----BEGIN [^\"]*", "…", text)


def test_kuma_says_the_same_in_both_protocols():
    kuma = RECORDED / "kuma-2.14"
    answer = run(MESHCTL, "translate", "--capture", "sotw", cwd=kuma)
    assert answer.returncode == 0, answer.stderr
    assert masked(answer.stdout) == masked((kuma / "objects.jsonl").read_text())


def test_kuma_says_what_was_meant():
    made = [json.loads(line)["value"] for line in translated(RECORDED / "kuma-2.14").splitlines()]
    split = [v for v in made if "traffic-split" in v.get("plugins", {})]
    assert sorted(v["uri"] for v in split) == ["/api", "/api/*"]
    for value in split:
        upstreams = value["plugins"]["traffic-split"]["rules"][0]["weighted_upstreams"]
        assert [u["weight"] for u in upstreams] == [90, 10]
        assert value["timeout"] == {"connect": 3, "send": 2, "read": 2}
