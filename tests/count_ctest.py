# SPDX-License-Identifier: Apache-2.0
"""Prints how many tests of a ctest JUnit file passed and failed, as two numbers. A test that could not run failed."""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ElementTree


def counts(path: str) -> tuple[int, int]:
    """(passed, failed) of the file."""
    states = [case.get("status") for case in ElementTree.parse(path).getroot().iter("testcase")]
    passed = states.count("run")
    return passed, len(states) - passed - states.count("disabled")


if __name__ == "__main__":
    print(*counts(sys.argv[1]))
