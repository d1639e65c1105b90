# SPDX-License-Identifier: Apache-2.0
"""Route tables and requests for the comparison with a real Envoy: written by hand, and random ones.

A table is a RouteConfiguration with options of its connection manager.  Everything in it is exact by the
translation's rules; approximations are in none (test_envoy.py says which are looked at on their own).
"OWN_PORT" in a host or a domain stands for the listener's port.
"""

import random
from dataclasses import dataclass, field

from .envoy import Request


@dataclass
class Table:
    config: dict
    requests: list
    hcm: dict = field(default_factory=dict)
    clusters: list = field(default_factory=list)  # of its own: (name, [(node, its envoy.lb)], more of the cluster)


def vhost(name, domains, routes, **more):
    return {"name": name, "domains": domains, "routes": routes, **more}


def direct(status, body="", **match):
    return {
        "match": match, "direct_response": {"status": status, **({"body": {"inline_string": body}} if body else {})}
    }


def here(label, **match):
    """A direct response that says which route it is."""
    return direct(200, f"route {label}", **match)


def to(cluster, match, **more):
    """A route; options of the action are those that are no field of the route itself."""
    own = {k: more.pop(k) for k in list(more) if k.endswith(("_to_add", "_to_remove")) or k == "name"}
    return {"match": match, "route": {"cluster": cluster, **more}, **own}


def redirect(match, **action):
    return {"match": match, "redirect": action}


def ask(target="/", host="h.test", method="GET", **headers):
    return Request(method, target, [("Host", host)] + [(k.replace("_", "-"), v) for k, v in headers.items()])


def add(key, value, action=None, **more):
    option = {"header": {"key": key, "value": value}, **more}
    return {**option, "append_action": action} if action else option


# ---- domains ----

DOMAINS = [
    "a.test", "b.a.test", "*.a.test", "*.b.a.test", "*-x.a.test", "a.*", "b.a.*", "b-*", "a.test:8080",
    "*.a.test:8080", "d.test.", "10.0.0.1", "[::1]", "[::1]:8080", "Upper.Test", "*.c.test:80", "a_b.test",
    "own.test:OWN_PORT", "*"
]
HOSTS = """
    a.test A.Test a.test:8080 a.test:81 a.test. a.test.:8080 b.a.test c.b.a.test b.a.test:8080 x.a.test:8080
    -x.a.test y-x.a.test y-x.a.test:8080 .a.test a.x a.x:8080 a. b.a.x b.a.x.y b-x b- d.test d.test. d.test:8080
    10.0.0.1 10.0.0.1:8080 [::1] [::1]:8080 [::2] upper.test UPPER.TEST z.c.test z.c.test:80 z.c.test:81
    a_b.test own.test own.test:OWN_PORT own.test:81 other other:OWN_PORT x.a.test:OWN_PORT a.x:OWN_PORT
""".split()


def domain_table(domains, config=None, hcm=None):
    vhosts = [vhost(f"v{i}", [domain], [direct(200, domain, prefix="/")]) for i, domain in enumerate(domains)]
    return Table({"virtual_hosts": vhosts, **(config or {})}, [ask("/x", host) for host in HOSTS], hcm or {})


def domain_tables():
    modes = {
        "kept": ({}, {}), "ignored": ({"ignore_port_in_host_matching": True}, {}),
        "stripped": ({}, {"strip_any_host_port": True}), "own": ({}, {"strip_matching_host_port": True})
    }
    for mode, (config, hcm) in modes.items():
        yield f"domains-{mode}", domain_table(DOMAINS, config, hcm)
        yield f"domains-{mode}-nobody", domain_table([d for d in DOMAINS if d != "*"], config, hcm)
        yield f"domains-{mode}-few", domain_table(["*.a.test", "a.*", "d.test.", "*"], config, hcm)
    mixed = [
        vhost("one", ["a.test", "*.a.test", "a.*"],
              [here(201, prefix="/p"), here(202, path="/q")]),
        vhost("two", ["b.a.test", "b.*", "*"], [here(203, prefix="/")])
    ]
    requests = [ask(path, host) for path in ("/p", "/q", "/z") for host in HOSTS]
    yield "domains-mixed", Table({"virtual_hosts": mixed}, requests)
    twins = [
        vhost("one", ["d.test", "d.test."], [here(201, prefix="/")]),
        vhost("two", ["*"], [here(202, prefix="/")])
    ]
    yield "domains-twins", Table({"virtual_hosts": twins, "ignore_port_in_host_matching": True},
                                 [ask("/", host) for host in HOSTS])


# ---- paths ----

PATH_ROUTES = [
    here(201, path="/exact"),
    here(202, prefix="/pre/fix/"),
    here(203, prefix="/pre"),
    here(204, path_separated_prefix="/sep"),
    here(205, prefix="/c++/"),
    here(206, path="/a*b"),
    here(207, prefix="/par/:id"),
    here(208, path="/par:x"),
    here(209, prefix="/Fold", case_sensitive=False),
    here(210, path="/FoldExact", case_sensitive=False),
    here(211, safe_regex={"regex": "/re/[0-9]+(/x|/y)?"}),
    here(212, safe_regex={"regex": "/re.*|/other"}),
    here(213, prefix="/q(1)/[x]/"),
    here(214, prefix="/star*/x"),
    here(215, path="/exact/"),
    here(216, prefix="/exact"),
    here(217, path_separated_prefix="/Sep2", case_sensitive=False),
    here(218, safe_regex={"regex": "(?i)/nocase/.+"}),
    here(219, prefix="/back\\E"),
    here(220, path="/dot.d"),
    here(221, path="/semi;x=1"),
    here(222, prefix="/tilde~"),
    here(223, path="/"),
    here(224, prefix="/$x"),
]
PATHS = """
    / /exact /exact/ /exact/x /exactly /exac /Exact /pre /pre/fix /pre/fix/ /pre/fix/x /prefix /sep /sep/ /sep/x
    /separate /c++/ /c++/x /c+/ /ccc/ /a*b /aZb /par/:id /par/:id/x /par/1 /par:x /par:y /fold /FOLDED
    /foldexact /foldexactly /re/1 /re/12/x /re/12/z /re/ /rest /other /others /q(1)/[x]/ /q(1)/[x]/y /q1/x/
    /star*/x /star/x /starry/x /SEP2 /sep2/x /sep2x /NoCase/x /nocase/ /back\\E /dot.d /dotxd /semi;x=1 /semi
    /tilde~x /$x /$xy /exact?a=b /pre/fix/?a=/exact /exact?
""".split() + ["/long/" + "x" * 3000]


def path_tables():
    yield "paths", Table({"virtual_hosts": [vhost("v", ["*"], PATH_ROUTES)]}, [ask(p) for p in PATHS])
    yield "paths-reversed", Table({"virtual_hosts": [vhost("v", ["*"], PATH_ROUTES[::-1])]}, [ask(p) for p in PATHS])
    yield "paths-hosts", Table(
        {"virtual_hosts": [vhost("v", ["h.test"], PATH_ROUTES),
                           vhost("w", ["*"], [here(250, prefix="/")])]},
        [ask(p, h) for p in PATHS for h in ("h.test", "other")])
    long = [here(201, prefix="/long/"), here(202, prefix="/")]
    yield "paths-long", Table(
        {"virtual_hosts": [vhost("v", ["*"], long)]},
        [ask(f"/{kind}/" + "y" * size) for kind in ("long", "else") for size in (100, 1000, 7000)])


# ---- conditions ----


def header(name, **more):
    return {"name": name, **more}


TEXTS = [{"exact": "a.b"}, {"prefix": "a."}, {"suffix": ".b"}, {"contains": "."}, {"safe_regex": {"regex": "a|b."}},
         {"safe_regex": {"regex": "[a-z]*"}}, {"exact": "A.B", "ignore_case": True},
         {"contains": "A", "ignore_case": True}, {"prefix": "a\\E"}, {"exact": "$x"}]
VALUES = [
    None, "", "a.b", "A.B", "a", "b.", "a.x", "xa.b", "axb", "ab", "abc", "a\\E", "$x", "x a.b", "a.b c", "true", "b"
]


def condition_table(matchers, requests_of, where="headers"):
    """One route for each matcher, told apart by path, and the requests for that path."""
    routes = [here(i, prefix=f"/{i}/", **{where: m if isinstance(m, list) else [m]}) for i, m in enumerate(matchers)]
    return Table({"virtual_hosts": [vhost("v", ["*"], routes + [here("none", prefix="/")])]},
                 [r for i in range(len(matchers)) for r in requests_of(f"/{i}/")])


def header_matchers():
    for text in TEXTS + [{"exact": ""}, {"prefix": "x"}, {"safe_regex": {"regex": ".*"}},
                         {"safe_regex": {"regex": "x?"}}]:
        for more in ({}, {"invert_match": True}):
            yield header("x-h", string_match=text, **more)
            yield header("x-h", string_match=text, treat_missing_header_as_empty=True, **more)
    for old in ({"exact_match": "a.b"}, {"prefix_match": "a."}, {"suffix_match": ".b"}, {"contains_match": "."},
                {"safe_regex_match": {"regex": "a|b."}}, {"present_match": True}, {"present_match": False}, {}):
        yield header("X-H", **old)
        yield header("X-H", invert_match=True, **old)


NUMBERS = [None, "", "1", "5", "9", "10", "-3", "+4", " 6 ", "6x", "0x7", "6.5", "007", "six"]


def condition_tables():
    def one(name, values):
        return lambda path: [ask(path, **({} if v is None else {name: v})) for v in values]

    yield "headers", condition_table(list(header_matchers()), one("x_h", VALUES))
    ranges = [
        header("x-n", range_match={"start": s, "end": e}, **more) for s, e in ((1, 10), (-5, 5), (6, 7))
        for more in ({}, {"invert_match": True}, {"treat_missing_header_as_empty": True},
                     {"treat_missing_header_as_empty": True, "invert_match": True})
    ]
    yield "ranges", condition_table(ranges, one("x_n", NUMBERS))
    pseudo = [
        header(":method", string_match={"exact": "POST"}),
        header(":method", string_match={"prefix": "P"}),
        header(":method", string_match={"exact": "GET"}, invert_match=True),
        header(":authority", string_match={"exact": "h.test:80"}),
        header("host", string_match={"suffix": ".test"}),
        header(":scheme", string_match={"exact": "http"}),
        header(":path", string_match={"suffix": "?q=%41"}),
        [header(":method", string_match={"exact": "PUT"}),
         header(":method", string_match={"exact": "POST"})],
        [header("x-a", present_match=True),
         header("x-b", string_match={"exact": "1"})]
    ]
    yield "pseudo", condition_table(
        pseudo, lambda path: [
            ask(path + query, host, method, **more) for query in ("", "x?q=%41")
            for host in ("h.test", "h.test:80", "H.TEST") for method in ("GET", "POST", "PUT", "DELETE")
            for more in ({}, {"x_a": "", "x_b": "1"})
        ])
    queries = [{"name": "q", "string_match": t} for t in TEXTS if t != {"exact": "$x"}]
    queries += [{"name": "q", "present_match": True}, {"name": "q", "present_match": False}, {"name": "q"},
                {"name": "q", "string_match": {"safe_regex": {"regex": "x?"}}},
                {"name": "q", "string_match": {"prefix": "t"}}, {"name": "q", "string_match": {"exact": "true"}}]
    values = ["", "?q", "?q=", "?r=1&q=b", "?q&r", "?qq=a.b", "?q=a.b&q=x"]
    values += [f"?q={v.replace(' ', '')}" for v in VALUES if v and "\\" not in v and "$" not in v]
    yield "queries", condition_table(queries, lambda path: [ask(path + v) for v in values], "query_parameters")
    cookies = [{"name": "c", "string_match": t, **more} for t in TEXTS for more in ({}, {"invert_match": True})
               if t not in ({"exact": "$x"}, {"prefix": "a\\E"})]
    values = [{}] + [{"cookie": v} for v in ("c=a.b", "c=", "d=1; c=a.b; e=2", "cc=a.b", "c=A.B", "c=b", "d=1")]
    yield "cookies", condition_table(cookies, lambda path: [ask(path, **v) for v in values], "cookies")
    grpc = [to("a", {"prefix": "/", "grpc": {}}), to("b", {"prefix": "/"})]
    yield "grpc", Table({"virtual_hosts": [vhost("v", ["*"], grpc)]}, [
        ask("/"),
        *(ask("/", content_type=t)
          for t in ("application/grpc", "application/grpc+proto", "application/grpc-web", "application/grpcx",
                    "application/json", "application/grpc+", "application/grpc;v=1", "application/grpc+proto;v=1"))
    ])


# ---- actions ----


def redirect_tables():
    routes = [
        redirect({"prefix": "/host"}, host_redirect="new.test"),
        redirect({"prefix": "/port"}, port_redirect=8443),
        redirect({"prefix": "/hostport"}, host_redirect="new.test", port_redirect=8443),
        redirect({"prefix": "/https"}, https_redirect=True),
        redirect({"prefix": "/scheme"}, scheme_redirect="ftp", host_redirect="new.test"),
        redirect({"prefix": "/path"}, path_redirect="/new"),
        redirect({"prefix": "/pathq"}, path_redirect="/new?x=1"),
        redirect({"prefix": "/strip"}, path_redirect="/new", strip_query=True),
        redirect({"prefix": "/sq"}, host_redirect="new.test", strip_query=True),
        redirect(
            {"prefix": "/all"}, https_redirect=True, host_redirect="new.test", port_redirect=1, path_redirect="/n"),
        redirect({"prefix": "/pct"}, path_redirect="/new%20path/%C3%A9"),
        redirect({"prefix": "/utf"}, path_redirect="/neu"),
        redirect({"prefix": "/dollar"}, host_redirect="$uri.test", path_redirect="/a$b/${host}/$$/$"),
        redirect({"prefix": "/rel"}, path_redirect="$x"),
        redirect({"prefix": "/rep/"}, host_redirect="new.test", https_redirect=True, prefix_rewrite="/by/"),
        redirect({"prefix": "/rpc/"}, host_redirect="new.test", https_redirect=True, prefix_rewrite="/by%20a/"),
        redirect(
            {"path_separated_prefix": "/rs"}, host_redirect="n.test", scheme_redirect="http", prefix_rewrite="/by"),
        redirect({"path": "/rx"}, host_redirect="n.test", https_redirect=True, prefix_rewrite="/by"),
        redirect({"prefix": "/re/"},
                 host_redirect="n.test",
                 https_redirect=True,
                 regex_rewrite={"pattern": {"regex": "^/re/([a-z]+)/(.*)$"}, "substitution": "/\\2/\\1/$1"}),
    ] + [
        redirect({"prefix": f"/code{i}"}, host_redirect="n.test", response_code=code)
        for i, code in enumerate(("FOUND", "SEE_OTHER", "TEMPORARY_REDIRECT", "PERMANENT_REDIRECT",
                                  "MOVED_PERMANENTLY"))
    ]
    places = [
        "/host", "/port/x", "/hostport", "/https/x", "/scheme", "/path/x", "/pathq/x", "/strip", "/sq/x", "/all/x",
        "/pct", "/utf", "/dollar", "/rel/x", "/rep/", "/rep/x/y", "/rpc/x", "/rs", "/rs/x", "/rx", "/re/ab/cd/e", "/code0", "/code1",
        "/code2", "/code3", "/code4"
    ]
    requests = [ask(p + q, h) for p in places for q in ("", "?a=b&c=%20d") for h in ("h.test", )]
    requests += [
        ask(p, h) for p in ("/host", "/hostport", "/port", "/path") for h in ("h.test:8080", "h.test:80", "[::1]:80")
    ]
    requests += [ask("/https", h) for h in ("h.test:80", "[::1]")]
    yield "redirects", Table({"virtual_hosts": [vhost("v", ["*"], routes)]}, requests)


def rewrite_tables():
    regex = {"pattern": {"regex": "^/r/([^/]+)(/.*)$"}, "substitution": "\\2/$1/\\1"}
    routes = [
        to("a", {"prefix": "/p/"}, prefix_rewrite="/n/"),
        to("b", {"prefix": "/q"}, prefix_rewrite="/"),
        to("a", {"path": "/x"}, prefix_rewrite="/exact"),
        to("b", {"path_separated_prefix": "/s"}, prefix_rewrite="/t"),
        to("a", {"prefix": "/Fold", "case_sensitive": False}, prefix_rewrite="/f"),
        to("a", {"safe_regex": {"regex": "/g/.*"}}, prefix_rewrite="/whole"),
        to("b", {"prefix": "/r/"}, regex_rewrite=regex),
        to("a", {"prefix": "/c++/"}, prefix_rewrite="/d++/"),
        to("a", {"prefix": "/dollar/"}, prefix_rewrite="/$1/$uri/"),
        to("a", {"path": "/dollar"}, prefix_rewrite="/$uri"),
        to("b", {"prefix": "/pct/"}, prefix_rewrite="/a%20b/"),
        to("b", {"path": "/pct"}, prefix_rewrite="/a%20b"),
        to("a", {"prefix": "/ha"}, auto_host_rewrite=True),  # its endpoints have no names
        to("a", {"prefix": "/hl"}, host_rewrite_literal="lit.test"),
        to("a", {"prefix": "/hp"}, host_rewrite_literal="lit.test:81"),
        to("a", {"prefix": "/hu"}, host_rewrite_literal="lit_x.test"),
        to("b", {"prefix": "/hv6"}, host_rewrite_literal="[::1]:80"),
        to("a", {"prefix": "/both/"}, host_rewrite_literal="lit.test", prefix_rewrite="/"),
        to("b", {"prefix": "/re2"}, regex_rewrite={"pattern": {"regex": "^/re2(.*)$"}, "substitution": "/two\\1x"}),
        to("a", {"prefix": "/none"}),
        to("b", {"prefix": "/"}, request_headers_to_add=[add("x-added", "1")]),
    ]
    places = [
        "/p/", "/p/x", "/p/x/y.z", "/q", "/qx", "/q/x", "/x", "/s", "/s/", "/s/x", "/FOLD", "/folded/x", "/g/x",
        "/r/a/b/c", "/r/a", "/c++/x", "/dollar/x", "/dollar", "/pct/x", "/pct", "/ha", "/hl", "/hp/x", "/hu", "/hv6",
        "/both/x", "/re2/y", "/none", "/none/x", "/plain/x"
    ]
    requests = [ask(p + q) for p in places for q in ("", "?a=b&c=%20d", "?$x=$1")]
    # Without a rewrite the target is the same bytes, whatever nginx makes of them.
    requests += [
        ask(f"{p}/a%20b/%C3%A9/%7e{q}", h) for p in ("/none", "/hl", "/plain") for q in ("", "?", "?x=%2f")
        for h in ("h.test", "H.Test:8080", "h.test.")
    ]
    requests += [ask(f"{p}/a%2fb/%3f%25/c") for p in ("/none", "/hl", "/plain")]
    yield "rewrites", Table({"virtual_hosts": [vhost("v", ["*"], routes)]}, requests)


def action_tables():
    bodies = ["", "text", "$uri ${host} $", "cost: $5 \\$6", "{\"json\": [1]}\n", "é€"]
    routes = [direct(200 + i, body, path=f"/{i}") for i, body in enumerate(bodies)]
    routes += [
        direct(s, "x", path=f"/s{s}") for s in (200, 201, 204, 304, 308, 400, 401, 403, 404, 429, 500, 503, 599)
    ]
    yield "direct", Table({"virtual_hosts": [vhost("v", ["*"], routes)]},
                          [ask(f"/{i}") for i in range(len(bodies) + 1)] + [ask(r["match"]["path"]) for r in routes])
    missing = [
        to("nowhere", {"prefix": "/gone"}),
        to("empty", {"prefix": "/empty"}),
        to("nowhere", {"prefix": "/404"}, cluster_not_found_response_code="NOT_FOUND"),
        to("nowhere", {"prefix": "/500"}, cluster_not_found_response_code="INTERNAL_SERVER_ERROR"),
        to("a", {"prefix": "/quick"}, timeout="0s"),
        to("b", {"prefix": "/retry"},
           timeout="3s",
           retry_policy={"retry_on": "connect-failure", "num_retries": 2, "per_try_timeout": "1s"})
    ]
    yield "clusters", Table({"virtual_hosts": [vhost("v", ["*"], missing)], "validate_clusters": False},
                            [ask(p) for p in ("/gone", "/empty", "/404", "/500", "/quick", "/retry", "/else")])
    split = [{
        "match": {"prefix": f"/{i}"},
        "route": {"weighted_clusters": {"clusters": [{"name": n, "weight": w} for n, w in weights]}}
    } for i, weights in enumerate(([("a", 1), ("b", 3)], [("a", 0), ("b", 5)], [("a", 1), ("a", 1), ("b", 0)],
                                   [("b", 1)]))]
    yield "weights", Table({"virtual_hosts": [vhost("v", ["*"], split)]},
                           [ask(f"/{i}") for i in range(4) for _ in range(8)])
    tls = [
        vhost("v", ["s.test"], [here(200, prefix="/x"), to("a", {"prefix": "/y"})], require_tls="ALL"),
        vhost("w", ["*"], [here(201, prefix="/")])
    ]
    yield "require-tls", Table({"virtual_hosts": tls},
                               [ask(p, h) for p in ("/x", "/y?a=b", "/z") for h in ("s.test", "o")])


TEMPLATE = "type.googleapis.com/envoy.extensions.path.{0}.uri_template.v3.UriTemplate{1}Config"


def template(text):
    return {"name": "envoy.path.match.uri_template.uri_template_matcher",
            "typed_config": {"@type": TEMPLATE.format("match", "Match"), "path_template": text}}


def by_template(text, match, cluster="a"):
    policy = {"name": "envoy.path.rewrite.uri_template.uri_template_rewriter",
              "typed_config": {"@type": TEMPLATE.format("rewrite", "Rewrite"), "path_template_rewrite": text}}
    return to(cluster, {"path_match_policy": template(match)}, path_rewrite_policy=policy)


def template_tables():
    matches = ["/one/*", "/two/*/x/*", "/rest/**", "/end/**.m3u8", "/var/{a}", "/var/{a}/{b=x/*}", "/deep/{a=**}",
               "/in/{a=b/*/c}/d", "/c.d/*", "/one/**", "/lit"]
    routes = [here(i, path_match_policy=template(t)) for i, t in enumerate(matches)] + [here("none", prefix="/")]
    paths = """
        /one /one/ /one/a /one/a/b /two/a/x/b /two/a/y/b /two//x/b /rest /rest/ /rest/a/b /end/a.m3u8 /end/a/b.m3u8
        /end/.m3u8 /end/a.m3u9 /end/m3u8 /var/1 /var/1/x/2 /var/1/y/2 /var/1/2 /deep/ /deep/a/b /deep /in/b/1/c/d
        /in/b/c/d /in/b/1/2/c/d /c.d/1 /cxd/1 /lit /lit/ /LIT /one/a.b-c_d~e /one/a?b=/c
    """.split()
    yield "templates", Table({"virtual_hosts": [vhost("v", ["*"], routes)]}, [ask(p) for p in paths])
    yield "templates-reversed", Table({"virtual_hosts": [vhost("v", ["*"], routes[-2::-1] + routes[-1:])]},
                                      [ask(p) for p in paths])
    rewrites = [
        by_template("/new/{b}/{a}", "/ab/{a}/{b=**}"), by_template("/$1/{x}.html", "/x/{x}", "b"),
        by_template("/fixed", "/fixed/*"), by_template("/{f}", "/f/{f=g/*}/h"), to("c", {"prefix": "/"})
    ]
    places = ["/ab/1/2", "/ab/1/2/3", "/ab/1/", "/ab/1", "/x/y", "/x/y/z", "/fixed/1", "/f/g/1/h", "/f/g/1"]
    yield "template-rewrites", Table({"virtual_hosts": [vhost("v", ["*"], rewrites)]},
                                     [ask(p + q) for p in places for q in ("", "?a=b", "?{a}=$1")])
    regexes = ["/re[0-9]+/x", "^/re/a", "/rec?/x", "/re|/other", "/r.", "/(re)/b", "/re/{1,2}c", "/red.*"]
    routes = [here(i, safe_regex={"regex": r}) for i, r in enumerate(regexes)] + [here("pre", prefix="/re")]
    paths = "/re /re1/x /re12/x /re/a /re/a/b /rec/x /re/x /other /rx /re/b /re/c /red /redder /r /re/1".split()
    yield "regex-prefixes", Table({"virtual_hosts": [vhost("v", ["*"], routes)]}, [ask(p) for p in paths])
    yield "regex-prefixes-reversed", Table({"virtual_hosts": [vhost("v", ["*"], routes[::-1])]}, [ask(p) for p in paths])


def cluster_tables():
    def weighted(path, *clusters, **more):
        return {"match": {"prefix": path}, "route": {"weighted_clusters": {"clusters": list(clusters)}}, **more}

    shared = {"request_headers_to_add": [add("x-w", "w")], "response_headers_to_remove": ["x-one"]}
    routes = [
        {"match": {"prefix": "/named"}, "route": {"cluster_header": "x-to"}},
        {"match": {"prefix": "/host"}, "route": {"cluster_header": ":authority", "prefix_rewrite": "/by"}},
        weighted("/shared", {"name": "a", "weight": 1, **shared}, {"name": "b", "weight": 2, **shared},
                 request_headers_to_add=[add("x-w", "route")]),
        weighted("/hosts", {"name": "a", "weight": 1, "host_rewrite_literal": "one.test"}, {"name": "b", "weight": 1}),
        weighted("/both", {"name": "a", "weight": 1, "host_rewrite_literal": "one_.test"},
                 {"name": "b", "weight": 1, "host_rewrite_literal": "two.test:81"}),
        weighted("/zero", {"name": "a", "weight": 3}, {"name": "b", "weight": 0, **shared}),
        to("a", {"prefix": "/share", "runtime_fraction": {"default_value": {"numerator": 40}}}, prefix_rewrite="/s"),
        to("b", {"prefix": "/share"}, prefix_rewrite="/s"),
    ]
    requests = [ask("/named", x_to=n) for n in ("a", "b", "c", "nowhere", "empty", "A")] + [ask("/named")]
    requests += [ask("/host/x?y", h) for h in ("a", "b", "nowhere", "c:80")]
    requests += [ask(p, x_one="1") for p in ("/shared", "/hosts", "/both/x", "/zero", "/share/x") for _ in range(8)]
    yield "cluster-choice", Table({"virtual_hosts": [vhost("v", ["*"], routes)], "validate_clusters": False}, requests)


# ---- subsets ----

KEYS = ["k", "l", "m"]
FALLBACKS = ["NO_FALLBACK", "ANY_ENDPOINT", "DEFAULT_SUBSET"]


def random_tags(rng, values=("x", "y")):
    return {key: rng.choice(values) for key in KEYS if rng.random() < 0.7}


def random_selector(rng, keys):
    more = {"fallback_policy": rng.choice(["NOT_DEFINED"] + FALLBACKS)}
    if len(keys) > 1 and rng.random() < 0.4:
        more = {"fallback_policy": "KEYS_SUBSET", "fallback_keys_subset": keys[:rng.randrange(1, len(keys))]}
    if len(keys) == 1 and rng.random() < 0.2:
        more["single_host_per_subset"] = True
    return {"keys": keys, **more}


def random_subsets(rng):
    choices = [["k"], ["l"], ["k", "l"], ["k", "l", "m"], ["l", "m"]]
    return {
        "fallback_policy": rng.choice(FALLBACKS),
        "default_subset": random_tags(rng),
        "subset_selectors": [random_selector(rng, keys) for keys in rng.sample(choices, rng.randrange(1, 4))],
        "panic_mode_any": rng.random() < 0.3,
        "list_as_any": rng.random() < 0.3,
        "metadata_fallback_policy": rng.choice(["METADATA_NO_FALLBACK", "FALLBACK_LIST"]),
    }


POLICIES = "type.googleapis.com/envoy.extensions.load_balancing_policies."


def by_policy(rng, subsets):
    """The same, said as a load balancing policy."""
    def policies(name, kind, **more):
        config = {"name": name, "typed_config": {"@type": POLICIES + kind, **more}}
        return {"policies": [{"typed_extension_config": config}]}

    return policies("envoy.load_balancing_policies.subset",
                    "subset.v3.Subset",
                    allow_redundant_keys=rng.random() < 0.5,
                    subset_lb_policy=policies("envoy.load_balancing_policies.round_robin", "round_robin.v3.RoundRobin"),
                    **subsets)


def random_criteria(rng):
    tags = random_tags(rng, ("x", "y", "z"))
    if rng.random() < 0.2:
        tags["fallback_list"] = [random_tags(rng, ("x", "y", "z")) for _ in range(rng.randrange(1, 3))]
    return {"filter_metadata": {"envoy.lb": tags}}


def subset_tables():
    rng = random.Random("subsets")
    clusters, routes, requests = [], [], []
    for i in range(100):
        nodes = [(n, random_tags(rng, ("x", "y", ["x", "y"]))) for n in "abc"]
        subsets = random_subsets(rng)
        clusters.append((f"s{i}", nodes, {"load_balancing_policy": by_policy(rng, subsets)} if i % 2 else
                         {"lb_subset_config": subsets}))
        routes.append(to(f"s{i}", {"prefix": f"/{i}/none/"}))
        for j in range(6):
            routes.append(to(f"s{i}", {"prefix": f"/{i}/{j}/"}, metadata_match=random_criteria(rng)))
        requests += [ask(f"/{i}/{j}/") for j in ["none", *range(6)] for _ in range(3)]
    yield "subsets", Table({"virtual_hosts": [vhost("v", ["*"], routes)]}, requests, clusters=clusters)


# ---- header mutations ----

SET, IF_EXISTS, IF_ABSENT = "OVERWRITE_IF_EXISTS_OR_ADD", "OVERWRITE_IF_EXISTS", "ADD_IF_ABSENT"


def mutation_config(specific_wins):
    """The same names at all three levels, in every combination."""
    levels = []
    for number, level in enumerate(("route", "vhost", "config")):

        def options(prefix, level=level, number=number):
            kinds = []
            for i in range(27):
                kind = i // 3**number % 3
                kinds += [add(f"{prefix}-{i}", level)
                          ] if kind == 1 else [add(f"{prefix}-{i}", level, SET)] if kind == 2 else []
            return kinds

        removed = [f"x-r-{i}"
                   for i in range(8) if i >> number & 1] + (["x-gone", "x-twice"] if level == "vhost" else [])
        more = [add(f"x-r-{i}", level) for i in range(8) if i % 3 == number]
        levels.append({
            "request_headers_to_add": options("x-m") + more, "request_headers_to_remove": removed,
            "response_headers_to_add": options("x-m") + more, "response_headers_to_remove": removed
        })
    route, host, config = levels
    routes = [
        to("a", {"prefix": "/a"}, **route), {**direct(200, "d", prefix="/d"), **route},
        {**redirect({"prefix": "/r"}, host_redirect="n.test"), **route}
    ]
    return {
        "virtual_hosts": [vhost("v", ["*"], routes, **host)],
        **config, "most_specific_header_mutations_wins": specific_wins
    }


def mutation_tables():
    sent = {f"x_m_{i}": "sent" for i in range(0, 27, 2)}
    requests = [
        ask(p, **more) for p in ("/a", "/d", "/r")
        for more in ({}, {**sent, **{f"x_r_{i}": "sent"
                                     for i in range(8)}, "x_gone": "1", "X_Keep": "1"})
    ]
    for wins in (False, True):
        yield f"mutations-{'specific' if wins else 'general'}", Table(mutation_config(wins), requests)
    values = [
        "plain", "%%", "%PROTOCOL%", "%REQ(X-Here)%!", "a%REQ(x-here)%b", "$uri", "${host}", "$1", "\\$x", "100%%",
        "a: b/c/", "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%", "%DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT%", "é",
        "http://x/"
    ]
    adds = [add(f"x-v-{i}", v, action) for i, v in enumerate(values) for action in (None, SET)[i % 2:][:1]]
    routes = [
        to("a", {"prefix": "/"},
           request_headers_to_add=adds,
           response_headers_to_add=[a for a in adds if "REQ" not in a["header"]["value"]] + [
               add("x-twice", "three"),
               add("x-single", "new", SET),
               add("x-empty", "", keep_empty_value=True),
               add("x-none", "")
           ],
           response_headers_to_remove=["x-other"])
    ]
    yield "auto-host-without-names", Table(
        {"virtual_hosts": [vhost("v", ["*"], [to("a", {"prefix": "/"}, auto_host_rewrite=True)])]}, [ask("/")])
    yield "mutation-values", Table({"virtual_hosts": [vhost("v", ["*"], routes)]}, [ask("/x", x_here="there")])


# ---- what is approximate, with its finding ----

APPROXIMATE = [
    # route, request, what differs, words of the finding
    (redirect({"prefix": "/"}, https_redirect=True), ask("/",
                                                         "h.test:8080"), "location", "a port in the request's Host"),
    (redirect({"prefix": "/a"}, prefix_rewrite="/b"), ask("/a"), "location", "neither scheme nor host"),
    (redirect({"prefix": "/"},
              host_redirect="n.test",
              regex_rewrite={"pattern": {"regex": "^/x"}, "substitution": "/y"}), ask("/a"), "status", "get 503"),
    (redirect({"prefix": "/"}, path_redirect="/a\\b"), ask("/"), "status", "backslashes"),
    (to("a", {"prefix": "/"}, regex_rewrite={"pattern": {"regex": "a"},
                                             "substitution": "b"}), ask("/aa"), "target", "only the first match"),
    (to("a", {"prefix": "/a"}, prefix_rewrite="/b%2Fc"), ask("/a"), "target", "encodes paths on its own"),
    (to("a", {"path": "/a"}, prefix_rewrite="b"), ask("/a"), "target", "must begin with a slash"),
    (to("a", {"prefix": "/a%20b"}), ask("/a%20b%2520"), None, "compared with the decoded path"),
    (here("x", prefix="/a//b"), ask("/a/b"), "body", "compared with the decoded path"),
    (to("a", {"prefix": "/"},
        request_headers_to_add=[add("x-a", "%REQ(x-b)%")]), ask("/"), "request", "an empty value is sent"),
    (to("a", {"prefix": "/"},
        request_headers_to_add=[add("x-a", "%REQ(x-b?x-c)%")]), ask("/",
                                                                    x_c="1"), "request", "only the first of its two"),
    (to("a", {"prefix": "/"},
        request_headers_to_add=[add("x-a", "%REQ(x-b):1%")]), ask("/",
                                                                  x_b="12"), "request", "its length is not limited"),
    (to("a", {"prefix": "/"},
        request_headers_to_add=[add("x-a", "1",
                                    IF_ABSENT)]), ask("/",
                                                      x_a="2"), "request", "cannot look whether the header is there"),
    (to("a", {"prefix": "/"},
        request_headers_to_add=[add("x-a", "1",
                                    IF_EXISTS)]), ask("/"), "request", "cannot look whether the header is there"),
    (to("a", {"prefix": "/"}, response_headers_to_add=[add("x-single", "a:b")]), ask("/"), "response", "is replaced"),
    (to("a", {"prefix": "/"}, request_headers_to_add=[add("x-a", "%DOWNSTREAM_PEER_URI_SAN%x")]), ask("/"), "request",
     "a variable that APISIX lacks"),
    (to("a", {"prefix": "/", "query_parameters": [{"name": "q", "string_match": {"exact": "%41"}}]}), ask("/?q=%41"),
     "status", "the decoded value"),
]


def approximate_tables():
    return {
        f"approximate-{i}": Table({"virtual_hosts": [vhost("v", ["*"], [route])]}, [request])
        for i, (route, request, _, _) in enumerate(APPROXIMATE)
    }


# ---- random tables ----

SEGMENTS = ["a", "b", "ab", "c.d", "x"]


def random_path(rng):
    return "/" + "/".join(rng.choice(SEGMENTS) for _ in range(rng.randint(0, 3))) + rng.choice(["", "", "/"])


def random_match(rng):
    path = random_path(rng).replace("//", "/")
    kind = rng.choice(["path", "prefix", "prefix", "path_separated_prefix", "safe_regex"])
    if kind == "path_separated_prefix":
        path = path.rstrip("/") or "/a"
    match = {
        kind: {"regex": rng.choice([path + "[a-z]*", "/(a|b)/.*", ".*x", "/[^/]+"])} if kind == "safe_regex" else path
    }
    if kind != "safe_regex" and rng.random() < 0.15:
        match["case_sensitive"] = False
    if rng.random() < 0.4:
        match["headers"] = [
            header(rng.choice(["x-a", "x-b"]),
                   **rng.choice([{"string_match": rng.choice(TEXTS[:8])}, {"present_match": rng.random() < 0.5}]),
                   invert_match=rng.random() < 0.3) for _ in range(rng.randint(1, 2))
        ]
    if rng.random() < 0.2:
        match["headers"] = match.get("headers",
                                     []) + [header(":method", string_match={"exact": rng.choice(["GET", "POST"])})]
    if rng.random() < 0.2:
        match["query_parameters"] = [{
            "name": "q", **rng.choice([{"present_match": True}, {"string_match": {"exact": "1"}}])
        }]
    return match


def random_mutations(rng):
    level = {}
    for direction in ("request", "response"):
        if rng.random() < 0.3:
            level[f"{direction}_headers_to_add"] = [
                add(f"x-m-{rng.randint(0, 3)}", rng.choice(["1", "$uri", "two words"]), rng.choice([None, SET]))
                for _ in range(rng.randint(1, 2))
            ]
        if rng.random() < 0.2:
            level[f"{direction}_headers_to_remove"] = [f"x-m-{rng.randint(0, 3)}", "x-twice"]
    return level


def random_route(rng, number):
    match = random_match(rng)
    kind = rng.random()
    if kind < 0.35:
        route = {
            "match": match,
            "direct_response": {"status": rng.choice([200, 403, 418]), "body": {"inline_string": f"r{number}"}}
        }
    elif kind < 0.5:
        route = redirect(match,
                         path_redirect=f"/r{number}",
                         **rng.choice([{}, {"host_redirect": "n.test"}, {"strip_query": True}]))
    elif kind < 0.6:
        route = {
            "match": match, "route": {
                "weighted_clusters": {
                    "clusters": [{"name": n, "weight": rng.randint(1, 3)} for n in rng.sample(["a", "b", "c"], 2)]
                }
            }
        }
    else:
        action = {"cluster": rng.choice(["a", "b", "c", "empty"])}
        if rng.random() < 0.4:
            action["prefix_rewrite"] = rng.choice(["/", "/n", f"/to/{number}/"])
        if rng.random() < 0.2:
            action["host_rewrite_literal"] = rng.choice(["lit.test", "lit_x"])
        route = {"match": match, "route": action}
    return {**route, **random_mutations(rng)}


def random_table(rng, requests):
    domains = rng.sample(["a.test", "*.test", "*.a.test", "a.*", "b-*", "a.test:81", "*-x.test", "b.a.test"],
                         rng.randint(0, 4))
    domains += ["*"] if rng.random() < 0.7 or not domains else []
    vhosts, number = [], 0
    for i, domain in enumerate(domains):
        count = rng.randint(1, 9)
        vhosts.append(
            vhost(f"v{i}", [domain], [random_route(rng, number + k) for k in range(count)], **random_mutations(rng)))
        number += count
    config = {"virtual_hosts": vhosts, **random_mutations(rng)}
    config["most_specific_header_mutations_wins"] = rng.random() < 0.5
    if rng.random() < 0.4 and "a.test:81" not in domains:
        config["ignore_port_in_host_matching"] = True
    return Table(config, [random_request(rng) for _ in range(requests)])


def random_request(rng):
    path = random_path(rng).replace("//", "/")
    headers = {
        n: rng.choice([v for v in VALUES if v is not None])
        for n in ("x_a", "x_b", "x_m_1") if rng.random() < 0.4
    }
    return ask((path.upper() if rng.random() < 0.1 else path) + rng.choice(["", "", "?q=1", "?q", "?z=1&q=2"]),
               rng.choice([
                   "a.test", "A.TEST", "b.test", "x.a.test", "b.a.test", "a.b", "b-c", "a.test:81", "y-x.test",
                   "other", "b.test:81"
               ]), rng.choice(["GET", "GET", "POST"]), **headers)


def all_tables(seed, count, requests):
    tables = {}
    for group in (domain_tables, path_tables, condition_tables, redirect_tables, rewrite_tables, action_tables,
                  template_tables, cluster_tables, subset_tables, mutation_tables):
        tables.update(group())
    for i in range(count):
        tables[f"random-{seed}-{i}"] = random_table(random.Random(f"{seed}-{i}"), requests)
    return tables
