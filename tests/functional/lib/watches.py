# SPDX-License-Identifier: Apache-2.0
"""Watches over gRPC and JSON on meshd and etcd, recorded message by message."""

import json
import queue
import threading

import grpc
from aetcd.rpc import rpc_pb2

from .differ import difference
from .etcd import b64
from .exchange import Exchange, post
from .twins import normal_text, resolve
from .wait import wait_for

DELETE, PUT = 1, 0


def in_range(key, start, end):
    if not end:
        return key == start
    return key >= start and (end == b"\0" or key < end)


def expected_events(twins, create):
    """How many events a watch must bring, from the transactions alone; -1: it cannot be."""
    start = int(create.get("start_revision", 0)) or twins.revision + 1
    if start <= twins.compacted:
        return -1
    count = 0
    for revision, events in twins.transactions.items():
        for key, value in events:
            if revision >= start and in_range(key, create.get("key", b"\0"), create.get("range_end", b"")):
                count += (0 if value is not None else 1) not in create.get("filters", ())
    return count


def create_request(offset, create):
    return rpc_pb2.WatchRequest(create_request=rpc_pb2.WatchCreateRequest(**resolve(create, offset)))


def cancel_request(watch_id):
    return rpc_pb2.WatchRequest(cancel_request=rpc_pb2.WatchCancelRequest(watch_id=watch_id))


class Stream:
    """One gRPC stream of watches; every message is kept, in etcd's revisions."""

    def __init__(self, port, offset):
        self.offset, self.messages, self.error = offset, [], None
        self.requests = queue.SimpleQueue()
        self.channel = grpc.insecure_channel(f"127.0.0.1:{port}")
        call = self.channel.stream_stream("/etcdserverpb.Watch/Watch", rpc_pb2.WatchRequest.SerializeToString,
                                          rpc_pb2.WatchResponse.FromString)
        self.answers = call(iter(self.requests.get, None))
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        try:
            for answer in self.answers:
                self.messages.append(self._normal(answer))
        except grpc.RpcError as error:
            self.error = error

    def _normal(self, answer):
        if answer.header.revision:
            answer.header.revision -= self.offset
        if answer.compact_revision:
            answer.compact_revision -= self.offset
        answer.header.cluster_id = answer.header.member_id = answer.header.raft_term = 1
        for event in answer.events:
            for kv in (event.kv, *([event.prev_kv] if event.HasField("prev_kv") else [])):
                kv.mod_revision -= self.offset
                kv.create_revision -= self.offset if kv.create_revision else 0
        return answer

    def create(self, **create):
        self.requests.put(create_request(self.offset, create))

    def cancel(self, watch_id):
        self.requests.put(cancel_request(watch_id))

    def progress(self):
        self.requests.put(rpc_pb2.WatchRequest(progress_request=rpc_pb2.WatchProgressRequest()))

    def of(self, watch_id):
        return [m for m in list(self.messages) if m.watch_id == watch_id]

    def events(self, watch_id):
        return sum(len(m.events) for m in self.of(watch_id))

    def is_cancelled(self, watch_id):
        return any(m.canceled for m in self.of(watch_id))

    def wait(self, count):
        """Until so many messages have come."""
        wait_for(lambda: len(self.messages) >= count or self.error, f"{count} messages of a watch stream", 15)
        assert self.error is None, self.error

    def wait_watch(self, watch_id, events):
        """Until the watch was cancelled or has brought so many events."""
        wait_for(lambda: self.error or self.is_cancelled(watch_id) or
                 (self.of(watch_id) and self.events(watch_id) >= events),
                 f"{events} events of watch {watch_id}, so far {self.of(watch_id)}", 15)
        assert self.error is None, self.error

    def settle(self, watch_ids):
        """Cancels these and waits for the answers: nothing can follow them."""
        for watch_id in watch_ids:
            if not self.is_cancelled(watch_id):
                self.cancel(watch_id)
        for watch_id in watch_ids:
            wait_for(lambda i=watch_id: self.is_cancelled(i) or self.error, f"the end of watch {watch_id}", 15)

    def close(self):
        self.requests.put(None)
        self.answers.cancel()
        self.thread.join(10)
        self.channel.close()


def both(twins, script):
    """Runs script(stream) on etcd and on meshd; what each recorded."""
    recorded = []
    for port, offset in twins.sides():
        stream = Stream(port, offset)
        try:
            script(stream)
            recorded.append(list(stream.messages))
        finally:
            stream.close()
    return recorded


def assert_same(recorded):
    real, ours = recorded
    assert real == ours, difference(real, ours)


class JsonWatch:
    """A watch over HTTP/1.1: one line per message. meshd sends it in one chunk; etcd's may be several."""

    def __init__(self, port, offset, *requests):
        self.offset, self.lines, self.end = offset, [], Exchange(port)
        self.chunks, self.rest = 0, b""
        self.end.connect()
        body = "".join(json.dumps(resolve(self._encoded(request), offset)) for request in requests)
        self.end.socket.sendall(post("/v3/watch", body))

    def _encoded(self, value):
        if isinstance(value, dict):
            return {k: self._encoded(v) for k, v in value.items()}
        return b64(value) if isinstance(value, bytes) else value

    def head(self):
        answer = self.end.read_head()
        return answer.line, sorted(h for h in answer.headers if h[0] != "Date")

    def read(self, messages=0, events=0):
        """Lines until there are so many, with so many events."""
        while len(self.lines) < messages or sum(line.count(b'"kv":') for line in self.lines) < events:
            chunk = self.end.read_chunk()
            assert chunk, "the watch ended"
            self.chunks += 1
            *whole, self.rest = (self.rest + chunk).split(b"\n")
            self.lines += [normal_text(line, self.offset) for line in whole]
        return self.lines

    def close(self):
        self.end.close()
