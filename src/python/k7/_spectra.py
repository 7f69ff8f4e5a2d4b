# SPDX-License-Identifier: Apache-2.0
"""Laplace spectra."""

from __future__ import annotations

import html
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Optional, Union

import numpy as np

from . import _calls, _spectral
from ._arrays import numbers, whole
from ._errors import InputError
from ._manifolds import Manifold, as_manifold


@dataclass(frozen=True)
class Multiplet:
    """Eigenvalues that are the same to their noise. Their mean is known better than each of them."""

    first: int  #: index of its first eigenvalue
    count: int
    raw: float  #: mean eigenvalue of the one graph
    value: float  #: mean eigenvalue in the limit; NaN where there is none
    error: float  #: of value, two standard deviations
    method: str  #: graph, ritz or both


class Spectrum:
    """The smallest eigenvalues of -Delta, with error bars. Its text is what k7_spectral prints."""

    def __init__(self, result: dict[str, Any]) -> None:
        limits: np.ndarray = result["limits"]
        #: (n,) eigenvalues of the one graph, or of Rayleigh-Ritz
        self.raw: np.ndarray = result["raw"]
        #: (n,) limits, and the raw values where there are none
        self.values = self.raw.copy()
        known = np.flatnonzero(np.isfinite(limits))
        self.values[known] = limits[known]
        #: (n,) how far each value may be from the truth, two standard deviations
        self.errors = np.full(len(self.raw), np.nan)
        self.errors[: len(limits)] = result["errors"]
        #: (n,) |A f - lambda f| of the eigensolver; empty without a graph
        self.residuals: np.ndarray = result["residuals"]
        self.multiplets = [Multiplet(*entry) for entry in result["multiplets"]]
        #: (rows of this rank, n) eigenfunctions, NaN at points that were left out; None without a graph
        self.functions: Optional[np.ndarray] = result.get("functions")
        self.converged = bool(result["converged"])
        #: what spectral.json holds
        self.tree: dict[str, Any] = json.loads(result["tree"])
        self._table: str = result["table"]

    @property
    def verdict(self) -> str:
        """PASSED, PARTIAL or NEEDS_REFINEMENT: of lambda_1 H* = target, not of the numbers."""
        return str(self.tree["validation"]["status"])

    def save(self, path: Any) -> None:
        """Writes spectral.json, whole or not at all. Call it on one rank."""
        _spectral.write_results(str(path), json.dumps(self.tree))

    def plot(self, ax: Any = None) -> Any:
        """Eigenvalues with their bars, by Matplotlib. Returns the axes."""
        if ax is None:
            from matplotlib import pyplot

            ax = pyplot.figure(figsize=(6, 4)).add_subplot()
        ax.errorbar(np.arange(len(self.values)), self.values, yerr=np.nan_to_num(self.errors), fmt="o", capsize=3)
        ax.set_xlabel("number")
        ax.set_ylabel("eigenvalue")
        return ax

    def __repr__(self) -> str:
        return self._table.rstrip()

    def _repr_html_(self) -> str:
        rows = "".join(f"<tr><td>{m.first} - {m.first + m.count - 1}</td><td>{m.count}</td><td>{m.raw:.6g}</td>"
                       f"<td>{m.value:.6g} ± {m.error:.2g}</td><td>{html.escape(m.method)}</td></tr>"
                       for m in self._shown())
        return ("<table><tr><th>eigenvalues</th><th>how many</th><th>raw</th><th>limit</th><th>method</th></tr>"
                f"{rows}</table><p>{html.escape(self._table.rstrip().splitlines()[-2])}</p>")

    def _shown(self) -> list[Multiplet]:
        """Multiplets, or single eigenvalues where there are none."""
        if self.multiplets:
            return [m for m in self.multiplets if m.first < len(self.values)]
        return [Multiplet(i, 1, value, np.nan, np.nan, "raw") for i, value in enumerate(self.raw)]


def spectrum(points: Any, metric: Any, weight: Any = None, periods: Any = None, method: str = "auto", k: int = 32,
             n: int = 15, comm: Any = None, *, manifold: Union[str, Manifold] = "euclidean", density: str = "estimate",
             extrapolate: Optional[bool] = None, functions: Optional[bool] = None, keep_outliers: bool = False, seed: int = 0,
             threads: int = 0, device: str = "auto", h_star: float = 99.0, lambda1_target: float = 13.0,
             progress: Optional[bool] = None) -> Spectrum:
    """The smallest eigenvalues of the Laplace-Beltrami operator of sampled points, as k7_spectral computes them.

    points: (N, 7) coordinates, or the points of `manifold`; with `comm` this rank's rows
    metric: (N, 7, 7) in the manifold's frame, or (7, 7) if it is the same everywhere
    weight: (N,) density of the points against the Riemannian volume, if it is known
    periods: (7,) after how much each coordinate comes back; 0: never
    method: auto, graph, ritz or notebook; k: neighbours of a point; n: how many eigenvalues
    extrapolate: whether limits are computed; None: where the method has them
    functions: whether eigenfunctions are wanted; None: where the method has them, which is all but ritz
    """
    with _calls.started(comm) as address:

        def arguments() -> tuple[Manifold, np.ndarray, np.ndarray, Optional[np.ndarray], dict[str, Any]]:
            space = as_manifold(manifold, periods)
            rows = numbers("points", points, (None, space.point_size))
            size = len(rows)
            metrics = numbers("metric", metric, (size, 7, 7), (7, 7))
            weights = None if weight is None else numbers("weight", weight, (size,))
            wanted = method != "ritz" if functions is None else bool(functions)
            options = _options(method=method, density=density, k=k, n=n, extrapolate=extrapolate, functions=wanted,
                               keep_outliers=keep_outliers, seed=seed, threads=threads, device=device, h_star=h_star,
                               lambda1_target=lambda1_target)
            return space, rows, metrics, weights, options

        space, rows, metrics, weights, options = _calls.agreed(address, arguments)
        listener = _calls.Listener(address, progress)
        result = _spectral.spectrum_of_points(rows, metrics, weights, space._inner, space.says_periods, options,
                                              address, listener)
        listener.finish()
        return Spectrum(result)


def spectrum_of_function(metric: Callable[[np.ndarray], Any], manifold: Union[str, Manifold], n: int = 15,
                         comm: Any = None, *, accuracy: float = 1e-6, threads: int = 0, h_star: float = 99.0,
                         lambda1_target: float = 13.0, progress: Optional[bool] = None) -> Spectrum:
    """The same of a metric that is known everywhere, without the noise of samples: Rayleigh-Ritz on nodes of K7's own
    choice. `metric` gets points (m, point_size), each rank its own, and returns (m, 7, 7) or (7, 7)."""
    with _calls.started(comm) as address:

        def arguments() -> tuple[Manifold, dict[str, Any]]:
            if not callable(metric):
                raise InputError("metric: is not callable; a function from points (m, point_size) to (m, 7, 7) is needed")
            options = _options(method="auto", density="estimate", k=32, n=n, extrapolate=None, functions=False,
                               keep_outliers=False, seed=0, threads=threads, device="auto", h_star=h_star,
                               lambda1_target=lambda1_target, accuracy=accuracy)
            return as_manifold(manifold, None), options

        def metrics_at(points: np.ndarray) -> np.ndarray:
            found = numbers("metric", metric(points), (len(points), 7, 7), (7, 7))
            return np.ascontiguousarray(np.broadcast_to(found, (len(points), 7, 7)))

        space, options = _calls.agreed(address, arguments)
        listener = _calls.Listener(address, progress)
        result = _spectral.spectrum_of_metric(metrics_at, space._inner, options, address, listener)
        listener.finish()
        return Spectrum(result)


def _options(**given: Any) -> dict[str, Any]:
    """The options of the library, which checks most of them itself."""
    given.setdefault("accuracy", 1e-6)
    given["neighbors"] = whole("k", given.pop("k"), 1)
    given["eigenvalues"] = whole("n", given.pop("n"), 1)
    given["seed"] = whole("seed", given["seed"], 0)
    given["threads"] = whole("threads", given["threads"], 0)
    for name in ("accuracy", "h_star", "lambda1_target"):
        given[name] = float(numbers(name, given[name], ()))
        if not given[name] > 0.0:
            raise InputError(f"{name}: is {given[name]:g}; a number above 0 is needed")
    return given
