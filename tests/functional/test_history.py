# SPDX-License-Identifier: Apache-2.0
"""The judge of watch histories is judged: each guarantee, broken on purpose, is called by its name."""

import random

import pytest

from lib.history import Event, Kv, Message, Segment, Spec, Truth

WHOLE = Spec(prev_kv=True)
BASE = 100


def make_events(count=60, seed=1):
    """revision -> its events: puts, deletions and creations of a few keys."""
    random_, state, made = random.Random(seed), {}, {}
    for revision in range(BASE + 1, BASE + 1 + count):
        events = []
        for key in random_.sample([f"/apisix/{d}/{i}" for d in ("routes", "upstreams") for i in range(4)], 3):
            old = state.get(key)
            if old and random_.random() < 0.3:
                events.append(Event(key, None, 0, revision, 0, state.pop(key)))
                continue
            new = Kv(f"v{revision}", old.create if old else revision, revision, old.version + 1 if old else 1)
            events.append(Event(key, *new, old))
            state[key] = new
        made[revision] = sorted(events)
    return made, state


def history(spec, made, start=BASE + 1):
    segment = Segment(spec, start)
    for revision, events in made.items():
        events = tuple(spec.view(e) for e in events if spec.matches(e))
        if revision >= start and events:
            segment.take(Message(revision, events))
    return segment


def judge(segments, made, state, ranges=()):
    truth = Truth(BASE, {})
    truth.add(history(WHOLE, made))
    truth.settle([(max(made), state), *ranges])
    for segment in segments:
        truth.judge(segment)
    return truth


SPECS = [WHOLE, Spec(), Spec(noput=True), Spec(nodelete=True, prev_kv=True), Spec(key="/apisix/routes/1", end=None),
         Spec(key="/apisix/u", end="\0"), Spec(key="/apisix/routes/", end="/apisix/routes0")]


def test_a_right_history_is_right():
    made, state = make_events()
    catch_up = Segment(WHOLE, BASE + 1)
    catch_up.take(Message(max(made), tuple(e for r in made.values() for e in r)))
    catch_up.take(Message(max(made), asked=True))
    segments = [history(spec, made, start) for spec in SPECS for start in (BASE + 1, BASE + 30)]
    truth = judge(segments + [catch_up], made, state)
    assert truth.found == [] and truth.state == state


def drop_event(m):
    return [m[0], m[1]._replace(events=m[1].events[1:]), *m[2:]]


def other_value(m):
    event = m[1].events[0]._replace(value="other")
    return [m[0], m[1]._replace(events=(event, *m[1].events[1:])), *m[2:]]


def other_prev(m):
    at = next(i for i, message in enumerate(m) for e in message.events if e.prev)
    events = tuple(e._replace(prev=None) for e in m[at].events)
    return [*m[:at], m[at]._replace(events=events), *m[at + 1:]]


def split(m):
    return [m[0]._replace(events=m[0].events[:1]), m[0]._replace(events=m[0].events[1:]), *m[1:]]


BREAKS = [
    ("reliable", lambda m: m[:3] + m[4:]),
    ("reliable", drop_event),
    ("unique", lambda m: [*m[:3], m[2], *m[3:]]),
    ("unique", other_value),
    ("prev_kv", other_prev),
    ("ordered", lambda m: [m[1]._replace(events=m[1].events + m[0].events), *m[2:]]),
    ("atomic", split),
    ("atomic", lambda m: [m[1], m[0], *m[2:]]),
    ("bookmarkable", lambda m: [m[0]._replace(revision=m[0].revision - 1), *m[1:]]),
    ("bookmarkable", lambda m: [*m[:2], Message(m[1].revision), *m[2:]]),
    ("reliable", lambda m: [*m[:2], Message(m[2].revision, asked=True), *m[3:]]),
    ("compacted", lambda m: [*m[:2], Message(0, cancelled="compact_revision 7")]),
    ("resumable", lambda m: [Message(BASE, (Event("/apisix/routes/1", "x", BASE, BASE, 1),)), *m]),
    ("filtered", lambda m: [m[0]._replace(events=(*m[0].events, Event("/other", "x", m[0].revision, m[0].revision, 1))),
                            *m[1:]]),
]


@pytest.mark.parametrize("number", range(len(BREAKS)))
def test_a_broken_history_is_called_by_its_name(number):
    guarantee, break_it = BREAKS[number]
    made, state = make_events()
    segment = history(WHOLE, made)
    segment.messages = break_it(segment.messages)
    assert guarantee in {v.guarantee for v in judge([segment], made, state).found}


def test_what_nobody_saw_is_missed():
    """An event that every watcher lost breaks the chain of versions, or a range shows it."""
    made, state = make_events()
    for revision in made:
        for event in made[revision]:
            less = {**made, revision: [e for e in made[revision] if e is not event]}
            assert judge([], less, state).found, event


def test_what_was_taken_back_or_given_twice_is_seen():
    made, state = make_events()
    truth = Truth(BASE, {})
    truth.add(history(WHOLE, made))
    again = history(WHOLE, made)
    last = again.messages[-1]
    again.messages[-1] = last._replace(events=tuple(e._replace(value="y") for e in last.events))
    truth.add(again)
    assert {v.guarantee for v in truth.found} == {"unique"}
    _, shorter = make_events(59)
    assert "reliable" in {v.guarantee for v in judge([], made, shorter).found}


def test_wrong_versions_are_seen():
    made, state = make_events()
    revision = next(r for r in made if any(e.version == 1 for e in made[r]))
    for field in ("create", "version"):
        events = [e._replace(**{field: getattr(e, field) + 1}) if e.version == 1 else e for e in made[revision]]
        assert "IsCreate" in {v.guarantee for v in judge([], {**made, revision: events}, state).found}
