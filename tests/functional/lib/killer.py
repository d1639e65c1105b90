# SPDX-License-Identifier: Apache-2.0
"""kill -9 of workers at moments that chance chooses, but not before their restart policy forgives it."""

import os
import signal
import threading

from .wait import wait_for


def settled(daemon, role):
    """The process id of a worker that has been ready for so long that its death is answered at once."""
    def ready():
        worker = (daemon.workers() or {}).get(role)
        return worker and worker["state"] == "ready" and worker["uptime_s"] >= 2 and worker["pid"]
    return wait_for(ready, f"a settled {role}", deadline=120, interval=0.1)


def successor(daemon, role, pid):
    """The process id of whoever came after."""
    def other():
        worker = (daemon.workers() or {}).get(role)
        return worker and worker["pid"] not in (0, pid) and worker["pid"]
    return wait_for(other, f"a new {role}", deadline=120)


def send_kill(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


class Killer:
    """`newest()` tells the newest revision that anybody saw, `random` decides."""

    def __init__(self, daemon, newest, random_):
        self.daemon, self.newest, self.random = daemon, newest, random_

    def moment(self):
        """Some new revisions and a moment more: a kill is as likely in a commit as between two."""
        target, pause = self.newest() + self.random.choice((0, 0, 1, 1, 2)), threading.Event()
        for _ in range(3000):
            if self.newest() >= target:
                break
            pause.wait(0.001)
        pause.wait(self.random.choice((0, 0, 0, self.random.random() * 0.08)))

    def kill(self):
        """One kill of the frontend, sometimes after another worker, sometimes once more while it recovers."""
        pid = settled(self.daemon, "frontend")
        other = self.random.choice((None, None, None, "translator", "source"))
        other_pid = (self.daemon.workers() or {}).get(other, {}).get("pid", 0)
        self.moment()
        if other_pid > 0:
            send_kill(other_pid)
            self.moment()
        send_kill(pid)
        if self.random.random() < 0.2:
            send_kill(successor(self.daemon, "frontend", pid))
