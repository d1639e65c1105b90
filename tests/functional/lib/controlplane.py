# SPDX-License-Identifier: Apache-2.0
"""An ADS control plane of grpcio and the official definitions, which can misbehave on command.

It holds a set of resources and serves it as go-control-plane's snapshot cache does (XDS.md 2, 3 and 8), both variants
at the same time; every request is kept in `asked`.  Tests change the set with put(), remove() and replace(), or say
themselves what goes out with respond().  Attributes bend its manners, at any time:

  refuse        (grpc.StatusCode, text): ends every new stream before it answers anything
  unknown       variants ("delta", "sotw") that are UNIMPLEMENTED here
  token         the `authorization` that a stream must have, else UNAUTHENTICATED
  silent        type URLs that are never answered; ALL: none is
  whole         named types are answered only when every name of the set is asked for (go-control-plane); on
  resend        a response follows the first request of a stream even if the version is held (istiod); off
  on_nack       "wait" for another set, or "resend" at once
  stale         what becomes of requests with an old nonce: "drop" them, or "serve"
"""

import dataclasses
import hashlib
import itertools
import queue
import threading
from concurrent import futures

import grpc
from envoy.config.core.v3 import base_pb2
from envoy.service.discovery.v3 import discovery_pb2 as discovery

from .resources import ORDER, any_of, name_of
from .wait import wait_for

SERVICE = "/envoy.service.discovery.v3.AggregatedDiscoveryService/"
METHODS = {SERVICE + "StreamAggregatedResources": "sotw", SERVICE + "DeltaAggregatedResources": "delta"}
ALL = "all types"
END = object()


@dataclasses.dataclass
class Asked:
    """One request, as it came."""
    stream: int
    api: str
    type: str
    version: str            # sotw
    nonce: str
    names: list             # sotw: resource_names; delta: those subscribed to
    dropped: list           # delta: those unsubscribed from
    initial: dict           # delta: name -> version
    error: str              # "" unless it refuses
    code: int
    node: base_pb2.Node     # None unless it was sent
    stale: bool = False     # its nonce was not that of the newest response
    answers: object = None  # the Sent that it answers

    @property
    def kind(self):
        if self.error or self.code:
            return "nack"
        return "ack" if self.nonce and self.answers is not None and self.answers.by is self else "request"


@dataclasses.dataclass
class Sent:
    """One response; `by` is the request that answered it."""
    stream: int
    type: str
    version: str
    nonce: str
    message: object
    by: Asked = None


@dataclasses.dataclass
class Failure:
    code: grpc.StatusCode
    text: str


class Subscription:
    """What one stream wants of one type, and what it has."""

    def __init__(self):
        self.names, self.wildcard, self.explicit = set(), False, False
        self.version, self.nonce, self.known, self.begun = "", "", {}, False


class Stream:
    """Common to both variants; everything here runs under the control plane's lock."""
    api = None

    def __init__(self, plane, number, metadata):
        self.plane, self.number, self.metadata = plane, number, metadata
        self.types, self.out, self.node, self.open = {}, queue.SimpleQueue(), None, True

    def send(self, message):
        """A response, remembered by its nonce; or bytes, which are not looked at."""
        if not isinstance(message, bytes):
            sent = Sent(self.number, message.type_url, self._version(message), message.nonce, message)
            self.plane.sent.append(sent)
            self.types.setdefault(message.type_url, Subscription()).nonce = message.nonce
        self.out.put(message)

    def fail(self, code, text=""):
        self.out.put(Failure(code, text))

    def take(self, request):
        """A request: kept, then served."""
        asked = self._asked(request)
        if request.HasField("node"):
            self.node = asked.node
        sent = next((s for s in reversed(self.plane.sent) if s.stream == self.number and s.type == asked.type and
                     s.nonce == asked.nonce), None) if asked.nonce else None
        subscription = self.types.setdefault(asked.type, Subscription())
        asked.answers, asked.stale = sent, bool(asked.nonce) and asked.nonce != subscription.nonce
        if sent is not None and sent.by is None:
            sent.by = asked
        self.plane.asked.append(asked)
        if not (asked.stale and self.plane.stale == "drop"):
            self.serve(asked, subscription)

    def serve_type(self, url):
        subscription = self.types.get(url)
        if subscription is not None and subscription.begun:
            self.offer(url, subscription)

    def is_silent(self, url):
        return url in self.plane.silent or ALL in self.plane.silent


class Sotw(Stream):
    api = "sotw"

    @staticmethod
    def _version(message):
        return message.version_info

    def _asked(self, r):
        return Asked(self.number, self.api, r.type_url, r.version_info, r.response_nonce, list(r.resource_names), [],
                     {}, r.error_detail.message, r.error_detail.code, r.node if r.HasField("node") else None)

    def serve(self, asked, s):
        first, before = not s.begun, (set(s.names), s.wildcard)
        s.begun, s.explicit = True, s.explicit or bool(asked.names)
        if asked.kind != "nack":
            s.names = set(asked.names) - {"*"}
            s.wildcard = "*" in asked.names or (not asked.names and not s.explicit)
        if first:
            s.version = asked.version
        added = s.names - before[0] or (s.wildcard and not before[1])
        force = (first and (self.plane.resend or not s.wildcard)) or (not first and bool(added))
        if asked.kind == "nack":
            s.version = asked.version
            if self.plane.on_nack != "resend":
                s.version = self.plane.version(asked.type)
                return
        self.offer(asked.type, s, force)

    def offer(self, url, s, force=False):
        held, version = self.plane.set.get(url, {}), self.plane.version(url)
        if self.is_silent(url) or not (s.wildcard or s.names) or (version == s.version and not force):
            return
        if not s.wildcard and self.plane.whole and not set(held) <= s.names:
            return
        chosen = [held[name] for name in sorted(held) if s.wildcard or name in s.names]
        if chosen or s.wildcard:
            self.respond(url, chosen, version)

    def respond(self, url, resources, version=None, nonce=None, **more):
        """`resources`: Any messages."""
        message = discovery.DiscoveryResponse(type_url=url, version_info=version or self.plane.version(url),
                                              nonce=nonce or self.plane.new_nonce(), resources=resources, **more)
        self.types.setdefault(url, Subscription()).version = self.plane.version(url)    # that is offered no more
        self.send(message)


class Delta(Stream):
    api = "delta"

    @staticmethod
    def _version(message):
        return message.system_version_info

    def _asked(self, r):
        return Asked(self.number, self.api, r.type_url, "", r.response_nonce, list(r.resource_names_subscribe),
                     list(r.resource_names_unsubscribe), dict(r.initial_resource_versions), r.error_detail.message,
                     r.error_detail.code, r.node if r.HasField("node") else None)

    def serve(self, asked, s):
        first = not s.begun
        if asked.nonce and not first:
            if asked.kind == "nack" and self.plane.on_nack == "resend" and asked.answers is not None:
                for resource in asked.answers.message.resources:
                    s.known.pop(resource.name, None)
                self.offer(asked.type, s)
            return
        s.begun, names = True, set(asked.names) - {"*"}
        if first:
            s.known = dict(asked.initial)
        s.wildcard = (s.wildcard or "*" in asked.names or (first and not asked.names and not asked.dropped)) and \
            "*" not in asked.dropped
        s.names = (s.names | names) - set(asked.dropped)
        again = (names if not first else set()) | (set(asked.dropped) - {"*"} if s.wildcard else set())
        for name in again:
            s.known.pop(name, None)
        self.offer(asked.type, s, missing=names | again, force=first and s.wildcard)

    def offer(self, url, s, missing=(), force=False):
        held = self.plane.set.get(url, {})
        if self.is_silent(url):
            return
        scope = set(held) if s.wildcard else set(held) & s.names
        changed = [name for name in sorted(scope) if s.known.get(name) != self.plane.versions[url][name]]
        removed = [name for name in sorted({*s.known, *missing}) if name not in held]
        if changed or removed or force:
            self.respond(url, [held[name] for name in changed], names=changed, removed=removed)

    def respond(self, url, resources, version=None, nonce=None, names=None, removed=(), versions=None, **more):
        """`resources`: Any messages, or Resource messages when there is no Any in them."""
        wrapped = []
        known = self.types.setdefault(url, Subscription()).known
        for i, resource in enumerate(resources):
            if not isinstance(resource, discovery.Resource):
                name = names[i] if names else self.plane.name_in(resource)
                resource = discovery.Resource(name=name, resource=resource,
                                              version=versions[i] if versions else digest(resource))
            wrapped.append(resource)
            known[resource.name] = resource.version
        for name in removed:
            known.pop(name, None)
        self.send(discovery.DeltaDiscoveryResponse(
            type_url=url, system_version_info=version or self.plane.version(url),
            nonce=nonce or self.plane.new_nonce(), resources=wrapped, removed_resources=list(removed), **more))


VARIANTS = {"sotw": (Sotw, discovery.DiscoveryRequest), "delta": (Delta, discovery.DeltaDiscoveryRequest)}


def digest(any_):
    return hashlib.sha256(any_.SerializeToString(deterministic=True)).hexdigest()[:12]


class ControlPlane(grpc.GenericRpcHandler):
    """start() and stop() as often as wanted: the set stays, streams and what they knew go."""

    def __init__(self, resources=(), address="127.0.0.1:0", credentials=None):
        self.address, self.credentials, self.server = address, credentials, None
        self.lock = threading.RLock()
        self.set, self.versions, self.names = {}, {}, {}    # by type URL: name -> Any, version; id of an Any -> name
        self.asked, self.sent, self.streams = [], [], []
        self.refuse, self.unknown, self.token = None, set(), None
        self.silent, self.whole, self.resend, self.on_nack, self.stale = set(), True, False, "wait", "drop"
        self.nonces, self.prefix = itertools.count(1), ""
        self.more = []      # handlers of other services on the same port
        self.replace(resources)

    # ---- the set ----

    def replace(self, resources):
        """Everything anew, from dictionaries."""
        with self.lock:
            self.set, self.versions = {}, {}
            self.put(*resources)

    def put(self, *resources):
        with self.lock:
            for resource in resources:
                self.put_any(resource["@type"], name_of(resource), any_of(resource))
            self.publish()

    def put_any(self, url, name, any_):
        """Without sending anything; publish() does."""
        self.set.setdefault(url, {})[name] = any_
        self.versions.setdefault(url, {})[name] = digest(any_)

    def remove(self, url, *names):
        with self.lock:
            for name in names:
                del self.set[url][name], self.versions[url][name]
            self.publish()

    def version(self, url):
        """Of the whole type: the same set has the same, also in another life."""
        return digest_of(self.versions.get(url, {}))

    def publish(self):
        """Every stream gets what it has not, in the order of types that control planes keep."""
        with self.lock:
            for url in (*ORDER, *(set(self.set) - set(ORDER))):
                for stream in self.live():
                    stream.serve_type(url)

    def name_in(self, any_):
        """The name under which the set, or the resource itself, has it."""
        for url, held in self.set.items():
            for name, other in held.items():
                if other is any_:
                    return name
        return first_text(any_.value)

    def new_nonce(self):
        return f"{self.prefix}{next(self.nonces)}"

    # ---- the server ----

    def start(self):
        self.server = grpc.server(futures.ThreadPoolExecutor(64), handlers=[self, *self.more], options=[
            ("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1), ("grpc.so_reuseport", 0),
            ("grpc.http2.min_ping_interval_without_data_ms", 5000)])
        port = self.server.add_secure_port(self.address, self.credentials) if self.credentials else \
            self.server.add_insecure_port(self.address)
        if self.address.endswith(":0"):
            self.address = f"{self.address[:-2]}:{port}"
        self.server.start()
        return self

    def stop(self, grace=None):
        if self.server is not None:
            with self.lock:
                for stream in self.live():
                    stream.open = False
                    stream.out.put(END)
            self.server.stop(grace).wait(30)
            self.server = None

    @property
    def url(self):
        """As meshd's option `server` has it."""
        if self.address.startswith("unix:"):
            return self.address
        return f"{'grpcs' if self.credentials else 'grpc'}://{self.address}"

    def service(self, details):
        api = METHODS.get(details.method)
        if api is None or api in self.unknown:
            return None
        return grpc.stream_stream_rpc_method_handler(
            lambda requests, context: self._stream(api, requests, context), VARIANTS[api][1].FromString,
            lambda message: message if isinstance(message, bytes) else message.SerializeToString())

    def _stream(self, api, requests, context):
        metadata = dict(context.invocation_metadata())
        with self.lock:
            stream = VARIANTS[api][0](self, len(self.streams), metadata)
            self.streams.append(stream)
        if self.refuse is not None or (self.token is not None and metadata.get("authorization") != self.token):
            stream.open = False
            context.abort(*(self.refuse or (grpc.StatusCode.UNAUTHENTICATED, "the token is not valid")))
        context.add_callback(lambda: stream.out.put(END))
        threading.Thread(target=self._read, args=(stream, requests), daemon=True).start()
        while (item := stream.out.get()) is not END:
            if isinstance(item, Failure):
                stream.open = False
                context.abort(item.code, item.text)
            yield item
        stream.open = False

    def _read(self, stream, requests):
        try:
            for request in requests:
                with self.lock:
                    stream.take(request)
        except grpc.RpcError:
            pass
        except Exception as error:      # grpcio says so when the stream has ended
            if stream.open:
                stream.fail(grpc.StatusCode.INTERNAL, repr(error))
        stream.out.put(END)

    # ---- on command ----

    def live(self):
        return [s for s in self.streams if s.open]

    @property
    def stream(self):
        """The newest stream, once there is one that has asked for something."""
        return wait_for(lambda: (live := self.live()) and live[-1].types and live[-1], "a stream")

    def respond(self, url, resources, **more):
        """Sends dictionaries or Any messages on the newest stream, whatever the set is; returns the Sent."""
        stream = self.stream
        with self.lock:
            stream.respond(url, [any_of(r) if isinstance(r, dict) else r for r in resources], **more)
            return self.sent[-1]

    def end_streams(self, code, text=""):
        for stream in self.live():
            stream.fail(code, text)

    # ---- what was asked ----

    def of(self, url=None, stream=None, kind=None):
        """The requests so far, in their order."""
        with self.lock:
            return [a for a in self.asked if (url is None or a.type == url) and (kind is None or a.kind == kind) and
                    (stream is None or a.stream == stream)]

    def wait(self, condition, what, deadline=30):
        """Until condition(request) is true of one; returns the first such."""
        return wait_for(lambda: next((a for a in self.of() if condition(a)), None), what, deadline)

    def wait_answer(self, sent, deadline=30):
        """The request that answers this response."""
        return wait_for(lambda: sent.by, f"an answer to the response {sent.nonce} of type {sent.type}", deadline)

    def wait_settled(self, deadline=30):
        """Until every response of the newest stream has been answered."""
        def settled():
            with self.lock:
                mine = [s for s in self.sent if self.streams and s.stream == self.streams[-1].number]
                return mine and all(s.by for s in mine)
        return wait_for(settled, "answers to all responses", deadline)

    def wait_stream(self, more_than, deadline=60):
        """Until more streams than these have been opened."""
        return wait_for(lambda: len(self.streams) > more_than, f"stream {more_than + 1}", deadline)


def digest_of(versions):
    return hashlib.sha256(repr(sorted(versions.items())).encode()).hexdigest()[:12]


def first_text(data):
    """Field 1 of a message, if that is a short text: where the types in ORDER have their name."""
    if len(data) < 2 or data[0] != 0x0A or data[1] > 0x7F:
        return ""
    return data[2:2 + data[1]].decode(errors="replace")
