# SPDX-License-Identifier: Apache-2.0
"""A real etcd of one's own, to compare with: free loopback ports, a data folder in memory."""

import pathlib
import shutil
import subprocess
import tempfile

from .daemon import free_port
from .etcd import Etcd, b64
from .wait import wait_for


class RealEtcd:
    def __init__(self):
        memory = pathlib.Path("/dev/shm")
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="meshd-etcd.", dir=memory if memory.is_dir() else None))
        self.port = free_port()
        peer = f"http://127.0.0.1:{free_port()}"
        client = f"http://127.0.0.1:{self.port}"
        with open(self.dir / "log", "wb") as log:
            self.process = subprocess.Popen(
                ["etcd", "--name", "real", "--data-dir", str(self.dir / "data"),
                 "--listen-client-urls", client, "--advertise-client-urls", client,
                 "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
                 "--initial-cluster", f"real={peer}", "--max-txn-ops", "100000"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        wait_for(self._serves, "a real etcd that serves")

    def _serves(self):
        assert self.process.poll() is None, (self.dir / "log").read_text(errors="replace")
        try:
            return self.etcd.request("POST", "/v3/kv/range", {"key": b64("x")})[0] == 200
        except OSError:
            return False

    @property
    def etcd(self):
        return Etcd(self.port)

    def stop(self):
        self.process.kill()
        self.process.wait(10)
        shutil.rmtree(self.dir, ignore_errors=True)

    # ---- writing ----

    def commit(self, events):
        """One transaction of (key, value) pairs in this order, value None deletes; returns its revision."""
        operations = [{"requestDeleteRange": {"key": b64(key)}} if value is None else
                      {"requestPut": {"key": b64(key), "value": b64(value)}} for key, value in events]
        status, answer = self.etcd.request("POST", "/v3/kv/txn", {"success": operations})
        assert status == 200 and answer.get("succeeded"), answer
        return int(answer["header"]["revision"])

    def compact(self, revision):
        status, answer = self.etcd.request("POST", "/v3/kv/compaction", {"revision": revision, "physical": True})
        assert status == 200, answer
