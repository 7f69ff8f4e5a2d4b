# SPDX-License-Identifier: Apache-2.0
"""What both the figure and the page draw of a run, without saying how."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from .inputs import History
from .results import RunData

NEGLIGIBLE_TERM = 1e-12  # a loss term never above this fraction of the largest total is rounding noise

# Loss terms by objective: column of the history -> colour class of the page.
TERMS = {"torsion": "s2", "det": "s3", "norm": "s1", "smooth": "s4"}
TORSION_TERMS = {"torsion_closed": "s2", "torsion_coclosed": "s5", "det": "s3", "norm": "s1", "smooth": "s4", "trace": "s7",
                 "gauge": "s6"}
LOSS_TERMS = {"torsion": "torsion", "torsion_closed": "|dφ|²", "torsion_coclosed": "|d⋆φ|²", "det": "(det g − 65/32)²",
              "norm": "|φφ−6δ|²", "smooth": "|Eφ|²", "trace": "tr g/7", "gauge": "gauge"}
WEIGHT_OF = {"torsion_closed": "lambda-torsion", "torsion_coclosed": "lambda-torsion"}  # otherwise lambda-<column>


def terms_of(data: RunData) -> dict[str, str]:
    """The loss terms to draw: all of the notebook's; those of the torsion objective that count."""
    if not data.is_torsion:
        return TERMS
    return {name: colour for name, colour in TORSION_TERMS.items()
            if data.option(WEIGHT_OF.get(name, f"lambda-{name}")) != 0.0}


def negligible_terms(history: History, terms: dict[str, str] = TERMS) -> dict[str, float]:
    """Loss terms that are rounding noise throughout, with the largest value of each."""
    scale = float(np.abs(history["loss"]).max())
    peaks = {name: float(np.abs(history[name]).max()) for name in terms}
    return {name: peak for name, peak in peaks.items() if peak <= NEGLIGIBLE_TERM * scale}


def left_invariant_loss(data: RunData) -> float | None:
    """The loss of the best constant coefficients, where k7_train computed it."""
    return ((data.train or {}).get("training", {}).get("left_invariant") or {}).get("loss")


def excess(data: RunData) -> dict[str, np.ndarray]:
    """How far the loss is above that of the best constants, on the batch and, where recorded, on fixed points.

    Negative where a batch happens to have less. Empty where the best constants are not known.
    """
    reference = left_invariant_loss(data)
    if reference is None or data.history is None:
        return {}
    names = [name for name in ("loss", "validation") if name in data.history.columns]
    return {name: data.history[name] - float(reference) for name in names}


def det_spread(history: History, target: float) -> np.ndarray:
    """Standard deviation of det g over each batch, from its mean and the det term, the mean of (det g - target)^2."""
    return np.sqrt(np.maximum(history["det"] - (history["det_mean"] - target) ** 2, 0.0))


def best_values(raw: list[float], extrapolated: list[float | None] | None) -> list[float]:
    """The extrapolated value of each eigenvalue where there is one, else the eigenvalue itself."""
    return [r if e is None else float(e) for r, e in zip(raw, extrapolated or [None] * len(raw))]


def fraction_text(value: float) -> str:
    """A number as `65/32 = 2.03125` where it is a simple fraction, else with six digits."""
    fraction = Fraction(value).limit_denominator(1000)
    simple = float(fraction) == float(value) and fraction.denominator > 1
    return f"{fraction} = {value:.6g}" if simple else f"{value:.6g}"
