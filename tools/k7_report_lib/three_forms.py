# SPDX-License-Identifier: Apache-2.0
"""3-forms as 35 components phi_ijk, i<j<k, and as antisymmetric (7, 7, 7) arrays."""

from __future__ import annotations

from itertools import combinations

import numpy as np

TOLERANCE = 1e-6  # of the largest entry: rounding of float32, as for the symmetry of metrics

I, J, K = np.array(list(combinations(range(7), 3))).T
EVEN, ODD = ((I, J, K), (J, K, I), (K, I, J)), ((J, I, K), (I, K, J), (K, J, I))


def components(tensor: np.ndarray) -> np.ndarray:
    """(n, 35) of (n, 7, 7, 7)."""
    return tensor[:, I, J, K]


def tensor(form: np.ndarray) -> np.ndarray:
    """(n, 7, 7, 7) of (n, 35)."""
    result = np.zeros((len(form), 7, 7, 7), form.dtype)
    for i, j, k in EVEN:
        result[:, i, j, k] = form
    for i, j, k in ODD:
        result[:, i, j, k] = -form
    return result


def antisymmetry_defect(block: np.ndarray) -> tuple[int, str] | None:
    """The first row of (n, 7, 7, 7) that is no 3-form, and what is wrong with it, or None."""
    wanted = tensor(components(block))
    largest = np.abs(block).max(axis=(1, 2, 3), keepdims=True)
    wrong = np.argwhere(np.abs(block - wanted) > TOLERANCE * largest)
    if len(wrong) == 0:
        return None
    row, i, j, k = map(int, wrong[0])
    low, middle, high = sorted((i, j, k))
    relation = ("two indices are equal" if len({i, j, k}) < 3
                else f"[{low},{middle},{high}] is {block[row, low, middle, high]:g}")
    return row, f"entry [{i},{j},{k}] is {block[row, i, j, k]:g} where {relation}"


def transformed(form: np.ndarray, frame: np.ndarray) -> np.ndarray:
    """phi(E_a, E_b, E_c) (n, 35) of phi (n, 35) and the vectors E_a, columns of `frame` (n, 7, 7)."""
    full = tensor(form)
    for _ in range(3):  # each turn replaces the first index and moves it to the end
        full = np.einsum("nijk,nia->njka", full, frame)
    return components(full)
