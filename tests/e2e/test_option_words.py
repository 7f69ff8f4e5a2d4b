# SPDX-License-Identifier: Apache-2.0
"""The words of the command line and of config files: each that makes no sense ends with exit code 2 and one line
that names it and says what would be right; others mean what a reader expects.

The words that are refused are in tests/data/refusals.json: kinds of mistakes, and for each the program, its words, the
text of the config file c.toml if they name it, and what the line must hold.
"""

from __future__ import annotations

import json
import os
import unittest
from typing import Any

from programs import ROOT, Done, ProgramTest, write_samples
from refused import in_tier

REFUSALS: dict[str, list[dict[str, Any]]] = json.loads((ROOT / "tests" / "data" / "refusals.json").read_text())


class OptionWords(ProgramTest):
    """Everything here ends before the work begins, and needs no sample file."""

    def refused(self, program: str, words: list[str], *fragments: str, ranks: int = 1) -> Done:
        with self.subTest(program=program, words=words):
            before = sorted(os.listdir(self.folder))
            done = self.run_here(program, *words, ranks=ranks)
            self.assert_code(done, 2)
            lines = done.err.splitlines()
            self.assertEqual(len([line for line in lines if "error:" in line]), 1, str(done))
            line = next(line for line in lines if "error:" in line)
            self.assertTrue(line.endswith(f"; see {program} --help"), str(done))
            self.assertLess(len(line), 300, str(done))
            self.assertNotIn("\x1b", done.err)
            for fragment in fragments:
                self.assertIn(fragment, line, str(done))
            self.assertEqual(sorted(os.listdir(self.folder)), before, str(done))
        return done

    def write_config(self, text: str) -> None:
        (self.folder / "c.toml").write_bytes(text.encode())

    def test_long_texts_of_files_are_cut(self) -> None:
        for text, fragment in (("method = '" + "x" * 100000 + "'\n", "xxx...'"), ("y" * 100000 + "\n", "yyy...'")):
            self.write_config(text)
            self.refused("k7_spectral", ["s.h5", "--config", "c.toml"], "c.toml: line ", fragment)

    def test_no_config_files(self) -> None:
        (self.folder / "folder").mkdir()
        os.mkfifo(self.folder / "pipe")
        (self.folder / "huge").write_text("#" * (1 << 20) + "\n")
        for name, fragment in (("absent", "No such file"), ("folder", "folder"), ("pipe", ""), ("huge", "1 MiB")):
            self.refused("k7_spectral", ["s.h5", "--config", name], name, fragment)
        self.refused("k7_spectral", ["s.h5", "--config", "/dev/zero"], "/dev/zero")

    def test_help_tells_root_what_mpirun_wants(self) -> None:
        for program in ("k7_spectral", "k7_train", "k7_sample", "k7_torsion"):
            done = self.run_here(program, "--help")
            self.assert_code(done, 0)
            self.assertIn("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1", done.out.splitlines()[-1])


def add_test(kind: str, number: int, ranks: int, tier: str) -> None:
    """Makes a refusal a test of OptionWords."""
    call = REFUSALS[kind][number]

    def test(self: OptionWords) -> None:
        if "config" in call:
            self.write_config(call["config"])
        self.refused(call["program"], call["words"], *call["line"], ranks=ranks)

    name = f"test {kind} {number}, {ranks} rank{'s' if ranks > 1 else ''}"
    setattr(OptionWords, name, in_tier(tier, test))


def add_tests(kind: str) -> None:
    """One of each kind is in the tier `quick`. A program that loads LibTorch takes a second to start: one call of each,
    and the others in the tier `long`."""
    seen = set()
    for number, call in enumerate(REFUSALS[kind]):
        is_slow = call["program"] != "k7_spectral" and call["program"] in seen
        seen.add(call["program"])
        add_test(kind, number, 1, "quick" if number == 0 else "long" if is_slow else "default")
    add_test(kind, 0, 3, "quick")


for name in REFUSALS:
    add_tests(name)


class OptionMeanings(ProgramTest):
    """Words that look odd and are right."""

    def options(self, *words: str, out: str = "out.json") -> dict[str, Any]:
        if not (self.folder / "s.h5").exists():
            write_samples(self.folder / "s.h5", 60)
        self.assert_code(self.run_here("k7_spectral", "s.h5", "--method", "notebook", *words), 0)
        tree: dict[str, Any] = json.loads((self.folder / out).read_text())["options"]
        return tree

    def test_whole_numbers_and_equals_signs(self) -> None:
        options = self.options("-k", "0.8e1", "-n5", "--seed=100000.0", "-o=1d5", "-vvq", out="1d5")
        self.assertEqual((options["neighbors"], options["eigenvalues"], options["seed"]), ("8", "5", "100000"))
        self.assertEqual(options["out"], "1d5")

    def test_command_line_wins_over_a_file_of_windows(self) -> None:
        (self.folder / "c.toml").write_bytes(
            b'\xef\xbb\xbf# a comment\r\nneighbors = 9\r\neigenvalues = 5 # five\r\n\r\nout = "out.json"\r\n'
            b'seed = 1_000\r\nextrapolate = false')
        options = self.options("--config", "c.toml", "-k", "8")
        self.assertEqual((options["neighbors"], options["eigenvalues"], options["seed"]), ("8", "5", "1000"))
        self.assertIs(options["extrapolate"], False)

    def test_lists_in_a_file(self) -> None:
        (self.folder / "c.toml").write_text("radii = [1.0, # first\n  2,\n  3.5,\n]\npoints = 1e1\nout = 'x.h5'\n")
        self.assert_code(self.run_here("k7_sample", "--config", "c.toml"), 0)
        self.assertTrue((self.folder / "x.h5").exists())


if __name__ == "__main__":
    unittest.main()
