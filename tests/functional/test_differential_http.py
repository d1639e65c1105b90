# SPDX-License-Identifier: Apache-2.0
"""meshd and a real etcd take the same spellings of JSON and HTTP, and refuse the rest with the same words.

What differs on purpose stands in DELIBERATE. Besides, a request that is not HTTP gets an error of meshd's
where etcd often just closes, and the text behind the status of such an error is our own.
"""

import itertools

import pytest

from lib.differ import report
from lib.exchange import Exchange, post
from lib.spellings import broken_bodies, head, range_bodies, requests, with_body
from lib.twins import normal_text

SMALL_BODY = 1500  # etcd sends what is larger in chunks; meshd always tells the length

# A part of the request, etcd's status (None: closes without an answer), meshd's, and why.
DELIBERATE = [
    (b" /v3/kv//range ", "301", "404", "etcd's paths are cleaned by a redirect; no client sends such ones"),
    (b" //v3/kv/range ", "301", "404", "the same"),
    (b" /v3/kv/./range ", "301", "404", "the same"),
    (b" /v3/kv/../kv/range ", "301", "404", "the same"),
    (b" /v3 ", "301", "404", "the same"),
    (b" * HTTP", "400", "404", "only OPTIONS knows this target; it is a path like any other"),
    (b"POST /v3/kv/range HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization:", "401", "200", "without users there is nothing to authorize"),
    (b" HTTP/1.2\r\n", "200", "505", "there is no such version"),
    (b"\r\n: y\r\n", "200", "400", "a header without a name: two readers could disagree"),
    (b"\r\nContent-Length: \r\n", "400", "400", "a length without a number: two readers could disagree"),
    (b"\r\n\r\nzz\r\n", "400", "400", "a broken chunk is broken HTTP, not a broken request"),
    (b"\r\n{}x\r\n", "400", "400", "the same"),
    (b"\r\nGET /version", None, "200", "an empty line before a request is no request (RFC 9112, 2.2)"),
]


CALLS = ("kv/put", "kv/deleterange", "kv/txn", "kv/compaction", "lease/grant", "lease/revoke", "maintenance/status",
         "auth/authenticate")


def status(answer):
    return answer.line.split()[1] if answer is not None else None


def refused(answer):
    """It was not taken for a request at all: no answer, or an error before anything looked at it."""
    return answer is None or (answer.closed and answer.header("Access-Control-Allow-Origin") is None)


def ask(port, request):
    """The answer on a connection of its own, or None when it is closed without one."""
    end = Exchange(port)
    try:
        return end.ask(request)
    except (AssertionError, ConnectionError):
        return None
    finally:
        end.close()


def seen(answer, offset):
    """Everything that a client could notice, but for the date and lengths that follow the revisions'."""
    small = len(answer.body) < SMALL_BODY
    names = ("Date", "Content-Length") if small else ("Date", "Content-Length", "Transfer-Encoding")
    if "Content-Length" in dict(answer.headers) and answer.body:
        assert int(answer.header("Content-Length")) == len(answer.body)
    framing = [k for k, _ in answer.headers if k == "Content-Length"] if small else []
    return (answer.line, sorted(h for h in answer.headers if h[0] not in names), framing,
            normal_text(answer.body, offset), answer.trailers, answer.closed)


def compare(twins, request, mismatches):
    real, ours = [ask(port, request) for port, _ in twins.sides()]
    if refused(ours) and refused(real):
        if ours is None or status(ours)[0] not in "45" or status(real) not in (None, status(ours)):
            mismatches.append((request, real, ours))
    elif real is None or ours is None or seen(real, 0) != seen(ours, twins.offset):
        mismatches.append((request, real and seen(real, 0), ours and seen(ours, twins.offset)))


def test_bodies(twins):
    bodies, mismatches = range_bodies(), []
    for body in bodies:
        compare(twins, post("/v3/kv/range", body), mismatches)
    assert len(bodies) > 500 and not mismatches, report(len(bodies), mismatches)


def test_broken_bodies_of_other_calls(twins):
    """Only what is no JSON at all, so that nothing is written."""
    broken = [body for body in broken_bodies() if b'"code":3' in ask(twins.real.port, post("/v3/kv/range", body)).body and
              b"etcdserver" not in ask(twins.real.port, post("/v3/kv/range", body)).body]
    assert len(broken) > 70
    mismatches = []
    for path, body in itertools.product(CALLS, broken):
        compare(twins, post(f"/v3/{path}", body), mismatches)
    assert not mismatches, report(len(CALLS) * len(broken), mismatches)


def test_requests(twins):
    asked, mismatches = [r for r in requests() if not any(part in r for part, *_ in DELIBERATE)], []
    for request in asked:
        compare(twins, request, mismatches)
    assert len(asked) > 300 and not mismatches, report(len(asked), mismatches)


@pytest.mark.parametrize("part, etcds, ours, why", DELIBERATE)
def test_deliberate_differences(twins, part, etcds, ours, why):
    found = [r for r in requests() if part in r and not r.startswith(b"OPTIONS")]
    assert found, why
    for request in found:
        assert [status(ask(port, request)) for port, _ in twins.sides()] == [etcds, ours], (request, why)


def test_pipelined_requests_are_answered_in_order(twins):
    several = [post("/v3/kv/range", '{"key":"L2FwaXNpeC9yb3V0ZXMv"}'), head("GET", "/version"), post("/v3/kv/range", "{"),
               with_body("GET", "/v3/kv/range"), head("HEAD", "/version"), head("GET", "/health")]
    answers = []
    for port, offset in twins.sides():
        end = Exchange(port)
        end.connect()
        end.socket.sendall(b"".join(several))
        answers.append([seen(end.read(request.startswith(b"HEAD ")), offset) for request in several])
        end.close()
    assert answers[0] == answers[1]


def test_a_body_may_come_in_pieces(twins):
    request = post("/v3/kv/range", '{"key":"L2FwaXNpeC9yb3V0ZXMv"}')
    answers = []
    for port, offset in twins.sides():
        end = Exchange(port)
        end.connect()
        for i in range(len(request)):
            end.socket.sendall(request[i:i + 1])
        answers.append(seen(end.read(), offset))
        end.close()
    assert answers[0] == answers[1]
