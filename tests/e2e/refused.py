# SPDX-License-Identifier: Apache-2.0
"""What a refusal looks like, and how tests are made of the tables of refusals."""

from __future__ import annotations

import os
import stat
from typing import Any, Callable

import programs
import pytest
from programs import Done, ProgramTest
from refusals import TABLES, Case, Kinds


class RefusalTest(ProgramTest):
    """Knows what a refusal looks like."""

    def assert_refused(self, done: Done, program: str, fragments: tuple[str, ...], before: dict[str, bytes]) -> None:
        self.assert_code(done, 2)
        lines = [line for line in done.err.splitlines() if line.startswith(f"{program}: error:")]
        self.assertEqual(len(lines), 1, str(done))
        self.assertEqual(done.err.count("error:"), 1, str(done))
        for fragment in fragments:
            self.assertRegex(lines[0], fragment, str(done))
        self.assertEqual(sorted(self.contents()), sorted(before), f"files were written or removed\n{done}")
        self.assertEqual(self.contents(), before, f"files were changed\n{done}")
        self.assertTrue(stat.S_ISCHR(os.stat("/dev/full").st_mode))

    def contents(self) -> dict[str, bytes]:
        return {name: (self.folder / name).read_bytes() if (self.folder / name).is_file() else b""
                for name in programs.listing(self.folder)}


def add_cases(tests: type[RefusalTest], *tables: Kinds) -> None:
    """Every call of the tables becomes a test on each of its rank counts."""
    for table in tables:
        for kind, cases in table.items():
            is_new = next(t for t in TABLES if kind in t) is table
            for number, case in enumerate(cases):
                for ranks in case.ranks:
                    add_test(tests, case, ranks, tier_of(case, ranks, number, is_new))


def tier_of(case: Case, ranks: int, number: int, is_new: bool) -> str:
    """The tier of a call, the given one of its kind, which may be new or known from a table before.

    Several ranks refuse as one does, so that one call of each kind shows it. And a program that loads LibTorch takes a
    second to start: one call of each kind, and the others in the tier `long`.
    """
    if any(case is first_call(table) for table in TABLES):
        return "quick"
    if ranks > 1 and 1 in case.ranks:
        return "default" if is_new and number == 0 else "long"
    return "default" if case.program == "k7_spectral" or number == 0 else "long"


def first_call(table: Kinds) -> Case:
    return next(iter(table.values()))[0]


def add_test(tests: type[RefusalTest], case: Case, ranks: int, tier: str) -> None:
    def test(self: RefusalTest) -> None:
        case.setup(self.folder)
        before = self.contents()
        done = self.run_here(case.program, *case.arguments.split(), ranks=ranks)
        self.assert_refused(done, case.program, case.fragments, before)

    name = f"test {case.name}, {ranks} rank{'s' if ranks > 1 else ''}"
    if hasattr(tests, name):
        raise AssertionError(f"two cases are called '{name}'")
    setattr(tests, name, in_tier(tier, test))


def in_tier(tier: str, test: Callable[[Any], None]) -> Callable[[Any], None]:
    """The test with the mark of its tier; the default tier has none."""
    return test if tier == "default" else getattr(pytest.mark, tier)(test)
