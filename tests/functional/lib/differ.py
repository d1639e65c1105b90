# SPDX-License-Identifier: Apache-2.0
"""How mismatches between meshd and etcd are shown."""

SHOWN = 10  # mismatches that a failure lists


def difference(real, ours):
    """Both texts around the first place where they differ."""
    real, ours = str(real), str(ours)
    at = next((i for i, (a, b) in enumerate(zip(real, ours)) if a != b), min(len(real), len(ours)))
    part = slice(max(at - 100, 0), at + 300)
    return f"  etcd  …{real[part]}\n  meshd …{ours[part]}"


def report(total, mismatches):
    lines = [f"{len(mismatches)} of {total} answers differ"]
    return "\n".join(lines + [f"{request}\n{difference(real, ours)}" for request, real, ours in mismatches[:SHOWN]])
