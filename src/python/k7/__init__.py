# SPDX-License-Identifier: Apache-2.0
"""G2 metrics by neural networks, and their Laplace spectra: K7's library on NumPy arrays. See docs/python.md."""

from __future__ import annotations

import os as _os

# Threads of OpenMP that wait else spin for milliseconds, which is slow where cores are shared. It is read when the first
# library with OpenMP is loaded, which may be NumPy's.
if "OMP_WAIT_POLICY" not in _os.environ:
    _os.environ.setdefault("GOMP_SPINCOUNT", "30000")

from ._errors import Error, InputError, InternalError, LibraryError, NumericalError, Stopped
from ._manifolds import Manifold, Samples, manifold
from ._models import Model, torsion
from ._spectra import Multiplet, Spectrum, spectrum, spectrum_of_function
from ._spectral import __version__
from ._training import Training, train

__all__ = [
    "Error", "InputError", "InternalError", "LibraryError", "Manifold", "Model", "Multiplet", "NumericalError",
    "Samples", "Spectrum", "Stopped", "Training", "__version__", "manifold", "spectrum", "spectrum_of_function",
    "torsion", "train",
]
