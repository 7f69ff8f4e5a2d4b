# SPDX-License-Identifier: Apache-2.0
"""The plots of results.html, each as (plot, legend), both markup. What they draw is dimensionless unless an axis says so."""

from __future__ import annotations

import math
from typing import Sequence

import numpy as np

from . import digits
from .details import Details, Eigenfunctions, Histogram, as_histogram
from .inputs import History, Json, is_number
from .lambda1 import Estimate
from .results import RunData, groups
from .samples import is_rounding, is_wide
from .series import LOSS_TERMS, best_values, det_spread, excess, fraction_text, left_invariant_loss, negligible_terms
from .series import terms_of
from .svg import Plot, legend

Chart = tuple[str, str]
LEAST_LOSS = 1e-30  # of the largest: what is less is not worth an axis
MOST_LABELS = 14  # more groups than this have no labels
CLASSES = 7  # colours of an eigenfunction, from most negative to most positive
TARGET_REACH = 1.5  # a target farther off than this many widths of what is drawn is told and not drawn


def loss_chart(data: RunData) -> Chart:
    """How far the loss is above that of the best constants where they are known, otherwise loss and terms."""
    assert data.history is not None
    return _terms_chart(data, data.history) if left_invariant_loss(data) is None else _excess_chart(data, data.history)


def _excess_chart(data: RunData, history: History) -> Chart:
    lines = excess(data)
    positive = np.concatenate([values[values > 0] for values in lines.values()])
    if not len(positive):
        return _terms_chart(data, history)
    plot = Plot("Loss above the best constants in training", _range(history["epoch"]), _decade_range(positive), "epoch",
                "loss − best constants", log_y=True, whole_x=True)
    keys = []
    for name, colour, words in (("loss", "s7", "on the batch"), ("validation", "s1", "on points that training never sees")):
        if name in lines:
            plot.line(history["epoch"], lines[name], colour)
            keys.append(("line", colour, words))
    return plot.svg(), legend(keys)


def _terms_chart(data: RunData, history: History) -> Chart:
    terms = terms_of(data)
    absent = negligible_terms(history, terms)
    labels = LOSS_TERMS if data.is_torsion else dict(zip(terms, terms))
    drawn = {"loss": ("s0", "total")} | {name: (colour, labels[name]) for name, colour in terms.items() if name not in absent}
    values = np.concatenate([history[name] for name in drawn])
    floor = LEAST_LOSS * float(np.abs(values).max())
    positive = values[values > floor]
    log = len(positive) > 0
    plot = Plot("Loss and its terms in training", _range(history["epoch"]),
                _decade_range(positive) if log else _range(values), "epoch", "loss", log_y=log, whole_x=True)
    for name, (colour, _) in drawn.items():
        plot.line(history["epoch"], history[name], colour)
    keys = [("line", colour, words) for colour, words in drawn.values()]
    keys += [("none", "", f"not drawn: {labels[name]} {'= 0' if peak == 0 else '≤ ' + digits.power(peak)}")
             for name, peak in absent.items()]
    return plot.svg(), legend(keys)


def det_history_chart(data: RunData) -> Chart:
    """Batch mean of det g, its spread where it has one, and its target, on limits that never magnify rounding."""
    assert data.history is not None
    history, target = data.history, float(data.constants["det_g_target"])
    values = history["det_mean"]
    spread = det_spread(history, target) if data.is_torsion else np.zeros(len(values))
    has_spread = not is_rounding(float(spread.max()), target)
    lower = np.maximum(values - spread, np.minimum(values, 0.0))
    shown = [lower, values + spread, *([np.array([target])] if data.wants_det else [])]
    low, high = (float(f(np.concatenate(shown))) for f in (np.min, np.max))
    log = is_wide(low, high)
    if is_rounding(high - low, target):
        low, high = 0.99 * (low + high) / 2, 1.01 * (low + high) / 2
    elif not log:
        low, high = low - 0.05 * (high - low), high + 0.05 * (high - low)
    plot = Plot("Mean of det g in training", _range(history["epoch"]), (low, high), "epoch", "mean of det g", log_y=log,
                whole_x=True)
    keys = [("line", "s1", f"batch mean, last {digits.plain(float(values[-1]))}")]
    if has_spread:
        plot.band(history["epoch"], lower, values + spread, "s1")
        keys.append(("area", "s1", f"± std over the batch, last {digits.power(float(spread[-1]))}"))
    plot.line(history["epoch"], values, "s1")
    if data.wants_det:
        plot.across(target, "target")
        keys.append(("dashed", "target", f"target {fraction_text(target)}"))
    if not data.is_torsion:
        keys.append(("none", "", f"largest distance {digits.power(float(np.abs(values - target).max()))}"))
    return plot.svg(), legend(keys)


def spectrum_chart(data: RunData) -> Chart:
    """Eigenvalues against their index, with bars, what is known exactly, and the prediction."""
    spectral, constants = data.spectral["spectral"], data.constants
    raw = [float(value) for value in spectral["eigenvalues"]]
    best = best_values(raw, spectral.get("extrapolated"))
    errors = [abs(float(e)) if is_number(e) else 0.0 for e in spectral.get("error") or [None] * len(raw)]
    known = (spectral.get("constant_metric") or {}).get("eigenvalues") or []
    target = spectral["target"] / constants["H_star"]
    top = max(*(b + e for b, e in zip(best, errors)), *raw, target, *(k for k in known if k is not None))
    low = min(0.0, *best, *raw)
    plot = Plot("Laplace spectrum", (-0.7, len(raw) - 0.3), (low - 0.04 * (top - low), top + 0.12 * (top - low)), "index i",
                "eigenvalue λᵢ", whole_x=True)
    plot.across(target, "target")
    keys = [("dashed", "target", f"prediction λ₁ = {spectral['target']:g}/{constants['H_star']:g} = {target:.4g}")]
    if best != raw:
        for i, value in enumerate(raw):
            plot.point(i, value, "s7", f"λ{i} = {digits.plain(value)}, one graph", hollow=True)
        keys.append(("ring", "s7", "one graph"))
    parts = groups(best)
    for number, (first, last) in enumerate(parts):
        colour = ("s1", "s2")[number % 2] if len(parts) <= MOST_LABELS else "s1"
        for i in range(first, last + 1):
            if errors[i] > 0:
                plot.bar((i, i), (best[i] - errors[i], best[i] + errors[i]), colour)
            plot.point(i, best[i], colour, f"λ{i} = {digits.measured(best[i], errors[i])}")
        if first < last and len(parts) <= MOST_LABELS:
            plot.note((first + last) / 2, max(best[i] + errors[i] for i in range(first, last + 1)),
                      f"{'≥' if last == len(raw) - 1 else ''}{last - first + 1}×")
    keys.append(("dot", "s1", ("limit" if best != raw else "computed") + (", with error bar" if any(errors) else "")))
    if any(k is not None for k in known):
        for i, value in enumerate(known):
            if value is not None:
                plot.segment((i - 0.4, i + 0.4), value, "s3")
        keys.append(("line", "s3", "constant metric, exact"))
    return plot.svg(), legend(keys)


def det_chart(data: RunData) -> Chart:
    """Histogram of det g in the learned coframe, with mean and target; one bar where all values agree."""
    factor = data.frame_factor
    det, target = data.det.over(factor), float(data.constants["det_g_target"])
    width = det.maximum - det.minimum
    words = f"{det.n_samples:,} samples"
    if det.is_constant:
        half = max(1.5 * abs(det.mean - target) if data.wants_det else 0.0, 0.01 * max(abs(target), abs(det.mean)))
        x, log = (det.mean - half, det.mean + half), False
        edges, counts = np.array([det.mean - 0.03 * half, det.mean + 0.03 * half]), np.array([det.n_samples])
        words += f", all equal{'' if width == 0 else ' up to ' + digits.power(width)}" if det.n_samples > 1 else ""
    else:
        edges, counts, log = det.edges, det.counts, is_wide(det.minimum, det.maximum)
        x = _with_target((det.minimum, det.maximum), target) if data.wants_det else (det.minimum, det.maximum)
    plot = Plot("det g over the samples", x, (0.0, 1.08 * float(counts.max())),
                f"det g{'' if factor == 1.0 else ' in the learned coframe'}", "samples", log_x=log)
    plot.stairs(edges, counts, "s1")
    plot.upright(det.mean, "s0")
    keys = [("area", "s1", words), ("line", "s0", f"mean {digits.plain(det.mean)}, std {digits.power(det.std)}")]
    if data.wants_det and x[0] <= target <= x[1]:
        plot.upright(target, "target", dashed=True)
        keys.append(("dashed", "target", f"target {fraction_text(target)}"))
    elif data.wants_det:
        side = "left" if target < det.mean else "right"
        keys.append(("none", "", f"target {fraction_text(target)}: off to the {side}"))
    return plot.svg(), legend(keys)


def lambda1_chart(estimates: Sequence[Estimate], target: float) -> Chart:
    """One estimate of lambda_1 below the other, with bars."""
    ends = [value for e in estimates for value in (e.low, e.high)]
    low, high = min(ends), max(ends)
    margin = 0.08 * (high - low) or 0.05 * abs(high)
    x = _with_target((low - margin, high + margin), target)
    rows = len(estimates)
    plot = Plot("λ₁ by method, with error bars", x, (rows - 0.4, -0.6), "λ₁", height=30 * rows + 66,
                y_names=[(float(i), e.name) for i, e in enumerate(estimates)])
    for i, e in enumerate(estimates):
        colour = "s2" if e.is_judged else "s3" if e.is_exact else "s1"
        if e.high > e.low:
            plot.bar((e.low, e.high), (i, i), colour)
        plot.point(e.value, i, colour, f"{e.name}: {e.text}")
    if x[0] <= target <= x[1]:
        plot.upright(target, "target", dashed=True)
        return plot.svg(), legend([("dashed", "target", f"prediction {target:.4g}")])
    if math.isnan(target):
        return plot.svg(), ""
    return plot.svg(), legend([("none", "", f"prediction {target:.4g}: off to the {'left' if target < low else 'right'}")])


def histogram_chart(label: str, parts: Sequence[tuple[str, str, Json | None]], x_title: str, y_title: str) -> Chart | None:
    """Histograms of (colour, words, content) over one axis; None where none has a number."""
    found = [(colour, words, as_histogram(content)) for colour, words, content in parts if content]
    if not found:
        return None
    low, high = min(h.edges[0] for _, _, h in found), max(h.edges[-1] for _, _, h in found)
    plot = Plot(label, (float(low), float(high)), (0.0, 1.08 * max(float(h.counts.max()) for _, _, h in found)), x_title,
                y_title, log_x=is_wide(float(low), float(high)))
    for colour, _, content in found:
        plot.stairs(*_wide_enough(content, float(low), float(high)), colour)
    return plot.svg(), legend([("area", colour, words) for colour, words, _ in found])


def _wide_enough(content: Histogram, low: float, high: float) -> tuple[np.ndarray, np.ndarray]:
    """A single bin may be too narrow to be seen beside others."""
    edges = content.edges
    if len(content.counts) == 1 and edges[1] - edges[0] < 0.01 * (high - low):
        middle = edges.mean()
        edges = np.array([max(low, middle - 0.005 * (high - low)), min(high, middle + 0.005 * (high - low))])
    return edges, content.counts


def eigenfunction_charts(functions: Eigenfunctions, at: int) -> list[Chart]:
    """Eigenfunction `at` over the two coordinates that it depends on most, and over the next two."""
    values = functions.values[:, at]
    order = np.argsort([-explained(functions.coords[:, c], values) for c in range(functions.coords.shape[1])], kind="stable")
    index = np.clip(np.floor((values + 1) / 2 * CLASSES).astype(int), 0, CLASSES - 1)
    charts = []
    for pair in (order[:2], order[2:4]):
        a, b = sorted(int(c) for c in pair)
        x, y = functions.coords[:, a], functions.coords[:, b]
        plot = Plot(f"eigenfunction {functions.first + at} over c{a} and c{b}", _range(x), _range(y), f"c{a}", f"c{b}", height=260)
        for number in sorted(range(CLASSES), key=lambda n: abs(n - CLASSES // 2)):  # the largest values on top
            plot.cloud(x[index == number], y[index == number], f"f{number}")
        charts.append((plot.svg(), ""))
    return charts


def explained(coordinate: np.ndarray, values: np.ndarray, bins: int = 10) -> float:
    """The share of the variance of f that its means over slices of one coordinate have."""
    order = np.argsort(coordinate, kind="stable")
    parts = [part for part in np.array_split(values[order], bins) if len(part)]
    total = float(((values - values.mean()) ** 2).sum())
    return sum(len(p) * float((p.mean() - values.mean()) ** 2) for p in parts) / total if total > 0 else 0.0


def detail_charts(details: Details) -> dict[str, Chart | None]:
    """The histograms of what a run folder may hold besides."""
    charts: dict[str, Chart | None] = {"eigenvalues_of_g": histogram_chart(
        "Eigenvalues of g over the samples", [("s1", "all seven together", details.eigenvalues_of_g["histogram"])],
        "eigenvalue of g", "number")}
    if details.graph:
        charts["graph"] = histogram_chart(
            "Distances to neighbours", [("s1", "nearest neighbour", details.graph["nearest"]),
                                        ("s2", f"neighbour {details.graph['k']}", details.graph["last"])], "distance", "points")
    if details.torsion and "histograms" in details.torsion:
        found = details.torsion["histograms"]
        charts["torsion"] = histogram_chart("Torsion over the rows", [("s1", "|dφ|²", found["norm2_dphi"]),
                                                                      ("s2", "|d⋆φ|²", found["norm2_dpsi"])],
                                            "|dφ|² and |d⋆φ|² (length⁻²)", "rows")
    return charts


def _range(values: np.ndarray) -> tuple[float, float]:
    low, high = float(np.min(values)), float(np.max(values))
    return (low, high) if low < high else (low - 1, high + 1)


def _decade_range(positive: np.ndarray) -> tuple[float, float]:
    """A little more than what is to be drawn on a logarithmic axis."""
    low, high = math.log10(float(positive.min())), math.log10(float(positive.max()))
    margin = max(0.04 * (high - low), 0.1)
    return 10 ** max(low - margin, -300), 10 ** min(high + margin, 300)


def _with_target(x: tuple[float, float], target: float) -> tuple[float, float]:
    """The range widened to the target where that is near."""
    reach = TARGET_REACH * (x[1] - x[0])
    if not x[0] - reach <= target <= x[1] + reach:
        return x
    margin = 0.04 * (max(x[1], target) - min(x[0], target))
    return (min(x[0], target - margin), max(x[1], target + margin))
