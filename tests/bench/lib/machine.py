# SPDX-License-Identifier: Apache-2.0
"""The machine: is it quiet, what memory do processes have, how often do they wake up?"""

import os
import pathlib
import platform
import re
import time

TICKS = os.sysconf("SC_CLK_TCK")
QUIET = 0.08            # busy share of all processors below which a step may begin


def _cpu():
    """(busy, all) ticks of all processors since boot."""
    fields = [int(x) for x in pathlib.Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    return sum(fields) - fields[3] - fields[4], sum(fields)


def busy(seconds):
    busy0, all0 = _cpu()
    time.sleep(seconds)
    busy1, all1 = _cpu()
    return (busy1 - busy0) / max(1, all1 - all0)


def wait_quiet(limit):
    """Waits until the machine does nothing else, at most `limit` seconds; the busy share at the end."""
    end = time.monotonic() + limit
    while True:
        share = busy(0.3)
        if share < QUIET or time.monotonic() > end:
            return share


def patience(seconds):
    """A function that waits like wait_quiet(), with so much patience in all its calls together."""
    left = seconds

    def quiet():
        nonlocal left
        begin = time.monotonic()
        share = wait_quiet(min(20, left))
        left = max(0, left - (time.monotonic() - begin))
        return share
    return quiet


def _text(pid, name):
    try:
        return pathlib.Path(f"/proc/{pid}/{name}").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def memory(pid):
    """rss, pss and private bytes of one process."""
    sizes = {name: int(kb) * 1024 for name, kb in re.findall(r"^(\w+):\s+(\d+) kB", _text(pid, "smaps_rollup"), re.M)}
    return {"rss": sizes.get("Rss", 0), "pss": sizes.get("Pss", 0),
            "private": sizes.get("Private_Clean", 0) + sizes.get("Private_Dirty", 0)}


def reset_peak(pid):
    pathlib.Path(f"/proc/{pid}/clear_refs").write_text("5")


def _status_kb(pid, name):
    found = re.search(rf"^{name}:\s+(\d+) kB", _text(pid, "status"), re.M)
    return int(found.group(1)) * 1024 if found else 0


def peak(pid):
    return _status_kb(pid, "VmHWM")


def resident(pid):
    return _status_kb(pid, "VmRSS")


def wakeups(pids):
    """How often all threads of these processes have gone to sleep so far, which is how often they woke up."""
    total = 0
    for pid in pids:
        for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
            found = re.search(r"^voluntary_ctxt_switches:\s+(\d+)", _text(f"{pid}/task/{task.name}", "status"), re.M)
            total += int(found.group(1)) if found else 0
    return total


def wakeups_per_second(pids, seconds):
    begin, before = time.monotonic(), wakeups(pids)
    time.sleep(seconds)
    return (wakeups(pids) - before) / (time.monotonic() - begin)


def describe():
    model = re.search(r"^model name\s*:\s*(.+)$", pathlib.Path("/proc/cpuinfo").read_text(), re.M)
    memory_kb = int(re.search(r"MemTotal:\s+(\d+)", pathlib.Path("/proc/meminfo").read_text()).group(1))
    return f"{os.cpu_count()} x {model.group(1) if model else platform.machine()}, {memory_kb >> 20} GB, " \
           f"Linux {platform.release()}"
