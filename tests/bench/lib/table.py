# SPDX-License-Identifier: Apache-2.0
"""The table: what was measured against floor and aim, and the verdict."""

import statistics


class Row:
    """`samples` are the ratios (or sizes) of the repetitions; `more` says whether more is better."""

    def __init__(self, work, floor, aim, more, unit="x"):
        self.work, self.floor, self.aim, self.more, self.unit = work, floor, aim, more, unit
        self.samples, self.note, self.busy, self.judged = [], "", [], True

    @property
    def median(self):
        return statistics.median(self.samples)

    def reaches(self, goal):
        return self.median >= goal if self.more else self.median <= goal

    @property
    def verdict(self):
        if not self.samples:
            return "not run"
        if not self.judged:
            return ""
        return "aim" if self.reaches(self.aim) else "floor" if self.reaches(self.floor) else "MISSED"

    def cells(self):
        measured = f"{number(self.median)} [{number(min(self.samples))}–{number(max(self.samples))}] {self.unit}" \
            if self.samples else ""
        return [self.work, f"{self.floor:g}", f"{self.aim:g}", measured.strip(), self.verdict, self.note,
                f"{100 * statistics.median(self.busy):.0f} %" if self.busy else ""]


def number(value):
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


HEAD = ["work", "floor", "aim", "measured: median [range]", "verdict", "medians", "busy"]


def draw(rows):
    """The table as reStructuredText."""
    lines = [HEAD] + [row.cells() for row in rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(HEAD))]
    rule = "  ".join("=" * w for w in widths)
    text = ["  ".join(cell.ljust(w) for cell, w in zip(line, widths)).rstrip() for line in lines]
    return "\n".join([rule, text[0], rule] + text[1:] + [rule])
