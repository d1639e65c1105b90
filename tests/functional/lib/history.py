# SPDX-License-Identifier: Apache-2.0
"""Judges recorded watch histories by etcd's nine guarantees.

The truth is a sequence of store states: a range at the beginning, then everything that watchers of all
keys saw.  It is itself on trial: versions, create revisions and prev_kv must follow from the state
before, and ranges taken in between must show exactly what it says.  So an event that nobody saw, or
that was taken back, breaks the chain.  Every connection of every watcher must then have got exactly its part of it.
"""

import bisect
import dataclasses
from typing import NamedTuple, Optional


class Kv(NamedTuple):
    value: str
    create: int
    mod: int
    version: int


class Event(NamedTuple):
    key: str
    value: Optional[str]          # None: deleted
    create: int                   # 0 for a deletion, as are the next but one
    mod: int
    version: int
    prev: Optional[Kv] = None


class Message(NamedTuple):
    revision: int
    events: tuple = ()
    cancelled: str = ""           # why, if the server ended the watch
    asked: bool = False           # an answer to a request for progress
    created: bool = False         # the server's word that the watch stands; no part of the history


@dataclasses.dataclass(frozen=True)
class Spec:
    """What a watch asks for. `end` None: one key; "\\0": all keys from `key` on."""
    key: str = "/apisix/"
    end: Optional[str] = "/apisix0"
    noput: bool = False
    nodelete: bool = False
    prev_kv: bool = False

    def whole(self):
        return self == Spec(prev_kv=True)

    def matches(self, event):
        if self.nodelete if event.value is None else self.noput:
            return False
        if self.end is None:
            return event.key == self.key
        return self.key <= event.key and (self.end == "\0" or event.key < self.end)

    def view(self, event):
        return event if self.prev_kv else event._replace(prev=None)


class Segment:
    """One watch on one connection: from its start revision to wherever the connection broke."""

    def __init__(self, spec, start):
        self.spec, self.start = spec, start
        self.position = start - 1     # all up to here is known: the next watch may begin behind it
        self.messages, self.errors = [], []

    def take(self, message):
        self.messages.append(message)
        self.position = max(self.position, message.revision)


class Violation(NamedTuple):
    guarantee: str
    text: str

    def __str__(self):
        return f"{self.guarantee}: {self.text}"


def brief(events):
    shown = [f"{e.mod} {'DELETE' if e.value is None else 'PUT'} {e.key} v{e.version}" for e in events[:3]]
    return f"{len(events)} events ({', '.join(shown)}{', …' if len(events) > 3 else ''})"


class Truth:
    """The states of the store from `base` on."""

    def __init__(self, base, state):
        self.base, self.start = base, dict(state)   # key -> Kv
        self.by_revision = {}                       # revision -> {key: Event}, in the order of the events
        self.found = []
        self.events, self.revisions = [], []        # in order, and the revision of each

    def complain(self, guarantee, text):
        self.found.append(Violation(guarantee, text))

    def add(self, segment):
        """The union of what watchers of everything saw."""
        for message in segment.messages:
            for event in message.events:
                known = self.by_revision.setdefault(event.mod, {}).setdefault(event.key, event)
                if known != event:
                    self.complain("unique", f"revision {event.mod} of '{event.key}' was {known}, then {event}")

    def settle(self, ranges=(), on_state=None):
        """
        Replays everything. `ranges`: (revision, {key: Kv}) as they were read. on_state(revision, keys, state)
        sees the state after each revision and the keys that changed.
        """
        state, pending = dict(self.start), sorted(ranges, key=lambda r: r[0])
        for revision in sorted(self.by_revision):
            pending = self._compare(pending, revision, state)
            changes = self.by_revision[revision]
            for event in changes.values():
                self._apply(event, state)
            if on_state:
                on_state(revision, changes, state)
        self._compare(pending, float("inf"), state)
        self.events = [e for revision in sorted(self.by_revision) for e in self.by_revision[revision].values()]
        self.revisions = [e.mod for e in self.events]
        self.state = state

    def _compare(self, ranges, before, state):
        """Ranges at revisions below `before` show this state; the rest is returned."""
        at = 0
        while at < len(ranges) and ranges[at][0] < before:
            revision, seen = ranges[at]
            at += 1
            if revision < self.base or seen == state:
                continue
            wrong = [key for key in sorted(seen.keys() | state.keys()) if seen.get(key) != state.get(key)]
            self.complain("reliable", f"a range at {revision} shows {len(wrong)} keys that the events do not explain, "
                                      f"as '{wrong[0]}': {seen.get(wrong[0])}, by the events {state.get(wrong[0])}")
        return ranges[at:]

    def _apply(self, event, state):
        old = state.get(event.key)
        if event.value is None:
            state.pop(event.key, None)
            created = True
        else:
            want = (event.mod, 1) if old is None else (old.create, old.version + 1)
            created = (event.create, event.version) == want
            state[event.key] = Kv(event.value, event.create, event.mod, event.version)
        if not created:
            self.complain("IsCreate", f"{event} after {old}")
        if event.prev != old:
            self.complain("prev_kv", f"{event} after {old}")
        if event.value is None and old is None:
            self.complain("unique", f"{event} deletes what is not there")

    # ---- one connection of one watcher ----

    def expect(self, spec, start, end):
        low, high = bisect.bisect_left(self.revisions, start), bisect.bisect_right(self.revisions, end)
        return [spec.view(e) for e in self.events[low:high] if spec.matches(e)]

    def last(self, spec):
        """Revision of the newest event that a watch of this kind sees; 0: none."""
        return next((e.mod for e in reversed(self.events) if spec.matches(e)), 0)

    def judge(self, segment):
        """Adds what is wrong with one segment."""
        for error in segment.errors:
            self.complain("reliable", error)
        got = []
        head = segment.start - 1
        for message in segment.messages:
            head = self._judge_message(segment, message, head)
            got += message.events
        expected = self.expect(segment.spec, segment.start, head)
        if got != expected:
            self._explain(segment, got, expected)

    def _judge_message(self, segment, message, head):
        where = f"watch of {segment.spec} from {segment.start}, message {message.revision}"
        mods = [e.mod for e in message.events]
        if message.cancelled:
            self.complain("compacted", f"{where}: {message.cancelled}")
            return head
        if not mods and not message.asked:
            self.complain("bookmarkable", f"{where}: without events, and nobody asked")
        if mods and message.revision <= head:
            self.complain("atomic", f"{where}: after one of {head}")
        if mods != sorted(mods):
            self.complain("ordered", f"{where}: {mods}")
        if mods and max(mods) > message.revision:
            self.complain("bookmarkable", f"{where}: has an event of {max(mods)}")
        if message.asked and message.revision < head:
            self.complain("bookmarkable", f"{where}: progress went back from {head}")
        return max(head, message.revision)

    def _explain(self, segment, got, expected):
        where = f"watch of {segment.spec} from {segment.start}"
        before, wanted, have = len(self.found), set(expected), set(got)
        places = {(e.key, e.mod): e for e in expected}
        lost = [e for e in expected if e not in have and (e.key, e.mod) not in {(g.key, g.mod) for g in got}]
        if lost:
            self.complain("reliable", f"{where}: lost {brief(lost)}")
        for event in got:
            if event in wanted:
                continue
            same = places.get((event.key, event.mod))
            if same is not None:
                kind = "prev_kv" if same._replace(prev=None) == event._replace(prev=None) else "unique"
                self.complain(kind, f"{where}: {event} is {same}")
            elif not segment.spec.matches(event):
                self.complain("filtered", f"{where}: {event}")
            elif event.mod < segment.start:
                self.complain("resumable", f"{where}: {event}")
            else:
                self.complain("unique", f"{where}: nobody else saw {event}")
        if len(have) != len(got):
            self.complain("unique", f"{where}: {len(got) - len(have)} events came twice")
        if len(self.found) == before:
            self.complain("ordered", f"{where}: another order than other watchers saw")
