# SPDX-License-Identifier: Apache-2.0
"""Counts what a run of ctest has shown: prints three numbers, of tests that passed, failed and were skipped.

usage: count_tests.py CTEST.xml PYTEST_FOLDER
A Python suite is one test for ctest and many for us: its cases are counted in PYTEST_FOLDER/NAME.xml. A suite that
ended badly without a failed case, or without that file, has failed as a whole. Reasons of skips go to stderr.
"""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ElementTree
from collections import Counter
from pathlib import Path

SUITE = "python_"  # names of Python suites in ctest begin so


def outcomes_of_suite(report: Path, has_passed: bool) -> Counter[str]:
    """Outcomes of a Python suite, whose process ended well or not."""
    try:
        cases = list(ElementTree.parse(report).getroot().iter("testcase"))
    except (OSError, ElementTree.ParseError) as error:
        print(f"{report.stem} left no report: {error}", file=sys.stderr)
        return Counter(failed=1)
    counts = Counter(map(outcome_of_case, cases))
    if not has_passed and not counts["failed"]:
        print(f"{report.stem} ended badly, though no test of it failed", file=sys.stderr)
        counts["failed"] = 1
    return counts


def outcome_of_case(case: ElementTree.Element) -> str:
    """What became of one case of pytest; a failed subtest is a failure, whatever the others were."""
    if case.find("failure") is not None or case.find("error") is not None:
        return "failed"
    skip = case.find("skipped")
    if skip is None:
        return "passed"
    print(f"skipped: {case.get('classname')}, {case.get('name')}: {skip.get('message')}", file=sys.stderr)
    return "skipped"


def count(ctest_report: str, pytest_folder: str) -> Counter[str]:
    """All outcomes. What could not run has failed."""
    counts: Counter[str] = Counter()
    for test in ElementTree.parse(ctest_report).getroot().iter("testcase"):
        has_passed = test.get("status") == "run"
        name = test.get("name", "")
        if name.startswith(SUITE):
            counts += outcomes_of_suite(Path(pytest_folder) / f"{name}.xml", has_passed)
        elif test.get("status") != "disabled":
            counts["passed" if has_passed else "failed"] += 1
    return counts


if __name__ == "__main__":
    total = count(sys.argv[1], sys.argv[2])
    print(total["passed"], total["failed"], total["skipped"])
