# SPDX-License-Identifier: Apache-2.0
"""A TCP relay that breaks connections off, at any byte, as a killed server does."""

import contextlib
import socket
import struct
import threading


class Cutter:
    """Listens on a port of its own and relays to `port`; cut() resets every connection."""

    def __init__(self, port):
        self.target, self.open, self.lock = port, True, threading.Lock()
        self.pairs, self.allowed = [], None
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            try:
                if not self.open:
                    raise OSError("down")
                pair = (client, socket.create_connection(("127.0.0.1", self.target), timeout=10))
            except OSError:
                reset(client)
                continue
            with self.lock:
                self.pairs.append(pair)
            for source, sink, counted in ((client, pair[1], False), (pair[1], client, True)):
                source.settimeout(None)
                threading.Thread(target=self._relay, args=(source, sink, counted), daemon=True).start()

    def _relay(self, source, sink, counted):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if counted and self.allowed is not None:
                    data, self.allowed = data[:self.allowed], max(0, self.allowed - len(data))
                sink.sendall(data)
                if counted and self.allowed == 0:
                    return
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)

    def cut(self, after=0):
        """After so many more bytes towards the client nothing passes; then all is reset, and nobody gets in."""
        self.allowed = after
        if after:
            return
        self.open = False
        with self.lock:
            pairs, self.pairs = self.pairs, []
        for client, server in pairs:
            reset(client)
            reset(server)

    def heal(self):
        self.allowed, self.open = None, True

    def close(self):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.cut()


def reset(sock):
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.shutdown(socket.SHUT_RD)
    sock.close()
