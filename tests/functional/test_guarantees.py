# SPDX-License-Identifier: Apache-2.0
"""etcd's nine watch guarantees under load, churn, reconnects and kill -9 at random moments."""

import http.client
import os
import random
import threading
from concurrent.futures import ThreadPoolExecutor

from lib.churn import Churn
from lib.daemon import Daemon
from lib.etcd import b64
from lib.history import Spec, Truth
from lib.killer import Killer
from lib.recorder import Crowd, Shared, Stream, json_state
from lib.wait import wait_for

LONG = os.environ.get("MESHD_LONG") == "yes"
DAEMONS = 3
KILLS = 1000 if LONG else 50
ROUND = 20                     # kills between two judgements: what is recorded is forgotten then
SHOWN = 20                     # violations that a failure lists

GROUPS = ("s0", "s1", "s2", "e0", "r0")
ROUTELESS = ("s0", "s1", "s2", "s3", "e0")   # where every state must be strictly one that was written

WHOLE = Spec(prev_kv=True)
UPSTREAMS = dict(key="/apisix/upstreams/", end="/apisix/upstreams0")
SPECS = [Spec(), Spec(noput=True), Spec(nodelete=True, prev_kv=True), Spec(**UPSTREAMS),
         Spec(**UPSTREAMS, prev_kv=True), Spec(**UPSTREAMS, noput=True, prev_kv=True),
         Spec(key="/apisix/routes/", end="/apisix/routes0"), Spec(key="/apisix/u", end="\0"),
         Spec(key="/apisix/s", end="/apisix/v", nodelete=True)]


class Writer(threading.Thread):
    """Changes the mesh as fast as it is taken: the next step once `taken(newest)`, or after `patience` seconds."""

    def __init__(self, churn, shared, taken, patience):
        super().__init__(daemon=True)
        self.churn, self.shared, self.stopping, self.error = churn, shared, threading.Event(), None
        self.taken, self.turns = taken, int(patience / 0.02)
        self.start()

    def run(self):
        try:
            while not self.stopping.is_set():
                newest = self.shared.newest
                self.churn.change_some()
                for _ in range(self.turns):
                    if (self.shared.newest > newest and self.taken()) or self.stopping.wait(0.02):
                        break
        except Exception as error:
            self.error = error
            raise

    def stop(self):
        self.stopping.set()
        self.join(30)


class Reader(threading.Thread):
    """Reads all, now and at revisions of before."""

    def __init__(self, daemon, shared, random_):
        super().__init__(daemon=True)
        self.daemon_, self.shared, self.random = daemon, shared, random_
        self.ranges, self.error, self.stopping = [], None, threading.Event()
        self.start()

    def read(self):
        known = self.shared.newest
        asked = self.random.randint(self.shared.base, known) if self.random.random() < 0.5 else 0
        answer = self.daemon_.etcd.range(revision=asked)
        revision = int(answer["header"]["revision"])
        assert revision >= known, f"a range at {revision}, but {known} was seen before"
        self.shared.saw(revision)
        self.ranges.append((asked or revision, json_state(answer)))

    def run(self):
        while not self.stopping.wait(0.2):
            try:
                self.read()
            except (OSError, http.client.HTTPException):
                continue        # killed in the middle of it
            except Exception as error:
                self.error = error
                raise

    def stop(self):
        self.stopping.set()
        self.join(30)


class Client(threading.Thread):
    """Writes beside the mesh's directories, as APISIX's server-info does; what was answered must stay."""

    def __init__(self, daemon, shared, random_):
        super().__init__(daemon=True)
        self.daemon_, self.shared, self.random = daemon, shared, random_
        self.answered, self.error, self.stopping, self.number = [], None, threading.Event(), 0
        self.start()

    def write(self):
        self.number += 1
        key, value = f"/apisix/data_plane/{self.random.randrange(4)}", f"written as {self.number}"
        if self.random.random() < 0.3:
            path, body, value = "/v3/kv/deleterange", {"key": b64(key)}, None
        else:
            path, body = "/v3/kv/put", {"key": b64(key), "value": b64(value)}
        status, answer = self.daemon_.etcd.request("POST", path, body)
        assert status == 200, answer
        if value is not None or answer.get("deleted") == "1":
            self.answered.append((int(answer["header"]["revision"]), key, value))

    def run(self):
        while not self.stopping.wait(0.1):
            try:
                self.write()
            except (OSError, http.client.HTTPException):
                continue        # killed in the middle of it: written or not
            except Exception as error:
                self.error = error
                raise

    def check(self, truth):
        for revision, key, value in self.answered:
            event = truth.by_revision.get(revision, {}).get(key)
            if event is None or event.value != value:
                truth.complain("reliable", f"'{key}' was written as {value!r} in {revision}, but that shows {event}")

    def stop(self):
        self.stopping.set()
        self.join(30)


class Trial:
    """One daemon, its watchers, its writer; everything that is recorded is judged at the end of a round."""

    def __init__(self, work, number, seed, groups, size=12, crowd=24, patience=0.2, killer=Killer):
        self.random, self.patience, self.killer = random.Random(seed), patience, killer
        self.crowd_specs = [WHOLE, WHOLE, *SPECS] + [Spec()] * (crowd - len(SPECS))
        folder = work / f"mesh{number}"
        folder.mkdir()
        folder.chmod(0o755)
        self.churn = Churn(folder, self.random, groups, size)
        self.daemon = Daemon(work, number=number, paths=[folder])
        self.daemon.config["frontend"]["options"]["history"] = {"bytes": "512MB"}   # a round must fit
        self.daemon.write_config()

    def start(self):
        self.daemon.start()
        self._wait_arrived()

    def _wait_arrived(self):
        wait_for(lambda: self.churn.arrived(v for v, *_ in self.daemon.objects().values()),
                 "the state that was written last", deadline=120, interval=0.1)

    def round(self, kills):
        """Returns what was violated, and (revisions, messages, segments) that were judged."""
        answer = self.daemon.etcd.range()
        shared = Shared(int(answer["header"]["revision"]))
        truth = Truth(shared.base, json_state(answer))
        self._begin(shared)
        killer = self.killer(self.daemon, lambda: shared.newest, self.random)
        try:
            for _ in range(kills):
                killer.kill()
            if kills == 0:
                wait_for(lambda: shared.newest >= shared.base + 100, "a hundred revisions", deadline=120)
            self.writer.stop()
            self.client.stop()
            self._wait_arrived()
            final = self.daemon.etcd.revision()
            return self._judge(truth, final)
        finally:
            for thread in self.threads:
                thread.stop()
            errors = [thread.error for thread in self.threads if thread.error]
            assert not errors, errors

    def _begin(self, shared):
        port, seed = self.daemon.port, self.random.randrange(1 << 30)
        self.crowd = Crowd(port, self.crowd_specs, shared, seed)
        self.streams = [Stream(port, [WHOLE], shared, seed + 1, fragment=True),
                        Stream(port, SPECS, shared, seed + 2, own_ids=True, notify=True)]
        self.reader = Reader(self.daemon, shared, random.Random(seed + 3))
        self.watchers = [w for t in [self.crowd, *self.streams] for w in t.watchers]
        everything = [w for w in self.watchers if w.spec in (WHOLE, Spec())]
        self.writer = Writer(self.churn, shared, (lambda: all(w.position >= shared.newest for w in everything))
                             if self.patience > 1 else lambda: True, self.patience)
        self.client = Client(self.daemon, shared, random.Random(seed + 4))
        self.threads = [self.writer, self.client, self.reader, self.crowd, *self.streams]

    def _judge(self, truth, final):
        whole = [w for w in self.watchers if w.spec.whole()]
        wait_for(lambda: all(w.position >= final for w in whole), f"revision {final} at watchers of everything",
                 deadline=60)
        truth_segments = [s for w in whole for s in list(w.segments)]
        for segment in truth_segments:
            truth.add(segment)
        truth.settle(self.reader.ranges + [(final, json_state(self.daemon.etcd.range(revision=final)))],
                     self.churn.check(truth))
        self.client.check(truth)
        late = [w for w in self.watchers if w.position < truth.last(w.spec)]
        try:
            wait_for(lambda: all(w.position >= truth.last(w.spec) for w in late), "every watcher's last event", 60)
        except AssertionError as error:
            rest = [(w.spec, w.position, truth.last(w.spec), w.segments[-1].start) for w in late
                    if w.position < truth.last(w.spec)]
            truth.complain("reliable", f"{error}; (spec, position, last event, start of the last watch): {rest}")
        segments = [s for w in self.watchers for s in list(w.segments)]
        for segment in segments:
            truth.judge(segment)
        return truth.found, (len(truth.by_revision), sum(len(s.messages) for s in segments), len(segments))


def play(work, number, kills, seed, groups=None, **kwargs):
    trial = Trial(work, number, seed, groups or (GROUPS if number else ROUTELESS), **kwargs)
    found, sums = [], [0, 0, 0]
    try:
        trial.start()
        while True:
            more, counted = trial.round(min(kills, ROUND))
            found += more
            sums = [a + b for a, b in zip(sums, counted)]
            kills -= ROUND
            if kills <= 0 or found:
                break
        log = trial.daemon.log()
        if "set aside" in log or "are lost" in log:
            found.append(f"the frontend lost something: {log[-3000:]}")
    finally:
        problems = trial.daemon.finish()
    return found, sums, problems


def judge(results):
    found = [str(v) for violations, _, _ in results for v in violations]
    problems = [p for _, _, more in results for p in more]
    assert not problems, "\n".join(problems)
    assert not found, f"{len(found)} violations:\n" + "\n".join(found[:SHOWN])
    counted = [sum(values) for values in zip(*(sums for _, sums, _ in results))]
    print("{} revisions, {} messages on {} connections".format(*counted))
    return counted


def new_seed():
    seed = int(os.environ.get("MESHD_SEED", random.randrange(1 << 30)))
    print(f"MESHD_SEED={seed}")
    return seed


def test_nine_guarantees_under_churn_and_reconnects(work):
    seed = new_seed()
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda i: play(work, i, 0, seed + i), range(2)))
    revisions, messages, segments = judge(results)
    # enough to mean something; how much more depends on the machine
    assert revisions >= 20 and messages >= 200 and segments > 10


def test_nine_guarantees_under_kills(work):
    seed = new_seed()
    share = -(-KILLS // DAEMONS)
    with ThreadPoolExecutor(DAEMONS) as pool:
        results = list(pool.map(lambda i: play(work, i, share, seed + i), range(DAEMONS)))
    revisions, messages, segments = judge(results)
    assert revisions >= KILLS and messages >= 2 * KILLS and segments >= 2 * KILLS


def test_nine_guarantees_of_large_commits(work):
    """Thousands of events in each message, which kills tear apart on their way; who watches what is quiet misses none."""
    results = [play(work, 0, 60 if LONG else 4, new_seed(), groups=("s0",), size=4000, patience=10)]
    revisions, messages, _ = judge(results)
    assert revisions >= 2 and messages >= 40
