# SPDX-License-Identifier: Apache-2.0
"""The range requests that are put to meshd and to etcd: combinations of everything that matters."""

import itertools
import random

from .twins import Rev

SORTS = [(order, target) for order in range(3) for target in range(5)]
FLAGS = ({}, {"keys_only": True}, {"count_only": True}, {"keys_only": True, "count_only": True})
FILTERS = ("min_mod_revision", "max_mod_revision", "min_create_revision", "max_create_revision")


def prefix_end(key):
    return key[:-1] + bytes([key[-1] + 1])


def key_forms(twins):
    """(key, range_end) in every form that a client may send, sensible or not."""
    keys = twins.keys()
    gone = next(key for key in keys if key not in twins.state())
    first, last, middle = keys[0], keys[-1], keys[len(keys) // 2]
    return [
        (b"/apisix/", b"/apisix0"), (b"/apisix", b"/apisiy"), (b"/apisix/upstreams/", b"/apisix/upstreams0"),
        (b"/apisix/routes/", b"/apisix/routes0"), (b"/apisix/routes", b"/apisix/routet"),
        (b"/apisix/upstreams/m", b"/apisix/upstreams/n"), (b"/apisix//phantomkey", b"/apisix//phantomkez"),
        (first, b""), (middle, b""), (last, b""), (gone, b""), (b"/apisix/", b""), (b"/nothing", b""),
        (middle, middle + b"\0"), (middle, middle), (middle, first), (last, first), (first, last), (middle, last),
        (b"\0", b"\0"), (middle, b"\0"), (last + b"\0", b"\0"), (b"\xff", b"\0"), (b"\0", b"\x01"), (b"\0", b"\xff"),
        (b"\0", b""), (b"/", b"0"), (b"a", b""), (b"a", b"b"), (b"b", b"a"), (b"/apisix/\xff\xfe\0x", b"/apisix0"),
        (b"\x80\xff", b"\xff\xff"), (b"/apisix/upstreams/", b"\0\0"), (b"", b"\0"), (b"", b""), (b"", b"z"),
        (middle[:-1], prefix_end(middle)), (b"k" * 3000, b"l"), (b"/", b"0" * 3000),
    ]


def revision_forms(twins):
    now, gone = twins.revision, twins.compacted
    return [0, -1, -(1 << 63), 1, Rev(1), Rev(gone - 1), Rev(gone), Rev(gone + 1), Rev(now - 7), Rev(now - 1),
            Rev(now), Rev(now + 1), Rev(now + 1000), (1 << 63) - 1]


def _forms_by_revision(twins):
    for (key, end), revision in itertools.product(key_forms(twins), revision_forms(twins)):
        yield {"key": key, "range_end": end, "revision": revision}
    for (key, end), step in itertools.product(key_forms(twins)[:6], range(twins.compacted - 2, twins.revision + 3)):
        yield {"key": key, "range_end": end, "revision": Rev(step)}


def _forms_by_flags(twins):
    limits = (1, 2, 3, 33, 34, 1000, -1, -(1 << 63), (1 << 63) - 1)
    for (key, end), flags, serializable in itertools.product(key_forms(twins), FLAGS, (False, True)):
        yield {"key": key, "range_end": end, **flags, "serializable": serializable}
    for (key, end), limit in itertools.product(key_forms(twins), limits):
        yield {"key": key, "range_end": end, "limit": limit}


def _sorts(twins):
    revisions = (0, Rev(twins.revision - 6))
    for (key, end), sort, limit, flags, revision in itertools.product(
            key_forms(twins)[:3], SORTS, (0, 1, 5, 100), FLAGS[:3], revisions):
        yield {"key": key, "range_end": end, "sort_order": sort[0], "sort_target": sort[1], "limit": limit,
               "revision": revision, **flags}


def _filters(twins):
    key, end = key_forms(twins)[0]
    values = [Rev(step) for step in range(0, twins.revision + 3)] + [-1, 1, (1 << 63) - 1]
    for name, value, limit in itertools.product(FILTERS, values, (0, 1, 4)):
        yield {"key": key, "range_end": end, name: value, "limit": limit, "keys_only": True}


def _everything(twins, count, seed):
    """All fields at once, drawn with a fixed seed."""
    draw = random.Random(seed)
    forms, revisions = key_forms(twins), revision_forms(twins)
    some = [0, 0, 0] + [Rev(draw.randint(1, twins.revision + 1)) for _ in range(8)]
    for _ in range(count):
        key, end = draw.choice(forms[:12] + forms) if draw.random() < 0.5 else draw.choice(forms[:4])
        request = {"key": key, "range_end": end, "revision": draw.choice([0, 0, 0, draw.choice(revisions)]),
                   "limit": draw.choice([0, 0, 1, 2, 3, 10, 40, -2]), "serializable": draw.random() < 0.3,
                   **draw.choice(FLAGS), **{name: draw.choice(some) for name in FILTERS}}
        request["sort_order"], request["sort_target"] = draw.choice(SORTS)
        yield request


def range_requests(twins):
    requests = itertools.chain(_forms_by_revision(twins), _forms_by_flags(twins), _sorts(twins), _filters(twins),
                               _everything(twins, 2000, 3))
    return [{name: value for name, value in request.items() if value not in (0, b"", False)} for request in requests]
