# SPDX-License-Identifier: Apache-2.0
"""Every bad input that k7_report refuses. Run: /usr/bin/python3 -m unittest discover -s tests/tools"""

from __future__ import annotations

import sys
import unittest
from pathlib import Path
from typing import Any, Callable

import h5py
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))
import run_folder as rf  # noqa: E402
from run_folder import CONTRACT_KEYS, RunFolderTest  # noqa: E402

sys.path.insert(0, str(rf.TOOLS))
from k7_report_lib import results  # noqa: E402


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
                           ("[1]", "holds [1]"),
                           ('{"a": NaN}', "is not usable JSON (it holds the number NaN"),
                           ('{"a": 1e999}', "is not usable JSON (it holds the number 1e999"),
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

    def test_wrong_types_of_a_torsion_run(self) -> None:
        cases = [("training", "left_invariant", [1.0], "should be an object of numbers or nulls"),
                 ("training", "left_invariant", {"loss": "low"}, "should be an object of numbers or nulls"),
                 ("training", "best_form", 3.0, "should be an object"),
                 ("training", "best_form", {"cond_g": 3.0}, "key training.best_form.cond_g: is 3.0"),
                 ("training", "best_form", {"norm2_tau3": {"mean": "0"}}, "key training.best_form.norm2_tau3: "),
                 ("training", "best_form", {"exact": [0.1]}, "key training.best_form.exact: "),
                 ("training", "best_form", {"volume": "large"}, "key training.best_form.volume: "),
                 ("training", "torsion_closed", "0", "should be a number or null"),
                 ("model", "radii", [1.0, 1.0], "should be an array of three positive numbers"),
                 ("model", "radii", [1.0, -1.0, 1.0], "should be an array of three positive numbers")]
        for section, key, value, part in cases:
            with self.subTest(key=f"{section}.{key}", value=value):
                self.refused_in_process("train.json", rf.torsion_train_tree(), section, key, value,
                                        f"key {section}.{key}", part)

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
        for column in rf.TORSION_HEADER[8:12]:  # torsion_closed is there, so these must be
            header = [name for name in rf.TORSION_HEADER if name != column]
            rf.write_history(self.folder / "history.csv", [], header=header)
            self.assert_refused(f"line 1, column {column}: is missing; the header should be epoch,loss,torsion")
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
            (lambda f: f["metric"].__setitem__(9, 1e60 * np.eye(7)), "/metric: row 9: has a determinant beyond"),
            (lambda f: f.attrs.__setitem__("format", "k7-checkpoint"), "attribute format: is 'k7-checkpoint'"),
            (lambda f: f.attrs.__setitem__("version", 2), "attribute version: is 2; this program reads version 1"),
        ]
        for change, part in cases:
            with self.subTest(part):
                self.spoil(change)
                self.assert_refused("samples.h5: ", part)

if __name__ == "__main__":
    unittest.main()
