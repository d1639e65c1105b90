# SPDX-License-Identifier: Apache-2.0
"""HTTP/1.1 down to the bytes: what was sent back, header by header and chunk by chunk."""

import dataclasses
import socket


@dataclasses.dataclass
class Answer:
    line: str                 # "HTTP/1.1 200 OK"
    headers: list             # (name, value), in order
    body: bytes = b""
    chunks: int = -1          # how many; -1: not chunked
    trailers: list = dataclasses.field(default_factory=list)
    closed: bool = False      # the server closed the connection behind it

    def header(self, name):
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


class Exchange:
    """One connection that is kept for as long as the server keeps it."""

    def __init__(self, port, host="127.0.0.1"):
        self.address, self.socket, self.file = (host, port), None, None

    def connect(self):
        self.close()
        self.socket = socket.create_connection(self.address, timeout=30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.socket.makefile("rb")

    def close(self):
        if self.socket is not None:
            self.file.close()
            self.socket.close()
        self.socket = None

    def ask(self, request):
        """Sends these bytes and reads one answer."""
        if self.socket is None:
            self.connect()
        self.socket.sendall(request)
        return self.read(request.startswith(b"HEAD "))

    def read(self, head=False):
        """One answer; `head`: it has no body."""
        answer = self.read_head()
        while answer.line.startswith("HTTP/1.1 100"):
            answer = self.read_head()
        close = (answer.header("Connection") or "").lower() == "close" or answer.line.startswith("HTTP/1.0")
        if head:
            pass
        elif (answer.header("Transfer-Encoding") or "") == "chunked":
            self._chunks(answer)
        elif answer.header("Content-Length") is not None:
            answer.body = self.file.read(int(answer.header("Content-Length")))
        else:
            answer.body = self.file.read()
            close = True
        if close:
            answer.closed = True
            self.close()
        return answer

    def read_head(self):
        line = self.file.readline().decode("latin-1")
        assert line, "the connection was closed without an answer"
        return Answer(line.rstrip("\r\n"), self._fields())

    def read_chunk(self):
        """The next chunk; empty at the end."""
        size = int(self.file.readline().split(b";")[0] or b"0", 16)
        data = self.file.read(size)
        if size > 0:
            assert self.file.readline() == b"\r\n"
        return data

    def _fields(self):
        fields = []
        while (line := self.file.readline()) not in (b"\r\n", b""):
            name, _, value = line.decode("latin-1").rstrip("\r\n").partition(":")
            fields.append((name, value.strip()))
        return fields

    def _chunks(self, answer):
        answer.chunks = 0
        while chunk := self.read_chunk():
            answer.body += chunk
            answer.chunks += 1
        answer.trailers = self._fields()


def post(path, body, *headers):
    """A POST as APISIX sends it."""
    body = body if isinstance(body, bytes) else body.encode()
    more = "".join(f"{header}\r\n" for header in headers)
    return (f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n{more}\r\n").encode() + body
