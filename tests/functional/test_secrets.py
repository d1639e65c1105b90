# SPDX-License-Identifier: Apache-2.0
"""Where private keys lie: in files of mode 0600, with `secrets: memory` in none; never in what meshd tells."""

import json
import os
import re

import pytest

from lib.etcd import b64
from lib.tls_mesh import TLS, TYPE, by_name, certificate, cluster, listener, pair
from lib.wait import wait_for

CONSUMER = "key-of-the-consumer-nobody-may-read"
FILLER = 96 << 10            # bytes of one write; many of them push the older history into files of its own


def api_keys(key):
    return {"name": "keys", "typed_config": {
        "@type": TYPE + "extensions.filters.http.api_key_auth.v3.ApiKeyAuth",
        "credentials": [{"key": key, "client": "someone"}], "key_sources": [{"header": "X-Key"}]}}


class Keys:
    """A mesh with a key in each place that may have one; all that were ever written are remembered."""

    PLACES = "server", "inline", "client", "own"

    def __init__(self, work):
        self.folder, self.made, self.api_keys = work / "keys", [], []
        self.mesh = work / "mesh.d"
        self.folder.mkdir()
        self.mesh.mkdir(mode=0o755)

    def rotate(self, places=PLACES):
        """Everything with new keys; only these places have one."""
        pairs = {}
        for place in places:
            pairs[place] = certificate(self.folder, len(self.made))
            self.made.append(pairs[place][1])
        secrets = [{"@type": TLS + "Secret", "name": place, "tls_certificate": pair(*pairs[place])}
                   for place in ("server", "client") if place in pairs]
        own = {place: {"tls_certificates": [pair(*pairs[place])]} for place in ("inline", "own") if place in pairs}
        self.api_keys.append(os.urandom(20).hex())
        resources = [listener("named", 443, by_name("server"), [api_keys(self.api_keys[-1])]), cluster("named", by_name("client"))]
        resources += [listener("inline", 444, own["inline"])] if "inline" in own else []
        resources += [cluster("own", own["own"])] if "own" in own else []
        beside = self.mesh / ".new"
        beside.write_text(json.dumps({"resources": resources + secrets}))
        os.rename(beside, self.mesh / "mesh.json")
        return self.newest(len(places))

    def newest(self, places=len(PLACES)):
        return [*self.made[-places:], self.api_keys[-1]]

    def found_in(self, data):
        """What may be in no file of these bytes: each line of each key, and the consumer's."""
        words = [line for key in self.made for line in key.splitlines() if not line.startswith("-")]
        assert all(len(word) >= 20 for word in words), "too short to be told from chance"
        words += [word for key in [*self.api_keys, CONSUMER] for word in (key, b64(key))]
        return [word for word in words if word.encode() in data]


def files_of(daemon):
    return [path for path in sorted((daemon.dir / "state").rglob("*")) if path.is_file()]


def on_disk(daemon, keys):
    found = {}
    for path in files_of(daemon):
        try:
            words = keys.found_in(path.read_bytes())
        except FileNotFoundError:        # a save has just put it in its place
            continue
        if words:
            found[path.name] = words
    return found


def published(daemon, wanted):
    """All of these keys, and no consumer less."""
    text = "".join(value.replace("\\n", "\n") for value, *_ in daemon.objects().values())
    return all(key.strip() in text for key in wanted) and CONSUMER in text


def settled(daemon):
    """Both stores have written what is there."""
    def written():
        counters = daemon.counters("frontend")
        return counters["stored_revision"] == counters["revision"]
    wait_for(written, "the object store to be written", 60)


def rotate(daemon, keys, *places):
    wanted = keys.rotate(*places)
    wait_for(lambda: published(daemon, wanted), "the new keys", 60)


def fill_history(daemon):
    """So much that the older part of it goes into files of its own."""
    for number in range(260):
        status, answer = daemon.etcd.request("POST", "/v3/kv/put", {
            "key": b64("/apisix/data_plane/filler"), "value": b64(os.urandom(FILLER // 2).hex())})
        assert status == 200, (number, answer)
    wait_for(lambda: any(path.name.startswith("history-") for path in files_of(daemon)), "files of the history", 60)
    settled(daemon)


@pytest.fixture
def keys(work):
    return Keys(work)


@pytest.fixture
def start(daemons, work, keys):
    """start(secrets): a daemon that has served several generations of keys."""
    overlay = work / "overlay.yaml"
    overlay.write_text(json.dumps({"objects": [{"kind": "consumers", "id": "someone", "value": {
        "username": "someone", "plugins": {"key-auth": {"key": CONSUMER}}}}]}))
    overlay.chmod(0o644)

    def make(secrets):
        daemon = daemons(paths=[keys.mesh], config={"secrets": secrets, "translator": {"overlay": [str(overlay)]}})
        wanted = keys.rotate()
        daemon.start()
        wait_for(lambda: published(daemon, wanted), "the first keys", 60)
        settled(daemon)
        rotate(daemon, keys)
        settled(daemon)
        rotate(daemon, keys, ["server", "client"])       # deletions, whose history holds what was before
        settled(daemon)
        rotate(daemon, keys)
        settled(daemon)
        return daemon
    return make


def test_in_memory_no_file_ever_holds_a_key(start, keys):
    daemon = start("memory")
    newest = keys.newest()
    assert on_disk(daemon, keys) == {}
    for role in ("source", "translator", "frontend"):
        daemon.kill_worker(role)
        wait_for(lambda: published(daemon, newest), f"the keys after the {role} was killed", 60)
        settled(daemon)
        assert on_disk(daemon, keys) == {}, role
    rotate(daemon, keys)
    fill_history(daemon)
    assert on_disk(daemon, keys) == {}
    daemon.kill_everything()
    assert on_disk(daemon, keys) == {}
    daemon.start()
    wait_for(lambda: published(daemon, keys.newest()), "the keys after a start", 60)
    assert daemon.stop() == 0
    assert on_disk(daemon, keys) == {}


@pytest.mark.parametrize("how", ["restart", "reload"])
def test_stored_keys_are_for_meshd_alone_and_go_when_memory_is_chosen(start, keys, how):
    daemon = start("store")
    fill_history(daemon)
    held = on_disk(daemon, keys)
    assert {re.split("[.-]", name)[0] for name in held} == {"resources", "objects", "history"}, held
    folder = daemon.dir / "state"
    assert folder.stat().st_mode & 0o7777 == 0o700
    assert {path.name: oct(path.stat().st_mode & 0o7777) for path in files_of(daemon)
            if path.stat().st_mode & 0o7777 != 0o600} == {}
    for name in ("objects.damaged-1", "resources.damaged"):
        (folder / name).write_bytes(keys.made[0].encode())
    daemon.config["secrets"] = "memory"
    daemon.write_config()
    if how == "reload":
        assert daemon.ctl("reload").returncode == 0
    else:
        daemon.stop()
        daemon.start()
    wait_for(lambda: published(daemon, keys.newest()), "the keys after the change", 60)
    wait_for(lambda: on_disk(daemon, keys) == {}, f"no key on disk, but {list(on_disk(daemon, keys))}", 30)


def test_nothing_that_meshd_tells_holds_a_key(start, keys):
    daemon = start("store")
    daemon.ctl("log", "set", "all", "debug")
    rotate(daemon, keys)
    told = daemon.ctl("status").stdout
    about = [["--object", key] for key in daemon.objects() if not key.endswith("/")]
    about += [["--resource", *row] for row in (("listener", "inline"), ("cluster", "own"), ("secret", "server"))]
    about += [["GET", "http://named.example/"], ["GET", "https://inline.example/"]]
    commands = [["status"], ["resources"], ["objects"], ["report"], *[["explain", *rest] for rest in about]]
    commands += [["resources", kind] for kind in ("listener", "cluster", "secret")]
    for form in ("text", "json"):
        for command in commands:
            result = daemon.ctl("-f", form, *command)
            assert result.returncode == 0, (command, result.stdout, result.stderr)
            told += result.stdout
    assert "ssls/" in told and "someone" in told and "named" in told
    # broken ones, beside their keys
    (keys.mesh / "bad.json").write_text(json.dumps({"resources": [
        {"@type": TLS + "Secret", "name": "server2", "tls_certificate": {**pair("x", keys.made[-1]), "colour": 1}},
        {"@type": TLS + "Secret", "name": "server3", "tls_certificate": pair(keys.made[-1], "y")},
        {"@type": TLS + "Secret", "name": "server4", "tls_certificate": {"private_key": keys.made[-1]}},
        {"@type": TLS + "Secret", keys.made[-1]: "server5"}]}))
    daemon.wait_log("bad.json")
    (keys.mesh / "worse.yaml").write_text("resources:\n- {name: x, private_key: \"" + keys.made[-1].replace("\n", "\\n"))
    daemon.wait_log("worse.yaml")
    told += daemon.ctl("report").stdout + daemon.ctl("resources").stdout + daemon.log()
    assert keys.found_in(told.replace("\\n", "\n").encode()) == []
    assert not re.search("BEGIN [A-Z ]*PRIVATE KEY", told)
