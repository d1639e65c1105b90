# SPDX-License-Identifier: Apache-2.0
"""One meshd: its configuration, its process, its commands."""

import json
import os
import pathlib
import pwd
import re
import signal
import socket
import subprocess

import yaml

from .etcd import Etcd
from .wait import wait_for

ROOT = pathlib.Path(os.environ.get("MESHD_ROOT", "/nonexistent"))
MESHD = ROOT / "usr/sbin/meshd"
MESHCTL = ROOT / "usr/bin/meshctl"
SANITIZER = re.compile(r"ERROR: (Address|Leak|UndefinedBehavior)Sanitizer|runtime error:")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def run(*argv, **kwargs):
    """A command that must not hang; output as text."""
    kwargs.setdefault("timeout", 120)
    return subprocess.run([str(a) for a in argv], capture_output=True, text=True, **kwargs)


class Daemon:
    def __init__(self, work, number=0, paths=(), config=None, text=None):
        self.dir = pathlib.Path(work) / f"meshd{number}"
        self.dir.mkdir()
        os.chmod(self.dir, 0o755)
        self.port = free_port()
        self.socket = self.dir / "run" / "control.sock"
        self.config_file = self.dir / "meshd.yaml"
        self.log_file = self.dir / "log"
        self.process = None
        self.config = {
            "source": {"plugin": "file", "options": {"paths": [str(p) for p in paths]}},
            "frontend": {"plugin": "etcd", "options": {"listen": [f"127.0.0.1:{self.port}"], "prefix": "/apisix"}},
            "control": {"socket": str(self.socket)},
            "state_dir": str(self.dir / "state"),
            "user": "nobody",
        }
        self.config.update(config or {})
        self.write_config(text)

    # ---- configuration and process ----

    def write_config(self, text=None):
        self.config_file.write_text(text if text is not None else yaml.safe_dump(self.config))
        os.chmod(self.config_file, 0o644)

    def start(self, wait=True):
        with open(self.log_file, "ab") as log:
            self.process = subprocess.Popen(
                [str(MESHD), "--config", str(self.config_file)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        if wait:
            self.wait_ready()
        return self

    def wait_ready(self):
        def ready():
            assert self.process.poll() is None, f"meshd ended with {self.process.returncode}:\n{self.log()}"
            workers = self.workers()
            return workers and all(w["state"] in ("ready", "off") for w in workers.values())
        wait_for(ready, "all workers ready")

    def log(self):
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def wait_log(self, pattern, deadline=30):
        return wait_for(lambda: re.search(pattern, self.log()), f"a log line like {pattern!r}", deadline)

    def stop(self, sig=signal.SIGTERM, timeout=15):
        """Ends it in order and returns its exit status."""
        self.process.send_signal(sig)
        status = self.process.wait(timeout)
        self.process = None
        return status

    def kill_everything(self):
        """kill -9 of the supervisor and of every worker, each by its own id."""
        pids = [w["pid"] for w in self.workers().values() if w["pid"] > 0]
        for pid in [self.process.pid] + pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait(10)
        self.process = None
        for pid in pids:
            wait_for(lambda p=pid: not alive(p), f"the end of process {pid}")

    def finish(self):
        """Ends what runs; what was wrong, as a list of texts."""
        problems = []
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(10)
                problems.append("meshd did not end within 15 s of SIGTERM")
        if SANITIZER.search(self.log()):
            problems.append("sanitizer report:\n" + self.log()[-8000:])
        return problems

    # ---- commands ----

    def ctl(self, *argv, **kwargs):
        return run(MESHCTL, "--socket", self.socket, *argv, **kwargs)

    def ctl_json(self, *argv):
        result = self.ctl("-f", "json", *argv)
        assert result.returncode == 0, result.stderr
        return json.loads(result.stdout)

    def workers(self):
        result = self.ctl("-f", "json", "status")
        if result.returncode != 0:
            return None
        return {w["role"]: w for w in json.loads(result.stdout).get("workers", [])}

    def counters(self, table):
        """The rows of a name/value table of `meshctl status`."""
        return {row["name"]: row["value"] for row in self.ctl_json("status").get(table, [])}

    def kill_worker(self, role, sig=signal.SIGKILL):
        """Kills a worker that has been ready for a while (an early death is held against it: restarts back
        off) and waits until its successor is ready; returns the new process id."""
        before = wait_for(lambda: (w := self.workers()[role])["state"] == "ready" and w["uptime_s"] >= 2 and w,
                          f"a settled {role}")
        os.kill(before["pid"], sig)

        def back():
            worker = (self.workers() or {}).get(role)
            return worker and worker["pid"] != before["pid"] and worker["state"] == "ready" and worker["pid"]
        return wait_for(back, f"a new {role} worker")

    # ---- the etcd side ----

    @property
    def etcd(self):
        return Etcd(self.port)

    def objects(self):
        """key -> (value, create_revision, mod_revision, version)"""
        return self.etcd.all()

    def wait_objects(self, at_least):
        return wait_for(lambda: len(self.objects()) >= at_least and self.objects(), f"{at_least} keys")


def alive(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def running_as_root():
    return os.geteuid() == 0


def user_id(name):
    return pwd.getpwnam(name).pw_uid
