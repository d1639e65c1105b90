# SPDX-License-Identifier: Apache-2.0
"""`meshctl explain` as an operator uses it: about a running mesh, about files, wrongly."""

import json

from lib.daemon import MESHCTL, run

QUESTIONS = [
    (["GET", "http://reviews.shop.example/"], "reviews-canary", "reviews-v1"),
    (["GET", "http://reviews.shop.example/", "-H", "x-tester: yes"], "reviews-testers", "reviews-v2"),
    (["GET", "/api/items", "-H", "Host: catalog.shop.example"], "catalog-api", "catalog"),
]


def named(rows):
    return {row["name"]: row["value"] for row in rows}


def test_a_running_mesh(meshd):
    for question, route, cluster in QUESTIONS:
        answer = meshd.ctl_json("explain", *question)
        assert named(answer["envoy"])["route"] == route
        key = named(answer["apisix"])["object"]
        assert key in meshd.objects()
        assert cluster in {node["cluster"] for node in answer["nodes"]}
        about = meshd.ctl_json("explain", "--object", key)
        assert about["origins"][0]["type"] == "route"
        origins = {(origin["type"], origin["resource"]) for origin in about["origins"]}
        assert {("cluster", cluster), ("endpoint", cluster)} <= origins
        assert named(answer["envoy"])["listener"] in {name for kind, name in origins if kind == "listener"}
    used = meshd.ctl_json("explain", "--resource", "cluster", "reviews-v2")
    assert {row["resource"] for row in used["used by"]} == {"shop"}
    assert all(row["key"] in meshd.objects() for row in used["objects"])
    assert {row["key"].split("/")[2] for row in used["objects"]} == {"routes", "upstreams"}
    # the list of all names the place of each alone
    listed = {row["key"]: row["origins"] for row in meshd.ctl_json("objects")["objects"]}
    assert listed[key].startswith("route ") and "," not in listed[key]


def test_files_say_the_same(meshd, mesh):
    key = named(meshd.ctl_json("explain", *QUESTIONS[0][0])["apisix"])["object"]
    for question in [*(words for words, _, _ in QUESTIONS), ["--object", key], ["--resource", "listener", "shop"]]:
        offline = run(MESHCTL, "-f", "json", "explain", "--files", mesh, *question)
        assert offline.returncode == 0, offline.stderr
        files, online = json.loads(offline.stdout), meshd.ctl_json("explain", *question)
        for answer in files, online:        # files have no versions
            answer.pop("resource", None)
        assert files == online


def test_wrong_questions(meshd):
    for words, code, text in [
        (["GET"], 2, "usage: meshctl explain"),
        (["GET", "gopher://a/"], 2, "http://"),
        (["GET", "http://a/", "--to", "nowhere"], 2, "IP:PORT"),
        (["--object", "/apisix/routes/none"], 1, "meshctl objects"),
        (["--resource", "cluster", "none"], 1, "meshctl resources"),
    ]:
        answer = meshd.ctl("explain", *words)
        assert answer.returncode == code
        assert text in answer.stdout + answer.stderr
    many = [word for i in range(105) for word in ("-H", f"x-{i}: 1")]
    assert meshd.ctl("explain", "GET", "http://a/", *many).returncode == 2
