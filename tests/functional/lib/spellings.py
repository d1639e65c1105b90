# SPDX-License-Identifier: Apache-2.0
"""JSON and HTTP in every spelling, right and wrong: requests as bytes, one list per purpose."""

import itertools

from .etcd import b64

KEY, END, ONE = b64("/apisix/"), b64("/apisix0"), b64("/apisix/routes/")
RANGE = f'{{"key":"{KEY}","range_end":"{END}","keys_only":true}}'
SMALL = f'{{"key":"{ONE}"}}'


def range_bodies():
    """Bodies of POST /v3/kv/range."""
    return [*_names(), *_integers(), *_enums(), *_bools(), *_bytes(), *broken_bodies(), *_shapes()]


def _names():
    yield f'{{"key":"{KEY}","rangeEnd":"{END}","keysOnly":true,"countOnly":false}}'
    yield f'{{"key":"{KEY}","rangeEnd":"{END}","range_end":"{KEY}","keys_only":true}}'
    yield f'{{"key":"{KEY}","range_end":"{KEY}","rangeEnd":"{END}","keys_only":true}}'
    yield f'{{"key":"{KEY}","RangeEnd":"{END}"}}'
    yield f'{{"KEY":"{KEY}","key":"{ONE}"}}'
    yield f'{{"Key":"{KEY}"}}'
    yield f'{{"key":"{KEY}","key":"{ONE}"}}'
    yield f'{{"key":"{ONE}","key":null}}'
    yield f'{{"\\u006bey":"{ONE}"}}'
    yield f'{{"key":"{ONE}","nonsense":1,"deep":{{"a":[1,{{"b":null}}]}}}}'
    yield f'{{"":1,"key":"{ONE}"}}'
    for name in ("limit", "revision", "sortOrder", "sort_order", "sortTarget", "sort_target", "serializable", "keysOnly",
                 "countOnly", "minModRevision", "maxModRevision", "minCreateRevision", "maxCreateRevision",
                 "min_mod_revision", "max_mod_revision", "min_create_revision", "max_create_revision"):
        for value in ("null", "0", '"0"', "1", '"1"', "true", '"true"', "{}", "[]", "1.5", '""'):
            yield f'{{"key":"{ONE}","{name}":{value}}}'


def _integers():
    for value in ("-1", '"-1"', "1e0", "1E2", '"1e2"', "1.0", "-0", '"-0"', "01", '"01"', "+1", '"+1"', '" 1"', '"1 "',
                  '"0x1"', '"1_000"', "9223372036854775807", "9223372036854775808", "-9223372036854775808",
                  "-9223372036854775809", '"9223372036854775807"', '"9223372036854775808"',
                  "99999999999999999999999999999", '"abc"', '"NaN"', "NaN", "Infinity", "1e400", "[1]", '{"a":1}', "- 1",
                  "1.", ".5", "--1", "1e", "1e+", '"null"', '"1,2"', '"[]"', '"{}"', '"\\u0031"', "'1'", "1 2", "1,"):
        yield f'{{"key":"{ONE}","limit":{value}}}'
    for value in ("1e14", "1.7e12", "-5"):
        yield f'{{"key":"{ONE}","revision":{value}}}'


def _enums():
    values = ('"NONE"', '"ASCEND"', '"DESCEND"', '"ascend"', '"Descend"', '"BOGUS"', '""', '" ASCEND"', '"\\u0041SCEND"',
              '"KEY"', '"VERSION"', '"CREATE"', '"MOD"', '"VALUE"', '"1"', "2", "1.0", "1e0", "2147483648", "-2147483649",
              "9999999999999999999999", "null", "true", "{}", "[]", '["ASCEND"]')
    for name, value in itertools.product(("sort_order", "sortTarget"), values):
        yield f'{{"key":"{KEY}","range_end":"{END}","keys_only":true,"limit":"3","{name}":{value}}}'


def _bools():
    for value in ("true", "false", '"true"', '"false"', "1", "0", "null", '""', "TRUE", "True", "tru", "truex", "fals",
                  "{}", "[]", '"yes"'):
        yield f'{{"key":"{ONE}","keys_only":{value}}}'


def _bytes():
    for value in ('""', "null", "1", "true", "{}", "[]", "[47]", "[47,97]", "[256]", "[-1]", '["a"]', "[1.5]", "[null]",
                  "[47,null]", '"!!!!"', '"YQ"', '"YQ="', '"YQ=="', '"YQ==="', '"YQ==YQ=="', '"YWI"', '"YWI="', '"YWJj"',
                  '"YWJjZA"', '"YQ==\\n"', '"Y Q=="', '"\\nYQ=="', '"YQ\\n=="', '"YQ\\r\\n==\\r\\n"', '"=YQ="', '"===="',
                  '"="', '"Y"', '"_-8="', '"+/8="', '"YR=="', '"Yf=="', '"\\u0059Q=="', '"YQ\\u003d\\u003d"', '"é"',
                  '"YQ==x"', '"YQ=x"', '"Y\\u0000=="', '"\\ud800YQ=="', '" YQ=="'):
        yield f'{{"key":{value}}}'
        yield f'{{"key":"{ONE}","range_end":{value}}}'


def broken_bodies():
    """Most are no JSON at all; the others are JSON in an unusual place."""
    yield from ("", " ", "\n", "\n\n ", "{", "{ ", "}", "[", "]", "[]", "[{}]", "{}", " {} ", "null", "true", "false", "0", "1.5",
                '"x"', '""', '"', "{}{}", "{} x", "{}]", "{},", "nul", "nulll", "tru", "t", "f", "n", "x", "{x", "{x}", "{'key':1}",
                '{"key"', '{"key"}', '{"key":', '{"key":}', '{"key":"', '{"key":"YQ==', '{"key":"YQ=="', '{"key":"YQ==",', '{"key":"YQ==",}',
                '{"key" "YQ=="}', '{"key":"YQ==" "limit":1}', '{"key":"YQ==";}', '{,}', '{"a":1,,"b":2}', '{"key":[1,]}',
                '{"key":[,1]}', '{"key":[1 2]}', '{"key":[1', '{"key":{"a":', '{"a":"\\x"}', '{"a":"\\u12"}', '{"a":"\\u12zz"}',
                '{"a":"\n"}', '{"a":"\t"}', '{"a":"\\', '{"a":tru}', '{"a":nul}', '{"a":1.}', '{"a":-}', '{"a":-a}', '{"a":1e}',
                '{"a":00}', '{"a":0x1}', "/* c */{}", "{}// c", "\ufeff{}", "\0", "{\0}", '{"a":"\0"}', "\x7f{}", "é", "{é", "<", "{<", "&",
                "{&", "'", "{'", '{"a":\'', "\\", '{"a":\\', "\x1f", "\xa0{}", "{\xa0}", '{"\xad":1}x', "key=YQ==", "--- {}")
    yield from ('{"a":' * n + "1" + "}" * n for n in (10, 90))
    yield from ("[" * n + "]" * n for n in (10, 90))
    yield SMALL + SMALL
    yield SMALL + "garbage"
    yield "\r\n\t " + SMALL + "\r\n"


def _shapes():
    yield SMALL
    yield RANGE
    yield RANGE.replace(":", " : ").replace(",", " ,\n")
    yield '{"key":"' + b64("x" * 5000) + '"}'
    yield '{"pad":"' + "p" * 100000 + '","key":"' + ONE + '"}'


def head(method, path, *headers, version="1.1", host=True, body=b""):
    lines = [f"{method} {path} HTTP/{version}", *(["Host: 127.0.0.1"] if host else []), *headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body


def with_body(method, path, *headers, body=SMALL, **more):
    body = body.encode()
    return head(method, path, *headers, f"Content-Length: {len(body)}", body=body, **more)


PATHS = ("/", "", "*", "/v3", "/v3/", "/v3/kv", "/v3/kv/", "/v3/kv/range", "/v3/kv/range/", "/v3/kv//range", "//v3/kv/range",
         "/v3/kv/./range", "/v3/kv/../kv/range", "/v3/kv/range?x=1", "/v3/kv/range?", "/v3/kv/range?key=YQ==", "/v3/kv/range#x",
         "/v3/kv/rang%65", "/v3/kv%2Frange", "/v3/KV/range", "/V3/kv/range", "/v3/kv/range;x", "/v3/kv/range:x", "/v3/kv/nothing",
         "/v3/nothing", "/v3/kv/range/more", "/v3beta/kv/range", "/v3beta/kv/range/", "/v3beta/nothing", "/v3beta", "/v3beta/",
         "/v3alpha/kv/range", "/v3alpha/nothing", "/v4/kv/range", "/v2/keys", "/kv/range", "/favicon.ico", "/nothing",
         "http://127.0.0.1/v3/kv/range", "http://other/version", "/version", "/version/", "/version?x=1", "/version/x", "/health",
         "/health?x=1", "/healthz", "/v3/watch/", "/v3/watchx", "/v3/lease/nothing", "/v3/auth/nothing",
         "/v3/maintenance/nothing", "/v3/cluster/nothing", "/v3/kv/range%00", "/v3/kv/range%zz", "/%", "/v3/%6bv/range")


def requests():
    """Whole requests: methods, paths, headers, framing."""
    for method, path in itertools.product(("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "get", "FOO"),
                                          ("/v3/kv/range", "/v3/nothing", "/nothing", "/version", "/health", "/v3/watch", "/")):
        if (method, path) == ("POST", "/v3/watch"):
            continue  # a stream, see the watches
        yield head(method, path)
        yield with_body(method, path)
    for method, path in itertools.product(("GET", "POST"), PATHS):
        if path:
            yield with_body(method, path)
    for name in ("Content-Type: text/plain", "Content-Type: application/x-www-form-urlencoded", "Content-Type: application/json",
                 "Content-Type: application/grpc", "Content-Type: application/octet-stream", "Content-Type:", "Accept: text/html",
                 "Accept: application/octet-stream", "Accept-Encoding: gzip", "Content-Encoding: gzip", "Connection: close",
                 "Connection: Close", "Connection: keep-alive", "Connection: close, TE", "Connection: keep-alive, close",
                 "Connection: upgrade", "Expect: 100-continue", "Origin: http://example.org", "X-Http-Method-Override: GET",
                 "Grpc-Timeout: 1S", "Grpc-Metadata-Foo: bar", "Authorization:", "Cookie: a=b", "Upgrade: h2c", "Range: bytes=0-3",
                 "If-None-Match: *", "TE: trailers", "User-Agent:", "X-Empty:", "Keep-Alive: timeout=5", "X-A: \xe9"):
        yield with_body("POST", "/v3/kv/range", name)
        yield with_body("GET", "/version", name, body="")
    for version in ("1.0",):
        for headers in ((), ("Connection: keep-alive",), ("Connection: close",)):
            for path in ("/v3/kv/range", "/v3/nothing", "/version"):
                yield with_body("POST", path, *headers, version=version)
                yield head("GET", path, *headers, version=version)
    yield with_body("POST", "/v3/kv/range", version="1.0", body="{")
    yield with_body("POST", "/v3/kv/range", version="1.0", host=False)
    yield with_body("POST", "/v3/kv/range", host=False)
    yield from _chunked()
    yield from _malformed()


def _chunked():
    def chunked(*pieces, end="0\r\n\r\n", coding="Transfer-Encoding: chunked"):
        body = "".join(f"{len(piece):x}\r\n{piece}\r\n" for piece in pieces) + end
        return head("POST", "/v3/kv/range", coding, body=body.encode())

    half = len(SMALL) // 2
    yield chunked(SMALL)
    yield chunked(SMALL[:half], SMALL[half:])
    yield chunked(*SMALL)
    yield chunked()
    yield chunked(SMALL, end="0\r\nX-Trailer: a\r\n\r\n")
    yield chunked(SMALL, coding="Transfer-Encoding: Chunked")
    yield chunked(SMALL, coding="transfer-encoding: chunked")
    yield head("POST", "/v3/kv/range", "Transfer-Encoding: chunked",
               body=f"{len(SMALL):X};a=b\r\n{SMALL}\r\n0\r\n\r\n".encode())
    yield chunked(SMALL, coding="Transfer-Encoding: identity")
    yield chunked(SMALL, coding="Transfer-Encoding: gzip")
    yield chunked(SMALL, coding="Transfer-Encoding: gzip, chunked")


def _malformed():
    yield b"GARBAGE\r\n\r\n"
    yield b"GET\r\n\r\n"
    yield b"GET /version\r\n\r\n"
    yield b"GET  /version HTTP/1.1\r\nHost: a\r\n\r\n"
    yield b"GET /version HTTP/1.1 x\r\nHost: a\r\n\r\n"
    yield b"GET /ver sion HTTP/1.1\r\nHost: a\r\n\r\n"
    yield b"GET /version HTTP/1.2\r\nHost: a\r\nConnection: close\r\n\r\n"
    yield b"GET /version HTTP/2.0\r\nHost: a\r\n\r\n"
    yield b"GET /version HTTP/3.0\r\nHost: a\r\n\r\n"
    yield b"GET /version HTTP/1.x\r\nHost: a\r\n\r\n"
    yield b"GET /version http/1.1\r\nHost: a\r\n\r\n"
    yield b"G(T /version HTTP/1.1\r\nHost: a\r\n\r\n"
    yield b"GET version HTTP/1.1\r\nHost: a\r\n\r\n"
    yield b"GET /version HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"
    yield b"GET /version HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"
    yield b"GET /version HTTP/1.1\r\nHost: a b\r\n\r\n"
    yield b"GET /version HTTP/1.1\r\nHost:\r\n\r\n"
    yield b"GET /version HTTP/1.1\nHost: a\n\n"
    yield b"\r\nGET /version HTTP/1.1\r\nHost: a\r\n\r\n"
    yield b"GET /version HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n"
    yield b"GET /version HTTP/1.1\r\nHost: a\r\nX : y\r\n\r\n"
    yield b"GET /version HTTP/1.1\r\nHost: a\r\n X: y\r\n\r\n"
    yield b"GET /version HTTP/1.1\r\nHost: a\r\n: y\r\n\r\n"
    yield b"GET /version HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n"
    for length in ("-1", "+1", "1x", "", "0x2", "99999999999999999999", "1, 1", "2\r\nContent-Length: 3"):
        yield head("POST", "/v3/kv/range", f"Content-Length: {length}", body=b"{}")
    yield head("POST", "/v3/kv/range", "Content-Length: 2", "Content-Length: 2", body=b"{}")
    yield head("POST", "/v3/kv/range", "Transfer-Encoding: chunked", body=b"zz\r\n")
    yield head("POST", "/v3/kv/range", "Transfer-Encoding: chunked", body=b"2\r\n{}x\r\n0\r\n\r\n")
