# SPDX-License-Identifier: Apache-2.0
"""Watches on meshd and on a real etcd bring the same messages: replays, live events, errors.

What differs on purpose, each asserted below: a watch from a revision that has not happened is cancelled
(etcd waits, and APISIX would stay stale); a watch from the compacted revision itself is cancelled (etcd
sends what is left of it); and a cancelled watch may start again at compact_revision = current + 1, not at
the oldest revision, for whoever lost history must read everything again anyway.
"""

import itertools

import pytest

from lib.exchange import Exchange, post
from lib.grid import key_forms
from lib.twins import Rev, normal_text
from lib.watches import DELETE, PUT, JsonWatch, Stream, assert_same, both, expected_events

FILTERS = ([], [PUT], [DELETE], [PUT, DELETE])
BATCH = 100


def creates(twins):
    """Watches with everything that matters, all of which can be served."""
    now, oldest = twins.revision, twins.compacted + 1
    forms = [form for form in key_forms(twins) if form[1] == b"" or form[1] == b"\0" or form[0] < form[1]]
    for (key, end), start in itertools.product(forms, (0, Rev(oldest), Rev(now - 6), Rev(now), Rev(now + 1))):
        yield {"key": key, "range_end": end, "start_revision": start, "prev_kv": True}
    for (key, end), start in itertools.product(forms[:3], range(oldest, now + 2)):
        yield {"key": key, "range_end": end, "start_revision": Rev(start)}
    for form, filters, prev_kv, fragment, start in itertools.product(
            forms[:6], FILTERS, (False, True), (False, True), (oldest, now - 4)):
        yield {"key": form[0], "range_end": form[1], "filters": filters, "prev_kv": prev_kv, "fragment": fragment,
               "start_revision": Rev(start), "progress_notify": fragment}


def test_replays(twins):
    watches = list(creates(twins))
    assert len(watches) > 300
    for first in range(0, len(watches), BATCH):
        batch = dict(enumerate(watches[first:first + BATCH], 1))

        def script(stream, batch=batch):
            for watch_id, create in batch.items():
                stream.create(watch_id=watch_id, **create)
            for watch_id, create in batch.items():
                stream.wait_watch(watch_id, expected_events(twins, create))
            stream.settle(batch)
        real, ours = both(twins, script)
        for watch_id, create in batch.items():
            assert_same([[m for m in side if m.watch_id == watch_id] for side in (real, ours)])
            assert sum(len(m.events) for m in ours if m.watch_id == watch_id) == expected_events(twins, create)


def test_ids_ranges_that_are_empty_and_unknown_ids(twins):
    def script(stream):
        stream.create(key=b"a")
        stream.create(key=b"b")
        stream.create(key=b"c", watch_id=2)                  # the next one that would be given
        stream.create(key=b"d")
        stream.create(key=b"e", watch_id=2)                  # taken
        stream.create(key=b"f", watch_id=-7)
        stream.create(key=b"g", watch_id=(1 << 63) - 1)
        stream.create(key=b"z", range_end=b"a")              # empty
        stream.create(key=b"z", range_end=b"z")              # empty
        stream.create(key=b"", range_end=b"")
        stream.create(key=b"", range_end=b"\0")
        stream.create(key=b"h", filters=[7])
        stream.wait(12)
        stream.cancel(99)                                    # unknown: no answer
        stream.cancel(1)
        stream.wait(13)
        stream.cancel(1)                                     # again: no answer
        stream.create(key=b"i", watch_id=1)                  # free again
        stream.progress()
        stream.wait(15)
    assert_same(both(twins, script))


def test_progress_on_request(twins):
    def script(stream):
        stream.progress()
        stream.wait(1)
        stream.create(key=b"/apisix/", range_end=b"/apisix0")
        stream.progress()
        stream.progress()
        stream.wait(4)
    assert_same(both(twins, script))


def test_a_negative_start_is_compacted(twins):
    def script(stream):
        stream.create(key=b"/", range_end=b"\0", start_revision=-5)
        stream.wait(2)
    real, ours = both(twins, script)
    assert [(m.created, m.canceled) for m in real] == [(m.created, m.canceled) for m in ours]


# ---- differences on purpose ----

@pytest.mark.parametrize("start", ("before", "compacted", "future"))
def test_starts_that_meshd_cancels(twins, start):
    revision = {"before": twins.compacted - 1, "compacted": twins.compacted, "future": twins.revision + 2}[start]

    def script(stream):
        stream.create(key=b"/apisix/", range_end=b"/apisix0", start_revision=Rev(revision))
        stream.wait(2 if start != "future" or stream.offset else 1)
        if start == "future" and not stream.offset:
            stream.settle([0])
    real, ours = both(twins, script)
    assert real[0] == ours[0] and ours[0].created
    assert ours[1].canceled and ours[1].compact_revision == twins.revision + 1 and not ours[1].events
    if start == "before":
        assert real[1].canceled and real[1].compact_revision == twins.compacted
        real[1].compact_revision = ours[1].compact_revision
        assert_same([real, ours])
    elif start == "compacted":
        assert real[1].events and not real[1].canceled
    else:
        assert not real[1].compact_revision             # only the cancel that we asked for


def test_meshd_accepts_the_start_that_it_names(twins):
    stream = Stream(twins.daemon.port, twins.offset)
    stream.create(key=b"/apisix/", range_end=b"/apisix0", start_revision=Rev(2))
    stream.wait(2)
    stream.create(key=b"/apisix/", range_end=b"/apisix0", start_revision=Rev(stream.messages[1].compact_revision))
    stream.progress()
    stream.wait(4)
    assert [m.canceled for m in stream.messages] == [False, True, False, False]
    stream.close()


# ---- JSON ----

def json_creates(twins):
    now, oldest = twins.revision, twins.compacted + 1
    some = [form for form in key_forms(twins)[:12]]
    for (key, end), start, prev_kv in itertools.product(some, (Rev(oldest), Rev(now - 5)), (False, True)):
        yield {"key": key, "range_end": end, "start_revision": start, "prev_kv": prev_kv}
    for filters in (["NOPUT"], ["NODELETE"], [1, 0], ["NOPUT", 1]):
        yield {"key": b"/apisix/", "range_end": b"/apisix0", "start_revision": Rev(oldest), "filters": filters}


def names_to_numbers(create):
    numbers = {"NOPUT": PUT, "NODELETE": DELETE}
    return {**create, "filters": [numbers.get(f, f) for f in create.get("filters", [])]}


def test_json_replays(twins):
    for create in json_creates(twins):
        events = expected_events(twins, names_to_numbers(create))
        open_watches = [JsonWatch(port, offset, {"create_request": create}) for port, offset in twins.sides()]
        real, ours = [(watch.head(), watch.read(1, events)) for watch in open_watches]
        assert real == ours, create
        assert open_watches[1].chunks == len(open_watches[1].lines)
        for watch in open_watches:
            watch.close()


@pytest.mark.parametrize("requests, messages", [
    ([{"createRequest": {"key": b"a", "rangeEnd": b"b", "watchId": "5"}}], 1),
    ([{"create_request": {"key": b"a"}}, {"create_request": {"key": b"b"}}], 2),
    ([{"create_request": {"key": b"a", "watch_id": 3}}, {"create_request": {"key": b"b", "watch_id": 3}}], 2),
    ([{"create_request": {"key": b"b", "range_end": b"a"}}], 1),
    ([{"create_request": {"key": b"b"}}, {"cancel_request": {"watch_id": 0}}], 2),
    ([{"create_request": {"key": b"b"}}, {"cancel_request": {"watch_id": 9}}, {"progress_request": {}}], 2),
    ([{"progress_request": {}}], 1),
    ([{"create_request": {}}], 1),
    ([{"create_request": {"key": b"x", "unknown": 1}, "more": []}], 1),
], ids=range(9))
def test_json_messages(twins, requests, messages):
    real, ours = [(watch.head(), watch.read(messages))
                  for watch in (JsonWatch(port, offset, *requests) for port, offset in twins.sides())]
    assert real == ours


@pytest.mark.parametrize("body", [
    "{", "[]", "x", '"x"', "1", '{"create_request":1}', '{"create_request":{"key":"!"}}', '{"create_request":{"key":"YQ"}}',
    '{"create_request":{"start_revision":"x"}}', '{"create_request":{"filters":"NOPUT"}}',
    '{"create_request":{"filters":["X"]}}', '{"create_request":{"filters":[{}]}}', '{"cancel_request":{"watch_id":1.5}}',
    '{"create_request":{"key":"YQ=="}', '{"progress_request":7}', '{"create_request":{"prev_kv":1}}',
])
def test_json_watches_that_cannot_be_read(twins, body):
    answers = []
    for port, offset in twins.sides():
        answer = Exchange(port).ask(post("/v3/watch", body))
        answers.append((answer.line, sorted(h for h in answer.headers if h[0] != "Date"),
                        normal_text(answer.body, offset), answer.trailers))
    assert answers[0] == answers[1]


# ---- live events; last, for they change what both hold ----

LIVE = [
    {"key": b"/apisix/", "range_end": b"/apisix0"},
    {"key": b"/apisix/", "range_end": b"/apisix0", "prev_kv": True},
    {"key": b"/apisix/upstreams/m", "range_end": b"/apisix/upstreams/n", "prev_kv": True},
    {"key": b"/apisix/", "range_end": b"/apisix0", "filters": [PUT]},
    {"key": b"/apisix/", "range_end": b"/apisix0", "filters": [DELETE], "prev_kv": True},
    {"key": b"/apisix/routes/", "range_end": b"/apisix/routes0"},
    {"key": b"/apisix/upstreams/a", "range_end": b"\0", "prev_kv": True, "fragment": True},
    {"key": b"/", "range_end": b"\0", "progress_notify": True},
]
CHANGES = [{"a": 20, "new": 1, "m0": 20, "m2": 5}, {"a": 21, "m0": 21, "m1": 1}, {"a": 22, "b": 3, "c": 8, "m2": 9}]


def test_live_events(twins):
    single = next(key for key in twins.keys() if key.startswith(b"/apisix/upstreams/a-"))
    live = dict(enumerate([*LIVE, {"key": single, "prev_kv": True}], 1))
    streams = [Stream(port, offset) for port, offset in twins.sides()]
    watches = [JsonWatch(port, offset, {"create_request": LIVE[1]}) for port, offset in twins.sides()]
    begin = twins.revision + 1
    for stream in streams:
        for watch_id, create in live.items():
            stream.create(watch_id=watch_id, **create)
        stream.wait(len(live))
    lines = [(watch.head(), watch.read(1)) for watch in watches]
    for change in CHANGES:
        twins.change(change)
    for stream in streams:
        for watch_id, create in live.items():
            stream.wait_watch(watch_id, expected_events(twins, {**create, "start_revision": begin}))
        stream.settle(live)
        stream.close()
    for watch_id in live:
        assert_same([[m for m in stream.messages if m.watch_id == watch_id] for stream in streams])
    events = expected_events(twins, {**LIVE[1], "start_revision": begin})
    assert events >= 8
    lines = [watch.read(1, events) for watch in watches]
    assert lines[0] == lines[1]
