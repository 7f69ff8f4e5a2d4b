# SPDX-License-Identifier: Apache-2.0
"""The 2x2 figure of a run, as PNG.

Every quantity drawn is dimensionless: eigenvalues and det g refer to the coordinates' own unit of length.
"""

from __future__ import annotations

import io
import logging
from typing import Callable

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, ScalarFormatter

from . import digits
from .inputs import History
from .results import RunData, groups
from .samples import is_rounding, is_wide
from .series import NEGLIGIBLE_TERM, best_values, det_spread, excess, fraction_text, left_invariant_loss, negligible_terms
from .series import terms_of

logging.getLogger("matplotlib").setLevel(logging.ERROR)  # no talk of caches on a read-only home

SIZE_INCHES = (12.0, 10.0)
DPI = 150
STYLE = {
    "font.size": 14, "axes.titlesize": 17, "axes.labelsize": 15, "legend.fontsize": 13, "xtick.labelsize": 13,
    "ytick.labelsize": 13, "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True,
    "grid.alpha": 0.3, "axes.titlelocation": "left", "axes.titleweight": "bold", "legend.framealpha": 1.0,
    "agg.path.chunksize": 20000, "mathtext.fontset": "dejavusans", "axes.axisbelow": True,
}
# Okabe and Ito's colours, told apart by all common kinds of colour vision.
BLACK, BLUE, ORANGE, GREEN, PURPLE, RED = "#222222", "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00"
GREY, SKY = "#767676", "#56b4e9"
# How a term of the loss is drawn: colour, dashes, label.
TERM_STYLES: dict[str, tuple[str, "str | tuple[int, tuple[int, ...]]", str]] = {
    "torsion": (ORANGE, "-", "torsion"),
    "torsion_closed": (ORANGE, "-", r"$|d\varphi|^2$"),
    "torsion_coclosed": (SKY, "-", r"$|d{\star}\varphi|^2$"),
    "det": (GREEN, "--", "det"),
    "norm": (BLUE, "-.", "norm"),
    "smooth": (PURPLE, ":", "smooth"),
    "trace": (GREY, (0, (6, 2)), r"tr $g$/7"),
    "gauge": (GREY, (0, (1, 1)), "gauge"),
}
FORMULAS = {"det": r"$(\det g-65/32)^2$", "norm": r"$|\varphi\varphi-6\delta|^2$", "smooth": r"$|E\varphi|^2$"}
HEADROOM = 1.5  # height of the histogram's axis over its tallest bar
MANY_POINTS = 40  # more eigenvalues than this are drawn small, without stems and caps
MOST_LABELS = 14  # more group labels than this do not fit the panel


def draw_losses(axes: Axes, data: RunData) -> None:
    """The loss above that of the best constants where they are known, else the loss and its terms."""
    if data.history is None:
        _title(axes, "Training loss", "", "")
        return _say_untrained(axes)
    above = {name: values for name, values in excess(data).items() if (values > 0).any()}
    if above:
        _draw_excess(axes, data.history, above, left_invariant_loss(data))
    else:
        _draw_terms(axes, data)
    _set_epoch_axis(axes, data.history)


def _draw_excess(axes: Axes, history: History, above: dict[str, np.ndarray], reference: float | None) -> None:
    """On a logarithmic axis; a batch that happens to have less than the best constants is a gap in its line."""
    _title(axes, "Loss above the best constants", "epoch", "loss $-$ best constants")
    axes.set_yscale("log")
    marker = "o" if len(history) == 1 else ""
    styles = {"loss": (GREY, 1.2, "on the batch"), "validation": (BLUE, 2.4, "on points never trained on")}
    for name, values in above.items():
        colour, width, label = styles[name]
        axes.plot(history["epoch"], _positive(values), marker=marker, color=colour, lw=width, label=label)
    axes.plot([], [], " ", label=f"best constants: {reference:.6g}")
    axes.legend(loc="upper right")


def _draw_terms(axes: Axes, data: RunData) -> None:
    """Total loss and its terms against the epoch, on a logarithmic axis."""
    assert data.history is not None
    _title(axes, "Training loss, terms unweighted", "epoch", "loss (dimensionless)")
    history, epochs, terms = data.history, data.history["epoch"], terms_of(data)
    absent = negligible_terms(history, terms)
    labels = {name: style[2] for name, style in TERM_STYLES.items()} | (FORMULAS if data.is_torsion else {})
    marker = "o" if len(history) == 1 else ""
    axes.plot(epochs, _positive(history["loss"]), "-", marker=marker, color=BLACK, lw=4, label="total")
    for name in terms:
        colour, dashes, _ = TERM_STYLES[name]
        if name not in absent:
            axes.plot(epochs, _positive(history[name]), ls=dashes, marker=marker, color=colour, lw=1.8, label=labels[name])
    legend_rows = (len(axes.get_legend_handles_labels()[0]) + 1) // 2
    _set_loss_limits(axes, np.concatenate([history[name] for name in ("loss", *terms)]),
                     0.5 + 0.12 * max(0, legend_rows - 3))
    left_out = ", ".join(f"{labels[name]} = 0" if peak == 0 else f"{labels[name]} ≤ {_power(peak)}"
                         for name, peak in absent.items())
    size = 11.5 if data.is_torsion else STYLE["legend.fontsize"]  # more and longer labels
    narrow = {"columnspacing": 1.0, "handlelength": 1.7, "labelspacing": 0.35} if data.is_torsion else {}
    axes.legend(loc="upper right", ncol=2, title=f"not drawn: {left_out}" if absent else None, fontsize=size,
                title_fontsize=size, **narrow)


def _set_loss_limits(axes: Axes, values: np.ndarray, headroom: float) -> None:
    """A logarithmic axis down to rounding level, with room for the legend above the lines, in parts of their height."""
    largest = float(values.max())
    if largest <= 0:
        return
    floor = NEGLIGIBLE_TERM * largest
    smallest = max(float(values[values > floor].min()), floor)
    decades = max(np.log10(largest / smallest), 0.5)
    axes.set_yscale("log")
    axes.set_ylim(smallest * 10 ** (-0.05 * decades), largest * 10 ** (headroom * decades))


def draw_det_history(axes: Axes, data: RunData) -> None:
    """Batch mean of det g against the epoch, with its target, on limits that never magnify rounding.

    The torsion objective lets det g vary: then a band shows one standard deviation to each side, as far as det g is
    positive.
    """
    _title(axes, r"Mean of det $g$ in training", "epoch", r"mean of det $g$ (dimensionless)")
    if data.history is None:
        return _say_untrained(axes)
    target, values = data.constants["det_g_target"], data.history["det_mean"]
    marker = "o" if len(values) == 1 else ""
    axes.plot(data.history["epoch"], values, marker=marker, color=BLUE, lw=2, label="batch mean")
    shown = [values, [target]] if data.wants_det else [values]
    if data.wants_det:
        axes.axhline(target, color=RED, ls="--", lw=1.8, label=f"target {fraction_text(target)}")
    spread = det_spread(data.history, target) if data.is_torsion else np.zeros(len(values))
    if not is_rounding(float(spread.max()), target):
        lower = np.maximum(values - spread, np.minimum(values, 0.0))
        shown += [lower, values + spread]
        label = f"± std over the batch, last {_power(float(spread[-1]))}"
        if len(values) == 1:
            axes.errorbar(data.history["epoch"], values, yerr=spread, color=BLUE, capsize=7, label=label)
        else:
            axes.fill_between(data.history["epoch"], lower, values + spread, color=BLUE, alpha=0.2, lw=0, label=label)
    deviation = float(np.abs(values - target).max())
    low, high = float(np.concatenate(shown).min()), float(np.concatenate(shown).max())
    _set_det_limits(axes, low, high, target)
    _set_epoch_axis(axes, data.history)
    last = f"last mean {float(values[-1]):.6g}{'' if data.wants_det else ', no target asked for'}"
    axes.plot([], [], " ", label=last if data.is_torsion else f"largest distance {_power(deviation)}")
    axes.legend(loc="best" if not data.is_torsion else "upper right")


def _set_det_limits(axes: Axes, low: float, high: float, target: float) -> None:
    """Limits of an axis of det g with room for the legend, logarithmic where the range is wide."""
    if is_rounding(high - low, target):
        middle = 0.5 * (low + high)
        axes.set_ylim(0.99 * middle, 1.01 * middle)
    elif is_wide(low, high):
        axes.set_yscale("log")
        axes.set_ylim(low * (low / high) ** 0.1, high * (high / low) ** 0.45)
        return
    else:
        axes.set_ylim(low - 0.1 * (high - low), high + 0.45 * (high - low))
    _plain_ticks(axes.yaxis)


def draw_spectrum(axes: Axes, data: RunData) -> None:
    """Eigenvalues against their index, groups marked with their size, error bars where known, and the target."""
    _title(axes, "Laplace spectrum", r"index $i$", r"eigenvalue $\lambda_i$ (dimensionless)")
    spectral, constants = data.spectral["spectral"], data.constants
    raw = [float(value) for value in spectral["eigenvalues"]]
    best = best_values(raw, spectral.get("extrapolated"))
    index = np.arange(len(raw))
    target = spectral["target"] / constants["H_star"]
    axes.axhline(target, color=RED, ls="--", lw=1.8,
                 label=rf"target $\lambda_1$ = {_ratio(spectral['target'], constants['H_star'])} = {target:.4g}")
    if len(raw) <= MANY_POINTS:
        axes.vlines(index, 0, best, color=GREY, lw=1.2, alpha=0.45)
    if best != raw:
        axes.plot(index, raw, "o", mfc="white", mec=GREY, ms=8, label="one graph")
    errors = [np.nan if e is None else abs(float(e)) for e in spectral.get("error") or [None] * len(raw)]
    _draw_groups(axes, best, errors, "limit" if best != raw else "computed")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=9))
    axes.set_xlim(-0.7, len(raw) - 0.3)
    tops = np.concatenate([np.asarray(best) + np.nan_to_num(errors), raw, [target]])
    bottom, top = min(0.0, *best, *raw), float(tops.max())
    axes.set_ylim(bottom - 0.04 * (top - bottom), top + 0.5 * (top - bottom))  # room for the legend above the points
    _plain_ticks(axes.yaxis)
    axes.legend(loc="upper left")


def _draw_groups(axes: Axes, values: list[float], errors: list[float], label: str) -> None:
    """Points with error bars in alternating colours, and the size of each group of more than one above it."""
    parts = groups(values)
    annotate = len(parts) <= MOST_LABELS
    size, cap = (7, 7) if len(values) <= MANY_POINTS else (4, 0)
    label += "" if np.isnan(errors).all() else ", with error bar"
    for number, (first, last) in enumerate(parts):
        span = slice(first, last + 1)
        colour = (BLUE, ORANGE)[number % 2] if annotate else BLUE
        bars = None if np.isnan(errors[span]).all() else errors[span]
        axes.errorbar(range(first, last + 1), values[span], yerr=bars, fmt="o", ms=size, color=colour, capsize=cap,
                      capthick=1.8, elinewidth=1.8, label=label if number == 0 else None)
        if annotate and last > first:
            height = max(v + np.nan_to_num(e) for v, e in zip(values[span], errors[span]))
            more = "≥" if last == len(values) - 1 else ""  # the computed list may end inside a group
            axes.annotate(f"{more}{last - first + 1}×", ((first + last) / 2, height), xytext=(0, 8),
                          textcoords="offset points", ha="center", va="bottom", fontsize=14, color=BLACK)


def draw_histogram(axes: Axes, data: RunData) -> None:
    """Histogram of det g over all samples, with mean and target; one bar, said to be so, where all values agree.

    det g is the one of the training: in the scaled coframe.
    """
    factor = data.frame_factor
    where = "dimensionless" if factor == 1.0 else "in the learned coframe, dimensionless"
    _title(axes, r"det $g$ over the samples", rf"det $g$ ({where})", "number of samples")
    det, target = data.det.over(factor), data.constants["det_g_target"]
    distance, width = abs(det.mean - target), det.maximum - det.minimum
    if det.is_constant:
        half = max(1.5 * distance, 0.01 * max(abs(target), abs(det.mean)))
        equal = "equal" if width == 0 else f"equal up to {_power(width)}"
        axes.bar(det.mean, det.n_samples, width=0.06 * half, color=BLUE, alpha=0.75,
                 label=f"{det.n_samples:,} samples, all {equal}" if det.n_samples > 1 else "1 sample")
        axes.set_xlim(det.mean - half, det.mean + half)
    else:
        axes.stairs(det.counts, det.edges, fill=True, color=BLUE, alpha=0.75, label=f"{det.n_samples:,} samples")
        axes.set_xscale("log" if is_wide(det.minimum, det.maximum) else "linear")
    lines = {"ymax": 1.05 / HEADROOM, "lw": 1.8}  # below the legend
    axes.axvline(det.mean, color=BLACK, ls="-", label=f"mean {det.mean:.6g}, std {_power(det.std)}", **lines)
    if not data.wants_det:
        pass
    elif det.is_constant or distance <= 3 * width:
        axes.axvline(target, color=RED, ls="--", label=f"target {fraction_text(target)}", **lines)
    else:
        side = "left" if target < det.mean else "right"
        axes.plot([], [], " ", label=f"target {fraction_text(target)}: off to the {side}")
    axes.set_ylim(0, HEADROOM * float(det.counts.max()))  # room for the legend above the bars
    if axes.get_xscale() == "linear":
        axes.xaxis.set_major_locator(MaxNLocator(nbins=5))
        _plain_ticks(axes.xaxis)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    axes.legend(loc="upper left")


PANELS: dict[str, Callable[[Axes, RunData], None]] = {
    "losses": draw_losses, "det_history": draw_det_history, "spectrum": draw_spectrum, "histogram": draw_histogram,
}


def render_figure(data: RunData) -> bytes:
    """The 2x2 figure as PNG, 1800 x 1500 pixels."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=SIZE_INCHES, dpi=DPI, layout="constrained")
        figure.get_layout_engine().set(w_pad=0.15, h_pad=0.15)
        for axes, draw in zip(figure.subplots(2, 2).flat, PANELS.values()):
            draw(axes, data)
        return _png(figure)


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    FigureCanvasAgg(figure).print_png(buffer)
    return buffer.getvalue()


def _ratio(numerator: float, denominator: float) -> str:
    return f"{numerator:g}/{denominator:g}"


def _power(value: float) -> str:
    """A magnitude with two digits, in mathtext."""
    return digits.power(value, lambda mantissa, exponent: rf"${mantissa}\times10^{{{exponent}}}$")


def _positive(values: np.ndarray) -> np.ndarray:
    """NaN, a gap in the line, where a logarithmic axis has no place for a value."""
    return np.where(values > 0, values, np.nan)


def _title(axes: Axes, title: str, x_label: str, y_label: str) -> None:
    axes.set_title(title)
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)


def _plain_ticks(axis: matplotlib.axis.Axis) -> None:
    """Whole numbers on the ticks, never `1e-15 + 2.03125`."""
    axis.set_major_formatter(ScalarFormatter(useOffset=False))


def _set_epoch_axis(axes: Axes, history: History) -> None:
    """Whole epochs on the ticks, also where there is only one."""
    if len(history) == 1:
        axes.set_xlim(history["epoch"][0] - 1, history["epoch"][0] + 1)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))


def _say_untrained(axes: Axes) -> None:
    """Replaces a training panel by the reason why it is empty."""
    axes.set(xlabel="", ylabel="", xticks=[], yticks=[], facecolor="#f3f4f5")
    axes.spines[:].set_visible(False)
    axes.text(0.5, 0.5, "No training in this run folder:\nit has no train.json and no history.csv.",
              transform=axes.transAxes, ha="center", va="center", fontsize=15, color=GREY)
