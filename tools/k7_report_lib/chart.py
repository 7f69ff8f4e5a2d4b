# SPDX-License-Identifier: Apache-2.0
"""The notebook's seven coordinates [t, x, y] of a circle or interval times S3 x S3, and the density of its sampler.

x = (q_x, q_y, q_z) / (1 + |q_w|) lies in the unit ball and is the same for q and its mirror image, which has -q_w. With
c = 2 / (1 + |x|^2) and the half s = +1 or -1, q = (s (c - 1), c x), and the round metric of S3 is c^2 |dx|^2.
"""

from __future__ import annotations

import numpy as np

BALLS = (slice(1, 4), slice(4, 7))  # x and y
EDGE = 1e-6  # how far rounding of float32 may lead beyond the ball and the circle
VOLUME = 2 * np.pi * (2 * np.pi**2) ** 2  # of S1 x S3 x S3 with unit radii
IMAGES = 4  # points of S1 x S3 x S3 with the same coordinates


def stray_row(coords: np.ndarray, is_angle: bool) -> int | None:
    """The first row outside the chart; with `is_angle` its first coordinate must lie in [0, 2 pi]."""
    inside = np.ones(len(coords), dtype=bool)
    for ball in BALLS:
        inside &= np.linalg.norm(coords[:, ball], axis=1) <= 1 + EDGE
    if is_angle:
        inside &= (coords[:, 0] >= 0) & (coords[:, 0] <= 2 * np.pi * (1 + EDGE))
    return None if inside.all() else int(np.argmin(inside))


def conformal_factors(coords: np.ndarray) -> np.ndarray:
    """c of both spheres, (n, 2)."""
    return np.stack([2 / (1 + np.sum(coords[:, ball] ** 2, axis=1)) for ball in BALLS], axis=1)


def points(coords: np.ndarray, halves: np.ndarray) -> np.ndarray:
    """[t, q1, q2] (n, 9) of coords (n, 7) and the halves (n, 2) of the two spheres, +1 or -1."""
    c = conformal_factors(coords)
    columns = [coords[:, :1]]
    for b, ball in enumerate(BALLS):
        columns += [(halves[:, b] * (c[:, b] - 1))[:, None], c[:, b, None] * coords[:, ball]]
    return np.concatenate(columns, axis=1)


def frame(coords: np.ndarray, halves: np.ndarray) -> np.ndarray:
    """The left-invariant frame in coordinates, (n, 7, 7): column a is E_a.

    The coframe is conj(q) dq = R dx c with R = s ((c - 1) 1 + c x x^T) - c [x]_times, which is orthogonal.
    """
    c = conformal_factors(coords)
    result = np.zeros((len(coords), 7, 7))
    result[:, 0, 0] = 1
    for b, ball in enumerate(BALLS):
        x, factor, half = coords[:, ball], c[:, b, None, None], halves[:, b, None, None]
        rotation = half * ((factor - 1) * np.eye(3) + factor * x[:, :, None] * x[:, None, :]) - factor * _cross(x)
        result[:, ball, ball] = rotation.transpose(0, 2, 1) / factor
    return result


def _cross(x: np.ndarray) -> np.ndarray:
    """The matrices (n, 3, 3) with _cross(x) v = x cross v."""
    return np.cross(x[:, None, :], np.eye(3)).transpose(0, 2, 1)


def log_density(coords: np.ndarray, log_volume: np.ndarray, images: int) -> np.ndarray:
    """log of the density of the notebook's points, uniform on S1 x S3 x S3, against the Riemannian volume, (n,).

    `log_volume` is log sqrt(det g) in these coordinates; `images` is IMAGES where a place in the chart stands for all
    points with its coordinates, and 1 where it stands for one of them.
    """
    return np.log(images / VOLUME) + 3 * np.log(conformal_factors(coords)).sum(axis=1) - log_volume
