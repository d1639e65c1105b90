# SPDX-License-Identifier: Apache-2.0
"""The three servers that are compared.  Each has a folder in memory and is ended by its process id."""

import base64
import http.client
import json
import os
import pathlib
import socket
import subprocess
import time

START_SECONDS = 60


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def b64(text):
    return base64.b64encode(text.encode()).decode()


def post(port, path, body, timeout=60):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request("POST", path, json.dumps(body))
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def routes(port):
    """The answer to a range of all routes: its bytes."""
    status, text = post(port, "/v3/kv/range", {"key": b64("/apisix/routes/"), "range_end": b64("/apisix/routes0")})
    if status != 200:
        raise OSError(f"port {port} answers {status}: {text[:200]}")
    return text


def can_put(port):
    """Whether clients may write below /bench/."""
    try:
        status, text = post(port, "/v3/kv/put", {"key": b64("/bench/000"), "value": b64("x")})
    except OSError:
        return False
    return status == 200 and b"header" in text


class Server:
    name = "server"

    def __init__(self, folder):
        self.dir = pathlib.Path(folder)
        self.dir.mkdir(mode=0o755)
        self.port, self.process = free_port(), None
        self.log = self.dir / "log"

    def command(self):
        raise NotImplementedError

    def serves(self):
        return len(routes(self.port)) > 0

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        end = time.monotonic() + START_SECONDS
        while True:
            if self.process.poll() is not None or time.monotonic() > end:
                raise SystemExit(f"{self.name} does not serve:\n{self.log.read_text(errors='replace')[-2000:]}")
            try:
                if self.serves():
                    return self
            except (OSError, http.client.HTTPException):
                pass
            time.sleep(0.05)

    def stop(self):
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(15)
        self.process = None


class Etcd(Server):
    name = "etcd"

    def __init__(self, folder):
        super().__init__(folder)
        self.peer = free_port()

    def command(self, data="data"):
        client, peer = f"http://127.0.0.1:{self.port}", f"http://127.0.0.1:{self.peer}"
        return ["/usr/bin/etcd", "--data-dir", str(self.dir / data), "--listen-client-urls", client,
                "--advertise-client-urls", client, "--listen-peer-urls", peer,
                "--initial-advertise-peer-urls", peer, "--initial-cluster", f"default={peer}"]

    def fill(self, answer):
        """The keys and values of a range answer, in order, 100 a transaction (etcd's limit is 128)."""
        kvs = json.loads(answer)["kvs"]
        for at in range(0, len(kvs), 100):
            puts = [{"requestPut": {"key": kv["key"], "value": kv["value"]}} for kv in kvs[at:at + 100]]
            status, text = post(self.port, "/v3/kv/txn", {"success": puts})
            if status != 200:
                raise SystemExit(f"etcd refuses the keys: {text[:300]}")


class Nginx(Server):
    name = "nginx"

    def __init__(self, folder, body):
        super().__init__(folder)
        (self.dir / "range").write_bytes(body)
        (self.dir / "nginx.conf").write_text(f"""
daemon off; worker_processes 1; pid {self.dir}/pid; error_log {self.dir}/error.log;
events {{ worker_connections 256; }}
http {{
    access_log off; sendfile off; output_buffers 2 512k; keepalive_requests 1000000;
    default_type application/json;
    client_body_temp_path {self.dir}/body; proxy_temp_path {self.dir}/proxy;
    fastcgi_temp_path {self.dir}/fastcgi; uwsgi_temp_path {self.dir}/uwsgi; scgi_temp_path {self.dir}/scgi;
    server {{ listen 127.0.0.1:{self.port}; root {self.dir}; }}
}}
""")

    def command(self):
        return ["/usr/sbin/nginx", "-p", str(self.dir), "-e", str(self.dir / "error.log"),
                "-c", str(self.dir / "nginx.conf")]

    def serves(self):
        with socket.create_connection(("127.0.0.1", self.port), timeout=5):
            return True


class Meshd(Server):
    name = "meshd"

    def __init__(self, folder, root, mesh, objects):
        super().__init__(folder)
        self.root, self.objects = pathlib.Path(root), objects
        self.config = self.dir / "meshd.yaml"
        self.config.write_text(json.dumps({
            "source": {"plugin": "file", "options": {"paths": [str(mesh)]}},
            "frontend": {"plugin": "etcd", "options": {"listen": [f"127.0.0.1:{self.port}"], "prefix": "/apisix"}},
            "control": {"socket": str(self.dir / "control.sock")},
            "state_dir": str(self.dir / "state"),
            "user": "nobody" if os.geteuid() == 0 else "meshd",
        }))
        self.config.chmod(0o644)

    def command(self):
        return [str(self.root / "usr/sbin/meshd"), "--config", str(self.config)]

    def serves(self):
        keys = self.objects + 1     # and the directory's own key
        return routes(self.port).count(b'"mod_revision"') == keys and bool(self.workers())

    def workers(self):
        """role -> process id; empty until all are ready."""
        result = subprocess.run([str(self.root / "usr/bin/meshctl"), "--socket", str(self.dir / "control.sock"),
                                 "-f", "json", "status"], capture_output=True, text=True, timeout=30)
        workers = json.loads(result.stdout).get("workers", []) if result.returncode == 0 else []
        if any(w["state"] not in ("ready", "off") for w in workers):
            return {}
        return {w["role"]: w["pid"] for w in workers if w["pid"] > 0}

    def wait_saved(self):
        """Until both stores are on disk: they have content (which is compressed), and do not grow any more."""
        end, last, since = time.monotonic() + START_SECONDS, None, 0
        while last is None or min(last) < self.objects * 8 or time.monotonic() < since + 2:
            if time.monotonic() > end:
                raise SystemExit(f"meshd has not written its stores: {last} bytes")
            time.sleep(0.1)
            sizes = [(self.dir / "state" / name).stat().st_size for name in ("objects", "resources")]
            if sizes != last:
                last, since = sizes, time.monotonic()

    def pids(self):
        return [self.process.pid] + list(self.workers().values())
