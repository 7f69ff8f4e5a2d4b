# SPDX-License-Identifier: Apache-2.0
"""Trained models, and the torsion of 3-forms."""

from __future__ import annotations

import json
import os
from typing import Any, Optional

import numpy as np

from . import _calls
from ._arrays import numbers, whole
from ._manifolds import Manifold, Samples
from ._spectra import Spectrum, spectrum_of_function


class Model:
    """A trained network, from a checkpoint of k7_train: phi and the metric at any points.

    Points are those of `manifold`; phi (35 components, i < j < k in lexicographic order) and the metric are written in its
    frame. With `comm` all ranks open it together, and evaluate each for itself."""

    def __init__(self, path: Any, device: str = "auto", threads: int = 0, comm: Any = None) -> None:
        with _calls.started(comm) as address:
            name, count = _calls.agreed(address, lambda: (os.fspath(path), whole("threads", threads, 0)))
            self._inner = _calls.model_library().Model(name, device, count, address)
        self.manifold = Manifold(self._inner.manifold, interval=self._inner.interval)

    @property
    def path(self) -> str:
        return str(self._inner.path)

    @property
    def device(self) -> str:
        return str(self._inner.device)

    def phi(self, points: Any) -> np.ndarray:
        """points (m, point_size) -> (m, 35)"""
        return self.evaluate(points)[0]

    def metric(self, points: Any) -> np.ndarray:
        """points (m, point_size) -> (m, 7, 7)"""
        return self.evaluate(points)[1]

    def evaluate(self, points: Any) -> tuple[np.ndarray, np.ndarray]:
        """points (m, point_size) -> phi (m, 35) and metric (m, 7, 7) at once"""
        with _calls.started(None):
            return self._inner.evaluate(self._points(points))

    def jet(self, points: Any) -> tuple[np.ndarray, np.ndarray]:
        """points (m, point_size) -> phi (m, 35) and E_phi (m, 7, 35), the derivatives along the frame"""
        with _calls.started(None):
            return self._inner.jet(self._points(points))

    def torsion(self, points: Any) -> dict[str, np.ndarray]:
        """points (m, point_size) -> what k7.torsion gives for phi there"""
        with _calls.started(None):
            return self._inner.torsion(self._points(points))

    def report(self, n: int = 100000, seed: int = 0, comm: Any = None, progress: Optional[bool] = None) -> dict[str, Any]:
        """Mean and extremes of the torsion over n fresh points, as k7_torsion writes them."""
        with _calls.started(comm) as address:
            count, key = _calls.agreed(address, lambda: (whole("n", n, 1), whole("seed", seed, 0)))
            listener = _calls.Listener(address, progress)
            text = self._inner.report(count, key, address, listener)
            listener.finish()
            found: dict[str, Any] = json.loads(text)
            return found

    def sample(self, n: int = 10000, seed: int = 0, comm: Any = None, progress: Optional[bool] = None) -> Samples:
        """This rank's rows of n random points with metric and phi: what k7_sample writes."""
        with _calls.started(comm) as address:
            count, key = _calls.agreed(address, lambda: (whole("n", n, 1), whole("seed", seed, 0)))
            listener = _calls.Listener(address, progress)
            found = self._inner.sample(count, key, address, listener)
            listener.finish()
            return Samples(self.manifold, found["points"], found["coords"], found["metric"], found["phi"],
                           found.get("weight"))

    def spectrum(self, **options: Any) -> Spectrum:
        """k7.spectrum_of_function of this metric, with its further arguments: as k7_spectral --model."""
        return spectrum_of_function(self.metric, self.manifold, **options)

    def _points(self, points: Any) -> np.ndarray:
        return numbers("points", points, (None, self.manifold.point_size))

    def __repr__(self) -> str:
        return f"<k7.Model {self.path}: {self._inner.architecture} on {self.manifold.name}>"


def torsion(phi: Any, E_phi: Any, structure: Any = None) -> dict[str, np.ndarray]:
    """The G2-structure and torsion of 3-forms, row by row, as `k7_torsion --fields` computes them.

    phi: (M, 35); E_phi: (M, 7, 35), its derivatives along the frame vectors E_a
    structure: (7, 7, 7), C[c, a, b] with [E_a, E_b] = C[c, a, b] E_c; None: coordinates, where it is zero
    Returns g, sqrt_det_g, orientation, psi, dphi, dpsi, norm2_dphi, norm2_dpsi, tau0 ... tau3, norm2_tau0 ... norm2_tau3
    and positive, which is 0 where phi is not a G2-structure; all but dphi is NaN there."""
    form = numbers("phi", phi, (None, 35))
    slopes = numbers("E_phi", E_phi, (len(form), 7, 35))
    constants = np.zeros((7, 7, 7)) if structure is None else numbers("structure", structure, (7, 7, 7))
    with _calls.started(None):
        return _calls.model_library().torsion_of_fields(form, slopes, constants)
