# SPDX-License-Identifier: Apache-2.0
"""docs/accuracy.md and docs/accuracy.png out of the results of accuracy.py."""

import collections

import numpy as np

from accuracy_judge import METHODS, Score, judge, rms
from accuracy_picture import draw

AIM = (0.90, 0.99)  # share of multiplets whose bars should hold the truth; bars are two standard deviations
N_FIRST = 3

INTRO = """# Accuracy of the spectrum

Made by `tests/bench/accuracy.py` (`--n 1e3 3e3 1e4 1e5 --seeds ...`, then `--docs docs`); do not edit by hand. Every number is an
error of `k7_spectral` with its default k = 32 and `--method auto` against an exact spectrum: closed forms for constant metrics,
one-dimensional Galerkin problems solved to rounding for metrics and densities that vary. Errors are relative, in percent.

- **graph**: k, N → ∞ of λ(k, N), fitted to k = 32 and 96 on all points and on two halves, per multiplet.
- **ritz**: Rayleigh–Ritz on global polynomials with the points as quadrature.
- **auto**: what K7 reports, out of both.

*a ± b* is the rms error over the seeds and the mean bar, which is two standard deviations. *Covered* says how often the bar holds the
truth, over all multiplets that have a limit. The aim is {low:.0f} to {high:.0f} %: shares below are **bold**, those above in *italics*.
*No limit* counts the multiplets for which K7 gives none, with its main reason. Multiplets that may go on beyond the computed
eigenvalues are not counted at all.

Multiplets are those that K7 found. Where it joined neighbouring exact eigenvalues, their mean is the truth.

{origin}

![Errors against N, and errors in units of the bar](accuracy.png)
"""


def percent(value, digits=2):
    return "–" if not np.isfinite(value) else f"{100.0 * value:.{digits}f}"


def table(header, rows):
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    return "\n".join(lines + ["| " + " | ".join(map(str, row)) + " |" for row in rows]) + "\n"


def size_name(n):
    exponent = int(np.log10(n))
    factor = n / 10**exponent
    power = "10" + str(exponent).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return power if factor == 1 else f"{factor:g}·{power}"


def covered_text(score):
    """'17 of 18 (94 %)', marked where it is not what it should be."""
    if not len(score.errors):
        return "–"
    mark = "**" if score.share < AIM[0] else "*" if score.share > AIM[1] else ""
    return f"{score.covered} of {len(score.errors)} ({mark}{100.0 * score.share:.0f} %{mark})"


def without_text(scores):
    """'graph 3, auto 1: thin direction', the counts of multiplets without a limit and their main reason."""
    counts = [f"{method} {score.n_without}" for method, score in scores.items() if score.n_without]
    reasons = sum((score.reasons for score in scores.values()), collections.Counter())
    return f"{', '.join(counts)}: {reasons.most_common(1)[0][0]}" if counts else "–"


def scores_of(results, cases):
    """{method: Score} of results."""
    return {method: Score([judge(r["spectral"], method, cases[r["case"]].eigenvalues) for r in results])
            for method in METHODS}


def group(results):
    """{(case, N): [result]}"""
    groups = collections.defaultdict(list)
    for result in results:
        groups[result["case"], result["n"]].append(result)
    return groups


def sizes_of(groups, name):
    return sorted(n for other, n in groups if other == name)


def coverage_rows(results, cases):
    """One row per N: coverage over all cases, and what the runs took."""
    rows = []
    for n in sorted({r["n"] for r in results}):
        runs = [r for r in results if r["n"] == n]
        scores = scores_of(runs, cases)
        cells = [size_name(n), len({r["case"] for r in runs}), len(runs)]
        for score in scores.values():
            typical = [percent(np.median(values)) for values in (np.abs(score.errors), score.bars) if len(values)]
            cells += [covered_text(score), " ± ".join(typical) or "–"]
        cells += [without_text(scores), f"{np.median([r['timing']['total_s'] for r in runs]):.1f}",
                  f"{np.median([r['peak_memory_mib'] for r in runs]):.0f}"]
        rows.append(cells)
    return rows


def case_rows(groups, cases, section):
    """One row per case and N."""
    rows = []
    for name, case in cases.items():
        if case.section != section:
            continue
        for n in sizes_of(groups, name):
            scores = scores_of(groups[name, n], cases)
            cells = [case.title, size_name(n), len(groups[name, n])]
            for score in scores.values():
                firsts = [f"{percent(error)} ± {percent(bar)}" if np.isfinite(error) else "–"
                          for error, bar in score.first(N_FIRST)]
                cells += [", ".join(firsts) or "–", covered_text(score)]
            rows.append(cells + [without_text(scores)])
    return rows


def eigenvalue_rows(groups, cases, n_compared):
    """Per case, at its largest N: errors of lambda_1 ... of the graph and of what K7 reports, and the share covered."""
    rows = []
    which = slice(1, n_compared + 1)
    for name, case in cases.items():
        for n in sizes_of(groups, name)[-1:]:
            spectra = [r["spectral"] for r in groups[name, n]]
            exact = case.eigenvalues[which]
            raw, limit, bars = (np.array([s[key][which] for s in spectra], dtype=float) / exact
                                for key in ("eigenvalues", "extrapolated", "error"))
            limit -= 1.0
            found = np.isfinite(limit)
            covered = (np.abs(limit) <= bars) & found
            rows.append([case.title, size_name(n), "graph", *(percent(x, 1) for x in raw.mean(axis=0) - 1.0), ""])
            rows.append(["", "", "limit", *(percent(rms(c[f]), 1) for c, f in zip(limit.T, found.T)),
                         f"{covered.sum()} of {found.sum()}"])
    return rows


def origin_text(results):
    """Which K7 the results are of."""
    revisions = sorted({r["program"]["git"] for r in results})
    seeds = sorted({r["seed"] for r in results})
    return f"Results of K7 {', '.join(revisions)}; {len(results)} runs, seeds {seeds[0]} to {seeds[-1]}."


def write_page(folder, results, cases, n_compared):
    """Writes accuracy.md and accuracy.png.

    @throws SystemExit where there are no results
    """
    if not results:
        raise SystemExit("accuracy: there are no results")
    groups = group(results)
    draw(folder / "accuracy.png", {key: scores_of(runs, cases) for key, runs in groups.items()}, N_FIRST)
    text = INTRO.format(low=100 * AIM[0], high=100 * AIM[1], origin=origin_text(results))
    text += "\n## All together\n\nMedians of the errors and of the bars of all multiplets, of the time and of the memory of a run.\n\n"
    both = [cell for method in METHODS for cell in (f"{method}: covered", "error")]
    text += table(["N", "cases", "runs", *both, "no limit", "s", "MiB"], coverage_rows(results, cases))
    text += "\n## The first three multiplets\n"
    each = [cell for method in METHODS for cell in (method, "covered")]
    for section in dict.fromkeys(case.section for case in cases.values()):
        rows = case_rows(groups, cases, section)
        if rows:
            text += f"\n### {section[0].upper() + section[1:]}\n\n"
            text += table(["manifold", "N", "seeds", *each, "no limit"], rows)
    text += f"\n## λ₁ … λ{n_compared}\n\nMean error of the one graph's eigenvalue and rms error of the limit that K7 reports, at the "
    text += "largest N. The last column counts\nhow often the bar of the single eigenvalue, scatter within its multiplet "
    text += "included, holds the truth.\n\n"
    text += table(["manifold", "N", "", *map(str, range(1, n_compared + 1)), "covered"],
                  eigenvalue_rows(groups, cases, n_compared))
    (folder / "accuracy.md").write_text(text)
