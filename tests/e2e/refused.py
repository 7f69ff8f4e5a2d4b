# SPDX-License-Identifier: Apache-2.0
"""What a refusal looks like, and how tests are made of the tables of refusals."""

from __future__ import annotations

import os
import stat

import programs
import pytest
from programs import Done, ProgramTest
from refusals import Case, Kinds


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
    """Every call of the tables becomes a test on each of its rank counts; see refusals.py for those on several."""
    for table in tables:
        for cases in table.values():
            for case in cases:
                for ranks in case.ranks:
                    is_repeated = ranks > 1 and 1 in case.ranks and case is not cases[0]
                    add_test(tests, case, ranks, pytest.mark.long if is_repeated else None)


def add_test(tests: type[RefusalTest], case: Case, ranks: int, tier: pytest.MarkDecorator | None) -> None:
    def test(self: RefusalTest) -> None:
        case.setup(self.folder)
        before = self.contents()
        done = self.run_here(case.program, *case.arguments.split(), ranks=ranks)
        self.assert_refused(done, case.program, case.fragments, before)

    name = f"test {case.name}, {ranks} rank{'s' if ranks > 1 else ''}"
    if hasattr(tests, name):
        raise AssertionError(f"two cases are called '{name}'")
    setattr(tests, name, tier(test) if tier else test)
