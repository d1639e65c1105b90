# SPDX-License-Identifier: Apache-2.0
"""Ratios of two ways to do the same, from alternating runs."""

import statistics

from .table import number


def pairs(b, row, one, other, invert=False, unit="", scale=1):
    """Alternates A,B and B,A; the ratio one/other of each pair (other/one if `invert`)."""
    a_all, b_all = [], []
    for i in range(b.pairs):
        order = [(one, a_all), (other, b_all)]
        for run, results in order if i % 2 == 0 else order[::-1]:
            row.busy.append(b.quiet())
            results.append(run())
        ratio = a_all[-1] / b_all[-1]
        row.samples.append(1 / ratio if invert else ratio)
    row.note = f"{number(statistics.median(a_all) * scale)} / {number(statistics.median(b_all) * scale)} {unit}"
    return row
