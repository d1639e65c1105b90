# SPDX-License-Identifier: Apache-2.0
"""Random writes beside the mesh's keys, over JSON and gRPC: meshd answers as a real etcd does, and ends with the same."""

import random

import pytest

from lib.real_etcd import RealEtcd
from lib.writes import Grpc, Json, normal, request, shift

WRITES = 300
EVERYTHING = {"key": "L3Qv", "range_end": "L3Qw"}  # /t/ to /t0


@pytest.fixture
def real():
    etcd = RealEtcd()
    yield etcd
    etcd.stop()


@pytest.mark.parametrize("wire", (Json, Grpc))
@pytest.mark.parametrize("seed", range(5))
def test_random_writes_as_etcd(meshd, real, wire, seed):
    rng = random.Random(seed)
    ours, theirs = wire(meshd.port), wire(real.port)
    for side in (ours, theirs):
        side.ask("kv/put", {"key": "L2ZpcnN0"})  # /first
    offset, done = meshd.etcd.revision() - real.etcd.revision(), 0
    for _ in range(WRITES):
        path, body = request(rng)
        status, answer = ours.ask(path, shift(body, offset))
        answer = normal(answer, offset)
        if "duplicate key" in answer:
            continue  # nothing was done here; etcd might do it
        expected = theirs.ask(path, body)
        assert (status, answer) == (expected[0], normal(expected[1], 0)), (path, body)
        done += status in (200, "OK")
    assert done > WRITES // 3
    everything = [normal(side.ask("kv/range", EVERYTHING)[1], by) for side, by in ((ours, offset), (theirs, 0))]
    assert everything[0] == everything[1]
    ours.close()
    theirs.close()
