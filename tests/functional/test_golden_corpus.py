# SPDX-License-Identifier: Apache-2.0
"""What chosen cases of the corpus become, against what was reviewed by hand (tests/golden/corpus/REVIEW.rst).

Each case is a mesh of its own.  `pytest … --write-goldens` writes the files anew: every difference must then
be read against TRANSLATION.md before it is committed.
"""

import difflib
import json

import pytest

from lib.daemon import MESHCTL, run
from lib.golden_corpus import CASES


def translated(corpus, goldens, case, *how):
    """The lines for one case. Paths are relative, since unnamed listeners and findings have them in their names."""
    paths = [goldens / path[1:] if path.startswith("+") else path for path in case.paths]
    capture = ["--capture"] if case.capture else []
    answer = run(MESHCTL, "translate", *capture, *how, *paths, cwd=corpus)
    hint = [line for line in answer.stderr.splitlines() if "tells what and where" not in line]
    assert (answer.returncode, hint) == (0, [])
    return answer.stdout


def readable(text):
    """One value on a line, so that a difference is that of a field."""
    return [line for value in text.splitlines() for line in json.dumps(json.loads(value), indent=1).splitlines()]


def compare(path, text, write):
    if write:
        path.write_text(text)
    assert path.exists(), f"{path} is not there: review the case, then --write-goldens"
    reviewed = path.read_text()
    if reviewed != text:
        lines = difflib.unified_diff(readable(reviewed), readable(text), "reviewed", "now", lineterm="", n=6)
        pytest.fail(f"{path.name}\n" + "\n".join(lines), pytrace=False)


@pytest.fixture
def goldens(project):
    return project / "tests" / "golden" / "corpus"


@pytest.mark.parametrize("name", CASES)
def test_case(corpus, goldens, request, name):
    write = request.config.getoption("--write-goldens")
    compare(goldens / f"{name}.objects.jsonl", translated(corpus, goldens, CASES[name]), write)
    compare(goldens / f"{name}.report.jsonl", translated(corpus, goldens, CASES[name], "--report"), write)


def test_no_golden_is_left_over(goldens):
    assert {p.name.split(".")[0] for p in goldens.glob("*.jsonl")} == set(CASES)
    review = (goldens / "REVIEW.rst").read_text()
    assert [name for name in CASES if f"\n{name}\n" not in review] == []
