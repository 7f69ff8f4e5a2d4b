# SPDX-License-Identifier: Apache-2.0
"""Manifolds and samples on them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Optional, Union

import numpy as np

from . import _calls, _spectral
from ._arrays import numbers, whole

if TYPE_CHECKING:
    from ._spectra import Spectrum


class Manifold:
    """A space that points come from: which of them are the same, and the frame in which metrics and forms are written."""

    def __init__(self, name: str, periods: Optional[Sequence[float]] = None,
                 interval: Sequence[float] = (1.25, 2.5)) -> None:
        given = None if periods is None else list(numbers("periods", periods, (7,)))
        ends = list(numbers("interval", interval, (2,)))
        self._inner = _spectral.Manifold(name, given, [1.0, 1.0, 1.0], ends)
        self.says_periods = periods is not None or name != "euclidean"

    @property
    def name(self) -> str:
        return str(self._inner.name)

    @property
    def frame(self) -> str:
        """`left-invariant` or `coordinate`."""
        return str(self._inner.frame)

    @property
    def point_size(self) -> int:
        """Numbers of a point: 7 coordinates, or [theta, q1, q2] with unit quaternions."""
        return int(self._inner.point_size)

    @property
    def periods(self) -> np.ndarray:
        """(7,) after how much each coordinate comes back; 0: never."""
        return np.array(self._inner.periods)

    @property
    def structure(self) -> np.ndarray:
        """(7, 7, 7) constants C[c, a, b] of the frame, [E_a, E_b] = C[c, a, b] E_c."""
        return self._inner.structure()

    @property
    def volume(self) -> float:
        """Of the frame's unit metric; 0 where it is not known, and sample() is then not uniform in it."""
        return float(self._inner.frame_volume)

    def sample(self, n: int, seed: int = 0, comm: Any = None) -> np.ndarray:
        """This rank's rows of n random points (n, point_size); the same ones on any number of ranks."""
        return self._draw(n, seed, comm)[0]

    def _draw(self, n: int, seed: int, comm: Any) -> tuple[np.ndarray, np.ndarray]:
        with _calls.started(comm) as address:
            count, key = _calls.agreed(address, lambda: (whole("n", n, 1), whole("seed", seed, 0)))
            points, coords = self._inner.sample(count, key, address)
            return points, coords

    def spectrum_of_constant(self, metric: Any, n: int = 15) -> np.ndarray:
        """The first n eigenvalues of a metric (7, 7) that is constant in the frame, exact; empty where no closed form is
        known."""
        return self._inner.reference_spectrum(numbers("metric", metric, (7, 7)), whole("n", n, 1))

    def __repr__(self) -> str:
        return f"k7.manifold({self.name!r}): points of {self.point_size} numbers, {self.frame} frame"


def manifold(name: str, periods: Optional[Sequence[float]] = None,
             interval: Sequence[float] = (1.25, 2.5)) -> Manifold:
    """One of K7's manifolds by its name.

    `periods` replaces those of a space with coordinates, `interval` has the ends of r in `interval-s3xs3`."""
    return Manifold(name, periods, interval)


def as_manifold(given: Union[str, Manifold], periods: Any) -> Manifold:
    """What the arguments manifold and periods say together."""
    if isinstance(given, Manifold) and periods is None:
        return given
    return Manifold(given.name if isinstance(given, Manifold) else given, periods)


@dataclass(frozen=True, repr=False)
class Samples:
    """This rank's rows of points with the metric there: what a sample file holds."""

    manifold: Manifold
    points: np.ndarray  #: (n, manifold.point_size)
    coords: np.ndarray  #: (n, 7), the file's coordinates
    metric: np.ndarray  #: (n, 7, 7)
    phi: Optional[np.ndarray]  #: (n, 35)
    weight: Optional[np.ndarray]  #: (n,) density of the points against the Riemannian volume

    def spectrum(self, **options: Any) -> Spectrum:
        """k7.spectrum of these points, with its further arguments."""
        from ._spectra import spectrum

        return spectrum(self.points, self.metric, self.weight, manifold=self.manifold, **options)

    def save(self, path: Any, comm: Any = None) -> None:
        """Writes the sample file of all ranks' rows, whole or not at all, as k7_sample does."""
        none = np.zeros(0)
        with _calls.started(comm) as address:
            name = _calls.agreed(address, lambda: os.fspath(path))
            listener = _calls.Listener(address, False)
            _spectral.write_samples(name, self.manifold._inner, self.coords, self.points, self.metric,
                                    none if self.phi is None else self.phi, none if self.weight is None else self.weight,
                                    address, listener)
            listener.finish()

    def __repr__(self) -> str:
        return f"<k7.Samples: {len(self.points)} points of {self.manifold.name}>"
