# SPDX-License-Identifier: Apache-2.0
"""Sampled spaces with boundaries or thin directions whose spectra are closed forms. Functions are free (Neumann) at
boundaries."""

import math
import subprocess

import h5py
import numpy as np
import scipy.optimize
import scipy.special

from accuracy_cases import quaternions

HIGHEST = 300  # eigenvalues that are kept


def sums(*axes):
    """The lowest sums of one value of each axis; every axis holds zero."""
    total = np.zeros(1)
    for axis in axes:
        total = np.sort(np.add.outer(total, axis).ravel())[:HIGHEST]
    return total


def interval(length):
    """(pi n / L)^2, n = 0, 1, ..."""
    return (np.pi * np.arange(200) / length) ** 2


def circle(length):
    """(2 pi n / L)^2, once for n = 0 and twice for n = 1, 2, ..."""
    return np.repeat((2.0 * np.pi * np.arange(101) / length) ** 2, [1] + 100 * [2])


def sphere3(radius):
    """k (k + 2) / r^2, (k + 1)^2 times."""
    k = np.arange(9)
    return np.repeat(k * (k + 2) / radius**2, (k + 1) ** 2)


def unit_ball7():
    """kappa^2 of the zeros of d/dr (r^{-5/2} J_{l + 5/2}(kappa r)) at r = 1, C(l+6, 6) - C(l+4, 6) times."""
    kappas = np.linspace(0.1, 15.0, 1500)
    levels = [np.zeros(1)]
    for l in range(8):

        def slope(kappa, order=l + 2.5):
            return kappa * scipy.special.jvp(order, kappa) - 2.5 * scipy.special.jv(order, kappa)

        values = slope(kappas)
        for i in np.flatnonzero(values[:-1] * values[1:] < 0.0):
            kappa = scipy.optimize.brentq(slope, kappas[i], kappas[i + 1], xtol=1e-13)
            levels.append(np.full(math.comb(l + 6, 6) - math.comb(l + 4, 6), kappa**2))
    return np.sort(np.concatenate(levels))[:HIGHEST]


class Domain:
    """Points in coordinates with a constant diagonal metric, in a file as a user would write it.

    @param draw (rng, n) -> (n, 7) coordinates, even in them
    @param periods of the coordinates, 0 = not periodic
    @param diagonal of the metric
    @param density coordinates -> (n,) relative density, at most 1; None = even
    """

    n_eigenvalues = 16

    def __init__(self, name, section, title, eigenvalues, draw, periods, diagonal=None, density=None, weight=False):
        self.name, self.section, self.eigenvalues = name, section, eigenvalues
        self.title = title + (", with /weight" if weight else "")
        self.draw, self.periods, self.density, self.gives_weight = draw, periods, density or even, weight
        self.diagonal = np.ones(7) if diagonal is None else np.asarray(diagonal)

    def write_samples(self, path, n, seed, _binaries):
        rng = np.random.default_rng(seed)
        coords = np.empty((0, 7))
        while len(coords) < n:
            drawn = self.draw(rng, n)
            coords = np.vstack([coords, drawn[rng.uniform(size=n) < self.density(drawn)]])
        coords = coords[:n]
        with h5py.File(path, "w") as file:
            if np.any(self.periods):
                file.attrs["periods"] = np.asarray(self.periods, dtype=float)
            file["coords"] = coords
            file["metric"] = np.tile(np.diag(self.diagonal), (n, 1, 1))
            if self.gives_weight:
                file["weight"] = self.density(coords)


def even(coords):
    return np.ones(len(coords))


def dense_at_one_end(coords):
    """1 + (2/3) cos(pi x0), five times as dense at x0 = 0 as at 1; its largest value is made 1."""
    return (1.0 + 2.0 / 3.0 * np.cos(np.pi * coords[:, 0])) / (1.0 + 2.0 / 3.0)


def draw_ball(rng, n):
    """Even in the unit ball of R^7."""
    directions = rng.normal(size=(n, 7))
    radii = rng.uniform(size=(n, 1)) ** (1.0 / 7.0)
    return radii * directions / np.linalg.norm(directions, axis=1, keepdims=True)


def box(name, section, title, lengths, periods, diagonal=np.ones(7), **options):
    """A product of intervals of the given lengths and of circles of the given periods."""
    sizes = np.array([*lengths, *periods])
    scaled = sizes * np.sqrt(diagonal)  # lengths in the metric
    values = sums(*map(interval, scaled[: len(lengths)]), *map(circle, scaled[len(lengths) :]))
    return Domain(name, section, title, values, lambda rng, n: sizes * rng.uniform(size=(n, 7)),
                  [0.0] * len(lengths) + list(periods), diagonal, **options)


class IntervalSpheres:
    """[0, 1] x S^3 x S^3, the spheres of radius r: interval-s3xs3, whose coordinate goes from 1.25 to 2.5."""

    n_eigenvalues = 16
    section = "boundaries"

    def __init__(self, name, radius, weight):
        self.name, self.radius, self.gives_weight = name, radius, weight
        self.title = f"[0, 1] × S³ × S³, radii {radius}" + (", with /weight" if weight else "")
        self.eigenvalues = sums(interval(1.0), sphere3(radius), sphere3(radius))

    def write_samples(self, path, n, seed, _binaries):
        rng = np.random.default_rng(seed)
        begin, length = 1.25, 1.25
        ends, halves = rng.uniform(begin, begin + length, n), [quaternions(rng, n), quaternions(rng, n)]
        diagonal = [length**-2.0] + 6 * [self.radius**2]
        with h5py.File(path, "w") as file:
            file.attrs.update(format="k7-samples", version=1, manifold="interval-s3xs3", frame="left-invariant")
            file["coords"] = np.column_stack([ends] + [q[:, 1:] / (1.0 + np.abs(q[:, :1])) for q in halves])
            file["points"] = np.column_stack([ends, *halves])
            file["metric"] = np.tile(np.diag(diagonal), (n, 1, 1))
            if self.gives_weight:
                file["weight"] = np.ones(n)


class ThinCircle:
    """S^1 x S^3 x S^3 of radii (r, 1, 1), sampled by k7_sample."""

    n_eigenvalues = 16
    section = "thin directions"

    def __init__(self, name, radius):
        self.name, self.radius = name, radius
        self.title = f"S¹ × S³ × S³, radii ({radius}, 1, 1), with /weight"
        self.eigenvalues = sums(circle(2.0 * np.pi * radius), sphere3(1.0), sphere3(1.0))

    def write_samples(self, path, n, seed, binaries):
        command = [binaries / "k7_sample", "--radii", f"{self.radius},1,1", "-N", n, "--seed", seed, "-o", path]
        subprocess.run(list(map(str, command)), check=True, capture_output=True)


def boundary_cases():
    cases = []
    for weight in (False, True):
        end = "_weight" if weight else ""
        for free, name, title in [(1, "tube", "[0, 1] × T⁶"), (2, "box2", "[0, 1]² × T⁵"), (3, "box3", "[0, 1]³ × T⁴")]:
            cases.append(box(name + end, "boundaries", title + ", periods 0.45", [1.0] * free, [0.45] * (7 - free),
                             weight=weight))
        cases.append(Domain("ball" + end, "boundaries", "unit ball of R⁷", unit_ball7(), draw_ball, [0.0] * 7,
                            weight=weight))
        cases.append(IntervalSpheres("spheres" + end, 0.5, weight))
    for name, period, text in [("long", 2.0 * np.pi, "2π"), ("long_thin", 1.0, "1")]:
        diagonal = np.array([19 / 6, 7 / 6, 7 / 6, 64 / 77, 64 / 77, 64 / 77, 64 / 77])
        title = f"[0, 5] × T⁶, periods {text}, g = diag(19/6, 7/6 ×2, 64/77 ×4)"
        cases.append(box(name, "boundaries", title, [5.0], [period] * 6, diagonal))
    return cases


def thin_cases():
    cases = [ThinCircle(f"circle_{r}", r) for r in (0.5, 0.2, 0.1, 0.05, 0.01)]
    for p in (0.5, 0.2, 0.05, 0.01):
        cases.append(box(f"flat_{p}", "thin directions", f"flat torus, periods ({p}, 1, …, 1)", [], [p] + 6 * [1.0]))
    return cases


def dense_cases():
    return [box("tube_density" + ("_weight" if weight else ""), "density 5 × together with a boundary",
                "[0, 1] × T⁶, periods 0.45, density 5 × in x₀", [1.0], [0.45] * 6, density=dense_at_one_end,
                weight=weight)
            for weight in (False, True)]


def domain_cases():
    """In the order of the page."""
    return boundary_cases() + thin_cases() + dense_cases()
