# SPDX-License-Identifier: Apache-2.0
"""The picture of docs/accuracy.md: errors against N, and errors in units of the bar."""

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import FuncFormatter, NullFormatter

from accuracy_judge import rms

COLORS = {"graph": "#b0522d", "ritz": "#3c8f5a", "auto": "#1f5fa8"}
SHIFT = {"graph": 0.87, "ritz": 1.0, "auto": 1.15}  # of dots of the same N, so that they do not hide each other
EDGE = 5.0  # standard deviations; what lies further out is counted there


def plain(value, _position):
    return f"{value:g}"


def draw_errors(axes, scores, n_first):
    """One dot per case, N and method: the rms error of the first multiplets."""
    sizes = sorted({n for _name, n in scores})
    for method, color in COLORS.items():
        dots = [(n, rms([m.error for run in score[method].runs for m in run[:n_first] if not m.reason]))
                for (_name, n), score in scores.items()]
        dots = np.array([dot for dot in dots if np.isfinite(dot[1])]).reshape(-1, 2)
        axes.plot(dots[:, 0] * SHIFT[method], 100.0 * dots[:, 1], "o", ms=4, color=color, alpha=0.45, label=method)
        medians = [(n, 100.0 * np.median(dots[dots[:, 0] == n, 1])) for n in sizes if np.any(dots[:, 0] == n)]
        if medians:
            axes.plot(*np.array(medians).T * [[SHIFT[method]], [1.0]], "_-", ms=14, mew=2, lw=1, color=color)
    axes.set(xscale="log", yscale="log", xlim=(0.6 * sizes[0], 1.7 * sizes[-1]), xlabel="points N",
             ylabel=f"rms error of the first {n_first} multiplets, %")
    axes.set_xticks(sizes, [f"{n:,}".replace(",", "\u202f") for n in sizes])
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.yaxis.set_major_formatter(FuncFormatter(plain))
    axes.set_title("One dot per manifold, lines through the medians")
    axes.grid(alpha=0.3)
    axes.legend()


def draw_bars(axes, scores):
    """How errors are spread in units of the standard deviation that the bar claims."""
    bins = np.linspace(-EDGE, EDGE, 41)
    for method, color in COLORS.items():
        errors = np.concatenate([score[method].errors for score in scores.values()])
        bars = np.concatenate([score[method].bars for score in scores.values()])
        inside = np.clip(2.0 * errors / bars, -0.999 * EDGE, 0.999 * EDGE)
        axes.hist(inside, bins=bins, density=True, histtype="step", lw=1.6, color=color,
                  label=f"{method}, {len(inside)} multiplets")
    grid = np.linspace(-EDGE, EDGE, 200)
    axes.plot(grid, np.exp(-(grid**2) / 2) / np.sqrt(2 * np.pi), color="black", lw=1, ls="--", label="normal")
    for bar in (-2, 2):
        axes.axvline(bar, color="black", ls=":", lw=1)
    axes.set(xlim=(-EDGE, EDGE), xlabel="error / standard deviation (outermost: and beyond)", ylabel="density")
    axes.set_title("Between the dotted lines: covered by the bar")
    axes.set_ylim(top=1.35 * axes.get_ylim()[1])  # room for the legend
    axes.legend(fontsize="small", ncols=2, loc="upper center")


def draw(path, scores, n_first):
    """@param scores {(case, N): {method: Score}}"""
    figure, (left, right) = plt.subplots(1, 2, figsize=(12, 4.8))
    draw_errors(left, scores, n_first)
    draw_bars(right, scores)
    figure.tight_layout()
    figure.savefig(path, dpi=130)
    plt.close(figure)
