# SPDX-License-Identifier: Apache-2.0
"""An HTTP/2 server of hand-written frames, for answers that no library would give.

RawServer runs script(connection) for each call of the client, after its headers have come.  A connection writes frames
as it is told; what the client says is acknowledged (SETTINGS, PING) and kept.
"""

import contextlib
import queue
import socket
import struct
import threading

from .wait import wait_for

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST, SETTINGS, PING, GOAWAY, WINDOW = 0, 1, 3, 4, 6, 7, 8
END_STREAM, ACK, END_HEADERS = 1, 1, 4
GRPC_HEADERS = {":status": "200", "content-type": "application/grpc"}


def hpack(fields):
    """Literal fields without indexing; none is longer than 126 bytes."""
    return b"".join(b"\0" + bytes([len(k)]) + k.encode() + bytes([len(v)]) + v.encode() for k, v in fields.items())


def message(body, flag=0, size=None):
    """A gRPC message; `size` lies about the length."""
    return struct.pack(">BI", flag, len(body) if size is None else size) + body


class Connection:
    def __init__(self, sock):
        self.socket, self.stream, self.streams = sock, 0, queue.SimpleQueue()
        self.heard, self.lock, self.ended = [], threading.Lock(), threading.Event()
        self.deaf = threading.Event()       # set: nothing is read or answered any more
        self.window = self.stream_window = self.initial_window = 65535

    def frame(self, kind, payload=b"", flags=0, stream=0, size=None):
        length = len(payload) if size is None else size
        with self.lock:
            self.socket.sendall(struct.pack(">I", length)[1:] + bytes([kind, flags]) + struct.pack(">I", stream) +
                                payload)

    def headers(self, fields=None, end=False):
        self.frame(HEADERS, hpack(fields if fields is not None else GRPC_HEADERS),
                   END_HEADERS | (END_STREAM if end else 0), self.stream)

    def data(self, payload, end=False):
        """Within the client's windows; frames of 16 KiB."""
        for at in range(0, len(payload), 16384) or [0]:
            part = payload[at:at + 16384]
            wait_for(lambda n=len(part): min(self.window, self.stream_window) >= n or self.ended.is_set(), "a window")
            self.window -= len(part)
            self.stream_window -= len(part)
            self.frame(DATA, part, END_STREAM if end and at + 16384 >= len(payload) else 0, self.stream)

    def reset(self, code=2):
        self.frame(RST, struct.pack(">I", code), stream=self.stream)

    def goaway(self, last=None, code=0):
        self.frame(GOAWAY, struct.pack(">II", self.stream if last is None else last, code))

    def ping(self):
        self.frame(PING, b"12345678")

    def cut(self):
        """Ends the connection at once, with a reset."""
        with contextlib.suppress(OSError):
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.socket.shutdown(socket.SHUT_RD)    # so that nobody reads, and it is the last that closes it
            self.ended.wait(5)
        self.socket.close()

    # ---- what the client says ----

    def _exactly(self, size):
        data = b""
        while len(data) < size:
            part = self.socket.recv(size - len(data))
            if not part:
                raise OSError("the end")
            data += part
        return data

    def greet(self):
        if self._exactly(len(PREFACE)) != PREFACE:
            raise OSError("no HTTP/2")
        self.frame(SETTINGS)

    def hear(self):
        """One frame; (kind, flags, stream, payload)."""
        head = self._exactly(9)
        kind, flags, stream = head[3], head[4], struct.unpack(">I", head[5:])[0]
        payload = self._exactly(int.from_bytes(head[:3], "big"))
        if kind == SETTINGS and not flags & ACK:
            for at in range(0, len(payload), 6):
                number, value = struct.unpack(">HI", payload[at:at + 6])
                if number == 4:
                    self.initial_window = value
            self.frame(SETTINGS, flags=ACK)
        if kind == PING and not flags & ACK and not self.deaf.is_set():
            self.frame(PING, payload, ACK)
        if kind == WINDOW:
            amount = struct.unpack(">I", payload)[0]
            if stream == 0:
                self.window += amount
            elif stream == self.stream:
                self.stream_window += amount
        if kind == HEADERS:
            self.streams.put(stream)
        self.heard.append((kind, flags, stream, payload))

    def pongs(self):
        return sum(kind == PING and flags & ACK for kind, flags, _, _ in list(self.heard))

    def listen(self):
        """Until the client hangs up."""
        try:
            while not self.deaf.is_set():
                self.hear()
        except (OSError, ValueError):
            self.ended.set()
            self.streams.put(0)


class RawServer:
    """As a context: listens on `port` (0: any), runs the script for each connection in a thread of its own."""

    def __init__(self, script, port=0):
        self.script, self.connections, self.errors = script, [], []
        self.listener = socket.create_server(("127.0.0.1", port))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=[Connection(sock)], daemon=True).start()

    def _serve(self, connection):
        try:
            connection.greet()
            self.connections.append(connection)
            threading.Thread(target=connection.listen, daemon=True).start()
            while (stream := connection.streams.get()) != 0:
                connection.stream, connection.stream_window = stream, connection.initial_window
                self.script(connection)
        except OSError:     # the client has had enough
            pass
        except Exception as error:
            self.errors.append(error)
        finally:
            connection.socket.close()

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for connection in self.connections:
            connection.cut()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
        assert not self.errors, self.errors
