# SPDX-License-Identifier: Apache-2.0
"""lambda_1 as each method has it, with its bar; all of one run, or the judged one of many."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Iterable

from . import digits
from .inputs import Json, is_number
from .results import judged

ROUNDING = 1e-9  # bounds closer than this, relatively, are one number: the metric is constant


@dataclass(frozen=True)
class Estimate:
    """One method's lambda_1, dimensionless. low and high are the ends of its bar."""

    name: str
    value: float
    low: float
    high: float
    remark: str = ""
    is_judged: bool = False
    is_exact: bool = False

    @property
    def bar(self) -> float:
        return max(self.high - self.value, self.value - self.low)

    @property
    def text(self) -> str:
        return self.times(1.0)

    def times(self, factor: float) -> str:
        """The value times a factor, with as many digits as the bar allows; four where neither bar nor proof is known."""
        known = self.bar > 0 or self.is_exact
        return digits.measured(factor * self.value, factor * self.bar) if known else f"{factor * self.value:#.4g}"


def multiplet_of_lambda1(part: Any) -> Json | None:
    """The multiplet that holds eigenvalue 1, where it has a limit."""
    multiplets = part.get("multiplets") if isinstance(part, dict) else None
    for multiplet in multiplets if isinstance(multiplets, list) else []:
        first, count = (multiplet.get(key) if isinstance(multiplet, dict) else None for key in ("first", "count"))
        if is_number(first) and is_number(count) and first <= 1 < first + count:
            return multiplet if is_number(multiplet.get("extrapolated")) else None
    return None


def judged_estimate(tree: Json) -> Estimate:
    """What the verdict is about. Where eigenvalues belong together, the bar is that of their mean, as k7_spectral has it."""
    found, multiplet = judged(tree), None
    if tree["validation"].get("basis") == "limit":
        multiplet = multiplet_of_lambda1(tree["spectral"])
    error = found["error"] if is_number(found.get("error")) else 0.0
    remark = ""
    if multiplet and is_number(multiplet.get("error")) and _close(multiplet["extrapolated"], found["lambda_1"]):
        error, remark = multiplet["error"], _mean_of(multiplet)
    return _around("judged", found["lambda_1"], error, remark, is_judged=True)


def estimates(tree: Json) -> list[Estimate]:
    """Every method's lambda_1 that spectral.json holds, the judged one last but for what is known exactly."""
    spectral = tree["spectral"]
    found = list(_methods(spectral))
    found.append(judged_estimate(tree))
    multiplet = multiplet_of_lambda1(spectral) if tree["validation"].get("basis") == "limit" else None
    found += _constant_metric(spectral.get("constant_metric"), multiplet)
    return found


def _methods(spectral: Json) -> Iterable[Estimate]:
    if is_number(spectral.get("lambda_1")) and "quadrature" not in spectral and spectral.get("method") != "ritz":
        name = "notebook's matrix" if spectral.get("method") == "notebook" else "one graph"
        yield _around(name, spectral["lambda_1"], 0.0, "not extrapolated, 5 to 20 % too low" if name == "one graph" else "")
    for key, name in (("graph", "limit of graphs"), ("ritz", "Rayleigh–Ritz")):
        multiplet = multiplet_of_lambda1(spectral.get(key))
        if multiplet:
            error = multiplet["error"] if is_number(multiplet.get("error")) else 0.0
            yield _around(name, multiplet["extrapolated"], error, _mean_of(multiplet))


def _constant_metric(witness: Json | None, multiplet: Json | None) -> list[Estimate]:
    """The exact value for the constant metric nearby, with the bounds of that for the sampled metric.

    It is a mean over the judged multiplet, where all of that is known, so that like is compared with like.
    """
    first, count = (int(multiplet["first"]), int(multiplet["count"])) if multiplet else (1, 1)
    parts = [(witness or {}).get(key) or [] for key in ("eigenvalues", "lower", "upper")]
    wanted = slice(first, first + count)
    if any(len(part[wanted]) < count or None in part[wanted] for part in parts):
        wanted, count = slice(1, 2), 1
    if any(len(part) < 2 or None in part[wanted] for part in parts):
        return []
    value, low, high = (math.fsum(part[wanted]) / count for part in parts)
    what = f"mean of {count} eigenvalues" if count > 1 else "λ₁ itself" if multiplet and multiplet["count"] > 1 else "λ₁"
    if high - low <= ROUNDING * abs(value):
        return [Estimate("exact", value, value, value, f"{what}; the metric is constant in its frame", is_exact=True)]
    return [Estimate("constant metric", value, min(low, value), max(high, value),
                     f"{what}, exact for the constant metric nearby; the bar holds the bounds over the samples", is_exact=True)]


def _around(name: str, value: float, error: float, remark: str, is_judged: bool = False) -> Estimate:
    return Estimate(name, float(value), float(value) - abs(error), float(value) + abs(error), remark, is_judged)


def _mean_of(multiplet: Json) -> str:
    count = int(multiplet["count"])
    return f"mean of {count} eigenvalues that belong together" if count > 1 else ""


def _close(a: float, b: float) -> bool:
    return math.isclose(a, b, rel_tol=1e-6)
