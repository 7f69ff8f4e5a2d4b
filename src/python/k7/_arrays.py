# SPDX-License-Identifier: Apache-2.0
"""Brings what users give into the form that the library takes: contiguous float64 in its shape. Nothing is modified."""

from __future__ import annotations

from typing import Any, Optional

import numpy as np

from ._errors import InputError

Shape = tuple[Optional[int], ...]


def _text(shape: Shape) -> str:
    words = ["N" if size is None else str(size) for size in shape]
    return f"({', '.join(words)}{',' if len(words) == 1 else ''})"


def _fits(found: tuple[int, ...], wanted: Shape) -> bool:
    return len(found) == len(wanted) and all(w in (None, f) for f, w in zip(found, wanted))


def numbers(name: str, value: Any, *shapes: Shape) -> np.ndarray:
    """An array with one of some shapes, in which None is any size. Raises InputError naming the argument."""
    try:
        array = np.asarray(value)
    except Exception as error:
        raise InputError(f"{name}: is no array: {error}") from None
    if np.ma.is_masked(value):
        raise InputError(f"{name}: has masked entries; take them out")
    if array.dtype.kind not in "fiu":
        raise InputError(f"{name}: has dtype {array.dtype}; real numbers are needed, float64 or float32")
    if not any(_fits(array.shape, shape) for shape in shapes):
        needed = " or ".join(_text(shape) for shape in shapes)
        raise InputError(f"{name}: has shape {array.shape}; {needed} is needed")
    return np.asarray(array, dtype=np.float64, order="C")


def whole(name: str, value: Any, least: int) -> int:
    """A whole number. Raises InputError naming the argument."""
    try:
        number = value.__index__()
    except AttributeError:
        raise InputError(f"{name}: is {value!r}; a whole number is needed") from None
    if number < least:
        raise InputError(f"{name}: is {number}; at least {least} is needed")
    if number > 2**62:
        raise InputError(f"{name}: is {number}, which is too large")
    return int(number)
