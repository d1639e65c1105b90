# SPDX-License-Identifier: Apache-2.0
"""What APISIX makes of a request, by the objects that meshd publishes.

A model written from descriptions of its radixtree_host_uri router and of the plugins that the translation
uses (fault-injection's abort, redirect, proxy-rewrite, traffic-split, response-rewrite, workflow).  It was compared
with a real APISIX 3.18.  Everything is bytes there; here it is text with one character a byte (latin-1).
What the model does not know (another plugin, another variable) is an error, never a guess.
"""

import ipaddress
import re
from dataclasses import dataclass, field

from . import pcre

# What nginx leaves as it is when it escapes a path.
PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~:/[]@!$&'()*+,;=")


def as_bytes(value):
    """A text of JSON as APISIX holds it."""
    return value.encode().decode("latin-1")


def bytes_deep(value):
    if isinstance(value, str):
        return as_bytes(value)
    if isinstance(value, list):
        return [bytes_deep(v) for v in value]
    if isinstance(value, dict):
        return {as_bytes(k): bytes_deep(v) for k, v in value.items()}
    return value


def escape_uri(text):
    return "".join(c if c in PLAIN else f"%{ord(c):02X}" for c in text)


def unescape(text):
    return re.sub("%([0-9a-fA-F]{2})", lambda m: chr(int(m[1], 16)), text)


def normal_path(raw):
    """nginx's $uri: decoded, slashes merged, dots resolved."""
    parts = []
    path = unescape(raw)
    for part in path.split("/")[1:]:
        if part == "..":
            parts = parts[:-1]
        elif part not in ("", "."):
            parts.append(part)
    return "/" + "/".join(parts) + ("/" if parts and path.endswith(("/", "/.", "/..")) else "")


def host_name(header):
    """nginx's $host."""
    end = header.find("]") if header.startswith("[") else 0
    colon = header.find(":", max(end, 0))
    name = (header if colon < 0 else header[:colon]).lower()
    return name[:-1] if name.endswith(".") else name


class Variables:
    """$variables of one request."""

    def __init__(self, request):
        self.request = request
        path, mark, args = request.target.partition("?")
        host = next(v for k, v in request.headers if k.lower() == "host")
        self.values = {
            "uri": normal_path(path), "args": args, "is_args": "?" if args else "", "host": host_name(host),
            "http_host": host, "scheme": "http", "request_method": request.method, "real_request_uri": request.target,
            "remote_addr": "127.0.0.1", "server_addr": "127.0.0.1", "server_protocol": "HTTP/1.1",
        }

    def query(self, name):
        for part in self.values["args"].split("&"):
            key, equals, value = part.partition("=")
            if part and unescape(key.replace("+", " ")) == name:
                return unescape(value.replace("+", " ")) if equals else True
        return None

    def header(self, name):
        values = [v for k, v in self.request.headers if k.lower().replace("-", "_") == name]
        return ", ".join(values) if values else None

    def cookie(self, name):
        for part in (self.header("cookie") or "").split(";"):
            key, equals, value = part.strip(" \t").partition("=")
            if equals and key == name:
                return value
        return None

    def get(self, name):
        if name in self.values:
            return self.values[name]
        for prefix, reader in (("http_", self.header), ("arg_", self.query), ("cookie_", self.cookie)):
            if name.startswith(prefix):
                return reader(name[len(prefix):])
        assert name.startswith("__none"), f"the model has no variable {name}"
        return None

    def resolve(self, text):
        """$name, ${name} and ${name ?? default}; a backslash in front keeps them."""
        if text is None:
            return None

        def value(match):
            name, mark, default = (match[2] or match[3]).partition("??")
            found = self.get(name.strip())
            return default.strip() if found is None else str(found)
        return re.sub(r"(?<!\\)\$(\{\s*([^}]+?)\s*\}|([\w.]+))", value, text, flags=re.ASCII)


# ---- conditions ----

def lua_number(value):
    try:
        return float(int(value, 16)) if re.fullmatch(r"\s*[+-]?0[xX][0-9a-fA-F]+\s*", value) else float(value)
    except (TypeError, ValueError):
        return None


def lua_text(value):
    return "true" if value is True else value


def in_ranges(value, ranges):
    """resty.ipmatcher: what is no address is in no range."""
    try:
        address = ipaddress.ip_address(value or "")
    except ValueError:
        return False
    return any(address in ipaddress.ip_network(r, strict=False) for r in ranges)


def compare(value, op, operand):
    if op in ("==", "~="):
        return (value == operand and type(value) is type(operand)) == (op == "==")
    if op == "ipmatch":
        return in_ranges(value, operand)
    if value is None:
        return False
    if op in ("~~", "~*"):
        return pcre.search(operand, lua_text(value), op == "~*") is not None
    number = lua_number(lua_text(value))
    assert op in (">=", "<"), f"the model has no operator {op}"
    return number is not None and (number >= operand if op == ">=" else number < operand)


def holds(expr, variables):
    if isinstance(expr[0], list):
        return all(holds(e, variables) for e in expr)
    if expr[0] in ("AND", "OR", "!AND", "!OR"):
        assert len(expr) > 2, f"rule too short: {expr}"
        results = (holds(e, variables) for e in expr[1:])
        return (all(results) if expr[0].endswith("AND") else any(results)) != expr[0].startswith("!")
    if len(expr) == 4:
        assert expr[1] == "!", expr
        return not compare(variables.get(expr[0]), expr[2], expr[3])
    return compare(variables.get(expr[0]), expr[1], expr[2])


# ---- the router ----

def segments_match(pattern, path):
    """A path with a segment that begins with a star becomes a regex over all of it."""
    parts = pattern.split("/")
    if not any(part.startswith((":", "*")) for part in parts):
        return True
    regex = "\\/".join("([^\\/]+)" if p.startswith(":") else "((.|\\n)*)" if p.startswith("*") else p for p in parts)
    found = pcre.search(regex, path)
    return found is not None and found[0] == (0, len(path))


class Tree:
    """One lookup by path: whole paths first, then the longest prefix, each list by priority."""

    def __init__(self):
        self.whole, self.prefixes = {}, {}

    def add(self, route):
        for uri in route.get("uris") or [route["uri"]]:
            star = uri.find("*")
            where = self.whole.setdefault(uri, []) if star < 0 else self.prefixes.setdefault(uri[:star], [])
            where.append((uri, route))
            where.sort(key=lambda pair: -pair[1].get("priority", 0))

    def find(self, variables):
        path = variables.get("uri")
        lists = [self.whole.get(path, [])]
        lists += [self.prefixes[path[:n]] for n in range(len(path), -1, -1) if path[:n] in self.prefixes]
        for routes in lists:
            for uri, route in routes:
                methods = route.get("methods")
                if methods and variables.get("request_method") not in methods:
                    continue
                if holds(route.get("vars") or [["__none", "==", None]], variables) and \
                        ("*" not in uri or segments_match(uri, path)):
                    return route
        return None


class Router:
    def __init__(self, routes):
        self.hosts, self.hostless = {}, Tree()
        for route in routes:
            for host in route.get("hosts", []):
                self.hosts.setdefault(host, Tree()).add(route)
            if "hosts" not in route:
                self.hostless.add(route)

    def find(self, variables):
        host = variables.get("host")
        candidates = [host] + [f"*{host[n:]}" for n in range(len(host) + 1)]
        for name in candidates:
            route = self.hosts[name].find(variables) if name in self.hosts else None
            if route:
                return route
        return self.hostless.find(variables)


# ---- plugins ----

@dataclass
class Answer:
    status: int = 200
    upstreams: frozenset = frozenset()  # names of nodes, any of which may get it
    target: str = None
    host: str = None
    request: list = None                # headers as the node sees them
    response: list = field(default_factory=list)  # what response-rewrite does, as a list of functions
    location: str = None
    body: str = None
    route: str = None


def redirect_location(conf, variables):
    if conf.get("http_to_https"):
        return f"https://{variables.get('host')}" + "".join(variables.get(v) for v in ("uri", "is_args", "args"))
    if "uri" in conf:
        parts = re.findall(r"(\\\$[0-9a-zA-Z_]+)|\$\{([0-9a-zA-Z_]+)\}|\$([0-9a-zA-Z_]+)|(\$|[^$\\]+)", conf["uri"])
        location = "".join((variables.get(b or c) or "") if b or c else a or d for a, b, c, d in parts)
    else:
        location = pcre.substitute(conf["regex_uri"][0], variables.get("uri"), conf["regex_uri"][1])
        if location is None:
            return None
    path, mark, query = location.partition("?")
    if conf.get("encode_uri"):
        location = escape_uri(path) + mark + query
    if conf.get("append_query_string") and variables.get("is_args"):
        location += ("&" if mark else "?") + variables.get("args")
    return location


def rewrite_target(conf, variables):
    """The request target of proxy-rewrite, which always makes one anew unless told to keep the original."""
    uri, escaped = variables.get("uri"), False
    if conf.get("use_real_request_uri_unsafe"):
        assert "uri" not in conf and "regex_uri" not in conf, "the model rewrites no raw paths"
        return variables.get("real_request_uri")
    if "uri" in conf:
        uri, escaped = variables.resolve(conf["uri"]), True
    elif "regex_uri" in conf:
        escaped = "?" not in uri
        changed = pcre.substitute(conf["regex_uri"][0], uri, conf["regex_uri"][1])
        uri = uri if changed is None else changed
    path, mark, query = uri.partition("?") if escaped else (uri, "", "")
    target = escape_uri(path) + mark + query
    return target + (("&" if mark else "?") + variables.get("args") if variables.get("is_args") else "")


def rewrite_request(conf, variables, headers):
    headers = list(headers)
    changes = conf.get("headers", {})

    def without(name):
        return [(k, v) for k, v in headers if k.lower() != name.lower()]

    def values(value):
        return [variables.resolve(v) for v in (value if isinstance(value, list) else [value])]
    for name, value in changes.get("add", {}).items():
        headers += [(name, v) for v in values(value)]
    for name, value in changes.get("set", {}).items():
        new = values(value)
        headers = without(name) + [(name, v) for v in new]
    for name in changes.get("remove", []):
        headers = without(name)
    return headers


def rewrite_response(conf, variables, headers):
    """The response's headers after response-rewrite."""
    headers = list(headers)
    changes = conf.get("headers", {})
    for line in changes.get("add", []):
        name, value = re.fullmatch(r"([^:\s]+)\s*:\s*([^:]+)", line, re.S).groups()
        headers.append((name, variables.resolve(value)))
    for name, value in changes.get("set", {}).items():
        headers = [(k, v) for k, v in headers if k.lower() != name.lower()] + [(name, variables.resolve(value))]
    for name in changes.get("remove", []):
        headers = [(k, v) for k, v in headers if k.lower() != name.lower()]
    return headers


KNOWN = {"fault-injection", "redirect", "proxy-rewrite", "traffic-split", "response-rewrite", "workflow"}


class Model:
    def __init__(self, objects, nodes):
        """objects: key without the prefix -> value; nodes: their names by port"""
        self.nodes = nodes
        objects = {key: bytes_deep(value) for key, value in objects.items()}
        self.router = Router([v for k, v in objects.items() if k.startswith("routes/")])
        self.upstreams = {k.split("/", 1)[1]: v for k, v in objects.items() if k.startswith("upstreams/")}

    def answer(self, request):
        variables = Variables(request)
        route = self.router.find(variables)
        if route is None:
            return Answer(status=404)
        plugins = route.get("plugins", {})
        assert set(plugins) <= KNOWN, f"the model has no plugin {set(plugins) - KNOWN}"
        answer = Answer(route=route["id"])
        if "response-rewrite" in plugins:
            answer.response = [lambda headers: rewrite_response(plugins["response-rewrite"], variables, headers)]
        if self.answered(plugins, variables, answer):
            return answer
        self.forwarded(route, plugins, variables, request, answer)
        return answer

    @staticmethod
    def answered(plugins, variables, answer):
        """fault-injection, redirect and workflow, in the order in which they run."""
        abort = plugins.get("fault-injection", {}).get("abort")
        if abort:
            answer.status, answer.body = abort["http_status"], variables.resolve(abort["body"])
            assert set(abort.get("headers", {})) <= {"location"}, "the model has no other headers of answers"
            answer.location = variables.resolve(abort.get("headers", {}).get("location"))
            return True
        conf = plugins.get("redirect")
        answer.location = conf and redirect_location(conf, variables)
        if answer.location is not None:
            answer.status = conf.get("ret_code") or (301 if variables.get("request_method") in ("GET", "HEAD") else 308)
            return True
        for rule in plugins.get("workflow", {}).get("rules", []):
            if holds(rule["case"], variables):
                answer.status = rule["actions"][0][1]["code"]
                return True
        return False

    def forwarded(self, route, plugins, variables, request, answer):
        conf = plugins.get("proxy-rewrite", {})
        answer.target = rewrite_target(conf, variables) if conf else request.target
        answer.request = rewrite_request(conf, variables, request.headers) if conf else list(request.headers)
        answer.host = conf.get("host", variables.get("http_host"))
        ids = self.split(plugins.get("traffic-split", {}).get("rules", []), variables) or [route.get("upstream_id")]
        upstreams = [self.upstreams[i] for i in ids] if ids[0] else [route["upstream"]]
        if not all(u["nodes"] for u in upstreams):
            assert len(upstreams) == 1, "the model does not mix empty upstreams with others"
            answer.status = 503
            return
        hosts = {name: self.host(u, answer.host) for u in upstreams for name in self.names(u)}
        answer.upstreams = frozenset(hosts)
        answer.host = next(iter(hosts.values())) if len(set(hosts.values())) == 1 else hosts

    @staticmethod
    def split(rules, variables):
        """The upstreams of the first rule that matches."""
        for rule in rules:
            if "match" not in rule or any(holds(m["vars"], variables) for m in rule["match"]):
                return [w["upstream_id"] for w in rule["weighted_upstreams"]]
        return None

    def names(self, upstream):
        """Those of its nodes that get requests while all are well."""
        first = max(n.get("priority", 0) for n in upstream["nodes"])
        return [self.nodes[n["port"]] for n in upstream["nodes"] if n.get("priority", 0) == first]

    @staticmethod
    def host(upstream, host):
        """The Host that an upstream gets."""
        if upstream.get("pass_host") == "rewrite":
            return upstream["upstream_host"]
        if upstream.get("pass_host") == "node":
            node = upstream["nodes"][0]
            return node["host"] + ("" if node["port"] in (80,) else f":{node['port']}")
        return host
