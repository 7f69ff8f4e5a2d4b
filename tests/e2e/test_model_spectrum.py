# SPDX-License-Identifier: Apache-2.0
"""k7_spectral --model: the spectrum of a trained model without samples."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import unittest
from pathlib import Path
from typing import Any

import pytest

from programs import BIN, ROOT, ProgramTest

COUNT = 6


class ModelSpectrum(ProgramTest):

    def train(self, preset: str, epochs: int) -> Path:
        """A network of few neurons, soon stopped: its metric varies much more than that of a good one."""
        done = self.run_here("k7_train", "--preset", preset, "--hidden", 16, "--batch-size", 64, "--epochs", epochs,
                             "--threads", 1, "--out", preset)
        self.assert_code(done, 0)
        return self.folder / preset / "best.h5"

    def spectrum(self, *arguments: Any, ranks: int = 1) -> dict[str, Any]:
        done = self.run_here("k7_spectral", *arguments, "-n", COUNT, "--threads", 1, "-o", "s.json", ranks=ranks)
        self.assert_code(done, 0)
        tree: dict[str, Any] = json.loads((self.folder / "s.json").read_text())
        return tree

    def assert_agree(self, exact: dict[str, Any], sampled: dict[str, Any]) -> None:
        """Every multiplet of the samples holds the mean of the same eigenvalues of the model."""
        for multiplet in sampled["spectral"]["multiplets"]:
            first, count = multiplet["first"], multiplet["count"]
            if multiplet["extrapolated"] is None or first + count > COUNT:
                continue
            mean = sum(exact["spectral"]["extrapolated"][first:first + count]) / count
            # The samples' bars have two deviations; three are allowed, so that one test in hundreds fails by chance.
            self.assertLessEqual(abs(mean - multiplet["extrapolated"]), 1.5 * multiplet["error"] + 1e-6 * mean, multiplet)

    def test_neck_agrees_with_its_samples_on_any_ranks(self) -> None:
        model = self.train("quick", 150)
        one = self.spectrum("--model", model, "--accuracy", 1)
        two = self.spectrum("--model", model, "--accuracy", 1, ranks=2)
        for k in range(1, COUNT):
            value, bar = one["spectral"]["extrapolated"][k], one["spectral"]["error"][k]
            self.assertAlmostEqual(two["spectral"]["extrapolated"][k] / value, 1.0, delta=1e-10)
            self.assertLess(bar, 1e-2 * value, "even of a metric that varies by a tenth")
        witness = one["spectral"]["constant_metric"]
        for k in range(1, COUNT):
            self.assertLessEqual(witness["lower"][k], one["spectral"]["extrapolated"][k] * (1.0 + 1e-9))
            self.assertGreaterEqual(witness["upper"][k], one["spectral"]["extrapolated"][k] * (1.0 - 1e-9))
        self.assertEqual(one["validation"]["method"], "ritz")
        self.assertEqual(one["spectral"]["quadrature"]["nodes"], one["spectral"]["n_points"])
        self.assert_code(self.run_here("k7_sample", "--model", model, "-N", 4000, "-o", "samples.h5"), 0)
        self.assert_agree(one, self.spectrum("samples.h5", "--method", "ritz"))

    def test_torus_agrees_with_its_samples(self) -> None:
        model = self.train("torus", 3)
        exact = self.spectrum("--model", model, "--accuracy", 1)
        self.assert_code(self.run_here("k7_sample", "--model", model, "-N", 4000, "-o", "samples.h5"), 0)
        self.assert_agree(exact, self.spectrum("samples.h5", "--method", "ritz"))

    def test_the_notebooks_chart_has_no_rules(self) -> None:
        done = self.run_here("k7_spectral", "--model", self.train("notebook", 1))
        self.assert_code(done, 2)
        self.assertIn("notebook-chart has no quadrature rules", done.err)

    def test_the_report_shows_it(self) -> None:
        model = self.train("quick", 2)
        out = model.parent / "spectral.json"
        self.assert_code(self.run_here("k7_sample", "--model", model, "-N", 500, "-o", model.parent / "samples.h5"), 0)
        self.assert_code(self.run_here("k7_spectral", "--model", model, "--accuracy", 1, "-o", out), 0)
        done = subprocess.run(["/usr/bin/python3", str(ROOT / "tools" / "k7_report"), str(model.parent)],
                              capture_output=True, text=True, timeout=120, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("by Rayleigh-Ritz on the model", done.stdout)
        tree = json.loads(out.read_text())["spectral"]
        value, error = tree["extrapolated"][1], tree["error"][1]
        page = (model.parent / "results.html").read_text()
        shown = re.search(r"on the model\) = ([0-9.]+) ±", page)
        assert shown is not None
        self.assertLess(abs(float(shown.group(1)) - value), max(error, 1e-6 * value), "as many digits as the bar allows")

    def test_a_missing_library_is_named(self) -> None:
        model = self.train("quick", 1)
        shutil.copy(BIN / "k7_spectral", self.folder / "k7_spectral")
        done = subprocess.run([str(self.folder / "k7_spectral"), "--model", str(model)], cwd=self.folder, text=True,
                              capture_output=True, timeout=60, check=False, env=os.environ)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("--model needs the library libk7_model_metric.so", done.stderr)

    @pytest.mark.quick
    def test_what_needs_samples_is_refused(self) -> None:
        model = self.train("quick", 1)
        for words, line in ((("--method", "graph"), "needs samples"), (("--graph", "g.h5"), "there are no samples"),
                            (("--eigenvectors", "e.h5"), "there are no samples"),
                            (("samples.h5",), "exclude each other"), (("--accuracy", "0"), "too small")):
            for ranks in (1, 2):
                done = self.run_here("k7_spectral", "--model", model, *words, ranks=ranks)
                self.assert_code(done, 2)
                self.assertIn(line, done.err)
                self.assertFalse((self.folder / "spectral.json").exists())

    def test_an_accuracy_without_a_model_is_refused(self) -> None:
        done = self.run_here("k7_spectral", "samples.h5", "--accuracy", 1e-3)
        self.assert_code(done, 2)
        self.assertIn("--accuracy: belongs to --model", done.err)


if __name__ == "__main__":
    unittest.main()
