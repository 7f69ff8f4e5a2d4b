# SPDX-License-Identifier: Apache-2.0
"""NumPy arrays on their way through npy_to_hdf5.py to a spectrum whose limits are known."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import numpy as np
import pytest

from programs import ROOT, ProgramTest

CONVERTER = ROOT / "tools" / "npy_to_hdf5.py"
RADII = (1.0, 1.0, 28 / 33)  # of S1 x S3 x S3: eigenvalues 0, 1 twice, 3 four times


class NumpyArrays(ProgramTest):
    def convert(self, *arguments: Any) -> None:
        subprocess.run(["/usr/bin/python3", str(CONVERTER), "arrays", "-o", "s.h5", "-q", *map(str, arguments)],
                       cwd=self.folder, check=True, timeout=60)

    def save(self, **content: np.ndarray) -> None:
        (self.folder / "arrays").mkdir()
        for name, array in content.items():
            np.save(self.folder / "arrays" / f"{name}.npy", array)

    def assert_first_multiplet(self, method: str, value: float, count: int, n: int) -> None:
        """The limit of the first multiplet is within three deviations of `value`; a bar is two."""
        self.assert_code(self.run_here("k7_spectral", "s.h5", "--method", method, "-n", n, "-o", "o.json"), 0)
        first = json.loads((self.folder / "o.json").read_text())["spectral"]["multiplets"][0]

        self.assertEqual((first["first"], first["count"]), (1, count))
        self.assertLess(abs(first["extrapolated"] - value), 1.5 * first["error"], str(first))
        self.assertLess(first["error"], 0.15 * value)

    @pytest.mark.quick
    def test_notebook_names(self) -> None:
        """Points of the notebook's sampler, and the round metric in its chart."""
        noise = np.random.default_rng(1)
        points = noise.standard_normal((2, 2000, 4))
        points /= np.linalg.norm(points, axis=2, keepdims=True)
        x, y = points[:, :, 1:] / (1 + np.abs(points[:, :, :1]) + 1e-8)
        metric = np.zeros((2000, 7, 7))
        metric[:, 0, 0] = RADII[0] ** 2
        for begin, radius, u in ((1, RADII[1], x), (4, RADII[2], y)):
            factor = (2 * radius / (1 + np.sum(u**2, axis=1))) ** 2
            metric[:, range(begin, begin + 3), range(begin, begin + 3)] = factor[:, None]
        theta = 2 * np.pi * noise.random((2000, 1))
        self.save(k7_tcs_pinn_coords=np.concatenate([theta, x, y], axis=1), k7_tcs_pinn_metric=metric)

        self.convert()

        for method in ("graph", "ritz"):
            self.assert_first_multiplet(method, 1.0, 2, 6)

    @pytest.mark.quick
    def test_periods(self) -> None:
        """A flat torus with sides of length 1."""
        self.save(coords=np.random.default_rng(5).random((3000, 7)), metric=np.eye(7))

        self.convert("--periods", "1,1,1,1,1,1,1", "--density", "uniform")

        for method in ("graph", "ritz"):
            self.assert_first_multiplet(method, 4 * np.pi**2, 14, 16)
