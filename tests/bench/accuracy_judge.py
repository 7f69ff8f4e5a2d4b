# SPDX-License-Identifier: Apache-2.0
"""What k7_spectral says of a spectrum, held against the exact one, multiplet by multiplet."""

import collections

import numpy as np

METHODS = ("graph", "ritz", "auto")

# The beginnings of reasons for which a multiplet has no limit, and what the page says of them.
REASONS = {
    "functions may be among them": "thin direction",
    "the graphs' eigenvalues do not converge": "no convergence",
    "the graph of": "graphs differ in parts, or have few edges",
    "the eigensolver": "eigensolver not converged",
}

# Relative error and bar of a multiplet's limit, NaN where there is none for the reason given.
Judged = collections.namedtuple("Judged", "error bar reason")


def part_of(spectral, method):
    """What one method says; auto is what K7 reports."""
    return spectral if method == "auto" else spectral.get(method, {})


def short_reason(text):
    return next((short for start, short in REASONS.items() if text.startswith(start)), text or "not said")


def judge(spectral, method, exact):
    """[Judged] of the multiplets that are not open. The truth is the mean of the exact eigenvalues of the same indices."""
    part = part_of(spectral, method)
    judged = []
    for multiplet in part.get("multiplets", []):
        end = multiplet["first"] + multiplet["count"]
        if multiplet["open"] or end > len(exact):
            continue
        if multiplet["extrapolated"] is None:
            whole = part.get("obstacle") or part.get("limit", {}).get("obstacle", "")
            judged.append(Judged(np.nan, np.nan, short_reason(multiplet["obstacle"] or whole)))
        else:
            truth = np.mean(exact[multiplet["first"] : end])
            judged.append(Judged(multiplet["extrapolated"] / truth - 1.0, multiplet["error"] / truth, ""))
    return judged


class Score:
    """The multiplets of several runs together."""

    def __init__(self, runs):
        """@param runs [[Judged]] a list per run"""
        self.runs = runs
        found = [m for run in runs for m in run if not m.reason]
        self.errors = np.array([m.error for m in found])
        self.bars = np.array([m.bar for m in found])
        self.reasons = collections.Counter(m.reason for run in runs for m in run if m.reason)

    @property
    def covered(self):
        return int(np.sum(np.abs(self.errors) <= self.bars))

    @property
    def share(self):
        """Of the multiplets with a limit, those whose bar holds the truth; NaN without any."""
        return self.covered / len(self.errors) if len(self.errors) else float("nan")

    @property
    def n_without(self):
        return sum(self.reasons.values())

    def first(self, count):
        """[(rms error, mean bar)] of the first, second, ... multiplet; NaN where no run has a limit for it."""
        pairs = []
        for i in range(count):
            found = [run[i] for run in self.runs if len(run) > i]
            limits = [m for m in found if not m.reason]
            if found:
                pairs.append((rms([m.error for m in limits]), np.mean([m.bar for m in limits]) if limits else np.nan))
        return pairs


def rms(values):
    return float(np.sqrt(np.mean(np.square(values)))) if len(values) else float("nan")
