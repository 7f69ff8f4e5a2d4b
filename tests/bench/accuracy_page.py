# SPDX-License-Identifier: Apache-2.0
"""docs/accuracy.md and docs/accuracy.png out of the results of accuracy.py."""

import collections

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

INTRO = """# Accuracy of the spectrum

Made by `tests/bench/accuracy.py` (`--n 1e4 1e5 --seeds ...`, then `--docs docs`); do not edit by hand. Every number is an
error of `k7_spectral` with its default k = 32 against an exact spectrum: closed forms for constant metrics, one-dimensional
Galerkin problems solved to rounding for metrics and densities that vary. Errors are relative, in percent.

- **graph**: eigenvalues of the one graph of 32 neighbours, as they are.
- **limit**: k, N → ∞ of λ(k, N) = λ (1 + a/(k-2) + b h² + c (λh²)²), c known, fitted to k = 24, 32, 48, 64, 96 on all points and
  on two halves, per multiplet. ± is its bar of two standard deviations (mean over the runs); *covered* says how often it
  holds the truth, over all multiplets.
- **ritz**: `--method ritz`, Rayleigh–Ritz on global polynomials with the points as quadrature, with its own bar.

Multiplets are those that K7 found. Where it joined neighbouring exact eigenvalues, their mean is the truth. The model of
the bar was fixed on other seeds than these.

![Errors against N, and errors in units of the bar](accuracy.png)
"""


def relative_errors(spectral, exact):
    """[(raw, limit, bar)] of the closed multiplets, relative to the exact mean over the same indices."""
    rows = []
    for multiplet in spectral["multiplets"]:
        if multiplet["open"] or multiplet["extrapolated"] is None:
            continue
        truth = exact[multiplet["first"] : multiplet["first"] + multiplet["count"]].mean()
        rows.append([multiplet["eigenvalue"] / truth - 1.0, multiplet["extrapolated"] / truth - 1.0,
                     multiplet["error"] / truth])
    return np.array(rows).reshape(-1, 3)


def cluster_errors(spectral, exact, n_clusters=3):
    """[(value, bar)] of the means over the first exact clusters, for methods that name no multiplets."""
    values = np.array(spectral["extrapolated"], dtype=float)
    bars = np.array(spectral["error"], dtype=float)
    rows = []
    first = 1
    while first < len(values) and len(rows) < n_clusters:
        last = first
        while last < len(exact) and exact[last] - exact[first] < 1e-6 * exact[first]:
            last += 1
        if last > len(values):
            break
        rows.append([values[first:last].mean() / exact[first] - 1.0, bars[first:last].mean() / exact[first]])
        first = last
    return np.array(rows).reshape(-1, 2)


def rms(values):
    return float(np.sqrt(np.mean(np.square(values)))) if len(values) else float("nan")


def percent(value, digits=2):
    return "–" if not np.isfinite(value) else f"{100.0 * value:.{digits}f}"


def table(header, rows):
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    return "\n".join(lines + ["| " + " | ".join(map(str, row)) + " |" for row in rows]) + "\n"


def group(runs):
    """{(case, N): {method: [spectral]}}"""
    groups = collections.defaultdict(lambda: collections.defaultdict(list))
    for name, method, n, _seed, spectral in runs:
        groups[name, n][method].append(spectral)
    return groups


def size_name(n):
    exponent = int(np.log10(n))
    factor = n / 10**exponent
    power = "10" + str(exponent).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return power if factor == 1 else f"{factor:g}·{power}"


def summary_rows(groups, cases):
    rows = []
    for name, case in cases.items():
        for n in sorted(n for other, n in groups if other == name):
            methods = groups[name, n]
            firsts = [relative_errors(s, case.eigenvalues)[:3] for s in methods["graph"]]
            every = np.vstack([relative_errors(s, case.eigenvalues) for s in methods["graph"]] or [np.empty((0, 3))])
            if not len(every):
                continue
            by_order = [np.array([f[i] for f in firsts if len(f) > i]) for i in range(3)]
            cells = [case.title, size_name(n), len(firsts)]
            cells.append(", ".join(percent(m[:, 0].mean(), 1) for m in by_order if len(m)))
            cells.append(", ".join(percent(rms(m[:, 1])) for m in by_order if len(m)))
            cells.append(", ".join(percent(m[:, 2].mean()) for m in by_order if len(m)))
            covered = np.abs(every[:, 1]) <= every[:, 2]
            cells.append(f"{covered.sum()} of {len(covered)}")
            ritz = [cluster_errors(s, case.eigenvalues) for s in methods["ritz"]]
            ritz_by_order = [np.array([f[i] for f in ritz if len(f) > i]) for i in range(3)]
            cells.append(", ".join(percent(rms(m[:, 0])) for m in ritz_by_order if len(m)) or "–")
            all_ritz = np.vstack(ritz) if ritz else np.empty((0, 2))
            held = np.abs(all_ritz[:, 0]) <= all_ritz[:, 1]
            cells.append(f"{held.sum()} of {len(held)}" if len(held) else "–")
            rows.append(cells)
    return rows


def eigenvalue_rows(groups, cases, n_compared):
    """Per case and N: rms errors of lambda_1 ... of the graph and of the limit, and the share that is covered."""
    rows = []
    for name, case in cases.items():
        for n in sorted(n for other, n in groups if other == name):
            spectra = groups[name, n]["graph"]
            if not spectra:
                continue
            which = slice(1, n_compared + 1)
            exact = case.eigenvalues[which]
            raw = np.array([s["eigenvalues"][which] for s in spectra]) / exact - 1.0
            limit = np.array([s["extrapolated"][which] for s in spectra], dtype=float) / exact - 1.0
            bars = np.array([s["error"][which] for s in spectra], dtype=float) / exact
            found = np.isfinite(limit)
            covered = (np.abs(limit) <= bars) & found
            rows.append([case.title, size_name(n), "graph", *(percent(x, 1) for x in raw.mean(axis=0)), ""])
            rows.append(["", "", "limit", *(percent(rms(c[f]), 1) for c, f in zip(limit.T, found.T)),
                         f"{covered.sum()} of {found.sum()}"])
    return rows


def draw(path, groups, cases):
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.4))
    colors = {"graph": "#b0522d", "limit": "#1f5fa8", "ritz": "#3c8f5a"}
    points = collections.defaultdict(list)
    scaled = []
    for (name, n), methods in groups.items():
        exact = cases[name].eigenvalues
        rows = np.vstack([relative_errors(s, exact)[:3] for s in methods["graph"]] or [np.empty((0, 3))])
        if len(rows):
            points["graph"].append((n, rms(rows[:, 0])))
            points["limit"].append((n, rms(rows[:, 1])))
            every = np.vstack([relative_errors(s, exact) for s in methods["graph"]])
            scaled += list(2.0 * every[:, 1] / every[:, 2])
        ritz = np.vstack([cluster_errors(s, exact) for s in methods["ritz"]] or [np.empty((0, 2))])
        if len(ritz):
            points["ritz"].append((n, rms(ritz[:, 0])))
    shift = {"graph": 0.93, "limit": 1.0, "ritz": 1.07}
    for label, pairs in points.items():
        sizes, errors = np.array(pairs).T
        left.loglog(sizes * shift[label], 100 * errors, "o", color=colors[label], alpha=0.55, label=label)
    left.set(xlabel="points N", ylabel="rms error of the first three multiplets, %")
    left.set_title("One dot per manifold")
    left.grid(alpha=0.3, which="both")
    left.legend()
    bins = np.linspace(-5, 5, 41)
    right.hist(np.clip(scaled, -4.99, 4.99), bins=bins, density=True, color=colors["limit"], alpha=0.6,
               label=f"{len(scaled)} multiplets")
    grid = np.linspace(-5, 5, 200)
    right.plot(grid, np.exp(-(grid**2) / 2) / np.sqrt(2 * np.pi), color="black", lw=1.2, label="normal")
    for bar in (-2, 2):
        right.axvline(bar, color="black", ls=":", lw=1)
    right.set(xlabel="error of the limit / its standard deviation", ylabel="density")
    right.set_title("Between the dotted lines: covered by the bar")
    right.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=130)


def coverage_sentence(groups, cases):
    sentences = []
    for n in sorted({n for _name, n in groups}):
        every = [relative_errors(s, cases[name].eigenvalues) for (name, m), methods in groups.items() if m == n
                 for s in methods["graph"]]
        rows = np.vstack(every or [np.empty((0, 3))])
        if len(rows):
            share = np.mean(np.abs(rows[:, 1]) <= rows[:, 2])
            sentences.append(f"N = {size_name(n)}: {len(rows)} multiplets of all cases, rms error {percent(rms(rows[:, 1]))}, "
                             f"mean bar {percent(rows[:, 2].mean())}, covered {percent(share, 1)} %.")
    return "\n".join(f"- {s}" for s in sentences) + "\n"


def write_page(folder, runs, cases, n_compared):
    groups = group(runs)
    draw(folder / "accuracy.png", groups, cases)
    text = INTRO + "\n## All together\n\n" + coverage_sentence(groups, cases)
    text += "\n## The first three multiplets\n\nMean error of the graph, rms error of the limit, its mean bar, in this order.\n\n"
    text += table(["manifold", "N", "seeds", "graph", "limit", "±", "covered (all multiplets)", "ritz", "covered"],
                  summary_rows(groups, cases))
    text += f"\n## λ₁ … λ{n_compared}\n\nMean error of the graph's eigenvalue and rms error of its limit; the last column counts how "
    text += "often the bar of the single eigenvalue (scatter within its multiplet included) holds the truth.\n\n"
    text += table(["manifold", "N", "", *map(str, range(1, n_compared + 1)), "covered"],
                  eigenvalue_rows(groups, cases, n_compared))
    (folder / "accuracy.md").write_text(text)
