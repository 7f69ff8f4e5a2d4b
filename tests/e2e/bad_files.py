# SPDX-License-Identifier: Apache-2.0
"""Makes the files that the programs must refuse: samples and checkpoints, first good and then changed."""

from __future__ import annotations

import gzip
import os
import tempfile
from pathlib import Path
from typing import Any, Callable

import h5py
import numpy as np

import programs
from programs import replace, write_samples

N = 120  # points of the sample files; on three ranks 40 each
Setup = Callable[[Path], Any]
TRAIN = "--preset notebook --hidden 8,8 --batch-size 16 --epochs 2 --out run"
NECK = "--hidden 8,8 --batch-size 16 --epochs 2 --threads 1 --out run"  # the default preset
TORUS = f"--preset torus {NECK}"
INTERVAL = f"--preset bryant-salamon {NECK}"


def neck(change: Setup = lambda path: None) -> Setup:
    """A sample file s.h5 on S1 x S3 x S3, then changed."""
    def setup(folder: Path) -> None:
        write_samples(folder / "s.h5", N)
        change(folder / "s.h5")
    return setup


def flat(change: Setup = lambda path: None, n: int = N) -> Setup:
    """A Euclidean sample file s.h5, then changed."""
    def setup(folder: Path) -> None:
        write_samples(folder / "s.h5", n, "euclidean")
        change(folder / "s.h5")
    return setup


def entry(dataset: str, index: tuple[int, ...], value: float) -> Setup:
    """Sets one number of a dataset."""
    def change(path: Path) -> None:
        with h5py.File(path, "r+") as file:
            file[dataset][index] = value
    return change


def both(*changes: Setup) -> Setup:
    """One change after the other."""
    def change(path: Path) -> None:
        for one in changes:
            one(path)
    return change


def put(dataset: str, values: Any) -> Setup:
    """Another dataset of this name; None: none."""
    return lambda path: replace(path, dataset, values)


def group_for(dataset: str) -> Setup:
    """A group where a dataset is needed."""
    def change(path: Path) -> None:
        with h5py.File(path, "r+") as file:
            del file[dataset]
            file.create_group(dataset)
    return change


def attribute(name: str, value: Any) -> Setup:
    def change(path: Path) -> None:
        with programs.edited(path) as file:
            file.attrs[name] = value
    return change


def without(name: str) -> Setup:
    """Takes an item away; a checksum is made again, or nothing but the checksum would be noticed."""
    def change(path: Path) -> None:
        with programs.edited(path) as file:
            del file[name]
    return change


def cut(fraction: float) -> Setup:
    """Keeps the beginning of a file."""
    return lambda path: os.truncate(path, int(fraction * path.stat().st_size))


def wipe(begin: int, end: int) -> Setup:
    """Zeros in a file's bookkeeping."""
    def change(path: Path) -> None:
        data = bytearray(path.read_bytes())
        data[begin:end] = bytes(end - begin)
        path.write_bytes(data)
    return change


def text(name: str, content: str) -> Setup:
    """A text file."""
    return lambda folder: (folder / name).write_text(content)


LFS_POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 99824\n"


def numpy_file(name: str) -> Setup:
    """Arrays as NumPy stores them, under any name: one as .npy, several as .npz."""
    def setup(folder: Path) -> None:
        with (folder / name).open("wb") as stream:
            if "npy" in name:
                np.save(stream, np.ones((N, 7)))
            else:
                np.savez(stream, coords=np.ones((N, 7)), metric=np.tile(np.eye(7), (N, 1, 1)))
    return setup


def zipped(path: Path) -> None:
    """The file compressed as a whole."""
    path.write_bytes(gzip.compress(path.read_bytes()))


def stored(dataset: str, **options: Any) -> Setup:
    """A dataset stored in another way."""
    def change(path: Path) -> None:
        with h5py.File(path, "r+") as file:
            values = file[dataset][...]
            del file[dataset]
            file.create_dataset(dataset, data=values, chunks=True, **options)
    return change


def filtered(dataset: str, number: int) -> Setup:
    """A dataset with a filter that HDF5 knows by its number only."""
    def change(path: Path) -> None:
        with h5py.File(path, "r+") as file:
            values = file[dataset][...]
            del file[dataset]
            properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
            properties.set_chunk(values.shape)
            properties.set_filter(number, h5py.h5z.FLAG_OPTIONAL, (3,))
            space = h5py.h5s.create_simple(values.shape)
            made = h5py.h5d.create(file.id, dataset.encode(), h5py.h5t.IEEE_F64LE, space, properties)
            made.write(h5py.h5s.ALL, h5py.h5s.ALL, values)
    return change


def virtual(dataset: str) -> Setup:
    """A dataset that is put together of other files."""
    def change(path: Path) -> None:
        with h5py.File(path, "r+") as file:
            values = file[dataset][...]
            del file[dataset]
            with h5py.File(path.with_name("part.h5"), "w") as part:
                part["x"] = values
            layout = h5py.VirtualLayout(values.shape, values.dtype)
            layout[:] = h5py.VirtualSource("part.h5", "x", values.shape)
            file.create_virtual_dataset(dataset, layout)
    return change


def folder_named(name: str) -> Setup:
    return lambda folder: (folder / name).mkdir()


class Checkpoint:
    """Real checkpoints, each trained once."""

    data: dict[str, bytes] = {}

    @classmethod
    def write(cls, path: Path, arguments: str) -> None:
        if arguments not in cls.data:
            with tempfile.TemporaryDirectory(prefix="k7_e2e.") as holder:
                done = programs.run("k7_train", *arguments.split(), cwd=Path(holder))
                if done.code != 0:
                    raise AssertionError(f"no checkpoint to test with\n{done}")
                cls.data[arguments] = (Path(holder) / "run" / "last.h5").read_bytes()
        path.write_bytes(cls.data[arguments])


def torus_checkpoint(folder: Path) -> None:
    """A checkpoint m.h5 of a coframe on the torus."""
    Checkpoint.write(folder / "m.h5", TORUS)


def checkpoint(change: Setup = lambda path: None) -> Setup:
    """A checkpoint m.h5 of the notebook's training, 7 -> [8, 8] -> 35, then changed."""
    def setup(folder: Path) -> None:
        Checkpoint.write(folder / "m.h5", TRAIN)
        change(folder / "m.h5")
    return setup


def first_weight(values: Any) -> Setup:
    """Another first weight matrix of the network; a function changes it."""
    def change(path: Path) -> None:
        with programs.edited(path) as file:
            names: list[str] = []
            file["model"].visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
            name = f"model/{names[0]}"
            old = file[name][...]
            del file[name]
            if values is not None:
                file[name] = values(old)
    return change


def with_nan(values: np.ndarray) -> np.ndarray:
    values = values.copy()
    values.flat[0] = np.nan
    return values
