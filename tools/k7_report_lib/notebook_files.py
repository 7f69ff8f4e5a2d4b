# SPDX-License-Identifier: Apache-2.0
"""Arrays as people have them, in .npy and .npz files: names, shapes, reading without pickles, writing in blocks."""

from __future__ import annotations

import lzma
import os
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from . import three_forms
from .errors import InputError, from_os_error
from .guarded import check_regular
from .samples import ROW_SHAPES, check_finite, check_same_rows, check_type, finite_blocks, shape_text

PREFIX = "k7_tcs_pinn_"  # of the notebook's names

# Dataset of the schema -> file name; coords first, because the others are checked against it.
NPY_NAMES = {name: f"{PREFIX}{name}.npy" for name in ROW_SHAPES}

TENSOR = (7, 7, 7)  # a 3-form with all its indices
CONSTANTS: dict[str, tuple[tuple[int, ...], ...]] = {"coords": (), "metric": ((7, 7),), "phi": ((35,), TENSOR)}
ALTERNATIVES = {"coords": "", "metric": ", or (7, 7) if it is constant",
                "phi": " or (N, 7, 7, 7), or (35,) or (7, 7, 7) if it is constant"}

NO_ARRAY = (ValueError, EOFError, SyntaxError)  # what numpy raises for a file that is no array
NO_ZIP = (*NO_ARRAY, zipfile.BadZipFile, zlib.error, lzma.LZMAError, RuntimeError, NotImplementedError)
ARRAY_REMEDY = "should be written by numpy.save from a float array, not pickled"


@dataclass(frozen=True)
class InputArray:
    """One of the user's arrays, which becomes the dataset `name`, and what messages call it."""

    name: str
    path: Path
    where: str
    values: np.ndarray

    @property
    def is_constant(self) -> bool:
        """Whether the array is one row, which holds at every point."""
        return self.values.shape in CONSTANTS[self.name]

    def place(self, row: int) -> str:
        """What messages call a row."""
        return self.where if self.is_constant else f"{self.where}: row {row}"

    def rows(self, first: int, count: int) -> np.ndarray:
        """Rows of the dataset. Raises InputError naming the first that is not finite, or no 3-form."""
        block = self.values[None] if self.is_constant else np.asarray(self.values[first : first + count])
        check_finite(self.path, block, lambda row: self.place(first + row))
        if self.name == "phi" and block.shape[1:] == TENSOR:
            self._check_antisymmetry(block, first)
            block = three_forms.components(block)
        return np.broadcast_to(block, (count, *block.shape[1:]))

    def _check_antisymmetry(self, block: np.ndarray, first: int) -> None:
        defect = three_forms.antisymmetry_defect(block)
        if defect is not None:
            row, what = defect
            raise InputError(self.path, what, "should change its sign when two indices are exchanged",
                             self.place(first + row))


@dataclass(frozen=True)
class InputArrays:
    """What a folder or an .npz file holds; phi may be absent."""

    arrays: dict[str, InputArray]
    are_notebooks: bool  # they have the notebook's names

    @property
    def n_samples(self) -> int:
        """N, the number of points."""
        return len(self.arrays["coords"].values)


def find_arrays(source: Path) -> InputArrays:
    """The arrays of a folder or an .npz file, checked for type, shape and number of rows.

    Raises InputError naming the file that is missing or wrong.
    """
    if source.is_dir():
        prefix = _prefix(source, [path.stem for path in source.glob("*.npy")])
        paths = {name: source / f"{prefix}{name}.npy" for name in ROW_SHAPES}
        arrays = {name: InputArray(name, path, "array", open_npy(path, name)) for name, path in paths.items()
                  if name != "phi" or os.path.lexists(path)}
    elif source.suffix == ".npz":
        prefix, arrays = _read_npz(source)
    else:
        problem = "is not a folder and not an .npz file" if source.exists() else "is missing"
        raise InputError(source, problem, "give a folder with .npy files, or an .npz file")
    coords = arrays["coords"]
    for array in arrays.values():
        if not array.is_constant:
            other = coords.path.name if coords.path != array.path else coords.where
            check_same_rows(array.path, array.where, array.values, len(coords.values), other)
    return InputArrays(arrays, are_notebooks=prefix == PREFIX)


def _prefix(source: Path, found: list[str]) -> str:
    """Which names are used: the notebook's or plain ones. Both at once could be two data sets."""
    used = [prefix for prefix in (PREFIX, "") if any(f"{prefix}{name}" in found for name in ROW_SHAPES)]
    if len(used) == 2:
        plain = next(name for name in ROW_SHAPES if name in found)
        raise InputError(source, f"holds {plain} beside arrays with the notebook's names", "keep the one or the other")
    if not used:
        raise InputError(source, "holds no coords and metric", f"should hold coords and metric, or {PREFIX}coords and "
                         f"{PREFIX}metric")
    return used[0]


def open_npy(path: Path, name: str) -> np.ndarray:
    """Maps a .npy file read-only and checks that it can be the schema's dataset `name`.

    Raises InputError if the file cannot be read, is no .npy file, holds pickled objects, or is cut short.
    """
    check_regular(path)
    try:
        array = np.lib.format.open_memmap(path, mode="r")
    except OSError as error:
        raise from_os_error(error, path, "read") from error
    except NO_ARRAY as error:
        raise InputError(path, f"is not a usable .npy array ({str(error)[:80]})", ARRAY_REMEDY) from error
    check_shape(path, "array", array, name)
    return array


def _read_npz(path: Path) -> tuple[str, dict[str, InputArray]]:
    """The prefix of the names, and the arrays, which are read into memory: compressed ones cannot be mapped."""
    check_regular(path)
    try:
        with zipfile.ZipFile(path) as archive:
            keys = [name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")]
            prefix = _prefix(path, keys)
            wanted = {name: f"{prefix}{name}" for name in ROW_SHAPES if name != "phi" or f"{prefix}{name}" in keys}
            arrays = {name: _read_member(path, archive, name, key) for name, key in wanted.items()}
    except OSError as error:
        raise from_os_error(error, path, "read") from error
    except NO_ZIP as error:
        raise InputError(path, f"is not a usable .npz file ({str(error)[:80]})",
                         "should be written by numpy.savez from float arrays, not pickled") from error
    return prefix, arrays


def _read_member(path: Path, archive: zipfile.ZipFile, name: str, key: str) -> InputArray:
    where = f"array {key}"
    try:
        stream = archive.open(f"{key}.npy")
    except KeyError as error:
        raise InputError(path, "is missing", f"should have shape {shape_text(name)}", where) from error
    with stream:
        try:
            array = np.lib.format.read_array(stream, allow_pickle=False)
        except NO_ARRAY as error:
            raise InputError(path, f"is not a usable array ({str(error)[:80]})", ARRAY_REMEDY, where) from error
        except MemoryError as error:
            raise InputError(path, "does not fit in memory", "give .npy files in a folder", where) from error
    check_shape(path, where, array, name)
    return InputArray(name, path, where, array)


def check_shape(path: Path, where: str, array: np.ndarray, name: str) -> None:
    """Checks type and shape of an array that becomes the dataset `name`."""
    check_type(path, where, array)
    rows = (ROW_SHAPES[name], TENSOR) if name == "phi" else (ROW_SHAPES[name],)
    if array.shape in CONSTANTS[name] or (array.shape[1:] in rows and len(array) > 0):
        return
    raise InputError(path, f"has shape {array.shape}", f"should be {shape_text(name)}{ALTERNATIVES[name]}", where)


def write_npy(stream: BinaryIO, path: Path, where: str, source: Any) -> None:
    """Writes an array (HDF5 dataset or map) as .npy, block by block, with the bytes that `numpy.save` would write.

    `path` and `where` name the source in errors. Plain writes, not a map: a full disk must raise OSError, and a map
    would end the process with SIGBUS. Raises InputError naming the first row that is not finite.
    """
    descr = np.lib.format.dtype_to_descr(source.dtype)
    header = {"descr": descr, "fortran_order": False, "shape": tuple(source.shape)}
    np.lib.format.write_array_header_1_0(stream, header)
    for _, block in finite_blocks(path, where, source):
        stream.write(np.ascontiguousarray(block).tobytes())
