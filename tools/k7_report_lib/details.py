# SPDX-License-Identifier: Apache-2.0
"""What a run folder may hold besides: eigenvalues of g, eigenfunctions, neighbour lists, torsion.

HDF5 is read in a process of its own, whose answer is small: points are thinned out and numbers counted in bins there.
"""

from __future__ import annotations

import math
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Iterator

import h5py
import numpy as np

from . import inputs, samples
from .errors import InputError, shown
from .guarded import check_regular, read_hdf5
from .inputs import Json
from .samples import finite_blocks, is_wide, own_object

BINS = 60
MOST_FUNCTIONS = 6  # eigenfunctions that are drawn
MOST_POINTS = 1500  # of each
MOST_METRICS = 20000  # whose eigenvalues are computed
TORSION_FILES = ("torsion.json", "torsion.h5")
NORMS = ("norm2_dphi", "norm2_dpsi", "norm2_tau0", "norm2_tau1", "norm2_tau2", "norm2_tau3")


@dataclass(frozen=True)
class Histogram:
    """Counts in bins, whose edges are equal in the logarithm where the range is wide."""

    counts: np.ndarray
    edges: np.ndarray


@dataclass(frozen=True)
class Eigenfunctions:
    """Some of the points and the eigenfunctions there, each over its largest value; dimensionless."""

    coords: np.ndarray  # (n, 7)
    values: np.ndarray  # (n, m)
    first: int  # index of the first of them
    n_points: int  # of the file


@dataclass(frozen=True)
class Details:
    """What is there, None for what is not."""

    eigenvalues_of_g: Json  # "rows" of [smallest, mean, largest], "histogram"
    eigenfunctions: Eigenfunctions | None
    graph: Json | None
    torsion: Json | None


def read_details(folder: Path, spectral: Json) -> Details:
    """Reads what is there. Raises InputError where a file is damaged or belongs to other samples."""
    path, n_rows = folder / "samples.h5", None
    if "quadrature" not in spectral["spectral"]:
        n_rows = int(spectral["metric"]["n_samples"])
    eigenvalues = read_hdf5(path, lambda: _eigenvalues_of_g(path))
    modes, graph = (beside(folder, spectral["options"].get(name)) for name in ("eigenvectors", "graph"))
    functions = None
    if modes is not None:
        functions = _eigenfunctions(read_hdf5(modes, lambda: _read_eigenfunctions(modes, path, n_rows, spectral)))
    return Details(eigenvalues, functions, read_hdf5(graph, lambda: _read_graph(graph, n_rows)) if graph else None,
                   _read_torsion(folder))


def beside(folder: Path, name: Any) -> Path | None:
    """The file of the run folder that an option of k7_spectral named, wherever the folder has moved."""
    if not isinstance(name, str) or not name or "\0" in name:
        return None
    last = Path(name).name
    try:
        return folder / last if last and (folder / last).is_file() else None
    except OSError:  # a name that is too long
        return None


@contextmanager
def _opened(path: Path) -> Iterator[h5py.File]:
    check_regular(path)
    if not h5py.is_hdf5(path):
        raise InputError(path, "is not an HDF5 file", "write it again")
    with h5py.File(path, "r") as file:
        yield file


def _table(path: Path, file: h5py.File, name: str, columns: int | None, n_rows: int | None, kind: str = "f") -> h5py.Dataset:
    """A dataset of that many columns (None: any; 0: a plain list) and rows, whose numbers lie in this file."""
    item, where = own_object(path, file, name), f"dataset /{name}"
    if not isinstance(item, h5py.Dataset):
        raise InputError(path, "is missing", "write it again", where)
    samples.check_storage(path, where, item)
    wanted = 1 if columns == 0 else 2
    if item.shape is None or len(item.shape) != wanted or 0 in item.shape or (columns and item.shape[1] != columns):
        raise InputError(path, f"has shape {item.shape}", "write it again", where)
    if item.dtype.kind != kind:
        raise InputError(path, f"has type {str(item.dtype)[:80]}", "write it again", where)
    if n_rows is not None and item.shape[0] != n_rows:
        raise InputError(path, f"has {item.shape[0]} rows and samples.h5 has {n_rows}", "run k7_spectral again", where)
    samples.check_promise(path, where, item)
    return item


def histogram(blocks: Callable[[], Iterator[np.ndarray]]) -> Json | None:
    """Counts over two passes; numbers that are not finite count nowhere. None where there is none."""
    low, high, n_values = math.inf, -math.inf, 0
    for values in blocks():
        values = values[np.isfinite(values)]
        if len(values):
            low, high, n_values = min(low, float(values.min())), max(high, float(values.max())), n_values + len(values)
    if n_values == 0:
        return None
    if not high - low > samples.ROUNDING_WIDTH * max(abs(low), abs(high)):
        margin = 0.01 * abs(low) or 1.0
        return {"counts": [n_values], "edges": [low - margin, low + margin], "equal": True}
    edges = np.geomspace(low, high, BINS + 1) if is_wide(low, high) else np.linspace(low, high, BINS + 1)
    edges[[0, -1]] = low, high
    counts = np.zeros(BINS, dtype=np.int64)
    for values in blocks():
        counts += np.histogram(values[np.isfinite(values)], bins=edges)[0]
    return {"counts": counts.tolist(), "edges": edges.tolist(), "equal": False}


def as_histogram(content: Json) -> Histogram:
    """What a reader's process answered."""
    return Histogram(np.array(content["counts"], dtype=np.int64), np.array(content["edges"], dtype=np.float64))


def _eigenvalues_of_g(path: Path) -> Json:
    """Of each of the seven eigenvalues of g, ascending, the least, mean and largest, and all in one histogram.

    Of a long file every so many-th row is taken, for eigenvalues take a hundred times as long as determinants.
    """
    found = []
    with samples.open_samples(path) as file:
        metric = samples.dataset(path, file, "metric")
        step = -(-metric.shape[0] // MOST_METRICS)
        for first, block in finite_blocks(path, "dataset /metric", metric):
            rows = block[-first % step::step].astype(np.float64, copy=False)
            found.append(np.linalg.eigvalsh(0.5 * rows + 0.5 * rows.transpose(0, 2, 1)))
        n_rows = int(metric.shape[0])
    values = np.concatenate(found)
    return {"rows": np.stack([values.min(axis=0), values.mean(axis=0), values.max(axis=0)], axis=1).tolist(),
            "histogram": histogram(lambda: iter([values.ravel()])), "used": len(values), "of": n_rows}


def _read_eigenfunctions(path: Path, sample_path: Path, n_rows: int | None, spectral: Json) -> Json:
    first = max(0, int(spectral["spectral"].get("zero_modes", 1)))
    with _opened(path) as file, samples.open_samples(sample_path) as sample_file:
        functions = _table(path, file, "eigenvectors", None, n_rows)
        coords = samples.dataset(sample_path, sample_file, "coords")
        samples.check_same_rows(path, "dataset /eigenvectors", functions, coords.shape[0], "samples.h5")
        step = max(1, functions.shape[0] // MOST_POINTS)
        columns = slice(first, min(first + MOST_FUNCTIONS, functions.shape[1]))
        values = np.asarray(functions[::step, columns], dtype=np.float64)
        places = np.asarray(coords[::step], dtype=np.float64)
    known = np.isfinite(values).all(axis=1) & np.isfinite(places).all(axis=1)  # rows of stray points are NaN
    values, places = values[known], places[known]
    if values.size:
        values = values / np.maximum(np.abs(values).max(axis=0), np.finfo(float).tiny)
    return {"coords": [[float(f"{v:.5g}") for v in row] for row in places],
            "values": [[round(v, 4) for v in row] for row in values.tolist()], "first": first,
            "n_points": int(functions.shape[0])}


def _eigenfunctions(content: Json) -> Eigenfunctions | None:
    coords, values = (np.array(content[name], dtype=np.float64) for name in ("coords", "values"))
    if not values.size:
        return None
    return Eigenfunctions(coords, values, content["first"], content["n_points"])


def _read_graph(path: Path, n_rows: int | None) -> Json:
    """Distances to the nearest and the last neighbour, and how often a point is somebody's neighbour."""
    with _opened(path) as file:
        neighbors = _table(path, file, "neighbors", None, n_rows, "i")
        squares = _table(path, file, "distance_sq", neighbors.shape[1], neighbors.shape[0])
        times = np.zeros(neighbors.shape[0], dtype=np.int64)
        step = max(1, samples.BLOCK_BYTES // (8 * neighbors.shape[1]))
        for begin in range(0, neighbors.shape[0], step):
            samples.allow_more_time()
            block = np.asarray(neighbors[begin:begin + step]).ravel()
            if block.min() < -1 or block.max() >= len(times):
                raise InputError(path, "names a row that is not there", "run k7_spectral again", "dataset /neighbors")
            times += np.bincount(block[block >= 0], minlength=len(times))

        def column(at: int) -> Iterator[np.ndarray]:
            for begin in range(0, squares.shape[0], step):
                samples.allow_more_time()
                yield np.sqrt(np.maximum(np.asarray(squares[begin:begin + step], dtype=np.float64)[:, at], 0.0))

        return {"k": int(neighbors.shape[1]), "nearest": histogram(lambda: column(0)),
                "last": histogram(lambda: column(-1)), "least_times": int(times.min()), "most_times": int(times.max()),
                "std_times": float(times.std())}


def _read_torsion(folder: Path) -> Json | None:
    """Of torsion.json, what k7_torsion --model measured, or of torsion.h5, row by row, from --fields."""
    for name in TORSION_FILES:
        path = folder / name
        if path.exists():
            return read_hdf5(path, lambda: _torsion_rows(path)) if name.endswith(".h5") else _torsion_report(path)
    return None


def _torsion_report(path: Path) -> Json:
    report = inputs.read_object(path, "run k7_torsion again").get("torsion")
    if not isinstance(report, dict):
        raise InputError(path, "is missing", "should be an object {...}: run k7_torsion again", "key torsion")
    for name in inputs.BEST_FORM_RANGES:
        if name in report and not inputs.NUMBERS[1](report[name]):
            raise InputError(path, f"is {shown(report[name], 40)}", f"should be {inputs.NUMBERS[0]}", f"key torsion.{name}")
    return {"file": path.name, "report": report}


def _torsion_rows(path: Path) -> Json:
    """Histograms and moments of what k7_torsion --fields wrote."""
    result: Json = {"file": path.name, "report": {}, "histograms": {}}
    with _opened(path) as file:
        n_rows = _table(path, file, NORMS[0], 0, None).shape[0]
        for name in NORMS:
            values = np.asarray(_table(path, file, name, 0, n_rows)[()], dtype=np.float64)
            known = values[np.isfinite(values)]
            if len(known):
                result["report"][name] = {"mean": float(known.mean()), "max": float(known.max())}
            result["histograms"][name] = histogram(lambda: iter([values]))
        result["report"]["points"] = n_rows
        result["report"]["positive_fraction"] = len(known) / n_rows
    return result
