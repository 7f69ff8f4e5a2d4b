# SPDX-License-Identifier: Apache-2.0
"""k7_report --compare: several runs on one page."""

from __future__ import annotations

import os
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import run_folder as rf  # noqa: E402
from run_folder import PageChecker, RunFolderTest  # noqa: E402

sys.path.insert(0, str(rf.TOOLS))
from k7_report_lib import compare, results  # noqa: E402


class Comparison(RunFolderTest):
    def setUp(self) -> None:
        super().setUp()
        self.root = self.folder.parent
        self.runs = [rf.make_torsion_run(self.root / "first"), rf.make_torsion_run(self.root / "second")]
        self.out = self.root / "c.html"
        self.folder = self.runs[1]
        self.edit("train.json", lambda t: t["options"].update({"lr": "0.5", "out": "elsewhere"}))
        rf.write_json(self.runs[1] / "spectral.json", rf.spectral_tree(rf.FRAME_FACTOR ** (1 / 7) * rf.metrics(spread=0.05), 0.1313))

    def compare(self, *folders: Path) -> tuple[str, str]:
        done = rf.run("k7_report", "--compare", *folders, "-o", self.out)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout, self.out.read_text(encoding="utf-8")

    def refused(self, *words: object) -> str:
        before = sorted(os.listdir(self.root))
        done = rf.run("k7_report", *words, cwd=self.root)
        self.assertEqual((done.returncode, done.stdout), (2, ""), done.stderr)
        self.assertRegex(done.stderr, r"\Ak7_report: error: [^\n]+\n\Z")
        self.assertEqual(sorted(os.listdir(self.root)), before)
        return done.stderr

    def test_one_table_and_one_picture(self) -> None:
        before = {run: sorted(os.listdir(run)) for run in self.runs}

        out, page = self.compare(*self.runs)

        self.assertRegex(out, r"first: lambda_1 = 0\.9985 \+- 0\.02, NEEDS_REFINEMENT\n.*second: lambda_1 = 0\.1313 \+- 0\.011, PASSED\n"
                              r"wrote .*c\.html\n")
        self.assertEqual({run: sorted(os.listdir(run)) for run in self.runs}, before)
        checker = PageChecker()
        checker.feed(page)
        self.assertEqual((checker.open_tags, checker.sources), ([], []))
        self.assertEqual([plot["aria-label"] for plot in checker.plots], ["λ₁ by method, with error bars", "Training of the runs"])
        for expected in ('<th scope="row">first</th><td class="number">0.999 ± 0.020</td>',
                         '<th scope="row">second</th><td class="number">0.131 ± 0.011</td>', "loss − best constants",
                         '<th scope="row">train.lr</th><td>–</td><td>0.5</td>', "k7_train train</th><td>12.5</td><td>12.5</td>",
                         "k7_spectral eigensolve</th><td>1.1</td><td>1.1</td>"):
            self.assertIn(expected, page)
        for absent in ("train.out", "train.preset"):
            self.assertNotIn(absent, page)
        self.assertNotRegex(page, r"https?:|url\(|@import|<script|<link|<iframe")

    def test_runs_with_little_in_common(self) -> None:
        bare = rf.make_run(self.root / "third", training=False)
        notebook = rf.make_run(self.root / "fourth")
        _, page = self.compare(self.runs[0], bare, notebook)
        self.assertIn('"Training of the runs"', page)
        self.assertIn("fourth</li>", page)
        self.assertNotIn("third</li>", page)
        _, page = self.compare(bare, bare)
        self.assertIn("None of these runs has a training", page)
        self.assertIn("All options that decide what is computed are the same", page)

    def test_text_of_the_runs_is_escaped(self) -> None:
        bad = '"><script>alert(1)</script>'
        named = rf.make_run(self.root / "<b>x")
        self.folder = named
        self.edit("train.json", lambda t: t["options"].update({bad: bad}))
        self.edit("spectral.json", lambda t: t["timing"].update({bad + "_s": 1.0}))
        self.edit("spectral.json", lambda t: t["parallel"].update(blas=bad))
        self.edit("train.json", lambda t: t["parallel"].update(blas=bad))
        _, page = self.compare(self.runs[0], named)
        self.assertNotIn("<script", page)
        self.assertNotIn("<b>x", page)
        self.assertIn("&lt;b&gt;x", page)
        self.assertIn("&lt;script&gt;alert(1)", page)

    def test_bad_runs_are_one_line(self) -> None:
        self.assertIn("nowhere: is missing", self.refused("--compare", self.runs[0], self.root / "nowhere"))
        self.assertIn("has 1 run folders; give 2 to", self.refused("--compare", self.runs[0]))
        self.assertIn("not allowed with", self.refused(self.runs[0], "--compare", *self.runs))
        self.assertIn("belongs to --compare", self.refused(self.runs[0], "-o", self.out))
        self.assertIn("is a file of one of the runs", self.refused("--compare", *self.runs, "-o", self.runs[1] / "spectral.json"))
        self.assertIn("cannot be written", self.refused("--compare", *self.runs, "-o", self.root / "absent" / "c.html"))
        (self.runs[1] / "spectral.json").write_text("{")
        self.assertIn("second/spectral.json: line 1", self.refused("--compare", *self.runs))

    def test_the_page_is_written_here_unless_told_otherwise(self) -> None:
        done = rf.run("k7_report", "-q", "--compare", "first", "second", cwd=self.root)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
        self.assertTrue((self.root / compare.PAGE).is_file())

    def test_names_that_tell_runs_apart(self) -> None:
        rf.make_run(self.root / "a" / "run")
        rf.make_run(self.root / "b" / "run")
        runs = [results.read_run(self.root / name) for name in ("a/run", "b/run", "first")]
        self.assertEqual(compare.names_of(runs)[:2], ["a/run", "b/run"])
        self.assertEqual(len(set(compare.names_of([runs[0], runs[0]]))), 2)


if __name__ == "__main__":
    unittest.main()
