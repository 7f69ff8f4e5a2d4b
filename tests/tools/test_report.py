# SPDX-License-Identifier: Apache-2.0
"""k7_report as a user runs it, on tiny run folders. Run: /usr/bin/python3 -m unittest discover -s tests/tools"""

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
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Callable

import h5py
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))
import run_folder as rf  # noqa: E402

sys.path.insert(0, str(rf.TOOLS))
from k7_report_lib import __version__, figure, results, samples  # noqa: E402

OUTPUTS = ("results.json", "results.png", "results.html")
CONTRACT_KEYS = {
    "constants": {"dim", "b2", "b3", "H_star", "dim_G2", "det_g_target", "lambda1_target", "tcs_ratio"},
    "model": {"architecture", "n_parameters", "activation"},
    "training": {"epochs", "final_loss", "best_loss", "final_torsion", "torsion_closed", "torsion_coclosed"},
    "metric": {"n_samples", "det_mean", "det_std", "det_min", "det_max"},
    "spectral": {"eigenvalues", "lambda_0", "lambda_1", "lambda1_times_Hstar", "target", "deviation_percent", "method",
                 "error", "extrapolated", "residual", "n_components", "k", "n_points"},
    "validation": {"passed", "status"},
}


class RunFolderTest(unittest.TestCase):
    """Gives every test a fresh folder."""

    def setUp(self) -> None:
        holder = tempfile.TemporaryDirectory(prefix="k7_report_test.")
        self.addCleanup(holder.cleanup)
        self.folder = Path(holder.name) / "run"

    def edit(self, name: str, change: Callable[[dict[str, Any]], Any]) -> None:
        """Changes one JSON file of the run folder."""
        tree = json.loads((self.folder / name).read_text())
        change(tree)
        rf.write_json(self.folder / name, tree)

    def results(self) -> dict[str, Any]:
        return json.loads((self.folder / "results.json").read_text())

    def assert_refused(self, *parts: str, folder: Path | None = None) -> None:
        """k7_report exits with 2, one line on stderr that holds all `parts`, and leaves nothing behind."""
        before = sorted(os.listdir(self.folder)) if self.folder.is_dir() else None
        done = rf.run("k7_report", folder or self.folder)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertEqual(done.stdout, "")
        self.assertRegex(done.stderr, r"\Ak7_report: error: [^\n]+: [^\n]+; [^\n]+\n\Z")
        for part in parts:
            self.assertIn(part, done.stderr)
        if before is not None:
            self.assertEqual(sorted(os.listdir(self.folder)), before)


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
            self.assertEqual(tree[section], {"train": train[section], "spectral": spectral[section]})
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
        self.assertEqual(page.count("<img "), 2)

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
        self.edit("train.json", lambda t: t["training"].update(epochs=1, final_loss=rows[0][1], final_torsion=rows[0][2]))
        for key in ("error", "extrapolated", "residual", "method", "n_components", "k", "n_points", "zero_modes"):
            self.edit("spectral.json", lambda t: t["spectral"].pop(key))

        self.assertEqual(rf.run("k7_report", self.folder).returncode, 0)


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
        self.assertEqual([source for source in checker.sources if not source.startswith("data:image/png;base64,")], [])
        self.assertEqual(len(checker.sources), 4)
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


class PageChecker(HTMLParser):
    """Collects image sources and tags that are not closed in order."""

    VOID = {"meta", "img", "br"}

    def __init__(self) -> None:
        super().__init__()
        self.open_tags: list[str] = []
        self.sources: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.sources += [value or "" for name, value in attributes if name in ("src", "href", "srcset")]
        if tag not in self.VOID:
            self.open_tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self.open_tags[-1:] == [tag]:
            self.open_tags.pop()
        else:
            self.open_tags.append(f"/{tag}")


class BadFolder(RunFolderTest):
    def test_missing_or_not_a_folder(self) -> None:
        self.assert_refused("run: is missing; give the run folder")
        self.folder.write_text("")
        self.assert_refused("run: is not a folder; give the run folder")

    def test_missing_files_name_the_command_that_makes_them(self) -> None:
        for name, command in (("spectral.json", "k7_spectral"), ("samples.h5", "k7_sample --model"),
                              ("train.json", "k7_train again"), ("history.csv", "k7_train again")):
            with self.subTest(name):
                rf.make_run(self.folder)
                (self.folder / name).unlink()
                self.assert_refused(f"{name}: is missing;", command)

    def test_an_output_name_taken_by_a_folder(self) -> None:
        rf.make_run(self.folder)
        (self.folder / "results.html").mkdir()
        self.assert_refused("results.html: is a folder, not a file; move it away")

    def test_a_folder_that_cannot_be_written(self) -> None:
        rf.make_run(self.folder)
        self.folder.parent.chmod(0o755)
        self.folder.chmod(0o555)
        self.addCleanup(self.folder.chmod, 0o755)

        done = rf.run_as_other_user("k7_report", self.folder)

        self.assertEqual(done.returncode, 2)
        self.assertRegex(done.stderr, r"\Ak7_report: error: .*results\.png: cannot be written \(Permission.*\n\Z")

    def test_a_file_that_cannot_be_read(self) -> None:
        rf.make_run(self.folder)
        self.folder.parent.chmod(0o755)
        (self.folder / "samples.h5").chmod(0)

        done = rf.run_as_other_user("k7_report", self.folder)

        self.assertEqual(done.returncode, 2)
        self.assertRegex(done.stderr, r"\Ak7_report: error: .*samples\.h5: cannot be read \(Permission.*\n\Z")


class BadJson(RunFolderTest):
    def test_not_json(self) -> None:
        for text, part in (('{"a": 1,\n"b" 2}', "line 2, column 5: is not JSON"), ("", "line 1, column 1: is not JSON"),
                           ("[1]", "holds [1]"), ('{"a": NaN}', "is not usable JSON (it holds the number NaN"), ('{"a": 1e999}', "is not usable JSON (it holds the number 1e999"),
                           ("[" * 100000, "is not usable JSON")):
            for name in ("spectral.json", "train.json"):
                with self.subTest(text=text[:20], name=name):
                    rf.make_run(self.folder)
                    (self.folder / name).write_text(text)
                    self.assert_refused(f"{name}: {part}")

    def test_not_text(self) -> None:
        rf.make_run(self.folder)
        (self.folder / "spectral.json").write_bytes(b'{"a": "\xff"}')
        self.assert_refused("spectral.json: is not UTF-8 text (byte 7)")

    def test_missing_keys(self) -> None:
        for name, make in (("spectral.json", lambda: rf.spectral_tree(rf.metrics())), ("train.json", rf.train_tree)):
            for section, keys in CONTRACT_KEYS.items():
                for key in sorted(keys & make().get(section, {}).keys()):
                    if key in ("method", "error", "extrapolated", "residual", "n_components", "k", "n_points"):
                        continue  # K7's additions may be absent
                    with self.subTest(name=name, key=f"{section}.{key}"):
                        self.refused_in_process(name, make(), section, key, None, f"key {section}.{key}: is missing;")

    def test_wrong_types(self) -> None:
        cases = [("spectral", "lambda_1", "0.1", "is '0.1'; should be a number"),
                 ("spectral", "eigenvalues", [0.0], "should be an array of two or more numbers"),
                 ("spectral", "eigenvalues", [0.0, True], "should be an array of two or more numbers"),
                 ("spectral", "error", [None, 0.1], "has 2 entries and spectral.eigenvalues has 9"),
                 ("spectral", "residual", ["x"] * 9, "should be null or an array"),
                 ("constants", "H_star", 0, "is 0; should be a positive number"),
                 ("validation", "passed", 1, "should be true or false"),
                 ("validation", "status", "FINE", "should be one of PASSED, PARTIAL, NEEDS_REFINEMENT"),
                 ("metric", "n_samples", 2.5, "should be a positive integer"),
                 ("metric", "det_mean", None, "is null; should be a number")]
        for section, key, value, part in cases:
            with self.subTest(key=f"{section}.{key}", value=value):
                self.refused_in_process("spectral.json", rf.spectral_tree(rf.metrics()), section, key, value,
                                        f"key {section}.{key}: ", part)

    def refused_in_process(self, name: str, tree: dict[str, Any], section: str, key: str, value: Any,
                           *parts: str) -> None:
        """As `assert_refused` for one changed (or, with "is missing", removed) key, without a new process."""
        rf.make_run(self.folder)
        if any("is missing" in part for part in parts):
            del tree[section][key]
        else:
            tree[section][key] = value
        rf.write_json(self.folder / name, tree)
        with self.assertRaises(results.InputError) as caught:
            results.read_run(self.folder)
        for part in (f"{name}: ", *parts):
            self.assertIn(part, str(caught.exception))

    def test_stale_files(self) -> None:
        rf.make_run(self.folder)
        rf.write_samples(self.folder / "samples.h5", rf.metrics(17))
        self.assert_refused("key metric.n_samples: is 240 and samples.h5 has 17 rows; run k7_spectral again")
        rf.write_samples(self.folder / "samples.h5", rf.metrics(seed=9))
        self.assert_refused("key metric.det_mean: is ", "run k7_spectral again")
        rf.make_run(self.folder)
        rf.write_history(self.folder / "history.csv", rf.history_rows(39))
        self.assert_refused("key training.epochs: is 40 and history.csv has 39 rows")


class BadHistory(RunFolderTest):
    def test_malformed_rows_are_named(self) -> None:
        good = rf.history_rows(5)
        cases = [(lambda r: r[2].pop(), "line 4: has 8 fields; should have 9"),
                 (lambda r: r[2].__setitem__(1, "abc"), "line 4, column loss: is 'abc'; should be a finite number"),
                 (lambda r: r[4].__setitem__(6, "nan"), "line 6, column det_mean: is 'nan'"),
                 (lambda r: r[0].__setitem__(8, "-inf"), "line 2, column grad_norm: is '-inf'"),
                 (lambda r: r[1].__setitem__(3, ""), "line 3, column det: is ''"),
                 (lambda r: r[3].__setitem__(0, 2), "line 5, column epoch: is 2; should be an integer above"),
                 (lambda r: r[3].__setitem__(0, 2.5), "line 5, column epoch: is 2.5"),
                 (lambda r: r.insert(1, []), "line 3: has 0 fields"),
                 (lambda r: r.clear(), "history.csv: has no rows")]
        for spoil, part in cases:
            with self.subTest(part):
                rf.make_run(self.folder)
                rows = [list(row) for row in good]
                spoil(rows)
                rf.write_history(self.folder / "history.csv", rows)
                self.assert_refused("history.csv: ", part)

    def test_header(self) -> None:
        rf.make_run(self.folder)
        rf.write_history(self.folder / "history.csv", [], header=["epoch", "loss"])
        self.assert_refused("line 1, column torsion: is missing; the header should be epoch,loss,torsion")
        (self.folder / "history.csv").write_text("")
        self.assert_refused("line 1, column epoch: is missing")
        (self.folder / "history.csv").write_text("x" * 200000)
        self.assert_refused("history.csv: line")


class BadSamples(RunFolderTest):
    def spoil(self, change: Callable[[h5py.File], Any]) -> None:
        """A good run folder with one change in samples.h5."""
        rf.make_run(self.folder)
        with h5py.File(self.folder / "samples.h5", "r+") as file:
            change(file)

    def test_not_hdf5_or_cut_short(self) -> None:
        rf.make_run(self.folder)
        path = self.folder / "samples.h5"
        path.write_bytes(path.read_bytes()[:3000])
        self.assert_refused("samples.h5: is a damaged HDF5 file")
        path.write_text("not hdf5")
        self.assert_refused("samples.h5: is not an HDF5 file; k7_sample writes one")
        path.unlink()
        path.mkdir()
        self.assert_refused("samples.h5: cannot be read (Is a directory)")

    def test_content(self) -> None:
        metric = rf.metrics()

        def replace(file: h5py.File, name: str, value: Any) -> None:
            del file[name]
            file[name] = value

        cases: list[tuple[Callable[[h5py.File], Any], str]] = [
            (lambda f: f.pop("metric"), "dataset /metric: is missing; should be a dataset of shape (N, 7, 7)"),
            (lambda f: f.pop("coords"), "dataset /coords: is missing"),
            (lambda f: replace(f, "metric", metric[:, :6]), "dataset /metric: has shape (240, 6, 7)"),
            (lambda f: replace(f, "metric", metric.astype(int)), "dataset /metric: has type int64"),
            (lambda f: replace(f, "metric", 1.0), "dataset /metric: has shape ()"),
            (lambda f: replace(f, "coords", np.zeros((3, 7))), "has 240 rows and /coords has 3"),
            (lambda f: (replace(f, "coords", np.zeros((0, 7))), replace(f, "metric", metric[:0])), "has no rows"),
            (lambda f: f["metric"].__setitem__((7, 1, 2), np.nan), "dataset /metric: row 7: holds NaN or infinity"),
            (lambda f: f["metric"].__setitem__(9, 1e60 * np.eye(7)), "dataset /metric: row 9: has a determinant beyond"),
            (lambda f: f.attrs.__setitem__("format", "k7-checkpoint"), "attribute format: is 'k7-checkpoint'"),
            (lambda f: f.attrs.__setitem__("version", 2), "attribute version: is 2; this program reads version 1"),
        ]
        for change, part in cases:
            with self.subTest(part):
                self.spoil(change)
                self.assert_refused("samples.h5: ", part)


class DetStatistics(RunFolderTest):
    def test_blocks_give_what_numpy_gives_at_once(self) -> None:
        self.folder.mkdir()
        metric = rf.metrics(1000)
        rf.write_samples(self.folder / "samples.h5", metric)
        determinant = np.linalg.det(metric)

        whole, original = samples.det_statistics(self.folder / "samples.h5"), samples.BLOCK_BYTES
        self.addCleanup(setattr, samples, "BLOCK_BYTES", original)
        samples.BLOCK_BYTES = 37 * 49 * 8
        found = samples.det_statistics(self.folder / "samples.h5")

        self.assertEqual((found.n_samples, found.minimum, found.maximum),
                         (1000, determinant.min(), determinant.max()))
        self.assertAlmostEqual(found.mean, determinant.mean(), delta=1e-13)
        self.assertAlmostEqual(found.std, determinant.std(), delta=1e-13)
        np.testing.assert_array_equal(found.counts, np.histogram(determinant, bins=50)[0])
        np.testing.assert_array_equal(found.counts, whole.counts)

    def test_equal_values_have_no_spread(self) -> None:
        self.folder.mkdir()
        rf.write_samples(self.folder / "samples.h5", rf.metrics(333, spread=0))

        found = samples.det_statistics(self.folder / "samples.h5")

        self.assertEqual((found.std, found.counts.tolist(), found.is_constant), (0.0, [333], True))


class SmallParts(unittest.TestCase):
    def test_groups_of_the_product_of_spheres(self) -> None:
        values = [0.0, 0.99, 1.01, 2.97, 2.99, 3.0, 3.02, 3.95, 4.0, 4.16, 4.17]

        self.assertEqual(results.groups(values), [(0, 0), (1, 2), (3, 6), (7, 8), (9, 10)])

    def test_zero_modes_are_one_group(self) -> None:
        self.assertEqual(results.groups([-1e-15, 3e-16, 2e-14, 0.5]), [(0, 2), (3, 3)])
        self.assertEqual(results.groups([0.0, 0.0]), [(0, 0), (1, 1)])

    def test_best_value_per_eigenvalue(self) -> None:
        self.assertEqual(figure.best_values([0.0, 1.0], [None, 1.1]), [0.0, 1.1])
        self.assertEqual(figure.best_values([0.0, 1.0], []), [0.0, 1.0])

    def test_fractions(self) -> None:
        self.assertEqual(figure.fraction_text(65 / 32), "65/32 = 2.03125")
        self.assertEqual(figure.fraction_text(1), "1")
        self.assertEqual(figure.fraction_text(0.123456789), "0.123457")

    def test_rounding_noise_is_not_a_loss_term(self) -> None:
        columns = np.array(rf.history_rows()).T
        history = results.History(dict(zip(rf.HISTORY_HEADER, columns)))

        self.assertEqual(set(figure.negligible_terms(history)), {"det"})


class FailingWrites(RunFolderTest):
    def test_a_full_disk_leaves_the_older_results(self) -> None:
        rf.make_run(self.folder)
        for name in OUTPUTS:
            (self.folder / name).write_text(f"older {name}")
        before = sorted(os.listdir(self.folder))

        done = rf.run("k7_report", self.folder, preexec_fn=limit_file_size)

        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertRegex(done.stderr, r"\Ak7_report: error: .*results\.png: cannot be written \(File too large\); .*\n\Z")
        self.assertEqual(sorted(os.listdir(self.folder)), before)
        for name in OUTPUTS:
            self.assertEqual((self.folder / name).read_text(), f"older {name}")

    def test_older_results_are_replaced(self) -> None:
        rf.make_run(self.folder)
        (self.folder / "results.json").write_text("older")

        self.assertEqual(rf.run("k7_report", self.folder).returncode, 0)

        self.assertEqual(self.results()["constants"]["H_star"], 99)


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
