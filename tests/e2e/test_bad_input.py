# SPDX-License-Identifier: Apache-2.0
"""Bad usage and bad input: exit code 2, one line on stderr that names what is wrong, nothing written, no rank left.

Every case runs on one rank and on three. Then what looks odd but is right, full disks, and ranks that are killed.
"""

from __future__ import annotations

import json
import os
import signal
import stat
import tempfile
import time
import unittest
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable

import h5py
import numpy as np

import programs
from programs import Done, ProgramTest, replace, write_samples

N = 120  # points of the sample files; on three ranks 40 each
LAST = N - 1
Setup = Callable[[Path], Any]


@dataclass(frozen=True)
class Case:
    """One bad call: what it is called, its words, regular expressions that its line must hold, and its files."""

    name: str
    program: str
    arguments: str
    fragments: tuple[str, ...]
    setup: Setup = lambda folder: None
    ranks: tuple[int, ...] = (1, 3)


# ---- How files are made bad ------------------------------------------------------------------------------------

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


# ---- k7_spectral -----------------------------------------------------------------------------------------------

GOOD = "s.h5 -k 8 -n 5"


def spectral(name: str, setup: Setup, *fragments: str, arguments: str = GOOD, **more: Any) -> Case:
    return Case(f"spectral {name}", "k7_spectral", arguments, fragments, setup, **more)


def row(number: int) -> str:
    return rf"row {number}\b"


def crowd(path: Path) -> None:
    """More points in one place than a point has neighbours: no distance is left to set a scale."""
    with h5py.File(path, "r+") as file:
        for name in ("coords", "points"):
            file[name][20:60] = file[name][20]


STRINGS = np.full((N, 7), b"word", dtype="S8")
SPECTRAL_FILES = [
    spectral("forty points in one place", neck(crowd), r"s\.h5", r"row (20|2[1-9]|[345][0-9])\b", "duplicate", "-k"),
    spectral("no such file", lambda f: None, r"absent\.h5", arguments="absent.h5"),
    spectral("file is a folder", folder_named("s.h5"), r"s\.h5"),
    spectral("not HDF5", text("s.h5", "x,y\n1,2\n" * 100), r"s\.h5", "HDF5"),
    spectral("empty file", text("s.h5", ""), r"s\.h5", "HDF5"),
    *(spectral(f"cut at {at}", neck(cut(at)), r"s\.h5") for at in (0.0005, 0.01, 0.1, 0.5, 0.9, 0.99999)),
    spectral("wiped superblock", neck(wipe(8, 96)), r"s\.h5"),
    spectral("wiped root group", neck(wipe(96, 800)), r"s\.h5"),
    spectral("no /coords", neck(put("coords", None)), r"s\.h5", "/coords"),
    spectral("no /metric", neck(put("metric", None)), r"s\.h5", "/metric"),
    spectral("no /points", neck(put("points", None)), r"s\.h5", "/points"),
    spectral("/coords flattened", flat(put("coords", np.zeros(7 * N))), r"s\.h5", "/coords", "7"),
    spectral("/coords six wide", flat(put("coords", np.zeros((N, 6)))), r"s\.h5", "/coords", "7"),
    spectral("/coords a scalar", flat(put("coords", 1.0)), r"s\.h5", "/coords"),
    spectral("/coords of three dimensions", flat(put("coords", np.zeros((N, 7, 1)))), r"s\.h5", "/coords"),
    spectral("/metric packed", neck(put("metric", np.zeros((N, 28)))), r"s\.h5", "/metric", "7"),
    spectral("/metric 6 x 6", neck(put("metric", np.zeros((N, 6, 6)))), r"s\.h5", "/metric", "7"),
    spectral("/metric one row short", neck(put("metric", np.ones((LAST, 7, 7)))), r"s\.h5", "/metric", str(N)),
    spectral("/points eight wide", neck(put("points", np.ones((N, 8)))), r"s\.h5", "/points", "9"),
    spectral("/coords is a group", flat(group_for("coords")), r"s\.h5", "/coords"),
    spectral("/metric is a group", neck(group_for("metric")), r"s\.h5", "/metric"),
    spectral("no rows", flat(both(put("coords", np.zeros((0, 7))), put("metric", np.zeros((0, 7, 7))))), r"s\.h5",
             "row|points"),
    spectral("as many neighbours as points", flat(n=8), r"s\.h5", r"\b8\b", r"-k|neighbors",
             arguments="s.h5 -k 8 -n 2"),
    spectral("NaN in /coords", flat(entry("coords", (37, 2), np.nan)), r"s\.h5", "/coords", row(37)),
    spectral("Inf in /coords", flat(entry("coords", (LAST, 6), np.inf)), r"s\.h5", "/coords", row(LAST)),
    spectral("NaN in /points", neck(entry("points", (41, 0), np.nan)), r"s\.h5", "/points", row(41)),
    spectral("Inf in /points", neck(entry("points", (41, 0), -np.inf)), r"s\.h5", "/points", row(41)),
    spectral("NaN in /metric", neck(entry("metric", (97, 3, 3), np.nan)), r"s\.h5", "/metric", row(97)),
    spectral("Inf in /metric", neck(entry("metric", (0, 6, 6), np.inf)), r"s\.h5", "/metric", row(0)),
    spectral("NaN in rows of two ranks", neck(both(entry("metric", (3, 0, 0), np.nan),
                                                    entry("metric", (LAST, 0, 0), np.nan))),
             r"s\.h5", "/metric", rf"row (3|{LAST})\b"),
    spectral("metric not symmetric", neck(entry("metric", (5, 0, 1), 0.5)), r"s\.h5", "/metric", row(5), "symmetric"),
    spectral("metric not positive", neck(entry("metric", (6, 2, 2), -1.0)), r"s\.h5", "/metric", row(6), "positive"),
    spectral("metric degenerate", neck(entry("metric", (7, 4, 4), 0.0)), r"s\.h5", "/metric", row(7), "positive"),
    spectral("metric not positive in the last row", neck(entry("metric", (LAST, 2, 2), -1.0)), r"s\.h5", "/metric",
             row(LAST), "positive"),
    spectral("quaternion not unit", neck(entry("points", (13, slice(1, 5)), 0.7)), r"s\.h5", "/points", row(13),
             "norm"),
    spectral("quaternion zero", neck(entry("points", (LAST, slice(5, 9)), 0.0)), r"s\.h5", "/points", row(LAST),
             "norm"),
    spectral("/coords of strings", flat(put("coords", STRINGS)), r"s\.h5", "/coords", "float64"),
    spectral("/coords of integers", flat(put("coords", np.ones((N, 7), dtype="int32"))), r"s\.h5", "/coords",
             "float64"),
    spectral("/metric of complex numbers", neck(put("metric", np.ones((N, 7, 7), dtype="complex128"))), r"s\.h5",
             "/metric", "float64"),
    spectral("unknown manifold", neck(attribute("manifold", "klein-bottle")), r"s\.h5", "manifold", "klein-bottle",
             "s1xs3xs3"),
    spectral("manifold is a number", neck(attribute("manifold", 7)), r"s\.h5", "manifold"),
    spectral("unknown frame", neck(attribute("frame", "inertial")), r"s\.h5", "frame", "inertial", "left-invariant"),
    spectral("frame of another manifold", neck(attribute("frame", "coordinate")), r"s\.h5", "frame", "left-invariant"),
    spectral("six periods", flat(attribute("periods", np.zeros(6))), r"s\.h5", "periods", "7"),
    spectral("a negative period", flat(attribute("periods", np.full(7, -1.0))), r"s\.h5", "periods", "-1"),
    spectral("a NaN period", flat(attribute("periods", np.full(7, np.nan))), r"s\.h5", "periods"),
    spectral("version 2", neck(attribute("version", 2)), r"s\.h5", "version", r"\b2\b", r"\b1\b"),
    spectral("version is a text", neck(attribute("version", "one")), r"s\.h5", "version"),
    spectral("another format", neck(attribute("format", "k7-checkpoint")), r"s\.h5", "format", "k7-samples"),
    *(spectral(f"/weight is {value}", flat(both(put("weight", np.ones(N)), entry("weight", (LAST,), value))), r"s\.h5",
               "/weight", row(LAST), "positive finite") for value in (0.0, -1.0, np.nan, np.inf)),
    spectral("/weight one row short", flat(put("weight", np.ones(LAST))), r"s\.h5", "/weight", str(N)),
    spectral("/weight of integers", flat(put("weight", np.ones(N, dtype="int32"))), r"s\.h5", "/weight", "float64"),
    spectral("two points for three ranks", flat(n=2), r"s\.h5", r"\b2\b", r"\b3 ranks", arguments="s.h5 -k 1 -n 1",
             ranks=(3,)),
]
SPECTRAL_USAGE = [
    spectral("no sample file", lambda f: None, "samples", arguments=""),
    spectral("two sample files", neck(), r"other\.h5", arguments="s.h5 other.h5"),
    spectral("unknown option", neck(), "--frobnicate", arguments=f"{GOOD} --frobnicate 3"),
    spectral("unknown method", neck(), "--method", "magic", "graph", arguments=f"{GOOD} --method magic"),
    *(spectral(f"-k {k}", neck(), "-k|neighbors", k, arguments=f"s.h5 -n 5 -k {k}")
      for k in ("0", "-3", "abc", "2.5", "99999999999")),
    *(spectral(f"-n {n}", neck(), "-n|eigenvalues", n, arguments=f"s.h5 -k 8 -n {n}") for n in ("0", "-1", "x")),
    *(spectral(f"-n {n} of {N} points", neck(), "-n|eigenvalues", str(n), arguments=f"s.h5 -k 8 -n {n}")
      for n in (N, N + 1)),
    spectral("option without its value", neck(), "-k|neighbors", arguments="s.h5 -k"),
    spectral("contradictory extrapolation", neck(), "--extrapolate",
             arguments=f"{GOOD} --extrapolate --no-extrapolate"),
    spectral("extrapolation of the notebook's method", neck(), "--extrapolate",
             arguments=f"{GOOD} --method notebook --extrapolate"),
    *(spectral(f"--h-star {value}", neck(), "--h-star", arguments=f"{GOOD} --h-star {value}")
      for value in ("0", "-99", "nan", "inf", "many")),
    spectral("--lambda1-target -13", neck(), "--lambda1-target", arguments=f"{GOOD} --lambda1-target -13"),
    spectral("unknown device", neck(), "--device", "abacus", arguments=f"{GOOD} --device abacus"),
    spectral("unknown config key", lambda f: (neck()(f), text("c.toml", "neighbours = 8\n")(f)), r"c\.toml",
             "neighbours", arguments="s.h5 --config c.toml"),
    spectral("missing config file", neck(), r"absent\.toml", arguments="s.h5 --config absent.toml"),
    spectral("broken TOML", lambda f: (neck()(f), text("c.toml", "[[[ = =\n'''")(f)), r"c\.toml",
             arguments="s.h5 --config c.toml"),
    spectral("config value of the wrong type", lambda f: (neck()(f), text("c.toml", 'neighbors = "many"\n')(f)),
             "neighbors", "many", arguments="s.h5 --config c.toml"),
    *(spectral(f"{option} in a folder that is not there", neck(), "absent", arguments=f"{GOOD} {option} absent/out")
      for option in ("-o", "--eigenvectors", "--graph")),
    *(spectral(f"{option} is a folder", lambda f: (neck()(f), folder_named("there")(f)), "there",
               arguments=f"{GOOD} {option} there") for option in ("-o", "--eigenvectors", "--graph")),
    *(spectral(f"{option} /dev/full", neck(), "/dev/full", arguments=f"{GOOD} {option} /dev/full")
      for option in ("-o", "--eigenvectors", "--graph")),
    spectral("output over the samples", neck(), r"s\.h5", arguments=f"{GOOD} -o s.h5"),
    spectral("two outputs in one file", neck(), r"x\.h5", arguments=f"{GOOD} --eigenvectors x.h5 --graph ./x.h5"),
]

# ---- k7_train --------------------------------------------------------------------------------------------------

TRAIN = "--preset notebook --hidden 8,8 --batch-size 16 --epochs 2 --out run"
NECK = "--hidden 8,8 --batch-size 16 --epochs 2 --threads 1 --out run"  # the default preset
TORUS = f"--preset torus {NECK}"
INTERVAL = f"--preset bryant-salamon {NECK}"


def train(name: str, extra: str, *fragments: str, setup: Setup = lambda folder: None, arguments: str = TRAIN) -> Case:
    return Case(f"train {name}", "k7_train", f"{arguments} {extra}", fragments, setup)


TRAIN_CASES = [
    train("unknown preset", "", "--preset", "nook", "notebook", arguments="--preset nook --out run"),
    train("unknown option", "--frobnicate", "--frobnicate"),
    train("word too many", "word", "word"),
    train("unknown manifold", "--manifold klein-bottle", "--manifold", "klein-bottle"),
    train("unknown activation", "--activation step", "--activation", "step", "silu"),
    train("unknown objective", "--objective fame", "--objective", "fame"),
    train("unknown dtype", "--dtype float8", "--dtype", "float8"),
    train("unknown scheduler", "--scheduler never", "--scheduler", "never"),
    *(train(f"{option} {value}", f"{option} {value}", option, value)
      for option, value in (("--lr", "-1"), ("--lr", "0"), ("--lr", "nan"), ("--lr", "fast"), ("--clip-norm", "0"),
                            ("--weight-decay", "-1"), ("--lambda-norm", "-0.1"), ("--patience", "0"),
                            ("--checkpoint-every", "0"), ("--log-every", "0"), ("--threads", "-1"), ("--seed", "-1"),
                            ("--seed", "1.5"))),
    *(train(f"{option} {value}", f"{option} {value}", option, value.split(",")[-1],
            arguments="--preset notebook --out run")
      for option, value in (("--batch-size", "0"), ("--batch-size", "-4"), ("--batch-size", "12.5"), ("--epochs", "0"),
                            ("--epochs", "99999999999"), ("--hidden", "0"), ("--hidden", "8,0"), ("--hidden", "8,x"))),
    train("notebook objective on the neck", "--objective notebook --manifold s1xs3xs3", "--objective notebook",
          "--manifold notebook-chart"),
    train("notebook objective of the neck", "--objective notebook", "--objective notebook", "--manifold notebook-chart",
          arguments=NECK),
    train("notebook with Hitchin's metric", "--metric-map hitchin", "--objective notebook", "--metric-map contraction"),
    train("torsion of the contraction", "--metric-map contraction", "--objective torsion", "--metric-map hitchin",
          arguments=NECK),
    train("unknown start", "--start cold", "--start", "cold"),
    train("constants where none are known", "--start left-invariant", "--start left-invariant", "s1xs3xs3",
          arguments=TORUS),
    train("unknown optimizer", "--optimizer sgd", "--optimizer", "sgd"),
    train("condition number below 1", "--condition-bound 0.5", "--condition-bound", arguments=NECK),
    train("condition number of components", "--condition-bound 2 --ansatz components", "--condition-bound",
          "--ansatz coframe", arguments=NECK),
    train("determinant of components", "--impose-det --ansatz components", "--impose-det", "--ansatz coframe",
          arguments=NECK),
    train("condition number with boundary values", "--manifold interval-s3xs3 --condition-bound 2", "--condition-bound",
          "boundary values", "s1xs3xs3", arguments=NECK),
    train("two radii", "--radii 1,1", "--radii", r"\b2\b", r"\b3\b", arguments=NECK),
    train("four radii", "--radii 1,1,1,1", "--radii", r"\b4\b", r"\b3\b", arguments=NECK),
    train("a negative radius", "--radii 1,-1,1", "--radii", "-1", arguments=NECK),
    train("an interval of one number", "--interval 2", "--interval", r"\b1\b", r"\b2\b", arguments=INTERVAL),
    train("an interval backwards", "--interval 2,1", "interval", "2.0.*1.0", arguments=INTERVAL),
    train("an interval inside the bolt", "--interval 0.5,2", "interval", "0.5", "bolt", arguments=INTERVAL),
    train("gauge on the neck", "--lambda-gauge 1", "--lambda-gauge", "interval-s3xs3", arguments=NECK),
    train("exponential rate down to zero", "--scheduler exponential --lr-min 0", "--lr-min", "--scheduler exponential",
          arguments=NECK),
    train("rates in the wrong order", "--lr 1e-4 --lr-min 1e-3", "--lr-min"),
    train("more warm-up than epochs", "--warmup-epochs 2", "--warmup-epochs", "--epochs"),
    train("resume from nothing", "--resume absent.h5", r"absent\.h5"),
    train("resume from a cut file", "--resume m.h5", r"m\.h5", setup=checkpoint(cut(0.6))),
    train("resume from a text", "--resume m.h5", r"m\.h5", "HDF5", setup=text("m.h5", "no checkpoint")),
    train("resume from samples", "--resume s.h5", r"s\.h5", "format", "k7-checkpoint", setup=neck()),
    train("resume from version 3", "--resume m.h5", r"m\.h5", "version", r"\b3\b", r"\b2\b",
          setup=checkpoint(attribute("version", 3))),
    train("resume from another network", "--resume m.h5 --hidden 8,9", r"m\.h5", "8, 8", "8, 9", setup=checkpoint(),
          arguments="--preset notebook --batch-size 16 --epochs 4 --out run"),
    train("resume from another activation", "--resume m.h5 --activation tanh", r"m\.h5", "silu", "tanh",
          setup=checkpoint()),
    train("resume from another seed", "--resume m.h5 --seed 5", r"m\.h5", "--seed", "5", setup=checkpoint()),
    train("resume without a weight", "--resume m.h5", r"m\.h5", "/model", setup=checkpoint(first_weight(None))),
    train("resume from another manifold", "--resume m.h5 --manifold s1xs3xs3", r"m\.h5", "--manifold|network",
          setup=torus_checkpoint, arguments=TORUS),
    train("resume from another ansatz", "--resume m.h5 --ansatz components", r"m\.h5", "--ansatz|49.*35",
          setup=torus_checkpoint, arguments=TORUS),
    train("resume from other radii", "--resume m.h5 --radii 1,1,2", r"m\.h5", "--radii", setup=torus_checkpoint,
          arguments=TORUS),
    train("resume with a determinant", "--resume m.h5 --impose-det", r"m\.h5", "--impose-det", setup=torus_checkpoint,
          arguments=TORUS),
    train("resume from the notebook", "--resume m.h5", r"m\.h5", "--manifold|network", setup=checkpoint(),
          arguments=NECK),
    train("resume from NaN", "--resume m.h5", r"m\.h5", "/model", setup=checkpoint(first_weight(with_nan))),
    train("resume without a history", "--resume m.h5", r"m\.h5", "/history", setup=checkpoint(without("history"))),
    train("resume with a seed that is no number", "--resume m.h5", r"m\.h5", "seed",
          setup=checkpoint(attribute("seed", "none"))),
    train("a damaged last.h5 in the run folder", "", r"last\.h5",
          setup=lambda f: (folder_named("run")(f), text("run/last.h5", "no checkpoint")(f))),
    train("run folder is a file", "", "run", setup=text("run", "a file")),
    train("run folder below a file", "--out run/sub", "run/sub", setup=text("run", "a file"),
          arguments="--preset notebook --hidden 8,8 --batch-size 16 --epochs 2"),
    train("run folder is a device", "--out /dev/full", "/dev/full",
          arguments="--preset notebook --hidden 8,8 --batch-size 16 --epochs 2"),
    *(train(f"{name} is a folder", "--resume never", name,
            setup=lambda f, name=name: (f / "run" / name).mkdir(parents=True))
      for name in ("last.h5", "best.h5", "history.csv", "train.json")),
    train("unknown config key", "--config c.toml", r"c\.toml", "epoch_s", setup=text("c.toml", "epoch_s = 8\n")),
    train("missing config file", "--config absent.toml", r"absent\.toml"),
    train("broken TOML", "--config c.toml", r"c\.toml", setup=text("c.toml", "[[[ = =\n'''")),
    train("bad value in the config", "--config c.toml", "lr", "-5", setup=text("c.toml", "lr = -5\n")),
    train("bad preset in the config", "--config c.toml --out run", "preset", "nook",
          setup=text("c.toml", 'preset = "nook"\n'), arguments=""),
]

# ---- k7_sample -------------------------------------------------------------------------------------------------


def sample(name: str, arguments: str, *fragments: str, setup: Setup = lambda folder: None) -> Case:
    return Case(f"sample {name}", "k7_sample", arguments, fragments, setup)


IDENTITY = "\n".join(" ".join("1" if i == j else "0" for j in range(7)) for i in range(7))
MODEL = "--model m.h5 -N 30 -o s.h5"
CONSTANT = "--manifold torus7 --metric-constant g.txt -N 30 -o s.h5"
SAMPLE_CASES = [
    sample("nothing to sample", "-N 30", "--model"),
    sample("no such model", "--model absent.h5 -N 30", r"absent\.h5"),
    sample("model cut off", MODEL, r"m\.h5", setup=checkpoint(cut(0.6))),
    sample("model cut off early", MODEL, r"m\.h5", setup=checkpoint(cut(0.01))),
    sample("model is a text", MODEL, r"m\.h5", "HDF5", setup=text("m.h5", "no checkpoint")),
    sample("model is a sample file", "--model s.h5 -N 30 -o t.h5", r"s\.h5", "format", "k7-checkpoint", setup=neck()),
    sample("model of version 3", MODEL, r"m\.h5", "version", r"\b3\b", r"\b2\b",
           setup=checkpoint(attribute("version", 3))),
    sample("model without a weight", MODEL, r"m\.h5", "/model", setup=checkpoint(first_weight(None))),
    sample("model with a weight of another shape", MODEL, r"m\.h5", "/model",
           setup=checkpoint(first_weight(lambda w: np.zeros((3, 3))))),
    sample("model with NaN", MODEL, r"m\.h5", "/model", setup=checkpoint(first_weight(with_nan))),
    sample("model of an unknown activation", MODEL, r"m\.h5", "step",
           setup=checkpoint(attribute("activation", "step"))),
    sample("model of an unknown manifold", MODEL, r"m\.h5", "klein-bottle",
           setup=checkpoint(attribute("manifold", "klein-bottle"))),
    sample("model and radii", "--model m.h5 --radii 1,1,1 -N 30", "--model", "--radii", setup=checkpoint()),
    sample("model and constant metric", "--model m.h5 --metric-constant g.txt -N 30", "--model", "--metric-constant",
           setup=lambda f: (checkpoint()(f), text("g.txt", IDENTITY)(f))),
    sample("radii and constant metric", "--radii 1,1,1 --metric-constant g.txt -N 30", "--radii", "--metric-constant",
           setup=text("g.txt", IDENTITY)),
    sample("two radii", "--radii 1,2 -N 30", "--radii"),
    sample("four radii", "--radii 1,2,3,4 -N 30", "--radii"),
    sample("a negative radius", "--radii 1,-2,1 -N 30", "--radii", "-2"),
    sample("a radius of zero", "--radii 1,0,1 -N 30", "--radii"),
    sample("a NaN radius", "--radii 1,nan,1 -N 30", "--radii"),
    sample("a radius of letters", "--radii 1,x,1 -N 30", "--radii"),
    sample("radii on the torus", "--manifold torus7 --radii 1,1,1 -N 30", "--radii", "torus7"),
    sample("unknown manifold", "--manifold klein-bottle --radii 1,1,1 -N 30", "--manifold", "klein-bottle"),
    sample("metric not positive", CONSTANT, r"g\.txt", "positive", setup=text("g.txt", "-" + IDENTITY)),
    sample("metric not symmetric", CONSTANT, r"g\.txt", "symmetric",
           setup=text("g.txt", IDENTITY.replace("1 0", "1 0.5", 1))),
    sample("metric too short", CONSTANT, r"g\.txt", "48", "49", setup=text("g.txt", IDENTITY[:-1])),
    sample("metric too long", CONSTANT, r"g\.txt", "50", "49", setup=text("g.txt", IDENTITY + " 3")),
    sample("metric of words", CONSTANT, r"g\.txt", "word", setup=text("g.txt", IDENTITY[:-1] + "word")),
    sample("metric with NaN", CONSTANT, r"g\.txt", setup=text("g.txt", "nan" + IDENTITY[1:])),
    sample("no metric file", CONSTANT, r"g\.txt"),
    *(sample(f"-N {n}", f"--radii 1,1,1 -N {n}", "-N|points", n) for n in ("0", "-5", "abc", "2.5", "1e40")),
    sample("output folder missing", "--radii 1,1,1 -N 30 -o absent/s.h5", "absent"),
    sample("output is a folder", "--radii 1,1,1 -N 30 -o there", "there", setup=folder_named("there")),
    sample("output /dev/full", "--radii 1,1,1 -N 30 -o /dev/full", "/dev/full"),
    sample("output over the model", "--model m.h5 -N 30 -o m.h5", r"m\.h5", setup=checkpoint()),
    sample("unknown option", "--radii 1,1,1 --frobnicate", "--frobnicate"),
    sample("words after --", "--radii 1,1,1 -- -eps_view", "--"),
    sample("unknown config key", "--config c.toml", r"c\.toml", "radius", setup=text("c.toml", "radius = 1\n")),
    sample("missing config file", "--config absent.toml", r"absent\.toml"),
]


class RefusalTest(ProgramTest):
    """Knows what a refusal looks like."""

    def assert_refused(self, done: Done, program: str, fragments: tuple[str, ...], before: dict[str, bytes]) -> None:
        self.assert_code(done, 2)
        lines = [line for line in done.err.splitlines() if line.startswith(f"{program}: error:")]
        self.assertEqual(len(lines), 1, str(done))
        self.assertEqual(done.err.count("error:"), 1, str(done))
        for fragment in fragments:
            self.assertRegex(lines[0], fragment, str(done))
        self.assertEqual(sorted(self.contents()), sorted(before), f"files were written or removed\n{done}")
        self.assertEqual(self.contents(), before, f"files were changed\n{done}")
        self.assertTrue(stat.S_ISCHR(os.stat("/dev/full").st_mode))

    def contents(self) -> dict[str, bytes]:
        return {name: (self.folder / name).read_bytes() if (self.folder / name).is_file() else b""
                for name in programs.listing(self.folder)}


class BadInput(RefusalTest):
    """One test per case and rank count, made below."""


def add_cases(tests: type, cases: list) -> None:
    """Every case becomes a method of `tests`, a RefusalTest, for each of its rank counts."""
    for case in cases:
        for ranks in case.ranks:
            def test(self: RefusalTest, case: Case = case, ranks: int = ranks) -> None:
                case.setup(self.folder)
                before = self.contents()
                done = self.run_here(case.program, *case.arguments.split(), ranks=ranks)
                self.assert_refused(done, case.program, case.fragments, before)

            name = f"test {case.name}, {ranks} rank{'s' if ranks > 1 else ''}"
            if hasattr(tests, name):
                raise AssertionError(f"two cases are called '{name}'")
            setattr(tests, name, test)


add_cases(BadInput, [*SPECTRAL_FILES, *SPECTRAL_USAGE, *TRAIN_CASES, *SAMPLE_CASES])


class FullDisk(RefusalTest):
    """Disks without room, and with too little of it: as any bad output, and no half file stays."""

    def check(self, program: str, arguments: str, free: int) -> None:
        disk = self.small_disk(free)
        for ranks in (1, 3):
            with self.subTest(ranks=ranks, free=free):
                before = self.contents()
                done = self.run_here(program, *arguments.split(), ranks=ranks)
                self.assert_refused(done, program, ("disk/",), before)
        self.assertEqual([p.name for p in disk.iterdir()], ["filler"])

    def test_spectral_no_room(self) -> None:
        neck()(self.folder)
        self.check("k7_spectral", f"{GOOD} -o disk/spectral.json", 0)

    def test_spectral_no_room_for_eigenvectors(self) -> None:
        write_samples(self.folder / "s.h5", 3000)
        self.check("k7_spectral", f"{GOOD} --eigenvectors disk/modes.h5", 65536)

    def test_spectral_no_room_for_the_graph(self) -> None:
        write_samples(self.folder / "s.h5", 3000)
        self.check("k7_spectral", f"{GOOD} --graph disk/graph.h5", 65536)

    def test_sample_no_room(self) -> None:
        self.check("k7_sample", "--radii 1,1,1 -N 5000 -o disk/s.h5", 0)

    def test_sample_little_room(self) -> None:
        self.check("k7_sample", "--radii 1,1,1 -N 5000 -o disk/s.h5", 1 << 19)

    def test_sample_of_model_little_room(self) -> None:
        checkpoint()(self.folder)
        self.check("k7_sample", "--model m.h5 -N 5000 -o disk/s.h5", 1 << 19)

    def test_train_no_room(self) -> None:
        self.check("k7_train", TRAIN.replace("--out run", "--out disk/"), 0)

    def test_train_little_room(self) -> None:
        self.check("k7_train", TRAIN.replace("--out run", "--out disk/"), 1 << 14)


class SmallFiles(RefusalTest):
    """Files that may not grow, as with a quota: as a full disk, and anyone can have it."""

    LARGEST = 16 << 20  # MPI's own files are smaller

    def check(self, program: str, arguments: str, output: str) -> None:
        for ranks in (1, 3):
            with self.subTest(ranks=ranks):
                before = self.contents()
                done = programs.finish(programs.start(program, *arguments.split(), ranks=ranks, cwd=self.folder,
                                                      largest_file=self.LARGEST))
                self.assert_refused(done, program, (output,), before)

    def test_sample(self) -> None:
        self.check("k7_sample", "--radii 1,1,1 -N 60000 -o big.h5", "big.h5")

    def test_spectral_graph(self) -> None:
        write_samples(self.folder / "s.h5", 12000)
        self.check("k7_spectral", "s.h5 -k 100 -n 2 --no-extrapolate --graph big.h5 -o out.json", "big.h5")


class OddButRight(ProgramTest):
    """Input that looks wrong and is not."""

    def spectrum(self, ranks: int, arguments: str = GOOD) -> tuple[Done, dict[str, Any]]:
        done = self.run_here("k7_spectral", *arguments.split(), "-o", "out.json", ranks=ranks)
        self.assert_code(done, 0)
        return done, json.loads((self.folder / "out.json").read_text())["spectral"]

    def on_all_ranks(self, path_maker: Setup, check: Callable[[Done, dict[str, Any]], None],
                     arguments: str = GOOD) -> None:
        path_maker(self.folder)
        for ranks in (1, 3):
            with self.subTest(ranks=ranks):
                check(*self.spectrum(ranks, arguments))

    def test_float32(self) -> None:
        self.on_all_ranks(lambda f: write_samples(f / "s.h5", N, dtype="float32"),
                          lambda done, tree: self.assertEqual(tree["n_points"], N))

    def test_only_coords_and_metric(self) -> None:
        self.on_all_ranks(lambda f: write_samples(f / "s.h5", N, "euclidean", attributes=False),
                          lambda done, tree: self.assertEqual(len(tree["eigenvalues"]), 5))

    def test_other_datasets_and_attributes_are_ignored(self) -> None:
        def more(path: Path) -> None:
            with h5py.File(path, "r+") as file:
                file.attrs["author"] = "someone"
                file["more/numbers"] = np.zeros(3)
        self.on_all_ranks(neck(more), lambda done, tree: self.assertEqual(tree["n_points"], N))

    def test_duplicates(self) -> None:
        def twice(path: Path) -> None:
            with h5py.File(path, "r+") as file:
                for name in ("coords", "points"):
                    file[name][N // 2:] = file[name][:N // 2]
        self.on_all_ranks(neck(twice), lambda done, tree: self.assertTrue(np.all(np.isfinite(tree["eigenvalues"]))))

    def test_two_clusters(self) -> None:
        def apart(path: Path) -> None:
            with h5py.File(path, "r+") as file:
                file["coords"][N // 2:, 0] += 1000.0

        def check(done: Done, tree: dict[str, Any]) -> None:
            self.assertEqual(tree["n_components"], 2)
            values = tree["eigenvalues"]
            self.assertLess(max(abs(v) for v in values[:2]), 1e-8 * values[2])
            self.assertGreater(values[2], 0.0)
            self.assertRegex(done.err, r"\b2 components", str(done))
        self.on_all_ranks(flat(apart), check)

    def test_as_many_points_as_ranks(self) -> None:
        self.on_all_ranks(flat(n=4), lambda done, tree: self.assertEqual(tree["n_points"], 4), "s.h5 -k 3 -n 2")

    def test_config_and_library_options(self) -> None:
        self.on_all_ranks(lambda f: (neck()(f), text("c.toml", "neighbors = 8\neigenvalues = 5\n")(f)),
                          lambda done, tree: self.assertEqual((tree["k"], len(tree["eigenvalues"])), (8, 5)),
                          "s.h5 --config c.toml")


class KilledRank(ProgramTest):
    """kill -9 of one of three ranks ends the job within 10 s, and no output appears."""

    def kill_one(self, program: str, arguments: str, outputs: list[str], delay: float) -> None:
        """Kills the last rank `delay` seconds after the program's first line."""
        process = self.start_here(program, *arguments.split(), ranks=3)
        ranks = programs.wait_for_ranks(process, 3)
        assert process.stderr is not None
        process.stderr.readline()
        time.sleep(delay)
        self.assertIsNone(process.poll(), "the job had ended before a rank could be killed")
        started = time.monotonic()
        os.kill(ranks[-1], signal.SIGKILL)
        done = programs.finish(process, 20)
        self.assertFalse(done.hung, str(done))
        self.assertLess(time.monotonic() - started, 10, str(done))
        self.assertNotEqual(done.code, 0, str(done))
        self.assertEqual([name for name in outputs if (self.folder / name).exists()], [])
        while time.monotonic() - started < 10 and any(map(programs.is_alive, ranks)):
            time.sleep(0.05)
        self.assertEqual([pid for pid in ranks if programs.is_alive(pid)], [])

    def test_spectral(self) -> None:
        self.assert_code(self.run_here("k7_sample", "--radii", "33,33,28", "-N", 100000, "-o", "s.h5"), 0)
        self.kill_one("k7_spectral", "s.h5 -k 48 -n 40 -o out.json", ["out.json"], 1.5)

    def test_train(self) -> None:
        self.kill_one("k7_train", "--preset notebook --hidden 32,32 --batch-size 256 --epochs 1000000 "
                      "--checkpoint-every 1000000 --out run", ["run/last.h5", "run/best.h5", "run/train.json"], 1.5)

    def test_sample(self) -> None:
        self.kill_one("k7_sample", "--radii 33,33,28 -N 1000000 -o s.h5", ["s.h5"], 0.1)


if __name__ == "__main__":
    unittest.main()
