# SPDX-License-Identifier: Apache-2.0
"""A behavioural double of APISIX 3.18's configuration syncer, as it was measured in its lab.

One load of everything, then one watch shared by all directories.  Each directory takes a message's events only if
the message's revision is above what the directory has; the watch complains when a revision is smaller than
it expects, which is the last one or the one behind it, as chance has it.  Whatever a real one would
suffer from goes into `log`.
"""

import http.client
import json
import random
import selectors
import socket
import threading

from .etcd import Etcd, b64, unb64

DIRECTORIES = ("consumer_groups", "consumers", "global_rules", "plugin_configs", "plugin_metadata", "plugins",
               "protos", "routes", "secrets", "services", "ssls", "stream_routes", "upstreams")


def is_json(value):
    try:
        json.loads(value)
        return True
    except ValueError:
        return False


class Directory:
    def __init__(self, name):
        self.prefix = f"/apisix/{name}/"
        self.range = (f"/apisix/{name}", f"/apisix/{name[:-1]}{chr(ord(name[-1]) + 1)}")
        self.items, self.prev_index, self.stale = {}, 0, False      # key -> (value, mod_revision)

    def copy(self):
        twin = Directory(self.prefix.split("/")[2])
        twin.items, twin.prev_index = dict(self.items), self.prev_index
        return twin

    def load(self, kvs, revision):
        """A full read. What has the same mod_revision as before is not looked at again."""
        fresh = {}
        for kv in kvs:
            key, value, mod = unb64(kv["key"]).decode(), unb64(kv.get("value")).decode(), int(kv["mod_revision"])
            if key.startswith(self.prefix) and key != self.prefix and is_json(value):
                old = self.items.get(key)
                fresh[key] = old if old and old[1] == mod else (value, mod)
        self.items, self.prev_index, self.stale = fresh, revision, False

    def take(self, revision, events):
        """The events of one message that are ours."""
        mine = [e for e in events if unb64(e["kv"]["key"]).decode().startswith(self.prefix)]
        if not mine or revision <= self.prev_index:
            return                          # a second message of the same revision is lost for good
        for event in mine:
            kv = event["kv"]
            key, value = unb64(kv["key"]).decode(), unb64(kv.get("value")).decode()
            if event.get("type") == "DELETE" or not is_json(value):
                self.items.pop(key, None)
            else:
                self.items[key] = (value, int(kv["mod_revision"]))
        self.prev_index = revision


class Broken(Exception):
    """The connection is of no more use."""


class Connection:
    """The watch on the wire; what one read brings is seen together."""

    def __init__(self, port, start):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        body = json.dumps({"create_request": {"key": b64("/apisix/"), "range_end": b64("/apisix0"),
                                              "start_revision": start}})
        self.socket.sendall((f"POST /v3/watch HTTP/1.1\r\nUser-Agent: lua-resty-http/0.16.1 (Lua) ngx_lua/10028\r\n"
                             f"Host: 127.0.0.1:{port}\r\nContent-Length: {len(body)}\r\n\r\n").encode())
        self.socket.sendall(body.encode())
        self.data, self.text, self.head = b"", b"", False
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.socket, selectors.EVENT_READ)

    def close(self):
        self.selector.close()
        self.socket.close()

    def read(self, timeout):
        """The whole lines of one read; none if there was nothing to read."""
        if not self.selector.select(timeout):
            return []
        try:
            data = self.socket.recv(1 << 20)
        except OSError as error:
            raise Broken(str(error)) from error
        self.data += data
        if not self.head:
            self._read_head()
        ended = self._read_chunks()
        *lines, self.text = self.text.split(b"\n")
        if (not data or ended) and not lines:
            raise Broken("closed")
        return [json.loads(line) for line in lines]

    def _read_head(self):
        head, found, rest = self.data.partition(b"\r\n\r\n")
        if found:
            if not head.startswith(b"HTTP/1.1 200 "):
                raise Broken(head.decode())
            self.data, self.head = rest, True

    def _read_chunks(self):
        while self.head:
            size, found, rest = self.data.partition(b"\r\n")
            length = int(size, 16) if found else 0
            if not found or len(rest) < length + 2:
                return False
            self.text += rest[:length]
            self.data = rest[length + 2:]
            if length == 0:
                return True
        return False


class Syncer(threading.Thread):
    """A worker process of APISIX. Its master's snapshot is what it comes back with when it is killed."""

    def __init__(self, port, seed=0):
        super().__init__(daemon=True)
        self.etcd, self.random = Etcd(port), random.Random(seed)
        self.log, self.error, self.stopping = [], None, threading.Event()
        self.messages = self.connections = 0
        self.directories, self.rev = [Directory(name) for name in DIRECTORIES], 0
        self.connection, self.master = None, None
        self.start()

    # ---- what it has ----

    def items(self):
        return {key: item for d in self.directories for key, item in list(d.items.items())}

    # ---- loading ----

    def _ask(self, key, end):
        """A range, tried again until it is answered."""
        while not self.stopping.is_set():
            try:
                return self.etcd.range(key, end)
            except (OSError, http.client.HTTPException):
                self.stopping.wait(0.05)
        raise Broken("stopped")

    def load_all(self):
        """What the master does when it starts or reloads: one range, from which the workers begin."""
        answer = self._ask("/apisix", "/apisiy")
        revision = int(answer["header"]["revision"])
        directories = [Directory(name) for name in DIRECTORIES]
        for directory in directories:
            directory.load(answer.get("kvs", []), revision)
        self.master = (directories, revision + 1)
        self.respawn()

    def respawn(self):
        """A worker that is new, with the master's snapshot of back then."""
        directories, self.rev = self.master
        self.directories = [d.copy() for d in directories]

    def _reload_stale(self):
        for directory in self.directories:
            if directory.stale:
                answer = self._ask(*directory.range)
                directory.load(answer.get("kvs", []), int(answer["header"]["revision"]))

    def _resync(self, why, rev):
        self.log.append(why)
        for directory in self.directories:
            directory.stale = True
        self.rev = rev

    # ---- the watch ----

    def run(self):
        try:
            self.load_all()
            while not self.stopping.is_set():
                self._watch()
        except Broken:
            pass
        except Exception as error:
            self.error = error
            raise

    def _watch(self):
        try:
            self.connection = Connection(self.etcd.port, self.rev)
        except OSError:
            self.stopping.wait(0.05)
            return
        self.connections += 1
        left = self.random.randint(1, 20)
        try:
            while left > 0 and not self.stopping.is_set():
                lines = self.connection.read(0.1)
                if not self._batch(lines):
                    return
                left -= bool(lines)         # a real one waits 50 s before a silent watch is opened anew
        except Broken:
            pass
        finally:
            self.connection.close()
        if left <= 0:
            self._act()

    def _act(self):
        """What happens to a worker besides messages: its watch timed out (nothing to do), it died, a reload."""
        luck = self.random.random()
        if luck < 0.2:
            self.respawn()
        elif luck < 0.3:
            self.load_all()

    def _batch(self, lines):
        """False: a new watch is needed."""
        pending = []
        for line in lines:
            result = line.get("result")
            if result is None:
                self.log.append(f"error {line}")
                return False
            if result.get("created"):
                continue
            if not self._message(result, pending, len(lines)):
                return False
        merged = {}
        for revision, events in pending:    # lines of one read with the same revision are one message
            merged.setdefault(revision, []).extend(events)
        for revision, events in merged.items():
            for directory in self.directories:
                if not directory.stale:
                    directory.take(revision, events)
        return True

    def _message(self, result, pending, count):
        revision = int(result["header"].get("revision", 0))
        self.messages += 1
        if result.get("canceled"):
            if "compact_revision" in result:
                self._resync("compacted", int(result["compact_revision"]))
            else:
                self.log.append("cancelled without compact_revision")
            self._reload_stale()
            return False
        if revision < self.rev:
            self._resync(f"smaller revision {revision} < {self.rev}, restarted", revision)
            self._reload_stale()
            return False
        if not result.get("events"):
            self.log.append("a message without events crashed the syncers")
            if count > 1:
                pending.clear()             # and took the events beside it along
            return False
        pending.append((revision, result["events"]))
        self.rev = revision + self.random.randint(0, 1)
        return True

    def stop(self):
        self.stopping.set()
        self.join(30)
