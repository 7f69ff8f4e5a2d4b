# SPDX-License-Identifier: Apache-2.0
"""What k7_report writes. Run: /usr/bin/python3 -m unittest discover -s tests/tools"""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import struct
import sys
import tempfile
import unittest
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
import run_folder as rf  # noqa: E402
from run_folder import CONTRACT_KEYS, PageChecker, RunFolderTest  # noqa: E402

sys.path.insert(0, str(rf.TOOLS))
from k7_report_lib import __version__, results  # noqa: E402

OUTPUTS = ("results.json", "results.png", "results.html")


@pytest.mark.quick
class GoodRun(RunFolderTest):
    def test_results_hold_the_contract_and_the_inputs(self) -> None:
        rf.make_run(self.folder)

        done = rf.run("k7_report", self.folder)

        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("NEEDS_REFINEMENT: lambda_1 H* = 98.85", done.stdout)
        tree, train = self.results(), json.loads((self.folder / "train.json").read_text())
        spectral = json.loads((self.folder / "spectral.json").read_text())
        for section, keys in CONTRACT_KEYS.items():
            self.assertLessEqual(keys, tree[section].keys(), section)
        for section in ("metric", "spectral", "validation", "constants"):
            self.assertEqual(tree[section], spectral[section])
        self.assertEqual(tree["model"], train["model"])
        self.assertEqual(tree["training"], train["training"] | {"torsion_closed": None, "torsion_coclosed": None})
        for section in ("timing", "parallel", "options"):
            self.assertEqual({part: tree[section][part] for part in ("train", "spectral")},
                             {"train": train[section], "spectral": spectral[section]})
        for key in ("ranks", "threads", "device", "comm", "blas"):
            self.assertEqual(tree["parallel"][key], train["parallel"][key])
        self.assertEqual(tree["files"], {"model": "best.h5", "samples": "samples.h5", "history": "history.csv",
                                         "figure": "results.png", "page": "results.html"})
        self.assertEqual(tree["metadata"]["train"]["git"], "abc1234")
        self.assertRegex(tree["metadata"]["timestamp"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")

    def test_nothing_else_is_left_and_files_are_readable_by_others(self) -> None:
        rf.make_run(self.folder)
        before = set(os.listdir(self.folder))

        rf.run("k7_report", self.folder, umask=0o022)

        self.assertEqual(set(os.listdir(self.folder)) - before, set(OUTPUTS))
        self.assertEqual({(self.folder / name).stat().st_mode & 0o777 for name in OUTPUTS}, {0o644})

    def test_figure_is_a_png_of_the_promised_size(self) -> None:
        rf.make_run(self.folder)

        rf.run("k7_report", self.folder)

        data = (self.folder / "results.png").read_bytes()
        self.assertEqual(data[:8], b"\x89PNG\r\n\x1a\n")
        self.assertEqual(struct.unpack(">II", data[16:24]), (1800, 1500))

    def test_without_training(self) -> None:
        rf.make_run(self.folder, training=False, metric=rf.metrics(50, spread=0))

        done = rf.run("k7_report", self.folder, "-q")

        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
        tree = self.results()
        self.assertIsNone(tree["model"])
        self.assertIsNone(tree["training"])
        self.assertIsNone(tree["timing"]["train"])
        self.assertEqual(set(tree["files"]), {"samples", "figure", "page"})
        page = (self.folder / "results.html").read_text()
        self.assertIn("No training in this run folder", page)
        self.assertEqual((page.count('<svg class="plot"'), page.count("How to read this:")), (4, 2))

    def test_extra_keys_are_carried_through(self) -> None:
        rf.make_run(self.folder)
        self.edit("train.json", lambda t: t.update(torsion={"tau0": 0.5}))
        self.edit("train.json", lambda t: t["training"].update(torsion_closed=0.25, note="late"))
        self.edit("spectral.json", lambda t: t["spectral"].update(bandwidth=0.1))

        rf.run("k7_report", self.folder)

        tree = self.results()
        self.assertEqual(tree["torsion"], {"train": {"tau0": 0.5}, "spectral": None})
        self.assertEqual((tree["training"]["torsion_closed"], tree["training"]["note"]), (0.25, "late"))
        self.assertEqual(tree["spectral"]["bandwidth"], 0.1)

    def test_the_sparsest_spectrum_and_one_epoch_are_enough(self) -> None:
        rf.make_run(self.folder, metric=rf.metrics(1))
        rf.write_samples(self.folder / "samples.h5", rf.metrics(1), attributes=False)
        rows = rf.history_rows(1)
        rf.write_history(self.folder / "history.csv", rows)
        training = {"epochs": 1, "final_loss": rows[0][1], "final_torsion": rows[0][2]}
        self.edit("train.json", lambda t: t["training"].update(training))
        for key in ("error", "extrapolated", "residual", "method", "n_components", "k", "n_points", "zero_modes"):
            self.edit("spectral.json", lambda t: t["spectral"].pop(key))

        self.assertEqual(rf.run("k7_report", self.folder).returncode, 0)


class TorsionRun(RunFolderTest):
    """Runs of the torsion objective, whose train.json and history.csv hold more."""

    def test_results_hold_what_train_json_holds(self) -> None:
        rf.make_torsion_run(self.folder)

        done = rf.run("k7_report", self.folder)

        self.assertEqual((done.returncode, done.stderr), (0, ""))
        tree, train = self.results(), json.loads((self.folder / "train.json").read_text())
        for section, keys in CONTRACT_KEYS.items():
            self.assertLessEqual(keys, tree[section].keys(), section)
        self.assertEqual(tree["training"], train["training"])
        self.assertLessEqual({"torsion_closed", "torsion_coclosed", "left_invariant", "best_form"},
                             tree["training"].keys())
        page = (self.folder / "results.html").read_text()
        for expected in ("<h2>Best form</h2>", "says nothing without cond g beside it", "over 20,000 fresh points",
                         "<h2>Best constant coefficients</h2>", "found by 9 of 16 starts", "length⁻²", "length⁷",
                         "det g in this frame over det g in the learned coframe</th><td>3.72261",
                         "target of det g in this frame</th><td>7.56155"):
            self.assertTrue(expected in page, expected)
        for label in ("|dφ|²", "|d⋆φ|²", "|τ₀|²", "|τ₁|²", "|τ₂|²", "|τ₃|²"):
            self.assertIn(f'<th scope="row">{label}</th><td>length⁻²</td><td class="number">2</td>'
                          '<td class="number">3</td>', page)
        for label in ("det g", "cond g", "tr g/7"):
            self.assertIn(f'<th scope="row">{label}</th><td>1</td><td class="number">2</td><td class="number">3</td>'
                          '<td class="number">1.5</td>', page)
        self.assertNotIn("asked for no value of det g", page)
        self.assertNotIn("distance to the standard form", page)
        self.assertEqual(page.count("How to read this:"), 4)

    def test_the_best_loss_beside_that_of_the_constants(self) -> None:
        rf.make_torsion_run(self.folder)
        for best, part in ((29.75, "29.75, is 0.25 above"), (29.25, "29.25, is 0.25 below")):
            self.edit("train.json", lambda t: t["training"].update(best_loss=best))

            self.assertEqual(rf.run("k7_report", self.folder).returncode, 0)

            self.assertIn(part, (self.folder / "results.html").read_text())

    def test_a_known_solution_and_no_target_of_det_g(self) -> None:
        rf.make_torsion_run(self.folder)
        exact = {"volume_error": 1e-4, "length_error": 2e-4, "metric_error_rms": 3e-3, "metric_error_max": None}
        self.edit("train.json", lambda t: t["training"]["best_form"].update(exact=exact))
        self.edit("train.json", lambda t: t["training"].pop("left_invariant"))
        self.edit("train.json", lambda t: t["options"].update({"manifold": "interval-s3xs3", "lambda-det": "0"}))

        self.assertEqual(rf.run("k7_report", self.folder).returncode, 0)

        page = (self.folder / "results.html").read_text()
        for expected in ("Against the known solution", "length of the r-lines</th><td>0.0002", "asked for no value of"):
            self.assertIn(expected, page)
        self.assertNotIn("Best constant coefficients", page)
        self.assertNotIn("learned coframe</th>", page)

    def test_a_form_that_is_nowhere_positive(self) -> None:
        rf.make_torsion_run(self.folder)
        form = {"points": 20000, "positive_fraction": 0.0}
        self.edit("train.json", lambda t: t["training"].update(best_form=form, left_invariant=None))

        self.assertEqual(rf.run("k7_report", self.folder).returncode, 0)

        self.assertEqual(self.results()["training"]["best_form"], form)

    def test_the_notebook_has_none_of_it(self) -> None:
        rf.make_run(self.folder)

        rf.run("k7_report", self.folder)

        page = (self.folder / "results.html").read_text()
        for absent in ("Best form", "Best constant coefficients", "learned coframe", "asked for no value of det g"):
            self.assertNotIn(absent, page)
        self.assertIn("the notebook's torsion term is a distance to the standard form", page)

    def test_parts_of_the_torsion_that_contradict_the_history(self) -> None:
        for key in ("torsion_closed", "torsion_coclosed"):
            with self.subTest(key):
                rf.make_torsion_run(self.folder)
                self.edit("train.json", lambda t: t["training"].update({key: 7.5}))
                self.assert_refused(f"train.json: key training.{key}: is 7.5 and the last row of history.csv has")


class Verdicts(RunFolderTest):
    def test_thresholds_of_the_notebook(self) -> None:
        for deviation, status in ((0.0, "PASSED"), (4.9999, "PASSED"), (5.0, "PARTIAL"), (14.9999, "PARTIAL"),
                                  (15.0, "NEEDS_REFINEMENT"), (660.0, "NEEDS_REFINEMENT")):
            self.assertEqual(results.status_of(deviation), status)

    def test_deviation_is_relative_to_the_target_in_percent(self) -> None:
        found = results.verdict(lambda_1=0.12, h_star=99, target=13)

        self.assertAlmostEqual(found.product, 11.88)
        self.assertAlmostEqual(found.deviation_percent, 100 * 1.12 / 13)
        self.assertEqual(found.status, "PARTIAL")

    def test_each_verdict_is_reported(self) -> None:
        rf.make_run(self.folder, training=False)
        for lambda_1, status in ((0.1313, "PASSED"), (0.12, "PARTIAL"), (0.3, "NEEDS_REFINEMENT")):
            rf.write_json(self.folder / "spectral.json", rf.spectral_tree(rf.metrics(), lambda_1))

            self.assertEqual(rf.run("k7_report", self.folder).returncode, 0)

            self.assertEqual(self.results()["validation"], {"passed": status == "PASSED", "status": status})
            self.assertIn(f'class="verdict {status}"', (self.folder / "results.html").read_text())

    def test_the_limit_is_judged_where_there_is_one(self) -> None:
        rf.make_run(self.folder, training=False)
        tree = rf.spectral_tree(rf.metrics(), 0.12)
        tree["spectral"]["limit"] = {"lambda_1": 0.1313, "error": 0.002, "lambda1_times_Hstar": 0.1313 * 99,
                                     "deviation_percent": abs(0.1313 * 99 - 13) / 13 * 100, "obstacle": ""}
        tree["validation"] = {"passed": True, "status": "PASSED", "basis": "limit"}
        rf.write_json(self.folder / "spectral.json", tree)

        done = rf.run("k7_report", self.folder)
        self.assertEqual(done.returncode, 0)
        self.assertIn("PASSED: lambda_1 H* of the limit k, N -> infinity = 12.9987, prediction 13, 0.01 % apart", done.stdout)

        page = (self.folder / "results.html").read_text()
        self.assertIn('class="verdict PASSED"', page)
        self.assertIn("λ₁ (limit k, N → ∞) = 0.1313 ± 0.002", page)

        tree["validation"] = {"passed": False, "status": "PARTIAL", "basis": "limit"}  # what the graph alone gives
        rf.write_json(self.folder / "spectral.json", tree)
        self.assert_refused("key validation.status: is PARTIAL but", "lambda_1 = 0.1313", "give PASSED")

        tree["spectral"]["limit"]["deviation_percent"] = 7.0
        rf.write_json(self.folder / "spectral.json", tree)
        self.assert_refused("key spectral.limit.deviation_percent: is 7")

        del tree["spectral"]["limit"]["lambda_1"]
        rf.write_json(self.folder / "spectral.json", tree)
        self.assert_refused("key spectral.limit.lambda_1")

    def limits_by(self, method: str | None, basis: str = "limit") -> tuple[str, str]:
        """Summary and page of a run whose lambda_1 was judged by that method."""
        tree = rf.spectral_tree(rf.metrics(), 0.12)
        size = len(tree["spectral"]["eigenvalues"])
        limit = 0.1313 if basis == "limit" else 0.12
        tree["spectral"] |= {
            "limit": {"lambda_1": limit, "error": 0.002, "lambda1_times_Hstar": limit * 99,
                      "deviation_percent": abs(limit * 99 - 13) / 13 * 100, "obstacle": ""},
            "extrapolated": [0.0, limit, limit, *[None] * (size - 3)], "error": [0.0, 0.002, 0.002, *[None] * (size - 3)],
            "multiplets": [{"first": 1, "count": 2, "method": method}, {"first": 3, "count": 1e9, "method": "graph"}]}
        status = "PASSED" if basis == "limit" else "PARTIAL"
        tree["validation"] = {"passed": status == "PASSED", "status": status, "basis": basis, "method": method}
        if method is None:
            del tree["validation"]["method"], tree["spectral"]["multiplets"]
        rf.write_json(self.folder / "spectral.json", tree)
        done = rf.run("k7_report", self.folder)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout.splitlines()[0], (self.folder / "results.html").read_text()

    def test_the_judged_value_is_called_by_its_method(self) -> None:
        rf.make_run(self.folder, training=False)
        for method, basis, words, names in (("ritz", "limit", "by Rayleigh-Ritz", "λ₁ (Rayleigh–Ritz)"),
                                            ("graph", "limit", "of the graphs' limit k, N", "λ₁ (limit of graphs"),
                                            ("both", "limit", "between graphs and Rayleigh-Ritz", "disagree"),
                                            ("graph", "graph", "of one graph", "λ₁ (one graph)"),
                                            ("notebook", "graph", "of the notebook's matrix", "notebook's matrix"),
                                            (None, "limit", "of the limit k, N", "λ₁ (limit k, N")):
            with self.subTest(method=method, basis=basis):
                summary, page = self.limits_by(method, basis)
                self.assertIn(f"lambda_1 H* {words}", summary)
                verdict = page[page.index('class="verdict'):page.index("K7 reports what it finds")]
                self.assertIn(names, verdict)
                self.assertEqual("k, N" in summary, method is None or (method, basis) == ("graph", "limit"))
                self.assertEqual("k, N →" in verdict, method is None or (method, basis) == ("graph", "limit"))
                self.assertEqual(page.count(f'<td class="number">{method}</td>'), 2 if method else 0)

    def test_a_method_of_later_versions_is_told_as_it_is(self) -> None:
        rf.make_run(self.folder, training=False)
        summary, page = self.limits_by("<b>new")
        self.assertNotIn("<b>new", page)
        self.assertEqual(page.count("&lt;b&gt;new</td>"), 2)

    def test_the_bounds_of_a_constant_metric_stand_beside_the_eigenvalues(self) -> None:
        rf.make_run(self.folder, training=False)
        tree = rf.spectral_tree(rf.metrics())
        values = [0.0, 0.99, 0.99, *[3.0] * 4, 3.96, 3.96]
        witness = {"metric": [[1.0] * 7] * 7, "eigenvalues": values, "lower": [0.98765 * v for v in values],
                   "upper": [1.02 * v for v in values], "over": "samples"}
        tree["spectral"]["constant_metric"] = witness
        rf.write_json(self.folder / "spectral.json", tree)

        self.assertEqual(rf.run("k7_report", self.folder).returncode, 0)

        self.assertEqual(self.results()["spectral"]["constant_metric"], witness)
        page = (self.folder / "results.html").read_text()
        for title in ("constant metric", "at least", "at most"):
            self.assertIn(f'<th scope="col" class="number">{title}</th>', page)
        self.assertIn("prove nothing between them", page)
        self.assertIn(f'<td class="number">{0.98765 * 0.99:.6g}</td>', page)

        witness["lower"] = values[1:]
        rf.write_json(self.folder / "spectral.json", tree)
        self.assert_refused("key spectral.constant_metric.lower: has 8 entries and spectral.eigenvalues has 9")
        del witness["lower"]
        rf.write_json(self.folder / "spectral.json", tree)
        self.assert_refused("key spectral.constant_metric.lower: is missing")
        tree["spectral"]["constant_metric"] = [1]
        rf.write_json(self.folder / "spectral.json", tree)
        self.assert_refused("key spectral.constant_metric: is [1]")

    def test_without_a_constant_metric_the_page_says_nothing_of_one(self) -> None:
        rf.make_run(self.folder, training=False)

        self.assertEqual(rf.run("k7_report", self.folder).returncode, 0)

        self.assertNotIn("at least", (self.folder / "results.html").read_text())

    def test_an_eigensolver_that_did_not_converge_cannot_pass(self) -> None:
        rf.make_run(self.folder, training=False)
        tree = rf.spectral_tree(rf.metrics(), 0.1313)
        tree["spectral"]["converged"] = False
        rf.write_json(self.folder / "spectral.json", tree)
        self.assert_refused("key validation.status: is PASSED but", "give PARTIAL")
        tree["validation"] = {"passed": False, "status": "PARTIAL"}
        rf.write_json(self.folder / "spectral.json", tree)

        self.assertEqual(rf.run("k7_report", self.folder).returncode, 0)

        self.assertIn("The eigensolver did not converge", (self.folder / "results.html").read_text())

    def test_contradictions(self) -> None:
        rf.make_run(self.folder)
        cases: list[tuple[str, str, Any]] = [
            ("spectral", "deviation_percent", 4.0), ("spectral", "lambda1_times_Hstar", 13.0),
            ("spectral", "target", 12), ("validation", "status", "PASSED"), ("validation", "passed", True),
        ]
        for section, key, value in cases:
            with self.subTest(key=key):
                tree = rf.spectral_tree(rf.metrics())
                tree[section][key] = value
                rf.write_json(self.folder / "spectral.json", tree)
                self.assert_refused(f"spectral.json: key {section}.{key}: is ", "but", "run k7_spectral again")


class Page(RunFolderTest):
    def page(self) -> str:
        done = rf.run("k7_report", self.folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        return (self.folder / "results.html").read_text(encoding="utf-8")

    def test_self_contained_and_well_formed(self) -> None:
        rf.make_run(self.folder)

        page = self.page()

        checker = PageChecker()
        checker.feed(page)
        self.assertEqual(checker.open_tags, [])
        self.assertNotRegex(page, r"https?:|url\(|@import|<script|<link|<iframe")
        self.assertEqual(checker.sources, [])
        self.assertEqual(len(checker.plots), 6)
        for plot in checker.plots:
            self.assertEqual((plot["role"], plot["viewbox"].split()[:3]), ("img", ["0", "0", "480"]))
            self.assertTrue(plot["aria-label"])
        self.assertLess(page.index('class="verdict'), page.index("<figure>"))
        self.assertEqual(page.count("How to read this:"), 4)
        self.assertIn("prefers-color-scheme: dark", page)
        for expected in ("K7 reports what it finds", "eigensolve", "peak_memory_mib", "lambda.torsion", "λ₈", "2.97"):
            self.assertIn(expected, page)

    def test_text_from_the_run_is_escaped(self) -> None:
        self.folder = self.folder.with_name("run <b>&")
        rf.make_run(self.folder)
        bad = '"><script>alert(1)</script>'
        self.edit("train.json", lambda t: t["model"].update(activation=bad))
        self.edit("train.json", lambda t: t["options"].update({bad: [bad, {bad: bad}]}))
        self.edit("spectral.json", lambda t: t["spectral"].update(method=bad))
        self.edit("spectral.json", lambda t: t["metadata"].update(program=bad))
        self.edit("spectral.json", lambda t: t["timing"].update({bad: bad}))
        self.edit("spectral.json", lambda t: t["parallel"].update(blas=bad))

        page = self.page()

        self.assertNotIn("<script", page)
        self.assertIn("&lt;script&gt;alert(1)", page)
        self.assertIn("run &lt;b&gt;&amp;", page)

    def test_warnings(self) -> None:
        rf.make_run(self.folder)
        self.edit("spectral.json", lambda t: t["spectral"].update(method="notebook", n_components=3))
        self.edit("train.json", lambda t: t["training"].update(stopped="signal"))

        page = self.page()

        for expected in ("does not scale with the metric", "3 connected parts", "stopped by a signal"):
            self.assertIn(expected, page)
        self.assertNotIn("did not converge", page)


class FailingWrites(RunFolderTest):
    def test_a_full_disk_leaves_the_older_results(self) -> None:
        rf.make_run(self.folder)
        for name in OUTPUTS:
            (self.folder / name).write_text(f"older {name}")
        before = sorted(os.listdir(self.folder))

        done = rf.run("k7_report", self.folder, preexec_fn=limit_file_size)

        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertRegex(done.stderr,
                         r"\Ak7_report: error: .*results\.png: cannot be written \(File too large\); .*\n\Z")
        self.assertEqual(sorted(os.listdir(self.folder)), before)
        for name in OUTPUTS:
            self.assertEqual((self.folder / name).read_text(), f"older {name}")

    def test_older_results_are_replaced(self) -> None:
        rf.make_run(self.folder)
        (self.folder / "results.json").write_text("older")

        self.assertEqual(rf.run("k7_report", self.folder).returncode, 0)

        self.assertEqual(self.results()["constants"]["H_star"], 99)

    def test_a_missing_library_is_one_line(self) -> None:
        rf.make_run(self.folder, training=False)
        before = sorted(self.folder.iterdir())
        for library in ("h5py", "numpy", "matplotlib"):
            with tempfile.TemporaryDirectory(prefix="k7_report_test.") as name:
                (Path(name) / f"{library}.py").write_text(f"raise ImportError('no {library}')\n")
                with mock.patch.dict(os.environ, PYTHONPATH=name):
                    done = rf.run("k7_report", self.folder)
            self.assertEqual((done.returncode, done.stdout), (2, ""))
            self.assertRegex(done.stderr, rf"\Ak7_report: error: {library}: is missing for [^\n]+; install it with apt "
                                          rf"install python3-{library} or pip install {library}\n\Z")
            self.assertEqual(sorted(self.folder.iterdir()), before)


def limit_file_size() -> None:
    """Lets no file grow beyond 20 000 bytes: the figure fails, results.json alone would not."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))


class CommandLine(unittest.TestCase):
    def test_help_and_version(self) -> None:
        for program in ("k7_report", "npy_to_hdf5.py", "hdf5_to_npy.py"):
            text = rf.run(program, "--help").stdout
            for expected in ("example:", "exit codes:", "--version", "--quiet"):
                self.assertIn(expected, text)
            self.assertEqual(rf.run(program, "--version").stdout, f"{program} {__version__}\n")

    def test_usage_errors_are_one_line(self) -> None:
        for arguments in ([], ["a", "b"], ["--unknown", "a"], ["-v", "-q", "a"]):
            done = rf.run("k7_report", *arguments)
            self.assertEqual(done.returncode, 2)
            self.assertRegex(done.stderr, r"\Ak7_report: error: [^\n]+; see k7_report --help\n\Z")

    def test_version_is_that_of_the_build(self) -> None:
        lists = rf.ROOT / "CMakeLists.txt"
        if not lists.exists():
            self.skipTest("no CMakeLists.txt beside these tests")
        found = re.search(r"project\(\s*\w+\s+VERSION\s+([\d.]+)", lists.read_text())
        self.assertIsNotNone(found)
        self.assertEqual(found.group(1), __version__)

    def test_installed_layout(self) -> None:
        with tempfile.TemporaryDirectory(prefix="k7_report_test.") as name:
            prefix = Path(name)
            (prefix / "bin").mkdir()
            (prefix / "share/k7").mkdir(parents=True)
            (prefix / "bin/k7_report").write_bytes((rf.TOOLS / "k7_report").read_bytes())
            (prefix / "share/k7/k7_report_lib").symlink_to(rf.TOOLS / "k7_report_lib")

            self.assertEqual(rf.run(prefix / "bin/k7_report", "--version").stdout, f"k7_report {__version__}\n")

            (prefix / "share/k7/k7_report_lib").unlink()
            done = rf.run(prefix / "bin/k7_report", "--version")
            self.assertEqual(done.returncode, 2)
            self.assertIn("k7_report_lib is missing; install K7 again", done.stderr)


if __name__ == "__main__":
    unittest.main()
