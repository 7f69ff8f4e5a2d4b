# SPDX-License-Identifier: Apache-2.0
"""Runs the unittest tests of one folder; prints how many passed and failed, as two numbers, on stdout.

usage: run_python_tests.py FOLDER [NAME...]
With NAMEs only the tests whose full name contains one of them; without, all, classes (the large ones in parts) beside
each other, two for each core, because programs that start also wait. All else goes to stderr. A test with a
failing subtest has failed; a skipped test is neither passed nor failed; a file without a test has failed.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Callable, Iterator

sys.dont_write_bytecode = True

LARGEST_PART = 40  # tests that run in one process


class CountingResult(unittest.TextTestResult):
    """Counts tests, not subtests, and says what took long."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.passed = 0
        self.broken: set[str] = set()
        self.started = 0.0

    def startTest(self, test: unittest.TestCase) -> None:
        self.started = time.monotonic()
        super().startTest(test)

    def stopTest(self, test: unittest.TestCase) -> None:
        super().stopTest(test)
        seconds = time.monotonic() - self.started
        if self.showAll and seconds > 5:
            self.stream.writeln(f"    ({seconds:.0f} s)")

    def addSuccess(self, test: unittest.TestCase) -> None:
        super().addSuccess(test)
        self.passed += 1

    def addError(self, test: unittest.TestCase, err: Any) -> None:
        super().addError(test, err)
        self.broken.add(test.id())

    def addFailure(self, test: unittest.TestCase, err: Any) -> None:
        super().addFailure(test, err)
        self.broken.add(test.id())

    def addSubTest(self, test: unittest.TestCase, subtest: unittest.TestCase, err: Any) -> None:
        super().addSubTest(test, subtest, err)
        if err is not None:
            self.broken.add(test.id())

    def addUnexpectedSuccess(self, test: unittest.TestCase) -> None:
        super().addUnexpectedSuccess(test)
        self.broken.add(test.id())


def tests_of(suite: unittest.TestSuite) -> Iterator[unittest.TestCase]:
    """Every single test of a suite."""
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            yield from tests_of(item)
        else:
            yield item


def run_part(folder: str, part: list[str]) -> tuple[int, int]:
    """How many of these tests passed and failed, in a process of its own; its words come in one piece."""
    done = subprocess.run([sys.executable, __file__, folder, "-"], text=True, check=False, input="\n".join(part),
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    print(done.stderr, end="", file=sys.stderr, flush=True)
    counts = [int(word) for word in done.stdout.split()]
    if len(counts) != 2 or (done.returncode != 0 and counts[1] == 0):
        print(f"{part[0]} and those after it did not run: exit code {done.returncode}", file=sys.stderr)
        return 0, 1
    return counts[0], counts[1]


def parts_of(folder: str) -> list[list[str]]:
    """Names of all tests: a class each, in parts where it is large. Classes of few tests, of which some take minutes,
    come first, so that no long one is left alone at the end."""
    classes: dict[str, list[str]] = {}
    for test in tests_of(unittest.defaultTestLoader.discover(folder)):
        classes.setdefault(test.id().rpartition(".")[0], []).append(test.id())
    parts = [names[i : i + LARGEST_PART] for names in classes.values() for i in range(0, len(names), LARGEST_PART)]
    return sorted(parts, key=len)


def run_folder(folder: str) -> int:
    parts = parts_of(folder)
    with ThreadPoolExecutor(2 * (os.cpu_count() or 1)) as pool:
        counts = list(pool.map(lambda part: run_part(folder, part), parts))
    empty = [path for path in Path(folder).glob("test_*.py") if not any(path.stem in part[0] for part in parts)]
    for path in empty:
        print(f"{path} has no test", file=sys.stderr)
    passed, failed = (sum(part) for part in zip((0, len(empty)), *counts))
    print(passed, failed)
    return 0 if passed > 0 and failed == 0 else 1


def run_names(folder: str, is_wanted: Callable[[str], bool]) -> int:
    # Tests print nothing of their own on stdout; if one did, its line must not be taken for the counts.
    stdout = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    suite: unittest.TestSuite = unittest.defaultTestLoader.discover(folder)
    suite = unittest.TestSuite(t for t in tests_of(suite) if is_wanted(t.id()))
    result = unittest.TextTestRunner(verbosity=2, resultclass=CountingResult).run(suite)
    print(result.passed, len(result.broken), file=stdout)
    return 0 if result.wasSuccessful() and result.testsRun > 0 else 1


def main() -> int:
    folder, names = sys.argv[1], sys.argv[2:]
    if not names:
        return run_folder(folder)
    if names == ["-"]:  # exactly those on stdin
        part = set(sys.stdin.read().splitlines())
        return run_names(folder, lambda name: name in part)
    return run_names(folder, lambda name: any(word in name for word in names))


if __name__ == "__main__":
    sys.exit(main())
