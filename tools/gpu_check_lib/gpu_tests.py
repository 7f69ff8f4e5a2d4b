# SPDX-License-Identifier: Apache-2.0
"""Runs the test programs of the label gpu and reads what GoogleTest says of each test."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Callable

from k7_report_lib.errors import InputError, from_os_error

from .processes import Budget, Done, run

LIST = "gpu_tests.txt"  # made with the build: a line for each program, its name and numbers of ranks
SECONDS = 60.0  # of one program
NO_DEVICE = "no CUDA device"  # why tests are skipped that see no GPU
THREADS = {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive"}  # as ctest has them: ranks share cores
WHOLE = "the program as a whole"

BEGIN = re.compile(r"^\[ RUN +\] (\S+)$")
END = re.compile(r"^\[ +(OK|FAILED|SKIPPED) +\] ([^ ,]+)(?:, where .*)? \((\d+) ms\)$")
OUTCOMES = {"OK": "passed", "FAILED": "failed", "SKIPPED": "skipped"}


def test_folder(bin: Path) -> Path:
    """Where the tests are: beside the programs where they were built, in lib/k7 where they are installed."""
    installed = [path.parent for pattern in ("lib*/k7", "lib/*/k7") for path in sorted(bin.parent.glob(f"{pattern}/{LIST}"))]
    return bin if (bin / LIST).exists() or not installed else installed[0]


def programs(folder: Path) -> list[tuple[str, int]]:
    """Names and numbers of ranks of all runs. @throws InputError where the list is not there or not whole"""
    path = folder / LIST
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        if not path.exists():
            raise InputError(path, "is missing", "build K7 with its tests, or name the folder of its programs with --bin") from error
        raise from_os_error(error, path, "read") from error
    runs = [(line.split()[0], int(ranks)) for line in lines for ranks in line.split()[1:]]
    for name, _ in runs:
        if not (folder / name).is_file():
            raise InputError(folder / name, "is missing", f"build the tests that {path} names")
    if not runs:
        raise InputError(path, "names no test", "build K7 again")
    return runs


def run_tests(folder: Path, budget: Budget, say: Callable[[str], None]) -> list[dict[str, Any]]:
    """The part `tests` of the results."""
    tests: list[dict[str, Any]] = []
    for name, ranks in programs(folder):
        done = run([folder / name], SECONDS, budget, ranks, variables=THREADS)
        found = [{"program": name, "ranks": ranks, **case} for case in cases(done)]
        tests += found
        counts = {outcome: sum(case["outcome"] == outcome for case in found) for outcome in ("passed", "failed", "skipped", "left out")}
        say(f"{name}, ranks: {ranks}: " + ", ".join(f"{n} {outcome}" for outcome, n in counts.items() if n) + f" in {done.seconds:.1f} s")
    return tests


def cases(done: Done) -> list[dict[str, Any]]:
    """What became of each test of a program. What it does not account for is one more test, which has failed."""
    found: list[dict[str, Any]] = []
    running, lines = "", []
    for line in done.out.splitlines():
        begin, ended = BEGIN.match(line.rstrip()), END.match(line.rstrip())
        if begin:
            running, lines = begin[1], []
        elif ended and ended[2] == running:
            outcome = OUTCOMES[ended[1]]
            found.append(case(running, outcome, int(ended[3]) / 1000.0, reason(outcome, lines)))
            running = ""
        elif line.strip():
            lines.append(line.strip())
    if done.code is None and done.seconds == 0.0:
        return [case(WHOLE, "left out", 0.0, done.unfinished)]
    if running:
        found.append(case(running, "failed", done.seconds, done.problem() or "did not end"))
    elif done.code != 0 and not any(each["outcome"] == "failed" for each in found):
        found.append(case(WHOLE, "failed", done.seconds, " ".join(of_other_ranks(done)) or done.problem()))
    elif not found:
        found.append(case(WHOLE, "failed", done.seconds, "it has run no test"))
    return found


def case(name: str, outcome: str, seconds: float, why: str) -> dict[str, Any]:
    return {"name": name, "outcome": outcome, "seconds": seconds, "reason": why}


def of_other_ranks(done: Done) -> list[str]:
    return [line for line in done.out.splitlines() if line.startswith("[rank ")][:1]


def reason(outcome: str, lines: list[str]) -> str:
    """Why a test was skipped, or what the first check that failed says; GoogleTest names the place in a line before."""
    if outcome == "passed":
        return ""
    place = next((i for i, line in enumerate(lines) if re.search(r": (Skipped|Failure)$", line)), None)
    if place is None:
        return lines[0] if lines else ""
    said = lines[place + 1:]
    return (said[0] if outcome == "skipped" else " ".join([lines[place], *said])[:400]) if said else lines[place]
