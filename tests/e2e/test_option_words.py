# SPDX-License-Identifier: Apache-2.0
"""The words of the command line and of config files: each that makes no sense ends with exit code 2 and one line
that names it and says what would be right; others mean what a reader expects."""

from __future__ import annotations

import json
import os
import unittest
from typing import Any

from programs import Done, ProgramTest, write_samples


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

    def config(self, text: str | bytes) -> list[str]:
        path = self.folder / "c.toml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return ["s.h5", "--config", "c.toml"]

    def refused_config(self, text: str | bytes, *fragments: str) -> None:
        self.refused("k7_spectral", self.config(text), "c.toml: line ", *fragments)

    # ---- Config files ----------------------------------------------------------------------------------------

    def test_unknown_keys(self) -> None:
        self.refused_config("# first\nneighbours = 8\n", "line 2: 'neighbours' is not an option",
                            "did you mean neighbors?")
        self.refused_config("frobnicate = 8\n", "line 1: 'frobnicate' is not an option", "any long option is a key")
        self.refused_config("config = 'd.toml'\n", "line 1: 'config'")
        self.refused_config("help = true\n", "line 1: 'help'")

    def test_broken_toml(self) -> None:
        for text, fragment in (("nonsense\n", "line 1: 'nonsense' is not of the form key = value"),
                               ("seed = 1\nout = \"abc\n", "line 2: a text that begins with \" has no end"),
                               ("seed = 1\n\nout = [1,\n2,\n", "line 3: the list that begins here has no end"),
                               ("out = [1 2]\n", "line 1: '2]': a comma or ]"),
                               ("[[x]]\nseed = 1\n", "line 1: '[[x]]': sections"),
                               ("[spectral]\n", "line 1: '[spectral]': sections"),
                               ("out = '''a\nb'''\n", "line 1: texts of several lines"),
                               ("out = a b\n", "line 1: 'b' follows the value of out"),
                               ("out = 'a' 'b'\n", "line 1: \"b\"".replace('"b"', "''b'' follows")),
                               ("= 3\n", "line 1: '' is not an option"),
                               ("out =\n", "line 1: out needs a value")):
            self.refused_config(text, fragment)

    def test_values_in_a_file(self) -> None:
        self.refused_config("\n\nneighbors = 'abc'\n", "line 3: neighbors: 'abc' is not a number")
        self.refused_config("neighbors = [1, 2]\n", "line 1: neighbors: takes one value")
        self.refused_config("method = 'grap'\n", "line 1: method: 'grap' is none of", "did you mean graph?")
        self.refused_config("extrapolate = 3\n", "line 1: extrapolate: '3' is neither true nor false")
        self.refused_config("out = ''\n", "line 1: out needs a value")

    def test_a_key_twice(self) -> None:
        self.refused_config("seed = 1\n\nseed = 2\n", "line 3: seed is given twice, first in line 1")
        self.refused_config("neighbors = 8\nk = 9\n", "line 2: k is given twice, first in line 1")

    def test_text_of_files_is_escaped(self) -> None:
        self.refused_config(b"a\x1b[31mb = 1\n", r"'a\x1b[31mb'")
        self.refused_config("method = '" + "x" * 100000 + "'\n", "xxx...'")
        self.refused_config("y" * 100000 + "\n", "yyy...'")

    def test_no_config_files(self) -> None:
        (self.folder / "folder").mkdir()
        os.mkfifo(self.folder / "pipe")
        (self.folder / "huge").write_text("#" * (1 << 20) + "\n")
        for name, fragment in (("absent", "No such file"), ("folder", "folder"), ("pipe", ""), ("huge", "1 MiB")):
            self.refused("k7_spectral", ["s.h5", "--config", name], name, fragment)
        self.refused("k7_spectral", ["s.h5", "--config", "/dev/zero"], "/dev/zero")

    # ---- The command line ------------------------------------------------------------------------------------

    def test_unknown_options(self) -> None:
        self.refused("k7_train", ["--epoch", "3"], "--epoch is not an option; did you mean --epochs?")
        self.refused("k7_train", ["--frobnicate"], "--frobnicate is not an option;")
        self.refused("k7_spectral", ["s.h5", "-method", "graph"], "-method is not an option; did you mean --method?")
        self.refused("k7_sample", ["-x"], "-x is not an option")
        self.refused("k7_torsion", ["--feilds=x"], "--feilds is not an option; did you mean --fields?")

    def test_given_twice(self) -> None:
        self.refused("k7_spectral", ["s.h5", "--seed", "1", "--seed", "2"], "--seed is given twice")
        self.refused("k7_spectral", ["s.h5", "-k", "8", "--neighbors=9"], "--neighbors is given twice",
                     "-k is the same option")
        self.refused("k7_spectral", ["s.h5", "--extrapolate", "--extrapolate"], "--extrapolate is given twice")
        self.refused("k7_train", ["--hidden", "8", "--hidden", "9"], "--hidden is given twice")
        self.refused("k7_train", ["--images", "--no-images"], "--no-images is given twice")
        self.refused("k7_sample", ["-N5", "-N=6"], "-N is given twice")

    def test_wrong_numbers(self) -> None:
        whole = [("k7_spectral", ["s.h5"], "-k"), ("k7_train", [], "--epochs"), ("k7_sample", [], "--points"),
                 ("k7_torsion", [], "-N")]
        for program, words, option in whole:
            for value, text in (("1.5", "'1.5' is not a whole number"), ("abc", "'abc' is not a number"),
                                ("1e400", "'1e400' is too large; at most "), ("-3", "'-3' is too small; at least 1")):
                self.refused(program, [*words, option, value], f"{option}: {text}")
        self.refused("k7_sample", ["--seed", "1e20"], "--seed: '1e20' is too large; at most 1.8e+19")
        self.refused("k7_train", ["--lr", "1e400"], "--lr: '1e400' is too large")
        self.refused("k7_train", ["--hidden", "8,,8"], "--hidden: '' is not a number")

    def test_wrong_real_numbers(self) -> None:
        for program, words, option in (("k7_spectral", ["s.h5"], "--h-star"), ("k7_sample", [], "--radii")):
            for value, text in (("1e400", "is too large"), ("-1", "is too small; a number above 0"),
                                ("1e-400", "is too small"), ("nan", "is not a number"), ("1x", "is not a number")):
                self.refused(program, [*words, option, value], f"{option}: '{value}' {text}")


    def test_missing_words(self) -> None:
        self.refused("k7_spectral", [], "no samples are given: k7_spectral SAMPLES.h5")
        self.refused("k7_spectral", ["s.h5", "-k"], "-k needs a value")
        self.refused("k7_spectral", ["s.h5", "--out", "--seed", "1"], "--out needs a value")
        for words in (["--out="], ["--out", ""], ["-o="], ["-o", ""]):
            self.refused("k7_spectral", ["s.h5", *words], f"{words[0].rstrip('=')} needs a value")
        self.refused("k7_spectral", [""], "an empty word")

    def test_words_too_many(self) -> None:
        self.refused("k7_spectral", ["s.h5", "other.h5"], "'other.h5' is one word too many", "'s.h5'")
        self.refused("k7_train", ["--epochs", "2", "word"], "'word' is one word too many")
        self.refused("k7_sample", ["--", "-eps_view"], "nothing may follow --")

    def test_choices(self) -> None:
        self.refused("k7_spectral", ["s.h5", "--method", "magic"], "--method: 'magic' is none of graph, ")
        self.refused("k7_train", ["--preset", "nek"], "'nek' is none of", "did you mean neck?")
        self.refused("k7_spectral", ["s.h5", "--method", "a\x1b[31m"], r"--method: 'a\x1b[31m' is none of")
        self.refused("k7_spectral", ["s.h5", "--extrapolate=maybe"], "--extrapolate: 'maybe' is neither true nor false")

    def test_exclusions(self) -> None:
        self.refused("k7_sample", ["--model", "m.h5", "--radii", "1,1,1"], "--model and --radii exclude each other")
        self.refused("k7_torsion", ["--fields", "f.h5", "-N", "5"], "--fields and -N (--points) exclude each other")

    def test_on_three_ranks(self) -> None:
        self.refused("k7_spectral", [*self.config("neighbours = 1\n")], "did you mean neighbors?", ranks=3)

    def test_help_tells_root_what_mpirun_wants(self) -> None:
        for program in ("k7_spectral", "k7_train", "k7_sample", "k7_torsion"):
            done = self.run_here(program, "--help")
            self.assert_code(done, 0)
            self.assertIn("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1", done.out.splitlines()[-1])


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
