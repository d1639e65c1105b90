# SPDX-License-Identifier: Apache-2.0
"""Waiting for a condition, never for a time."""

import time

DEADLINE = 30.0


def wait_for(condition, what, deadline=DEADLINE, interval=0.02):
    """Calls `condition` until it returns something true, and returns that; `interval` for conditions that cost."""
    end = time.monotonic() + deadline
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited {deadline:.0f} s in vain for: {what}")
        time.sleep(interval)
