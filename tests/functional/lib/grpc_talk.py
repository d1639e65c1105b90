# SPDX-License-Identifier: Apache-2.0
"""The gRPC client of the plugins as a program (tests/unit/grpc/grpc_talk.c), and servers of grpcio for it."""

import os
import pathlib
import subprocess
import threading
from concurrent import futures

import grpc

from lib.wait import wait_for


def program():
    return pathlib.Path(os.environ["MESHD_BUILD"]) / "tests" / "unit" / "grpc" / "grpc_talk"


class Talk:
    """Commands go in, lines come out; see the program for both."""

    def __init__(self, *arguments):
        self.lines = []
        # Freed memory is not to be kept by the sanitizer: peak_kb() is to tell what is held.
        environment = dict(os.environ, ASAN_OPTIONS=os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=1")
        self.process = subprocess.Popen([program(), *[str(a) for a in arguments]], stdin=subprocess.PIPE, text=True,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))

    def say(self, *commands):
        self.process.stdin.write("".join(command + "\n" for command in commands))
        self.process.stdin.flush()

    def hear(self, start, count=1):
        """The count-th line that begins so."""
        def found():
            hits = [line for line in self.lines if line.startswith(start)]
            return hits[count - 1] if len(hits) >= count else None
        try:
            return wait_for(found, f"'{start}'")
        except AssertionError as e:
            raise AssertionError(f"{e}; heard: {self.lines}") from None

    def end(self, call, count=1):
        """(code, "local" or "remote", text) of its end."""
        _, _, code, where, _, text = self.hear(f"end {call} ", count).split(" ", 5)
        return code, where, text

    def call(self, call, path, text="", deadline=0, count=1):
        """A call with one message, to its end."""
        self.say(f"call {call} {path} {deadline}", *([f"send {call} {text}"] if text else []), f"finish {call}")
        return self.end(call, count)

    def peak_kb(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0])

    def close(self):
        self.process.stdin.close()
        errors = self.process.stderr.read()
        assert self.process.wait(30) == 0, errors
        assert "Sanitizer" not in errors and "runtime error" not in errors, errors


class Handler(grpc.GenericRpcHandler):
    """/t/Echo, /t/Fail (says what the authorization was), /t/Bidi, /t/Big (answers N with N bytes)."""

    def service(self, details):
        def echo(request, _):
            return request

        def fail(_, context):
            context.abort(grpc.StatusCode.PERMISSION_DENIED,
                          "nö: " + dict(context.invocation_metadata()).get("authorization", "none"))

        def bidi(requests, _):
            yield from requests

        def big(requests, _):
            for request in requests:
                yield b"y" * int(request)

        return {"/t/Echo": grpc.unary_unary_rpc_method_handler(echo),
                "/t/Fail": grpc.unary_unary_rpc_method_handler(fail),
                "/t/Bidi": grpc.stream_stream_rpc_method_handler(bidi),
                "/t/Big": grpc.stream_stream_rpc_method_handler(big)}.get(details.method)


def serve(address="127.0.0.1:0", credentials=None):
    """(server, port) of a running server."""
    server = grpc.server(futures.ThreadPoolExecutor(8), options=[
        ("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1), ("grpc.so_reuseport", 0)])
    server.add_generic_rpc_handlers((Handler(),))
    port = server.add_secure_port(address, credentials) if credentials else server.add_insecure_port(address)
    server.start()
    return server, port
