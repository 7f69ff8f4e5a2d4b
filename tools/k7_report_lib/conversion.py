# SPDX-License-Identifier: Apache-2.0
"""What becomes of a user's arrays in a sample file: manifold, periods, density, and the rows of its datasets."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Iterator

import numpy as np

from . import chart, three_forms
from .errors import InputError
from .notebook_files import InputArray, InputArrays
from .samples import BLOCK_BYTES

MANIFOLDS = ("euclidean", "torus7", "notebook-chart", "s1xs3xs3", "interval-s3xs3")
SPHERES = ("s1xs3xs3", "interval-s3xs3")  # points are quaternions, and the frame is left-invariant
NOTEBOOKS = ("s1xs3xs3", "notebook-chart")  # where the notebook's points are at home
DENSITIES = ("uniform", "notebook")
NECK_PERIODS = (2 * math.pi, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)

SYMMETRY = 1e-6  # of the largest entry, as k7_spectral has it
SEED = 0  # of the halves, so that the same arrays give the same file
ROW_BYTES = 8 * (9 + 49 + 4 * 343)  # of a row and of what is computed on the way


@dataclass(frozen=True)
class Conversion:
    """One conversion of arrays to a sample file."""

    arrays: dict[str, InputArray]
    n_samples: int
    manifold: str
    periods: tuple[float, ...] | None
    density: str | None

    @property
    def frame(self) -> str:
        """Of the metric in the sample file."""
        return "left-invariant" if self.manifold in SPHERES else "coordinate"

    def summary(self) -> str:
        """What the points were taken for."""
        is_region = not any(self.periods or ()) and self.manifold in ("euclidean", "notebook-chart")
        return (self.manifold + (", not periodic" if is_region else "")
                + (f", density {self.density}" if self.density else ""))

    def layout(self) -> dict[str, tuple[tuple[int, ...], np.dtype]]:
        """Shape and type of each dataset. Numbers that are not computed keep their type."""
        shapes = {"coords": (7,), "metric": (7, 7), "phi": (35,)}
        is_computed = self.manifold in SPHERES
        types = {name: np.dtype("f8") if is_computed and name != "coords" else array.values.dtype
                 for name, array in self.arrays.items()}
        if is_computed:
            shapes["points"], types["points"] = (9,), np.dtype("f8")
        if self.density is not None:
            shapes["weight"], types["weight"] = (), np.dtype("f8")
        return {name: ((self.n_samples, *shapes[name]), dtype) for name, dtype in types.items()}

    def blocks(self) -> Iterator[tuple[int, dict[str, np.ndarray]]]:
        """Yields (first row, rows of each dataset). Raises InputError naming the first row that is wrong."""
        coins = np.random.default_rng(SEED)
        step = max(1, BLOCK_BYTES // ROW_BYTES)
        for first in range(0, self.n_samples, step):
            count = min(step, self.n_samples - first)
            rows = {name: array.rows(first, count) for name, array in self.arrays.items()}
            halves = np.where(coins.random((count, 2)) < 0.5, -1.0, 1.0)
            yield first, self._converted(first, rows, halves)

    def _converted(self, first: int, rows: dict[str, np.ndarray], halves: np.ndarray) -> dict[str, np.ndarray]:
        result = dict(rows)
        if self.density == "uniform":
            result["weight"] = np.ones(len(halves))
        if self.manifold not in SPHERES and self.density != "notebook":
            return result
        coords, metric = rows["coords"].astype(np.float64), rows["metric"].astype(np.float64)
        self._require_chart(first, coords)
        log_volume = log_volumes(self.arrays["metric"], first, metric)
        if self.density == "notebook":
            result["weight"] = self._notebook_density(first, coords, log_volume)
        if self.manifold in SPHERES:
            vectors = chart.frame(coords, halves)
            metric = vectors.transpose(0, 2, 1) @ metric @ vectors
            result["metric"] = 0.5 * (metric + metric.transpose(0, 2, 1))
            result["points"] = chart.points(coords, halves)
            if "phi" in rows:
                result["phi"] = three_forms.transformed(rows["phi"].astype(np.float64), vectors)
        return result

    def _require_chart(self, first: int, coords: np.ndarray) -> None:
        row = chart.stray_row(coords, is_angle=False)
        if row is not None:
            array = self.arrays["coords"]
            raise InputError(array.path, "is outside the notebook's chart",
                             "x and y of [theta, x, y] should have norms of at most 1", array.place(first + row))

    def _notebook_density(self, first: int, coords: np.ndarray, log_volume: np.ndarray) -> np.ndarray:
        images = 1 if self.manifold in SPHERES else chart.IMAGES
        with np.errstate(over="ignore", under="ignore"):
            density = np.exp(chart.log_density(coords, log_volume, images))
        bad = ~(np.isfinite(density) & (density > 0))
        if bad.any():
            array = self.arrays["metric"]
            raise InputError(array.path, "has a determinant beyond float64", "rescale the metric",
                             array.place(first + int(np.argmax(bad))))
        return density


def log_volumes(array: InputArray, first: int, metric: np.ndarray) -> np.ndarray:
    """log sqrt(det g) of a block of metrics, (n,). Raises InputError naming the first row that is no metric."""
    asymmetry = np.abs(metric - metric.transpose(0, 2, 1)).max(axis=(1, 2))
    bad = asymmetry > SYMMETRY * np.abs(metric).max(axis=(1, 2))
    if not bad.any():
        try:
            factors = np.linalg.cholesky(metric)
            return np.log(np.diagonal(factors, axis1=1, axis2=2)).sum(axis=1)
        except np.linalg.LinAlgError:
            bad = np.array([not _is_positive(g) for g in metric])
    raise InputError(array.path, "is no metric", "should be symmetric and positive definite",
                     array.place(first + int(np.argmax(bad))))


def _is_positive(metric: np.ndarray) -> bool:
    try:
        np.linalg.cholesky(metric)
    except np.linalg.LinAlgError:
        return False
    return True


def choose(inputs: InputArrays, manifold: str | None, periods: tuple[float, ...] | None,
           density: str | None) -> tuple[Conversion, str]:
    """The conversion that the options ask for, and a note if it is not the notebook's though the names are.

    Arrays of the notebook are taken for what its sampler draws if their points lie in its chart: S1 x S3 x S3, uniform
    on it. Everything else is plain coordinates unless an option says more. Raises InputError for options that do not
    go together.
    """
    _check_options(manifold, periods, density)
    says_euclidean = manifold == "euclidean"
    stray = _stray_row(inputs) if inputs.are_notebooks else None
    is_notebook = inputs.are_notebooks and stray is None
    note = ""
    if manifold is None:
        by_sampler = periods is None and (is_notebook or density == "notebook")
        manifold = "s1xs3xs3" if by_sampler else "euclidean"
        if stray is not None and not by_sampler and periods is None:
            note = f" (row {stray} is outside the notebook's chart)"
    if density is None and is_notebook and manifold in NOTEBOOKS:
        density = "notebook"
    if periods is None and manifold == "s1xs3xs3":
        periods = NECK_PERIODS
    if periods is None and says_euclidean:
        periods = (0.0,) * len(NECK_PERIODS)  # the user's word, so that k7_spectral does not ask for it
    return Conversion(inputs.arrays, inputs.n_samples, manifold, periods, density), note


def _check_options(manifold: str | None, periods: tuple[float, ...] | None, density: str | None) -> None:
    if manifold in SPHERES and periods is not None:
        raise InputError("--periods", f"does not go with --manifold {manifold}, which has its own",
                         "leave one of the two out")
    if density == "notebook" and manifold in ("torus7", "interval-s3xs3"):
        raise InputError("--density notebook", f"does not go with --manifold {manifold}",
                         "the notebook's points lie on s1xs3xs3")


def _stray_row(inputs: InputArrays) -> int | None:
    """The first row that the notebook's sampler cannot have drawn."""
    coords = inputs.arrays["coords"]
    step = max(1, BLOCK_BYTES // (8 * 7))
    for first in range(0, inputs.n_samples, step):
        row = chart.stray_row(coords.rows(first, min(step, inputs.n_samples - first)), is_angle=True)
        if row is not None:
            return first + row
    return None
