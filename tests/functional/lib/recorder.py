# SPDX-License-Identifier: Apache-2.0
"""Watchers that write down all they see, break off when they like and come back at a revision they know.

A crowd of JSON watchers lives in one thread; gRPC streams with several watches have one each.  What they saw is a
list of segments (lib/history.py).
"""

import json
import queue
import random
import selectors
import socket
import threading

import grpc
from aetcd.rpc import kv_pb2, rpc_pb2

from .etcd import b64, unb64
from .history import Event, Kv, Message, Segment


class Shared:
    """What all watchers of one daemon know: where they began, and the newest revision anybody saw."""

    def __init__(self, base):
        self.base = self.newest = base

    def saw(self, revision):
        self.newest = max(self.newest, revision)


class Watcher:
    """One watch over many connections."""

    def __init__(self, spec, shared, random_):
        self.spec, self.shared, self.random = spec, shared, random_
        self.segments, self.position = [], shared.base

    def begin(self):
        """
        A new segment: mostly where the last one ended, sometimes further back, sometimes where others are (but
        not those who see everything: together they must miss nothing).
        """
        luck = self.random.random()
        if luck < 0.1 and not self.spec.whole():
            self.position = max(self.position, self.shared.newest)
        start = self.position + 1
        if luck > 0.8:
            start = self.random.randint(min(self.shared.base + 1, start), start)
        self.segments.append(Segment(self.spec, start))
        self.known = self.shared.newest
        return start

    def created(self, revision):
        if revision < self.known:
            self.fail(f"the server is at revision {revision}, but {self.known} was seen before")

    def take(self, message):
        segment = self.segments[-1]
        segment.take(message)
        if message.revision > self.shared.newest:
            self.shared.saw(message.revision)
        self.position = max(self.position, segment.position)

    def fail(self, text):
        self.segments[-1].errors.append(text)

    def patience(self):
        """How many messages until it breaks off by itself."""
        return self.random.randint(5, 400)


# ---- JSON --------------------------------------------------------------------------------------

def json_kv(kv):
    return Kv(unb64(kv.get("value")).decode(), int(kv["create_revision"]), int(kv["mod_revision"]),
              int(kv["version"]))


def json_event(event):
    kv, prev = event["kv"], event.get("prev_kv")
    deleted = event.get("type") == "DELETE"
    return Event(unb64(kv["key"]).decode(), None if deleted else unb64(kv.get("value")).decode(),
                 int(kv.get("create_revision", 0)), int(kv["mod_revision"]), int(kv.get("version", 0)),
                 json_kv(prev) if prev else None)


def json_message(result):
    cancelled = f"cancelled, compact_revision {result.get('compact_revision')} {result.get('cancel_reason', '')}" \
        if result.get("canceled") else ""
    return Message(int(result["header"].get("revision", 0)), tuple(json_event(e) for e in result.get("events", [])),
                   cancelled, created=bool(result.get("created")))


def json_state(answer):
    """key -> Kv of a range's answer."""
    return {unb64(kv["key"]).decode(): json_kv(kv) for kv in answer.get("kvs", [])}


class Parser:
    """Lines to messages; the same line, sent to many, is read once."""

    def __init__(self):
        self.known = {}

    def __call__(self, line):
        if line not in self.known:
            if len(self.known) > 4000:
                self.known.clear()
            self.known[line] = self.parse(json.loads(line))
        return self.known[line]

    @staticmethod
    def parse(line):
        if "error" in line:
            return str(line)
        return json_message(line["result"])


class JsonWatcher(Watcher):
    """The client side of one HTTP/1.1 watch, fed with bytes as they come."""

    def __init__(self, port, parser, *args):
        super().__init__(*args)
        self.port, self.parser, self.socket = port, parser, None

    def connect(self):
        create = {"key": b64(self.spec.key), "start_revision": self.begin()}
        if self.spec.end is not None:
            create["range_end"] = b64(self.spec.end)
        if self.spec.prev_kv:
            create["prev_kv"] = True
        filters = [name for name, on in (("NOPUT", self.spec.noput), ("NODELETE", self.spec.nodelete)) if on]
        if filters:
            create["filters"] = filters
        body = json.dumps({"create_request": create})
        self.data, self.head, self.left = b"", False, self.patience()
        self.socket = socket.create_connection(("127.0.0.1", self.port), timeout=10)
        self.socket.sendall(f"POST /v3/watch HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
        self.socket.setblocking(False)

    def close(self):
        if self.socket is not None:
            self.socket.close()
        self.socket = None

    def feed(self):
        """Reads what is there. False: the connection is over."""
        try:
            data = self.socket.recv(1 << 20)
        except BlockingIOError:
            return True
        except OSError:
            return False
        self.data += data
        if not self.head and not self._read_head():
            return bool(data)
        while (chunk := self._chunk()) is not None:
            if chunk == b"" or not self._line(chunk):
                return False
        return bool(data)

    def _read_head(self):
        head, found, rest = self.data.partition(b"\r\n\r\n")
        if not found:
            return False
        if not head.startswith(b"HTTP/1.1 200 "):
            self.fail(f"a watch was answered with {head!r} {rest!r}")
        self.data, self.head = rest, True
        return True

    def _chunk(self):
        """The next whole chunk, or None: a torn one never reached the client."""
        size, found, rest = self.data.partition(b"\r\n")
        if not found or len(rest) < int(size, 16) + 2:
            return None
        length = int(size, 16)
        self.data = rest[length + 2:]
        return rest[:length]

    def _line(self, line):
        message = self.parser(line)
        if isinstance(message, str):
            self.fail(message)
            return False
        if message.created and not message.cancelled:
            self.created(message.revision)
            return True
        self.take(message)
        self.left -= 1
        return self.left > 0 and not message.cancelled


class Crowd(threading.Thread):
    """Many JSON watchers. `on_message` is called in this thread after what has come was read."""

    def __init__(self, port, specs, shared, seed=0):
        super().__init__(daemon=True)
        parser, random_ = Parser(), random.Random(seed)
        self.watchers = [JsonWatcher(port, parser, spec, shared, random_) for spec in specs]
        self.stopping, self.error = threading.Event(), None
        self.start()

    def run(self):
        try:
            with selectors.DefaultSelector() as selector:
                while not self.stopping.is_set():
                    self._turn(selector)
        except Exception as error:      # told by whoever waits for us
            self.error = error
            raise
        finally:
            for watcher in self.watchers:
                watcher.close()

    def _turn(self, selector):
        for watcher in self.watchers:
            if watcher.socket is None:
                try:
                    watcher.connect()
                except OSError:
                    watcher.close()
                    continue
                selector.register(watcher.socket, selectors.EVENT_READ, watcher)
        for key, _ in selector.select(0.05):
            if not key.data.feed():
                selector.unregister(key.fileobj)
                key.data.close()

    def stop(self):
        self.stopping.set()
        self.join(30)


# ---- gRPC --------------------------------------------------------------------------------------

def grpc_event(event):
    kv = event.kv
    deleted = event.type == kv_pb2.Event.DELETE
    prev = event.prev_kv
    return Event(kv.key.decode(), None if deleted else kv.value.decode(), kv.create_revision, kv.mod_revision,
                 kv.version, Kv(prev.value.decode(), prev.create_revision, prev.mod_revision, prev.version)
                 if event.HasField("prev_kv") else None)


class Stream(threading.Thread):
    """One gRPC stream with a watch for each spec, which asks for progress now and then."""

    def __init__(self, port, specs, shared, seed=0, own_ids=False, fragment=False, notify=False):
        super().__init__(daemon=True)
        self.port, self.own_ids, self.fragment, self.notify = port, own_ids, fragment, notify
        self.random = random.Random(seed)
        self.watchers = [Watcher(spec, shared, self.random) for spec in specs]
        self.stopping, self.error, self.call = threading.Event(), None, None
        self.start()

    def _create(self, number, watcher):
        spec = watcher.spec
        filters = [f for f, on in ((rpc_pb2.WatchCreateRequest.NOPUT, spec.noput),
                                   (rpc_pb2.WatchCreateRequest.NODELETE, spec.nodelete)) if on]
        return rpc_pb2.WatchRequest(create_request=rpc_pb2.WatchCreateRequest(
            key=spec.key.encode(), range_end=(spec.end or "").encode(), start_revision=watcher.begin(),
            filters=filters, prev_kv=spec.prev_kv, fragment=self.fragment, progress_notify=self.notify,
            watch_id=number + 100 if self.own_ids else 0))

    def run(self):
        channel = grpc.insecure_channel(f"127.0.0.1:{self.port}", options=[
            ("grpc.use_local_subchannel_pool", 1), ("grpc.initial_reconnect_backoff_ms", 100),
            ("grpc.min_reconnect_backoff_ms", 100), ("grpc.max_reconnect_backoff_ms", 200),
            ("grpc.max_receive_message_length", -1)])
        method = channel.stream_stream("/etcdserverpb.Watch/Watch", rpc_pb2.WatchRequest.SerializeToString,
                                       rpc_pb2.WatchResponse.FromString)
        try:
            while not self.stopping.is_set():
                self._connection(method)
        except Exception as error:
            self.error = error
            raise
        finally:
            channel.close()

    def _connection(self, method):
        requests, self.parts = queue.Queue(), {}
        for number, watcher in enumerate(self.watchers):
            requests.put(self._create(number, watcher))
        self.ids, left = {}, self.watchers[0].patience()
        self.call = method(iter(requests.get, None), wait_for_ready=True)
        try:
            for answer in self.call:
                self._take(answer)
                left -= 1
                if left % 10 == 9:
                    requests.put(rpc_pb2.WatchRequest(progress_request=rpc_pb2.WatchProgressRequest()))
                if left <= 0 or self.stopping.is_set():
                    break
        except grpc.RpcError as error:
            if error.code() not in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED):
                self.watchers[0].fail(f"a watch stream ended with {error.code()}: {error.details()}")
        finally:
            self.call.cancel()
            requests.put(None)

    def _take(self, answer):
        if answer.created and not answer.canceled:
            watcher = self.ids[answer.watch_id] = self.watchers[len(self.ids)]
            watcher.created(answer.header.revision)
            return
        if answer.watch_id == -1 and not answer.canceled:    # progress of all watches of the stream
            for watcher in self.ids.values():
                watcher.take(Message(answer.header.revision, asked=True))
            return
        watcher = self.ids.get(answer.watch_id, self.watchers[0])
        parts = self.parts.setdefault(answer.watch_id, [])
        parts.extend(grpc_event(e) for e in answer.events)
        if answer.fragment:
            return
        watcher.take(Message(answer.header.revision, tuple(parts),
                             f"cancelled, compact_revision {answer.compact_revision} {answer.cancel_reason}"
                             if answer.canceled else "", asked=self.notify and not parts))
        parts.clear()

    def stop(self):
        self.stopping.set()
        if self.call is not None:
            self.call.cancel()
        self.join(30)
