# SPDX-License-Identifier: Apache-2.0
"""Sampled closed manifolds whose spectra are known: closed forms, and one-dimensional Galerkin problems that are solved to
rounding. Radii and metrics are those of tests/data/g2_fields.h5, group spectra."""

import pathlib
import subprocess

import h5py
import numpy as np
import scipy.linalg

DATA = pathlib.Path(__file__).parents[1] / "data" / "g2_fields.h5"


class ConstantMetric:
    """A constant metric in the frame, sampled by k7_sample."""

    section = "closed manifolds"

    def __init__(self, name, spectrum, title, n_eigenvalues):
        with h5py.File(DATA) as file:
            group = file["spectra"][spectrum]
            self.metric = group["metric"][()]
            self.eigenvalues = group["first60_with_multiplicity"][()]
        self.name, self.title, self.n_eigenvalues = name, title, n_eigenvalues
        self.manifold = "torus7" if spectrum.startswith("torus") else "s1xs3xs3"

    def write_samples(self, path, n, seed, binaries):
        metric = path.with_suffix(".txt")
        np.savetxt(metric, self.metric, fmt="%.17g")
        subprocess.run(
            [binaries / "k7_sample", "--manifold", self.manifold, "--metric-constant", metric]
            + ["-N", str(n), "--seed", str(seed), "-o", path],
            check=True,
            capture_output=True,
        )
        metric.unlink()


class FlatTorus(ConstantMetric):
    """R^7 / (2 pi Z)^7, g = 1: multiplicities 14, 84, ..."""

    def __init__(self, name, title, n_eigenvalues):
        self.metric = np.eye(7)
        self.eigenvalues = np.repeat([0.0, 1.0, 2.0], [1, 14, 84])
        self.name, self.title, self.n_eigenvalues = name, title, n_eigenvalues
        self.manifold = "torus7"


def quaternions(rng, n):
    q = rng.normal(size=(n, 4))
    return q / np.linalg.norm(q, axis=1, keepdims=True)


class VaryingMetric:
    """A function of theta or of the real part w of q1 in the metric or in the density of the points.

    @param lengths (theta, w) -> (n, 3): lengths a, b, c of the frame, g = diag(a^2, b^2 x 3, c^2 x 3)
    @param density (theta, w) -> (n,) density against the Haar measure, at most 1
    @param gives_weight the file names the density against the Riemannian volume
    """

    section = "closed manifolds"

    def __init__(self, name, title, eigenvalues, lengths, density, gives_weight, n_eigenvalues=16):
        self.name, self.title, self.n_eigenvalues = name, title, n_eigenvalues
        self.eigenvalues, self.lengths, self.density = np.asarray(eigenvalues), lengths, density
        self.gives_weight = gives_weight

    def write_samples(self, path, n, seed, _binaries):
        rng = np.random.default_rng(seed)
        points = np.empty((0, 9))
        while len(points) < n:
            theta = rng.uniform(0.0, 2.0 * np.pi, n)
            drawn = np.column_stack([theta, quaternions(rng, n), quaternions(rng, n)])
            points = np.vstack([points, drawn[rng.uniform(size=n) < self.density(theta, drawn[:, 1])]])
        points = points[:n]
        theta, w = points[:, 0], points[:, 1]
        lengths = np.repeat(self.lengths(theta, w), [1, 3, 3], axis=1)
        metric = np.zeros((n, 7, 7))
        metric[:, range(7), range(7)] = lengths**2
        with h5py.File(path, "w") as file:
            file.attrs.update(format="k7-samples", version=1, manifold="s1xs3xs3", frame="left-invariant")
            halves = [points[:, 1:5], points[:, 5:9]]
            file["coords"] = np.column_stack([theta] + [q[:, 1:] / (1.0 + np.abs(q[:, :1])) for q in halves])
            file["points"] = points
            file["metric"] = metric
            if self.gives_weight:
                file["weight"] = self.density(theta, w) / lengths.prod(axis=1)


def with_multiplicities(levels, highest=60):
    """[(eigenvalue, multiplicity)] as one ascending list."""
    values = np.concatenate([np.full(count, value) for value, count in levels])
    return np.sort(values)[:highest]


def theta_problem(lengths, n_modes=24, n_levels=8):
    """Eigenvalues of g = diag(a(theta)^2, b^2, c^2) in Fourier functions of theta.

    f(theta) Y_k1(q1) Y_k2(q2): integral rho (f'^2/a^2 + (k1(k1+2)/b^2 + k2(k2+2)/c^2) f^2) = lambda integral rho f^2,
    rho = a b^3 c^3, multiplicity (k1+1)^2 (k2+1)^2.
    """
    theta = 2.0 * np.pi * np.arange(512) / 512
    a, b, c = lengths(theta, np.zeros_like(theta)).T
    rho = a * b**3 * c**3
    wave = np.arange(1, n_modes + 1)[:, None]
    f = np.vstack([np.ones_like(theta)[None], np.cos(wave * theta), np.sin(wave * theta)])
    df = np.vstack([np.zeros_like(theta)[None], -wave * np.sin(wave * theta), wave * np.cos(wave * theta)])
    mass = (f * rho) @ f.T
    levels = []
    for k1 in range(4):
        for k2 in range(4):
            potential = rho * (k1 * (k1 + 2) / b**2 + k2 * (k2 + 2) / c**2)
            stiffness = (df * (rho / a**2)) @ df.T + (f * potential) @ f.T
            values = scipy.linalg.eigh(stiffness, mass, eigvals_only=True)[:n_levels]
            levels += [(value, (k1 + 1) ** 2 * (k2 + 1) ** 2) for value in values]
    return with_multiplicities(levels)


def conformal_q_problem(log_factor, radii, degree=24, n_levels=6):
    """Eigenvalues of g = e^{2u(w)} g0, w = Re q1, g0 of the given radii.

    F = f(w) s^l Y_l(Im q1 / |Im q1|) e^{i n theta} Y_k2(q2), w = cos chi, s = sin chi, measure s^2 dchi:
    integral e^{5u} ((dF/dchi)^2 / r1^2 + (l(l+1) / (r1 s)^2 + n^2/r0^2 + k2(k2+2)/r2^2) F^2) = lambda integral e^{7u} F^2,
    multiplicity (2l+1) (2 if n) (k2+1)^2.
    """
    r0, r1, r2 = radii
    chi, weights = np.polynomial.legendre.leggauss(400)
    chi, weights = 0.5 * np.pi * (chi + 1.0), 0.5 * np.pi * weights
    w, s = np.cos(chi), np.sin(chi)
    u = log_factor(w)
    levels = []
    for l in range(5):
        powers = [np.polynomial.chebyshev.Chebyshev.basis(j) for j in range(degree)]
        f = np.array([p(w) * s**l for p in powers])
        df = np.array([-p.deriv()(w) * s ** (l + 1) + (l * p(w) * s ** (l - 1) * w if l else 0.0) for p in powers])
        mass = (f * (weights * s**2 * np.exp(7.0 * u))) @ f.T
        measure = weights * s**2 * np.exp(5.0 * u)
        own = (df * measure) @ df.T + l * (l + 1) * ((f / s**2 * measure) @ f.T if l else 0.0)
        for n in range(4):
            for k2 in range(3):
                stiffness = own / r1**2 + (n**2 / r0**2 + k2 * (k2 + 2) / r2**2) * ((f * measure) @ f.T)
                values = scipy.linalg.eigh(stiffness, mass, eigvals_only=True)[:n_levels]
                count = (2 * l + 1) * (2 if n else 1) * (k2 + 1) ** 2
                levels += [(value, count) for value in values]
    return with_multiplicities(levels)


RADII = np.array([1.0, 1.0, 28.0 / 33.0])


def round_lengths(theta, _w):
    return np.tile(RADII, (len(theta), 1))


def conformal_theta(theta, _w):
    return np.exp(0.15 * np.cos(theta))[:, None] * RADII


def conformal_w(_theta, w):
    return np.exp(0.2 * w)[:, None] * RADII


def stretched(theta, _w):
    """Anisotropic: the spheres breathe against each other, the circle is stretched too."""
    c = np.cos(theta)
    return np.column_stack([np.exp(0.2 * c), np.exp(0.25 * c), 28.0 / 33.0 * np.exp(-0.1 * c)])


def uniform(theta, _w):
    return np.ones_like(theta)


def dense_at_zero(theta, _w):
    """Varies five times along theta."""
    return (1.0 + 2.0 / 3.0 * np.cos(theta)) / (1.0 + 2.0 / 3.0)


def dense_at_one(_theta, w):
    """Varies five times over the first sphere."""
    return np.exp(0.5 * np.log(5.0) * (w - 1.0))


def closed_cases():
    """In the order of the page."""
    round_values = theta_problem(round_lengths)
    of_theta = theta_problem(conformal_theta)
    of_w = conformal_q_problem(lambda w: 0.2 * w, RADII)
    return [
        ConstantMetric("round", "product_33_33_28", "round, radii (33, 33, 28)", 22),
        ConstantMetric("berger0", "berger_0", "Berger spheres, (a, c) = (1, 0.6), (1, 1.3)", 16),
        ConstantMetric("berger3", "berger_3", "Berger spheres, (a, c) = (1, 1.5), (1, 1.25)", 16),
        ConstantMetric("leftinv", "leftinv_0", "full left-invariant metric", 16),
        FlatTorus("torus", "flat torus", 16),
        VaryingMetric("conformal_theta", "conformal, e^{0.3 cos θ}", of_theta, conformal_theta, uniform, True),
        VaryingMetric("conformal_w", "conformal, e^{0.4 w}", of_w, conformal_w, uniform, True),
        VaryingMetric("stretched", "anisotropic in θ", theta_problem(stretched), stretched, uniform, True),
        VaryingMetric("density_theta", "round, density 5 × in θ, with /weight", round_values, round_lengths,
                      dense_at_zero, True),
        VaryingMetric("density_w", "round, density 5 × in w, with /weight", round_values, round_lengths,
                      dense_at_one, True),
        VaryingMetric("unknown_theta", "round, density 5 × in θ, no /weight", round_values, round_lengths,
                      dense_at_zero, False),
        VaryingMetric("unknown_w", "round, density 5 × in w, no /weight", round_values, round_lengths,
                      dense_at_one, False),
    ]
