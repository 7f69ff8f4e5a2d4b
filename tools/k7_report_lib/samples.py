# SPDX-License-Identifier: Apache-2.0
"""Sample files in blocks: the notebook's arrays, the HDF5 schema `k7-samples`, and statistics of det g.

Rows are counted from 0, as numpy and h5py count them.
"""

from __future__ import annotations

import math
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Iterator

import h5py
import numpy as np

from .errors import InputError, shown
from .guarded import allow_more_time, check_regular, read_hdf5

DIM = 7
FORMAT = "k7-samples"
VERSION = 1
BLOCK_BYTES = 16 << 20  # memory that one block of rows may take
ATTRIBUTE_LIMIT = 64 << 10  # bytes of an attribute; HDF5's own limit in the usual format
PROMISE_BYTES, PROMISE_FACTOR = 64 << 20, 4096  # declared bytes that need as much in the file; compression's best
MAX_LINKS = 16  # soft links in a row, as HDF5 allows
HISTOGRAM_BINS = 50  # the notebook's
WIDE_RANGE = 30.0  # a positive quantity that varies by more than this factor is shown on a logarithmic axis
ROUNDING_WIDTH = 1e-9  # a spread below this fraction of the value is rounding, not a distribution

# Dataset of the schema -> shape of one row.
ROW_SHAPES: dict[str, tuple[int, ...]] = {"coords": (DIM,), "metric": (DIM, DIM), "phi": (35,)}


@dataclass(frozen=True)
class DetStatistics:
    """det g over all samples, dimensionless; std is the population's, as numpy's `std()`."""

    n_samples: int
    mean: float
    std: float
    minimum: float
    maximum: float
    counts: np.ndarray  # (bins,), int64; one bin where is_constant
    edges: np.ndarray  # (bins + 1,), float64

    def over(self, factor: float) -> DetStatistics:
        """The same for det g / factor."""
        if factor == 1.0:
            return self
        return DetStatistics(self.n_samples, self.mean / factor, self.std / factor, self.minimum / factor,
                             self.maximum / factor, self.counts, self.edges / factor)

    @property
    def is_constant(self) -> bool:
        """Whether all values agree up to rounding."""
        return is_rounding(self.maximum - self.minimum, self.mean)


def is_wide(minimum: float, maximum: float) -> bool:
    """Whether values between these bounds need a logarithmic axis, and can have one."""
    return minimum > 0 and maximum > WIDE_RANGE * minimum


def is_rounding(width: float, value: float) -> bool:
    """Whether a spread of `width` around `value` is no more than rounding."""
    return width <= ROUNDING_WIDTH * abs(value)


@contextmanager
def open_samples(path: Path) -> Iterator[h5py.File]:
    """Opens a sample file for reading and checks its root attributes, which may be absent.

    Raises InputError if the file cannot be read, is not HDF5, or is another kind or version of K7 file.
    """
    check_regular(path)
    if not h5py.is_hdf5(path):
        raise InputError(path, "is not an HDF5 file", "k7_sample writes one")
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise InputError(path, f"is a damaged HDF5 file ({shown(str(error))})", "write it again with k7_sample") from error
    with file:
        _check_attributes(path, file)
        yield file


def text_attribute(file: h5py.File, name: str, default: str) -> str:
    """A root attribute as text, fixed or variable length."""
    value = _attribute(file, name, default)
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _attribute(file: h5py.File, name: str, default: Any) -> Any:
    """A root attribute; one that claims more memory than any of K7's is refused unread."""
    if name not in file.attrs:
        return default
    size = h5py.h5a.open(file.id, name.encode()).get_storage_size()
    if size > ATTRIBUTE_LIMIT:
        raise InputError(file.filename, f"has {size} bytes", "write it again with k7_sample", f"attribute {name}")
    return file.attrs[name]


def _check_attributes(path: Path, file: h5py.File) -> None:
    kind = text_attribute(file, "format", FORMAT)
    if kind != FORMAT:
        raise InputError(path, f"is {shown(kind)}", f"should be {FORMAT!r}, a sample file", "attribute format")
    version = _attribute(file, "version", VERSION)
    if np.size(version) != 1 or not np.all(np.asarray(version) == VERSION):
        raise InputError(path, f"is {shown(version)}", f"this program reads version {VERSION}", "attribute version")


def dataset(path: Path, file: h5py.File, name: str) -> h5py.Dataset:
    """The dataset `/name` after `check_array`. Raises InputError if it is missing or not as in the schema."""
    item = own_object(path, file, name)
    if not isinstance(item, h5py.Dataset):
        raise InputError(path, "is missing", f"should be a dataset of shape {shape_text(name)}", f"dataset /{name}")
    check_storage(path, f"dataset /{name}", item)
    check_array(path, f"dataset /{name}", item, name)
    check_promise(path, f"dataset /{name}", item)
    return item


def own_object(path: Path, file: h5py.File, name: str) -> Any:
    """The object `/name`, or None. Raises InputError where an external link is on the way, and follows none."""
    where, parts, links = f"dataset /{name}", name.split("/"), 0
    item: Any = file
    while parts:
        part = parts.pop(0)
        if part in ("", "."):
            continue
        if not isinstance(item, h5py.Group):
            return None
        try:
            link = item.get(part, getlink=True)
        except TypeError as error:  # a user-defined link
            raise InputError(path, "is behind a link of unknown kind", "copy it with h5copy", where) from error
        if isinstance(link, h5py.ExternalLink):
            raise InputError(path, "is an external link to another file",
                             "make one self-contained file with h5copy -f ext", where)
        if isinstance(link, h5py.SoftLink):
            links += 1
            if links > MAX_LINKS:
                return None
            parts = link.path.split("/") + parts
            item = file if link.path.startswith("/") else item
            continue
        item = item.get(part)
    return item


def check_storage(path: Path, where: str, item: h5py.Dataset) -> None:
    """Refuses data that lie in other files."""
    layout = item.id.get_create_plist()
    kind = ("is a virtual dataset" if layout.get_layout() == h5py.h5d.VIRTUAL else
            "has external storage" if layout.get_external_count() > 0 else None)
    if kind is not None:
        raise InputError(path, f"{kind}, whose numbers lie in other files",
                         "make one self-contained file with h5repack -l CONTI", where)


def check_promise(path: Path, where: str, item: h5py.Dataset) -> None:
    """Refuses a dataset that declares far more numbers than the file stores."""
    declared = math.prod(map(int, item.shape)) * item.dtype.itemsize
    stored = min(item.id.get_storage_size(), path.stat().st_size)
    if declared > PROMISE_BYTES and declared > PROMISE_FACTOR * stored:
        raise InputError(path, f"declares {declared} bytes and stores {stored}", "write it again with k7_sample",
                         where)


def check_array(path: Path, where: str, array: Any, name: str) -> None:
    """Checks type and shape of an HDF5 dataset that holds the schema's dataset `name`."""
    check_type(path, where, array)
    if array.shape is None or array.shape[1:] != ROW_SHAPES[name] or not array.shape:
        raise InputError(path, f"has shape {array.shape}", f"should be {shape_text(name)}", where)
    if array.shape[0] == 0:
        raise InputError(path, "has no rows", f"should be {shape_text(name)} with N of at least 1", where)


def check_type(path: Path, where: str, array: Any) -> None:
    """Checks that an array holds floating-point numbers that K7 reads."""
    dtype = np.dtype(array.dtype)
    if dtype.kind != "f" or dtype.itemsize not in (4, 8):
        raise InputError(path, f"has type {str(dtype)[:80]}", "should be float64 or float32", where)


def check_same_rows(path: Path, where: str, array: Any, n_samples: int, other: str) -> None:
    """Checks that an array has as many rows as `other`."""
    if array.shape[0] != n_samples:
        raise InputError(path, f"has {array.shape[0]} rows and {other} has {n_samples}", "should be as many", where)


def finite_blocks(path: Path, where: str, array: Any) -> Iterator[tuple[int, np.ndarray]]:
    """Yields (first row, block of rows) through an array without holding more than one block.

    Raises InputError naming the first row with an infinite or NaN entry, or if the file cannot be read on.
    """
    row_bytes = max(1, array.dtype.itemsize * math.prod(array.shape[1:]))
    step = max(1, BLOCK_BYTES // row_bytes)
    for first in range(0, array.shape[0], step):
        allow_more_time()
        try:
            block = np.asarray(array[first : first + step])
        except OSError as error:
            raise InputError(path, f"cannot be read from row {first} on ({shown(str(error))})", "write it again", where) from error
        check_finite(path, block, lambda row: f"{where}: row {first + row}")
        yield first, block


def check_finite(path: Path, block: np.ndarray, place: Callable[[int], str]) -> None:
    """Raises InputError naming the first row of a block with an infinite or NaN entry; `place` names rows."""
    finite = np.isfinite(block).reshape(len(block), -1).all(axis=1)
    if not finite.all():
        raise InputError(path, "holds NaN or infinity", "should be finite", place(int(np.argmin(finite))))


def det_statistics(path: Path) -> DetStatistics:
    """Statistics and histogram of det g over all rows of a sample file, read twice in blocks.

    Raises InputError if `/coords` or `/metric` is missing, ill-shaped, of unequal length, or not finite.
    """
    *numbers, counts, edges = read_hdf5(path, lambda: _read_statistics(path))
    return DetStatistics(*numbers, np.array(counts, dtype=np.int64), np.array(edges, dtype=np.float64))


def _read_statistics(path: Path) -> list[Any]:
    """The fields of DetStatistics as JSON has them."""
    with open_samples(path) as file:
        coords, metric = dataset(path, file, "coords"), dataset(path, file, "metric")
        check_same_rows(path, "dataset /metric", metric, coords.shape[0], "/coords")
        n_samples, mean, spread, minimum, maximum = _moments(path, metric)
        edges = _histogram_edges(mean, minimum, maximum)
        counts = np.zeros(len(edges) - 1, dtype=np.int64)
        for _, det in _det_blocks(path, metric):
            counts += np.histogram(det, bins=edges)[0]
    return [n_samples, mean, math.sqrt(spread / n_samples), minimum, maximum, counts.tolist(), edges.tolist()]


def _moments(path: Path, metric: h5py.Dataset) -> tuple[int, float, float, float, float]:
    """Number, mean, sum of squared deviations, minimum and maximum of det g.

    Blocks are merged as in Chan, Golub, LeVeque (1983), and summed as distances from the first value, so that equal
    values have a spread of exactly 0.
    """
    n_samples, mean, spread, minimum, maximum = 0, 0.0, 0.0, math.inf, -math.inf
    for _, det in _det_blocks(path, metric):
        block_mean = float(det[0] + (det - det[0]).mean())
        shift = block_mean - mean
        total = n_samples + len(det)
        spread += float(((det - block_mean) ** 2).sum()) + shift**2 * n_samples * len(det) / total
        mean = block_mean if n_samples == 0 else mean + shift * len(det) / total
        n_samples = total
        minimum, maximum = min(minimum, float(det.min())), max(maximum, float(det.max()))
    return n_samples, mean, spread, minimum, maximum


def _det_blocks(path: Path, metric: h5py.Dataset) -> Iterator[tuple[int, np.ndarray]]:
    """Yields (first row, det g (rows,) float64). Raises InputError naming a row whose determinant overflows."""
    for first, block in finite_blocks(path, "dataset /metric", metric):
        with np.errstate(over="ignore", invalid="ignore"):
            det = np.linalg.det(block.astype(np.float64, copy=False))
        if not np.isfinite(det).all():
            row = first + int(np.argmin(np.isfinite(det)))
            raise InputError(path, "has a determinant beyond float64", "rescale the metric",
                             f"dataset /metric: row {row}")
        yield first, det


def _histogram_edges(mean: float, minimum: float, maximum: float) -> np.ndarray:
    """Edges of equal bins over [minimum, maximum], equal in the logarithm where the range is wide.

    One bin that holds every value where the spread is rounding.
    """
    if is_rounding(maximum - minimum, mean) or not minimum < maximum:
        margin = max(1e-6 * abs(mean), np.finfo(np.float64).tiny)
        return np.array([minimum - margin, maximum + margin])
    if not is_wide(minimum, maximum):
        return np.linspace(minimum, maximum, HISTOGRAM_BINS + 1)
    edges = np.geomspace(minimum, maximum, HISTOGRAM_BINS + 1)
    edges[[0, -1]] = minimum, maximum  # geomspace may miss the ends by rounding, and then a sample is lost
    return edges


def shape_text(name: str) -> str:
    """The shape of the schema's dataset `name`, as messages write it."""
    return "(N, " + ", ".join(str(extent) for extent in ROW_SHAPES[name]) + ")"
