# SPDX-License-Identifier: Apache-2.0
"""Real resources of real control planes through `meshctl translate`."""

import json
import random

from lib.daemon import MESHCTL, run



def translate(*argv):
    return run(MESHCTL, "translate", *argv, timeout=600)


def files(corpus):
    return sorted(p for p in corpus.rglob("*") if p.suffix in (".yaml", ".yml", ".json"))


def test_every_file_ends_in_objects_or_findings(corpus):
    result = translate("--each", corpus)
    assert result.returncode in (0, 1), result.stderr
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    report = translate("--each", "--report", corpus)
    findings = [json.loads(line) for line in report.stdout.splitlines()]
    said = {line["file"] for line in lines} | {line["file"] for line in findings}
    silent = [str(p) for p in files(corpus) if str(p) not in said and str(p) not in result.stderr + report.stderr]
    assert silent == []
    for finding in findings:
        assert finding["severity"] in ("info", "warn", "error"), finding
        assert finding["behaviour"] and finding["reason"], finding


def test_the_whole_tree_is_one_mesh_in_any_order(corpus):
    one = translate(corpus)
    assert one.returncode in (0, 1) and one.stdout
    again = files(corpus)
    random.Random(7).shuffle(again)
    assert translate(*again).stdout == one.stdout
    keys = [json.loads(line)["key"] for line in one.stdout.splitlines()]
    assert keys == sorted(keys) and len(set(keys)) == len(keys)
    report = translate("--report", corpus)
    assert translate("--report", *again).stdout == report.stdout


def test_capture_in_any_order(corpus):
    """Identities do not depend on the order either, and every stream route or listener's route has one."""
    one = translate("--capture", corpus)
    again = files(corpus)
    random.Random(8).shuffle(again)
    assert translate("--capture", *again).stdout == one.stdout
    addresses = translate("--addresses", corpus).stdout
    assert translate("--addresses", *again).stdout == addresses
    told = [json.loads(line) for line in addresses.splitlines()]
    identities = {a["identity"] for a in told}
    assert len(told) > 50
    objects = {o["key"]: o["value"] for o in map(json.loads, one.stdout.splitlines())}
    for key, value in objects.items():
        if "/stream_routes/" in key:
            upstream = value.get("upstream") or objects[f"/apisix/upstreams/{value['upstream_id']}"]
            udp = upstream.get("scheme") == "udp"
            assert udp or value["server_addr"] in identities, value
        if "/routes/" in key:
            assert "server_addr" in json.dumps(value["vars"]), value
    plain = translate(corpus).stdout
    assert [i for i in identities if f'"{i}"' in plain] == []


def test_the_example_mesh_has_no_warning(project):
    examples = project / "conf" / "examples" / "mesh.d"
    result = translate("--report", examples)
    assert result.returncode == 0, result.stderr
    assert [f for f in map(json.loads, result.stdout.splitlines()) if f["severity"] == "error"] == []
    objects = {o["key"]: o["value"] for o in map(json.loads, translate(examples).stdout.splitlines())}
    text = json.dumps(objects)
    for words in ("traffic-split", "10.1.0.21", "10.3.0.31", "db.shop.internal", "/v1/", "redirect"):
        assert words in text, words
    assert any(key.startswith("/apisix/stream_routes/") for key in objects)


def test_unreadable_and_wrong_arguments(work):
    assert translate(work / "nothing.yaml").returncode == 1
    assert translate().returncode == 2
    assert translate("--bogus", work).returncode == 2
    assert translate("--addresses").returncode == 2


def test_every_field_is_known(corpus):
    """What is in the corpus is translated or reported: no silent third case."""
    answer = run(MESHCTL, "translate", "--each", "--coverage", corpus)
    assert answer.returncode in (0, 1), answer.stderr
    counts = {"translated": 0, "reported": 0, "unknown": 0}
    for line in answer.stdout.splitlines():
        for name, n in json.loads(line).items():
            if name in counts:
                counts[name] += n
    total = sum(counts.values())
    print("fields in the corpus:", ", ".join(f"{name} {n} ({100 * n / total:.1f} %)" for name, n in counts.items()))
    assert counts["unknown"] == 0
    assert counts["translated"] > total / 2


def test_the_coverage_table():
    table = json.loads(run(MESHCTL, "-f", "json", "report", "--coverage").stdout)["coverage"]
    rows = {row["message"]: row for row in table}
    assert int(rows["envoy.config.route.v3.VirtualHost"]["used"]) > 3
    assert int(rows["all"]["reported"]) > 100
    assert all(int(row["unknown"]) == 0 for row in table)
