# SPDX-License-Identifier: Apache-2.0
"""Three hundred damaged or hostile sample files for k7_spectral, the same ones in every run.

Each must be refused (exit 2, one line on stderr that names the file, nothing written), or read (exit 0 with finite
eigenvalues: not every change matters), or be a failure of the solver that says so (exit 4). Never a signal, an
internal error, or a run that does not end.
"""

from __future__ import annotations

import json
import math
import os
import random
import shutil
import unittest
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable

import h5py
import numpy as np
import pytest

import programs
from programs import Done, ProgramTest, replace, write_samples

N_FILES = 300
N_FIRST = 30  # of them in every tier: each way of damage is there
N_POINTS = 240
SEED = 20240611
LIMIT = 30.0
SHARED_EVERY = 10  # one file in so many is read by three ranks
ARGUMENTS = ("-k", "8", "-n", "4", "--threads", "1", "-q")
Mutation = Callable[[Path, random.Random], Any]


# ---- The good files --------------------------------------------------------------------------------------------

def write_neck(path: Path) -> None:
    """Points and metrics on S1 x S3 x S3, with the density that they were drawn with."""
    write_samples(path, N_POINTS)
    with h5py.File(path, "r+") as file:
        file["weight"] = np.full(N_POINTS, 1 / (2 * np.pi * (2 * np.pi**2) ** 2))


def write_torus(path: Path) -> None:
    """In chunks, compressed, with checksums, as other programs may write them."""
    write_samples(path, N_POINTS, "torus7")
    with h5py.File(path, "r+") as file:
        for name in ("coords", "metric"):
            values = file[name][...]
            del file[name]
            file.create_dataset(name, data=values, chunks=True, compression="gzip", fletcher32=True)


def write_latest(path: Path) -> None:
    """In the newest format of HDF5, whose headers have checksums and whose indices are others; shuffled."""
    with h5py.File(path, "w", libver="latest") as file:
        random_ = np.random.default_rng(3)
        for name, values in (("coords", random_.random((N_POINTS, 7))), ("metric", np.tile(np.eye(7), (N_POINTS, 1, 1)))):
            file.create_dataset(name, data=values, chunks=True, compression="gzip", shuffle=True)


def write_scale_offset(path: Path) -> None:
    """Numbers of few decimals, packed into as few bits as they need."""
    write_samples(path, N_POINTS, "torus7")
    with h5py.File(path, "r+") as file:
        for name in ("coords", "metric"):
            values = file[name][...]
            del file[name]
            file.create_dataset(name, data=values, chunks=True, scaleoffset=6)


def write_bare(path: Path) -> None:
    """Coordinates and metrics, nothing else."""
    write_samples(path, N_POINTS, "euclidean", attributes=False)


WRITERS = (write_neck, write_torus, write_latest, write_scale_offset, write_bare)


# ---- Damage to bytes -------------------------------------------------------------------------------------------

def flip_bits(path: Path, random_: random.Random, end: int | None = None) -> None:
    data = bytearray(path.read_bytes())
    for _ in range(random_.randint(1, 50)):
        data[random_.randrange(min(end or len(data), len(data)))] ^= 1 << random_.randrange(8)
    path.write_bytes(data)


def flip_bits_of_bookkeeping(path: Path, random_: random.Random) -> None:
    """Headers and indices are in front; the numbers would take nearly all of the hits."""
    flip_bits(path, random_, 4096)


def truncate(path: Path, random_: random.Random) -> None:
    os.truncate(path, random_.randrange(path.stat().st_size))


def zero_block(path: Path, random_: random.Random) -> None:
    data = bytearray(path.read_bytes())
    begin = random_.randrange(len(data) if random_.random() < 0.5 else 4096)
    block = bytes(min(random_.choice((8, 64, 512, 4096)), len(data) - begin))
    data[begin:begin + len(block)] = block
    path.write_bytes(data)


# ---- Files that are whole but wrong ----------------------------------------------------------------------------

def some_dataset(path: Path, random_: random.Random) -> str:
    with h5py.File(path, "r") as file:
        return random_.choice(sorted(file))


def values_of(path: Path, name: str) -> np.ndarray:
    with h5py.File(path, "r") as file:
        return file[name][...]


def other_type(path: Path, random_: random.Random) -> None:
    name = some_dataset(path, random_)
    values = values_of(path, name)
    kind = random_.choice(("int32", "uint8", ">f8", ">f4", "float32", "float16", "complex128", "S8", "text", "record",
                           "bool", "array", "reference", "ragged"))
    with h5py.File(path, "r+") as file:
        del file[name]
        if kind == "text":
            file.create_dataset(name, data=values.astype("U6").astype(object), dtype=h5py.string_dtype())
        elif kind == "record":
            file[name] = np.zeros(values.shape, dtype=[("x", "f8"), ("y", "i4")])
        elif kind == "array":
            file.create_dataset(name, values.shape[:1], dtype=np.dtype(("f8", (7,))))
        elif kind == "reference":
            file.create_dataset(name, values.shape, dtype=h5py.ref_dtype)
        elif kind == "ragged":
            file.create_dataset(name, values.shape[:1], dtype=h5py.vlen_dtype("f8"))
        else:
            file[name] = values.astype(kind)


def other_shape(path: Path, random_: random.Random) -> None:
    name = some_dataset(path, random_)
    values = values_of(path, name)
    change = random_.choice((np.transpose, np.ravel, lambda v: v[:0], lambda v: v[:-1], lambda v: v[:1],
                             lambda v: v[..., None], lambda v: v[..., :-1], lambda v: np.concatenate([v, v]),
                             lambda v: np.float64(1), lambda v: h5py.Empty("f8"),
                             lambda v: np.zeros((1,) * 32), lambda v: v.reshape(1, *v.shape)))
    replace(path, name, change(values))


def other_object(path: Path, random_: random.Random) -> None:
    name = some_dataset(path, random_)
    kind = random_.choice(("group", "nothing", "soft", "loop", "external", "type", "alias", "outside"))
    values = values_of(path, name)
    with h5py.File(path, "r+") as file:
        del file[name]
        if kind == "group":
            file.create_group(name)
        elif kind == "soft":
            file[name] = h5py.SoftLink("/nowhere")
        elif kind == "loop":
            file[name] = h5py.SoftLink(f"/{name}")
        elif kind == "external":
            file[name] = h5py.ExternalLink("absent.h5", f"/{name}")
        elif kind == "type":
            file[name] = np.dtype("f8")
        elif kind == "alias":
            file[f"hidden/{name}"] = values
            file[name] = h5py.SoftLink(f"/hidden/{name}")
        elif kind == "outside":
            file.create_dataset(name, values.shape, dtype="f8", external=[("absent.raw", 0, h5py.h5f.UNLIMITED)])


def attributes(path: Path, random_: random.Random) -> None:
    name = random_.choice(("format", "version", "manifold", "frame", "periods"))
    value = random_.choice((None, 7, 1.5, "", "torus7", "s1xs3xs3", "\u00e9" * 3, "x" * 5000, b"\xff\xfe", np.nan,
                            np.inf, 1e300, 5e-324, np.zeros(7), np.full(7, 1e-300), np.full(7, 1e300), np.ones(6),
                            np.ones((7, 1)), np.array([b"a", b"b"]), np.zeros(0), h5py.Empty("S1"), h5py.Empty("f8"),
                            np.zeros((), dtype=[("x", "f8")])))
    with h5py.File(path, "r+") as file:
        if value is not None:
            file.attrs[name] = value
        elif name in file.attrs:
            del file.attrs[name]


def huge(path: Path, random_: random.Random) -> None:
    """Declares far more rows than there is data; HDF5 stores no chunk that nobody wrote."""
    rows = random_.choice((10**9, 10**12, 2**62))
    names = [some_dataset(path, random_)]
    with h5py.File(path, "r+") as file:
        if random_.random() < 0.6:
            names = sorted(file)
        for name in names:
            shape = (rows, *file[name].shape[1:])
            chunks = (4, *file[name].shape[1:])
            del file[name]
            try:
                file.create_dataset(name, shape, dtype="f8", chunks=chunks, maxshape=(None, *shape[1:]))
            except (ValueError, OSError):
                file.create_dataset(name, (10**12, *shape[1:]), dtype="f8", chunks=chunks)


def odd_numbers(path: Path, random_: random.Random) -> None:
    name = some_dataset(path, random_)
    values = values_of(path, name).astype("f8")
    special = random_.choice((np.nan, np.inf, -np.inf, 1e300, -1e300, 1.7e308, 5e-324, 1e-300, 0.0, -0.0))
    if random_.random() < 0.5:
        values.flat[random_.randrange(values.size)] = special
    else:
        values[...] = special
    replace(path, name, values)


def scaled(path: Path, random_: random.Random) -> None:
    name = some_dataset(path, random_)
    replace(path, name, values_of(path, name) * random_.choice((1e300, 1e200, 1e150, 1e-150, 1e-200, 1e-300, -1.0)))


def bad_metric(path: Path, random_: random.Random) -> None:
    values = values_of(path, "metric")
    row = random_.randrange(N_POINTS)
    kind = random_.choice(("negative", "singular", "asymmetric", "nearly", "all"))
    if kind == "negative":
        values[row, 3, 3] = -1.0
    elif kind == "singular":
        values[row] = 1.0
    elif kind == "asymmetric":
        values[row, 0, 1] = 0.5
    elif kind == "nearly":
        values[row, 5, 5] = 1e-18
    else:
        values = -values
    replace(path, "metric", values)


def bad_points(path: Path, random_: random.Random) -> None:
    """Copies of points, or quaternions that are not unit."""
    with h5py.File(path, "r") as file:
        name = "points" if "points" in file else "coords"
    values = values_of(path, name)
    kind = random_.choice(("all one", "twice", "zero", "longer", "slightly longer"))
    if kind == "all one":
        values[...] = values[0]
    elif kind == "twice":
        values[N_POINTS // 2:] = values[:N_POINTS // 2]
    elif kind == "zero":
        values[random_.randrange(N_POINTS), 1:] = 0.0
    else:
        values[random_.randrange(N_POINTS), 1:5] *= 2.0 if kind == "longer" else 1.0 + 1e-7
    replace(path, name, values)


def bad_weight(path: Path, random_: random.Random) -> None:
    weight = np.ones(N_POINTS)
    special = random_.choice((-1.0, 0.0, np.nan, np.inf, 1e300, 5e-324))
    if random_.random() < 0.3:
        weight[...] = special
    else:
        weight[random_.randrange(N_POINTS)] = special
    with h5py.File(path, "r+") as file:
        if "weight" in file:
            del file["weight"]
        file["weight"] = weight


MUTATIONS: tuple[tuple[int, Mutation], ...] = (
    (3, flip_bits), (5, flip_bits_of_bookkeeping), (3, truncate), (3, zero_block), (3, other_type), (2, other_shape),
    (2, other_object), (2, attributes), (1, huge), (2, odd_numbers), (1, scaled), (1, bad_metric), (1, bad_points),
    (1, bad_weight))
CYCLE = [mutation for times, mutation in MUTATIONS for _ in range(times)]


# ---- Running and judging ---------------------------------------------------------------------------------------

@dataclass(frozen=True)
class Trial:
    """One mutated file and who reads it."""

    number: int
    folder: Path

    @property
    def ranks(self) -> int:
        return 3 if self.number % SHARED_EVERY == SHARED_EVERY - 1 else 1

    @property
    def mutation(self) -> Mutation:
        return CYCLE[self.number % len(CYCLE)]

    def write(self, good: list[Path]) -> None:
        random_ = random.Random(SEED + self.number)
        self.folder.mkdir()
        shutil.copy(random_.choice(good), self.folder / "s.h5")
        self.mutation(self.folder / "s.h5", random_)

    def run(self) -> Done:
        return programs.run("k7_spectral", "s.h5", *ARGUMENTS, "-o", "out.json", ranks=self.ranks, cwd=self.folder,
                            limit=LIMIT)

    def fault(self, done: Done) -> str:
        """What is wrong with how it ended: empty when nothing is."""
        out = self.folder / "out.json"
        errors = [line for line in done.err.splitlines() if "error:" in line]
        if done.hung:
            return "no end"
        if done.code == 0:
            return "" if finite_eigenvalues(out) else "exit 0 without finite eigenvalues"
        if len(errors) != 1 or not errors[0].startswith("k7_spectral: error: "):
            return f"exit {done.code} with {len(errors)} error lines"
        if done.code == 4:
            return ""
        if done.code != 2:
            return f"exit {done.code}"
        if "s.h5" not in errors[0]:
            return "the file is not named"
        others = [line for line in done.err.splitlines() if line not in errors and not line.startswith("W ")]
        if self.ranks == 1 and others:
            return "more than one line on stderr, warnings apart"
        left = sorted(p.name for p in self.folder.iterdir())
        return "" if left == ["s.h5"] else f"exit 2, but there is {left}"


def finite_eigenvalues(path: Path) -> bool:
    values = json.loads(path.read_text())["spectral"]["eigenvalues"]
    return len(values) == 4 and all(isinstance(v, float) and math.isfinite(v) for v in values)


class MutatedSamples(ProgramTest):
    """K7 against its input."""

    def test_one_file_of_each_kind_and_more(self) -> None:
        self.check(range(N_FIRST))

    @pytest.mark.long
    @pytest.mark.timeout(900)
    def test_all_other_files(self) -> None:
        self.check(range(N_FIRST, N_FILES))

    def check(self, numbers: range) -> None:
        """Every file is read or refused."""
        good = [self.folder / f"{writer.__name__}.h5" for writer in WRITERS]
        for writer, path in zip(WRITERS, good):
            writer(path)
        trials = [Trial(number, self.folder / str(number)) for number in numbers]
        for trial in trials:
            trial.write(good)
        with ThreadPoolExecutor(2) as pool:
            outcomes = list(pool.map(Trial.run, trials))
        for trial, done in zip(trials, outcomes):
            with self.subTest(f"file {trial.number}, {trial.mutation.__name__}, {trial.ranks} ranks"):
                fault = trial.fault(done)
                self.assertEqual(fault, "", f"{fault}\n{done}")
        codes = [done.code for done in outcomes]
        self.assertGreater(codes.count(0), len(numbers) // 20, "hardly a file was read: what was tested?")
        self.assertGreater(codes.count(2), len(numbers) // 2, "hardly a file was refused: what was tested?")


if __name__ == "__main__":
    unittest.main()
