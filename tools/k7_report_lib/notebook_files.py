# SPDX-License-Identifier: Apache-2.0
"""Arrays as people have them, in .npy and .npz files: names, shapes, reading without pickles, writing in blocks."""

from __future__ import annotations

import lzma
import os
import zipfile
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, BinaryIO, Iterator, Mapping

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

IDENTITY = "identity"  # the word for the metric of flat coordinates
REMEDIES = {"coords": "--coords FILE", "metric": "--metric FILE, or --metric identity for lengths in flat coordinates"}

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


def find_arrays(source: Path | None, named: Mapping[str, str] = MappingProxyType({})) -> InputArrays:
    """The arrays of a folder, an .npz file, or a lone .npy file of coordinates, checked for type, shape and rows.

    `named` holds those that stand elsewhere, by the dataset that they become, as named_array() reads them. Raises
    InputError naming the file that is missing or wrong.
    """
    prefix, found = _arrays_of(source, [name for name in ROW_SHAPES if name not in named]) if source else ("", {})
    found |= {name: named_array(name, text) for name, text in named.items()}
    for name in ("coords", "metric"):
        if name not in found:
            raise InputError(source or named_path(named["coords"]), "is missing",
                             f"should have shape {shape_text(name)}, or be named: {REMEDIES[name]}",
                             f"array {prefix}{name}")
    arrays = {name: found[name] for name in ROW_SHAPES if name in found}
    coords = arrays["coords"]
    for array in arrays.values():
        if not array.is_constant:
            other = coords.path.name if coords.path != array.path else coords.where
            check_same_rows(array.path, array.where, array.values, len(coords.values), other)
    return InputArrays(arrays, are_notebooks=prefix == PREFIX)


def _arrays_of(source: Path, names: list[str]) -> tuple[str, dict[str, InputArray]]:
    """The prefix of the names in a folder or file, and those of the wanted arrays that are there."""
    if source.is_dir():
        prefix = _prefix(source, [path.stem for path in source.glob("*.npy")])
        paths = {name: source / f"{prefix}{name}.npy" for name in names}
        return prefix, {name: InputArray(name, path, "array", open_npy(path, name)) for name, path in paths.items()
                        if os.path.lexists(path)}
    if source.suffix == ".npz":
        return _read_npz(source, names)
    if source.suffix == ".npy":
        return "", {"coords": named_array("coords", str(source))} if "coords" in names else {}
    problem = "is not a folder and not an .npz or .npy file" if source.exists() else "is missing"
    raise InputError(source, problem, "give a folder with .npy files, or an .npz file")


def named_array(name: str, text: str) -> InputArray:
    """The array that an option names: FILE.npy, FILE.npz with one array in it, FILE.npz:KEY, or identity for a metric."""
    path = named_path(text)
    if name == "metric" and text == IDENTITY:
        return InputArray(name, path, "array", np.eye(7))
    if path.suffix != ".npz":
        return InputArray(name, path, "array", open_npy(path, name))
    with _open_npz(path) as archive:
        keys = _keys(archive)
        key = text[len(str(path)) + 1 :] or (keys[0] if len(keys) == 1 else None)
        if key is None:
            raise InputError(path, f"holds {len(keys)} arrays", f"should be followed by the name of one: {path}:NAME")
        return _read_member(path, archive, name, key)


def named_path(text: str) -> Path:
    """The file of what an option names, without the :KEY of an array in it."""
    file, colon, key = text.rpartition(":")
    return Path(file if colon and key and file.endswith(".npz") else text)


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


@contextmanager
def _open_npz(path: Path) -> Iterator[zipfile.ZipFile]:
    """The file, with InputError for what is wrong with it in the body too."""
    check_regular(path)
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except OSError as error:
        raise from_os_error(error, path, "read") from error
    except NO_ZIP as error:
        raise InputError(path, f"is not a usable .npz file ({str(error)[:80]})",
                         "should be written by numpy.savez from float arrays, not pickled") from error


def _keys(archive: zipfile.ZipFile) -> list[str]:
    return [name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")]


def _read_npz(path: Path, names: list[str]) -> tuple[str, dict[str, InputArray]]:
    """The prefix of the names, and the arrays, which are read into memory: compressed ones cannot be mapped."""
    with _open_npz(path) as archive:
        keys = _keys(archive)
        prefix = _prefix(path, keys)
        return prefix, {name: _read_member(path, archive, name, f"{prefix}{name}") for name in names
                        if f"{prefix}{name}" in keys}


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
