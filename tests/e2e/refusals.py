# SPDX-License-Identifier: Apache-2.0
"""What the programs must refuse, as tables: kinds of mistakes, and the calls that make them.

Each call runs on one rank and on three; refused.py says which of them is in which tier. The first call of a kind
stands for it, and the first of a table for its program.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from bad_files import (INTERVAL, LFS_POINTER, N, NECK, TORUS, TRAIN, Setup, attribute, both, checkpoint, cut, entry,
                       filtered, first_weight, flat, folder_named, group_for, neck, numpy_file, put, stored, text,
                       torus_checkpoint, virtual, wipe, with_nan, without, zipped)
from golden_fields import RICH, golden, write_fields

LAST = N - 1


@dataclass(frozen=True)
class Case:
    """One bad call: what it is called, its words, regular expressions that its line must hold, and its files."""

    name: str
    program: str
    arguments: str
    fragments: tuple[str, ...]
    setup: Setup = lambda folder: None
    ranks: tuple[int, ...] = (1, 3)


Kinds = dict[str, list[Case]]

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
SPECTRAL_FILES: Kinds = {
    "bad file": [
        spectral("no such file", lambda f: None, r"absent\.h5", arguments="absent.h5"),
        spectral("file is a folder", folder_named("s.h5"), r"s\.h5"),
        spectral("not HDF5", text("s.h5", "x,y\n1,2\n" * 100), r"s\.h5", "HDF5"),
        spectral("empty file", text("s.h5", ""), r"s\.h5", "HDF5"),
        *(spectral(f"cut at {at}", neck(cut(at)), r"s\.h5") for at in (0.0005, 0.01, 0.1, 0.5, 0.9, 0.99999)),
        spectral("wiped superblock", neck(wipe(8, 96)), r"s\.h5"),
        spectral("wiped root group", neck(wipe(96, 800)), r"s\.h5"),
    ],
    "file of another kind": [
        spectral("NumPy archive", numpy_file("s.npz"), r"s\.npz", "NumPy", r"npy_to_hdf5\.py FILE -o samples\.h5",
                 arguments="s.npz -k 8 -n 5"),
        spectral("NumPy archive by another name", numpy_file("s.h5"), r"s\.h5", r"npy_to_hdf5\.py"),
        spectral("NumPy array", numpy_file("s.npy"), r"s\.npy", "NumPy", r"npy_to_hdf5\.py FILE -o samples\.h5",
                 arguments="s.npy -k 8 -n 5"),
        spectral("pointer of Git LFS", text("s.h5", LFS_POINTER), r"s\.h5", "git lfs pull"),
        spectral("compressed as a whole", flat(zipped), r"s\.h5", "gunzip"),
    ],
    "storage that is not read": [
        spectral("lzf", neck(stored("metric", compression="lzf")), r"s\.h5", "/metric", "lzf",
                 "h5repack -f GZIP=1 IN OUT"),
        spectral("lzf after shuffle", flat(stored("coords", compression="lzf", shuffle=True)), r"s\.h5", "/coords",
                 "lzf", "h5repack -f GZIP=1 IN OUT"),
        *(spectral(f"filter {number}", flat(filtered("coords", number)), r"s\.h5", "/coords", str(number),
                   "h5repack -f GZIP=1 IN OUT") for number in (32001, 32004, 32015)),
        spectral("virtual dataset", neck(virtual("points")), r"s\.h5", "/points", "virtual", "h5repack -l CONTI IN OUT"),
    ],
    "bad dataset": [
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
    ],
    "too few points": [
        spectral("no rows", flat(both(put("coords", np.zeros((0, 7))), put("metric", np.zeros((0, 7, 7))))), r"s\.h5",
                 "row|points"),
        spectral("as many neighbours as points", flat(n=8), r"s\.h5", r"\b8\b", r"-k|neighbors",
                 arguments="s.h5 -k 8 -n 2"),
    ],
    "bad row": [
        spectral("NaN in rows of two ranks", neck(both(entry("metric", (3, 0, 0), np.nan),
                                                        entry("metric", (LAST, 0, 0), np.nan))),
                 r"s\.h5", "/metric", rf"row (3|{LAST})\b"),
        spectral("NaN in /coords", flat(entry("coords", (37, 2), np.nan)), r"s\.h5", "/coords", row(37)),
        spectral("Inf in /coords", flat(entry("coords", (LAST, 6), np.inf)), r"s\.h5", "/coords", row(LAST)),
        spectral("NaN in /points", neck(entry("points", (41, 0), np.nan)), r"s\.h5", "/points", row(41)),
        spectral("Inf in /points", neck(entry("points", (41, 0), -np.inf)), r"s\.h5", "/points", row(41)),
        spectral("NaN in /metric", neck(entry("metric", (97, 3, 3), np.nan)), r"s\.h5", "/metric", row(97)),
        spectral("Inf in /metric", neck(entry("metric", (0, 6, 6), np.inf)), r"s\.h5", "/metric", row(0)),
        spectral("metric not symmetric", neck(entry("metric", (5, 0, 1), 0.5)), r"s\.h5", "/metric", row(5),
                 "symmetric"),
        spectral("metric not positive", neck(entry("metric", (6, 2, 2), -1.0)), r"s\.h5", "/metric", row(6),
                 "positive"),
        spectral("metric degenerate", neck(entry("metric", (7, 4, 4), 0.0)), r"s\.h5", "/metric", row(7), "positive"),
        spectral("metric not positive in the last row", neck(entry("metric", (LAST, 2, 2), -1.0)), r"s\.h5", "/metric",
                 row(LAST), "positive"),
        spectral("quaternion not unit", neck(entry("points", (13, slice(1, 5)), 0.7)), r"s\.h5", "/points", row(13),
                 "norm"),
        spectral("quaternion zero", neck(entry("points", (LAST, slice(5, 9)), 0.0)), r"s\.h5", "/points", row(LAST),
                 "norm"),
    ],
    "duplicates": [
        spectral("forty points in one place", neck(crowd), r"s\.h5", r"row (20|2[1-9]|[345][0-9])\b", "duplicate",
                 "-k"),
    ],
    "bad type": [
        spectral("/coords of strings", flat(put("coords", STRINGS)), r"s\.h5", "/coords", "float64"),
        spectral("/coords of integers", flat(put("coords", np.ones((N, 7), dtype="int32"))), r"s\.h5", "/coords",
                 "float64"),
        spectral("/metric of complex numbers", neck(put("metric", np.ones((N, 7, 7), dtype="complex128"))), r"s\.h5",
                 "/metric", "float64"),
    ],
    "bad attribute": [
        spectral("unknown manifold", neck(attribute("manifold", "klein-bottle")), r"s\.h5", "manifold", "klein-bottle",
                 "s1xs3xs3"),
        spectral("manifold is a number", neck(attribute("manifold", 7)), r"s\.h5", "manifold"),
        spectral("unknown frame", neck(attribute("frame", "inertial")), r"s\.h5", "frame", "inertial",
                 "left-invariant"),
        spectral("frame of another manifold", neck(attribute("frame", "coordinate")), r"s\.h5", "frame",
                 "left-invariant"),
        spectral("six periods", flat(attribute("periods", np.zeros(6))), r"s\.h5", "periods", "7"),
        spectral("a negative period", flat(attribute("periods", np.full(7, -1.0))), r"s\.h5", "periods", "-1"),
        spectral("a NaN period", flat(attribute("periods", np.full(7, np.nan))), r"s\.h5", "periods"),
        spectral("version 2", neck(attribute("version", 2)), r"s\.h5", "version", r"\b2\b", r"\b1\b"),
        spectral("version is a text", neck(attribute("version", "one")), r"s\.h5", "version"),
        spectral("another format", neck(attribute("format", "k7-checkpoint")), r"s\.h5", "format", "k7-samples"),
    ],
    "bad weight": [
        *(spectral(f"/weight is {value}", flat(both(put("weight", np.ones(N)), entry("weight", (LAST,), value))),
                   r"s\.h5", "/weight", row(LAST), "positive finite") for value in (0.0, -1.0, np.nan, np.inf)),
        spectral("/weight one row short", flat(put("weight", np.ones(LAST))), r"s\.h5", "/weight", str(N)),
        spectral("/weight of integers", flat(put("weight", np.ones(N, dtype="int32"))), r"s\.h5", "/weight", "float64"),
    ],
    "more ranks than points": [
        spectral("two points for three ranks", flat(n=2), r"s\.h5", r"\b2\b", r"\b3 ranks", arguments="s.h5 -k 1 -n 1",
                 ranks=(3,)),
    ],
}
SPECTRAL_USAGE: Kinds = {
    "bad option": [
        spectral("no sample file", lambda f: None, "samples", arguments=""),
        spectral("two sample files", neck(), r"other\.h5", arguments="s.h5 other.h5"),
        spectral("unknown option", neck(), "--frobnicate", arguments=f"{GOOD} --frobnicate 3"),
        spectral("unknown method", neck(), "--method", "magic", "graph", arguments=f"{GOOD} --method magic"),
        *(spectral(f"-k {k}", neck(), "-k|neighbors", k, arguments=f"s.h5 -n 5 -k {k}")
          for k in ("0", "-3", "abc", "2.5", "99999999999")),
        *(spectral(f"-n {n}", neck(), "-n|eigenvalues", n, arguments=f"s.h5 -k 8 -n {n}") for n in ("0", "-1", "x")),
    ],
    "too many eigenvalues": [
        *(spectral(f"-n {n} of {N} points", neck(), "-n|eigenvalues", str(n), arguments=f"s.h5 -k 8 -n {n}")
          for n in (N, N + 1)),
    ],
    "bad words": [
        spectral("option without its value", neck(), "-k|neighbors", arguments="s.h5 -k"),
    ],
    "options that contradict": [
        spectral("contradictory extrapolation", neck(), "--extrapolate",
                 arguments=f"{GOOD} --extrapolate --no-extrapolate"),
        spectral("extrapolation of the notebook's method", neck(), "--extrapolate",
                 arguments=f"{GOOD} --method notebook --extrapolate"),
    ],
    "bad value": [
        *(spectral(f"--h-star {value}", neck(), "--h-star", arguments=f"{GOOD} --h-star {value}")
          for value in ("0", "-99", "nan", "inf", "many")),
        spectral("--lambda1-target -13", neck(), "--lambda1-target", arguments=f"{GOOD} --lambda1-target -13"),
        spectral("unknown device", neck(), "--device", "abacus", arguments=f"{GOOD} --device abacus"),
    ],
    "bad config file": [
        spectral("unknown config key", lambda f: (neck()(f), text("c.toml", "neighbours = 8\n")(f)), r"c\.toml",
                 "neighbours", arguments="s.h5 --config c.toml"),
        spectral("missing config file", neck(), r"absent\.toml", arguments="s.h5 --config absent.toml"),
        spectral("broken TOML", lambda f: (neck()(f), text("c.toml", "[[[ = =\n'''")(f)), r"c\.toml",
                 arguments="s.h5 --config c.toml"),
        spectral("config value of the wrong type", lambda f: (neck()(f), text("c.toml", 'neighbors = "many"\n')(f)),
                 "neighbors", "many", arguments="s.h5 --config c.toml"),
    ],
    "bad output": [
        *(spectral(f"{option} in a folder that is not there", neck(), "absent", arguments=f"{GOOD} {option} absent/out")
          for option in ("-o", "--eigenvectors", "--graph")),
        *(spectral(f"{option} is a folder", lambda f: (neck()(f), folder_named("there")(f)), "there",
                   arguments=f"{GOOD} {option} there") for option in ("-o", "--eigenvectors", "--graph")),
        *(spectral(f"{option} /dev/full", neck(), "/dev/full", arguments=f"{GOOD} {option} /dev/full")
          for option in ("-o", "--eigenvectors", "--graph")),
    ],
    "output over a file in use": [
        spectral("output over the samples", neck(), r"s\.h5", arguments=f"{GOOD} -o s.h5"),
        spectral("two outputs in one file", neck(), r"x\.h5", arguments=f"{GOOD} --eigenvectors x.h5 --graph ./x.h5"),
    ],
}

# ---- k7_train --------------------------------------------------------------------------------------------------

def train(name: str, extra: str, *fragments: str, setup: Setup = lambda folder: None, arguments: str = TRAIN) -> Case:
    return Case(f"train {name}", "k7_train", f"{arguments} {extra}", fragments, setup)


TRAIN_CASES: Kinds = {
    "bad option": [
        train("unknown preset", "", "--preset", "nook", "notebook", arguments="--preset nook --out run"),
        train("unknown option", "--frobnicate", "--frobnicate"),
        train("word too many", "word", "word"),
        train("unknown manifold", "--manifold klein-bottle", "--manifold", "klein-bottle"),
        train("unknown activation", "--activation step", "--activation", "step", "silu"),
        train("unknown objective", "--objective fame", "--objective", "fame"),
        train("unknown dtype", "--dtype float8", "--dtype", "float8"),
        train("unknown scheduler", "--scheduler never", "--scheduler", "never"),
    ],
    "bad value": [
        *(train(f"{option} {value}", f"{option} {value}", option, value)
          for option, value in (("--lr", "-1"), ("--lr", "0"), ("--lr", "nan"), ("--lr", "fast"), ("--clip-norm", "0"),
                                ("--weight-decay", "-1"), ("--lambda-norm", "-0.1"), ("--patience", "0"),
                                ("--checkpoint-every", "0"), ("--log-every", "0"), ("--threads", "-1"),
                                ("--seed", "-1"), ("--seed", "1.5"))),
        *(train(f"{option} {value}", f"{option} {value}", option, value.split(",")[-1],
                arguments="--preset notebook --out run")
          for option, value in (("--batch-size", "0"), ("--batch-size", "-4"), ("--batch-size", "12.5"),
                                ("--epochs", "0"), ("--epochs", "99999999999"), ("--hidden", "0"), ("--hidden", "8,0"),
                                ("--hidden", "8,x"))),
    ],
    "options that contradict": [
        train("notebook objective on the neck", "--objective notebook --manifold s1xs3xs3", "--objective notebook",
              "--manifold notebook-chart"),
        train("notebook objective of the neck", "--objective notebook", "--objective notebook",
              "--manifold notebook-chart", arguments=NECK),
        train("notebook with Hitchin's metric", "--metric-map hitchin", "--objective notebook",
              "--metric-map contraction"),
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
        train("condition number with boundary values", "--manifold interval-s3xs3 --condition-bound 2",
              "--condition-bound", "boundary values", "s1xs3xs3", arguments=NECK),
    ],
    "bad list": [
        train("two radii", "--radii 1,1", "--radii", r"\b2\b", r"\b3\b", arguments=NECK),
        train("four radii", "--radii 1,1,1,1", "--radii", r"\b4\b", r"\b3\b", arguments=NECK),
        train("a negative radius", "--radii 1,-1,1", "--radii", "-1", arguments=NECK),
        train("an interval of one number", "--interval 2", "--interval", r"\b1\b", r"\b2\b", arguments=INTERVAL),
        train("an interval backwards", "--interval 2,1", "interval", "2.0.*1.0", arguments=INTERVAL),
        train("an interval inside the bolt", "--interval 0.5,2", "interval", "0.5", "bolt", arguments=INTERVAL),
    ],
    "values that contradict": [
        train("gauge on the neck", "--lambda-gauge 1", "--lambda-gauge", "interval-s3xs3", arguments=NECK),
        train("exponential rate down to zero", "--scheduler exponential --lr-min 0", "--lr-min",
              "--scheduler exponential", arguments=NECK),
        train("rates in the wrong order", "--lr 1e-4 --lr-min 1e-3", "--lr-min"),
        train("more warm-up than epochs", "--warmup-epochs 2", "--warmup-epochs", "--epochs"),
    ],
    "no checkpoint": [
        train("resume from nothing", "--resume absent.h5", r"absent\.h5"),
        train("resume from a cut file", "--resume m.h5", r"m\.h5", setup=checkpoint(cut(0.6))),
        train("resume from a text", "--resume m.h5", r"m\.h5", "HDF5", setup=text("m.h5", "no checkpoint")),
        train("resume from PyTorch's archive", "--resume m.npz", r"m\.npz", "zip file", setup=numpy_file("m.npz")),
        train("resume from a pointer of Git LFS", "--resume m.h5", r"m\.h5", "git lfs pull",
              setup=text("m.h5", LFS_POINTER)),
        train("resume from samples", "--resume s.h5", r"s\.h5", "format", "k7-checkpoint", setup=neck()),
        train("resume from version 3", "--resume m.h5", r"m\.h5", "version", r"\b3\b", r"\b2\b",
              setup=checkpoint(attribute("version", 3))),
    ],
    "checkpoint of another run": [
        train("resume from another network", "--resume m.h5 --hidden 8,9", r"m\.h5", "8, 8", "8, 9", setup=checkpoint(),
              arguments="--preset notebook --batch-size 16 --epochs 4 --out run"),
        train("resume from another activation", "--resume m.h5 --activation tanh", r"m\.h5", "silu", "tanh",
              setup=checkpoint()),
        train("resume from another seed", "--resume m.h5 --seed 5", r"m\.h5", "--seed", "5", setup=checkpoint()),
        train("resume from another manifold", "--resume m.h5 --manifold s1xs3xs3", r"m\.h5", "--manifold|network",
              setup=torus_checkpoint, arguments=TORUS),
        train("resume from another ansatz", "--resume m.h5 --ansatz components", r"m\.h5", "--ansatz|49.*35",
              setup=torus_checkpoint, arguments=TORUS),
        train("resume from other radii", "--resume m.h5 --radii 1,1,2", r"m\.h5", "--radii", setup=torus_checkpoint,
              arguments=TORUS),
        train("resume with a determinant", "--resume m.h5 --impose-det", r"m\.h5", "--impose-det",
              setup=torus_checkpoint, arguments=TORUS),
        train("resume from the notebook", "--resume m.h5", r"m\.h5", "--manifold|network", setup=checkpoint(),
              arguments=NECK),
    ],
    "damaged checkpoint": [
        train("resume without a weight", "--resume m.h5", r"m\.h5", "/model", setup=checkpoint(first_weight(None))),
        train("resume from NaN", "--resume m.h5", r"m\.h5", "/model", setup=checkpoint(first_weight(with_nan))),
        train("resume without a history", "--resume m.h5", r"m\.h5", "/history", setup=checkpoint(without("history"))),
        train("resume with a seed that is no number", "--resume m.h5", r"m\.h5", "seed",
              setup=checkpoint(attribute("seed", "none"))),
    ],
    "existing files": [
        train("a damaged last.h5 in the run folder", "", r"last\.h5",
              setup=lambda f: (folder_named("run")(f), text("run/last.h5", "no checkpoint")(f))),
    ],
    "bad output": [
        train("run folder is a file", "", "run", setup=text("run", "a file")),
        train("run folder below a file", "--out run/sub", "run/sub", setup=text("run", "a file"),
              arguments="--preset notebook --hidden 8,8 --batch-size 16 --epochs 2"),
        train("run folder is a device", "--out /dev/full", "/dev/full",
              arguments="--preset notebook --hidden 8,8 --batch-size 16 --epochs 2"),
        *(train(f"{name} is a folder", "--resume never", name,
                setup=lambda f, name=name: (f / "run" / name).mkdir(parents=True))
          for name in ("last.h5", "best.h5", "history.csv", "train.json")),
    ],
    "bad config file": [
        train("unknown config key", "--config c.toml", r"c\.toml", "epoch_s", setup=text("c.toml", "epoch_s = 8\n")),
        train("missing config file", "--config absent.toml", r"absent\.toml"),
        train("broken TOML", "--config c.toml", r"c\.toml", setup=text("c.toml", "[[[ = =\n'''")),
        train("bad value in the config", "--config c.toml", "lr", "-5", setup=text("c.toml", "lr = -5\n")),
        train("bad preset in the config", "--config c.toml --out run", "preset", "nook",
              setup=text("c.toml", 'preset = "nook"\n'), arguments=""),
    ],
}

# ---- k7_sample -------------------------------------------------------------------------------------------------


def sample(name: str, arguments: str, *fragments: str, setup: Setup = lambda folder: None) -> Case:
    return Case(f"sample {name}", "k7_sample", arguments, fragments, setup)


IDENTITY = "\n".join(" ".join("1" if i == j else "0" for j in range(7)) for i in range(7))
MODEL = "--model m.h5 -N 30 -o s.h5"
CONSTANT = "--manifold torus7 --metric-constant g.txt -N 30 -o s.h5"
SAMPLE_CASES: Kinds = {
    "no checkpoint": [
        sample("nothing to sample", "-N 30", "--model"),
        sample("no such model", "--model absent.h5 -N 30", r"absent\.h5"),
        sample("model cut off", MODEL, r"m\.h5", setup=checkpoint(cut(0.6))),
        sample("model cut off early", MODEL, r"m\.h5", setup=checkpoint(cut(0.01))),
        sample("model is a text", MODEL, r"m\.h5", "HDF5", setup=text("m.h5", "no checkpoint")),
        sample("model is a sample file", "--model s.h5 -N 30 -o t.h5", r"s\.h5", "format", "k7-checkpoint",
               setup=neck()),
    ],
    "damaged checkpoint": [
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
    ],
    "options that contradict": [
        sample("model and radii", "--model m.h5 --radii 1,1,1 -N 30", "--model", "--radii", setup=checkpoint()),
        sample("model and constant metric", "--model m.h5 --metric-constant g.txt -N 30", "--model",
               "--metric-constant", setup=lambda f: (checkpoint()(f), text("g.txt", IDENTITY)(f))),
        sample("radii and constant metric", "--radii 1,1,1 --metric-constant g.txt -N 30", "--radii",
               "--metric-constant", setup=text("g.txt", IDENTITY)),
    ],
    "bad list": [
        sample("two radii", "--radii 1,2 -N 30", "--radii"),
        sample("four radii", "--radii 1,2,3,4 -N 30", "--radii"),
        sample("a negative radius", "--radii 1,-2,1 -N 30", "--radii", "-2"),
        sample("a radius of zero", "--radii 1,0,1 -N 30", "--radii"),
        sample("a NaN radius", "--radii 1,nan,1 -N 30", "--radii"),
        *(sample(f"radius {r}", f"--radii 1,{r},1 -N 30", f"--radii: the square of {r} ", "1e-150")
          for r in ("2.5e-200", "1e-160")),
        sample("radius 1e200", "--radii 1,1e200,1 -N 30", r"--radii: the square of 1e\+200 ", "1e150"),
        *(sample(f"radii {r}", f"--radii {r},{r},{r} -N 30", "/weight row 0: .* too (large|small)", "units")
          for r in ("1e60", "1e-60")),
        sample("a radius of letters", "--radii 1,x,1 -N 30", "--radii"),
    ],
    "bad choice": [
        sample("radii on the torus", "--manifold torus7 --radii 1,1,1 -N 30", "--radii", "torus7"),
        sample("unknown manifold", "--manifold klein-bottle --radii 1,1,1 -N 30", "--manifold", "klein-bottle"),
    ],
    "bad metric": [
        sample("metric not positive", CONSTANT, r"g\.txt", "positive", setup=text("g.txt", "-" + IDENTITY)),
        sample("metric not symmetric", CONSTANT, r"g\.txt", "symmetric",
               setup=text("g.txt", IDENTITY.replace("1 0", "1 0.5", 1))),
        sample("metric too short", CONSTANT, r"g\.txt", "48", "49", setup=text("g.txt", IDENTITY[:-1])),
        sample("metric too long", CONSTANT, r"g\.txt", "50", "49", setup=text("g.txt", IDENTITY + " 3")),
        sample("metric of words", CONSTANT, r"g\.txt", "word", setup=text("g.txt", IDENTITY[:-1] + "word")),
        sample("metric with NaN", CONSTANT, r"g\.txt", setup=text("g.txt", "nan" + IDENTITY[1:])),
        sample("no metric file", CONSTANT, r"g\.txt"),
    ],
    "bad value": [
        *(sample(f"-N {n}", f"--radii 1,1,1 -N {n}", "-N|points", n) for n in ("0", "-5", "abc", "2.5", "1e40")),
    ],
    "bad output": [
        sample("output folder missing", "--radii 1,1,1 -N 30 -o absent/s.h5", "absent"),
        sample("output is a folder", "--radii 1,1,1 -N 30 -o there", "there", setup=folder_named("there")),
        sample("output /dev/full", "--radii 1,1,1 -N 30 -o /dev/full", "/dev/full"),
    ],
    "output over a file in use": [
        sample("output over the model", "--model m.h5 -N 30 -o m.h5", r"m\.h5", setup=checkpoint()),
    ],
    "bad option": [
        sample("unknown option", "--radii 1,1,1 --frobnicate", "--frobnicate"),
        sample("words after --", "--radii 1,1,1 -- -eps_view", "--"),
    ],
    "bad config file": [
        sample("unknown config key", "--config c.toml", r"c\.toml", "radius", setup=text("c.toml", "radius = 1\n")),
        sample("missing config file", "--config absent.toml", r"absent\.toml"),
    ],
}

# ---- k7_torsion -------------------------------------------------------------------------------------------------

FIELDS = "--fields in.h5:/g -o out.h5"
ROWS = 32
TORSION_MODEL = "--model m.h5 -N 30 -o t.json"


def fields(change: Setup = lambda path: None, **changes: Any) -> Setup:
    """A file in.h5 with a group /g, then changed."""
    def setup(folder: Path) -> None:
        write_fields(folder / "in.h5", "g", **changes)
        change(folder / "in.h5")
    return setup


def lopsided() -> np.ndarray:
    structure = golden(RICH)["structure"]
    structure[2, 4, 5] += 0.25
    return structure


def not_jacobi(size: float) -> np.ndarray:
    """[E_0, E_1] = E_3 and [E_3, E_2] = E_4, times a number: the brackets of E_0, E_1, E_2 leave E_4."""
    structure = np.zeros((7, 7, 7))
    for c, a, b in ((3, 0, 1), (4, 3, 2)):
        structure[c, a, b], structure[c, b, a] = size, -size
    return structure


def torsion(name: str, setup: Setup, *fragments: str, arguments: str = FIELDS) -> Case:
    return Case(f"torsion {name}", "k7_torsion", arguments, fragments, setup)


TORSION_FILES: Kinds = {
    "bad file": [
        torsion("no such file", lambda f: None, r"in\.h5"),
        torsion("a group without a slash", fields(), r"in\.h5:g", "FILE.h5:/group",
                arguments="--fields in.h5:g -o out.h5"),
        torsion("no file before the group", fields(), "--fields", arguments="--fields :/g -o out.h5"),
        torsion("a folder", folder_named("in.h5"), r"in\.h5"),
        torsion("a text", text("in.h5", "phi\n1\n" * 100), r"in\.h5", "HDF5"),
        torsion("an empty file", text("in.h5", ""), r"in\.h5", "HDF5"),
        *(torsion(f"cut at {at}", fields(cut(at)), r"in\.h5") for at in (0.001, 0.1, 0.9)),
    ],
    "file of another kind": [
        torsion("NumPy archive", numpy_file("in.npz"), r"in\.npz", "NumPy", arguments="--fields in.npz -o out.h5"),
        torsion("pointer of Git LFS", text("in.h5", LFS_POINTER), r"in\.h5", "git lfs pull"),
    ],
    "storage that is not read": [
        torsion("lzf", fields(stored("g/E_phi", compression="lzf")), r"in\.h5", "/g/E_phi", "lzf",
                "h5repack -f GZIP=1 IN OUT"),
        torsion("virtual dataset", fields(virtual("g/phi")), r"in\.h5", "/g/phi", "virtual", "h5repack -l CONTI"),
    ],
    "bad group": [
        torsion("no such group", fields(), r"in\.h5", "/other", r"\bg\b", arguments="--fields in.h5:/other -o out.h5"),
        torsion("a dataset for a group", fields(), r"in\.h5", "/g/phi", arguments="--fields in.h5:/g/phi -o out.h5"),
        torsion("nothing at the root", fields(), r"in\.h5", "/phi", "35", arguments="--fields in.h5 -o out.h5"),
    ],
    "bad dataset": [
        torsion("no phi", fields(phi=None), r"in\.h5", "/g/phi", r"\(M, 35\)"),
        torsion("no E_phi", fields(E_phi=None), r"in\.h5", "/g/E_phi", r"\(32, 7, 35\)", "derivative"),
        torsion("phi of full tensors", fields(phi=np.zeros((ROWS, 7, 7, 7))), r"in\.h5", "/g/phi", r"\(32, 7, 7, 7\)",
                r"\(M, 35\)"),
        torsion("phi flattened", fields(phi=np.zeros(35 * ROWS)), r"in\.h5", "/g/phi", r"\(1120,\)", r"\(M, 35\)"),
        torsion("phi a scalar", fields(phi=1.0), r"in\.h5", "/g/phi", r"\(M, 35\)"),
        torsion("phi a group", fields(group_for("g/phi")), r"in\.h5", "/g/phi"),
        torsion("phi without rows", fields(phi=np.zeros((0, 35)), E_phi=np.zeros((0, 7, 35))), r"in\.h5", "/g/phi",
                "row"),
        torsion("phi one row short", fields(phi=np.zeros((ROWS - 1, 35))), r"in\.h5", "/g/E_phi", r"\(32, 7, 35\)",
                r"\(31, 7, 35\)"),
        torsion("E_phi transposed", fields(E_phi=np.zeros((ROWS, 35, 7))), r"in\.h5", "/g/E_phi", r"\(32, 35, 7\)",
                r"\(32, 7, 35\)"),
        torsion("phi of integers", fields(phi=np.ones((ROWS, 35), dtype="int64")), r"in\.h5", "/g/phi", "float64"),
        torsion("E_phi of complex numbers", fields(E_phi=np.ones((ROWS, 7, 35), dtype="complex128")), r"in\.h5",
                "/g/E_phi", "float64"),
        torsion("structure of integers", fields(structure=np.zeros((7, 7, 7), dtype="int32")), r"in\.h5",
                "/g/structure", "float64"),
        torsion("structure of rows", fields(structure=np.zeros((ROWS, 7, 7, 7))), r"in\.h5", "/g/structure",
                r"\(7, 7, 7\)"),
        torsion("structure flattened", fields(structure=np.zeros((7, 49))), r"in\.h5", "/g/structure", r"\(7, 49\)",
                r"\(7, 7, 7\)"),
    ],
    "bad structure constants": [
        torsion("structure not antisymmetric", fields(structure=lopsided()), r"in\.h5", "/g/structure", r"\[2, 4, 5\]",
                "0.25"),
        torsion("structure of no Lie algebra", fields(structure=not_jacobi(1.0)), r"in\.h5", "/g/structure", "Jacobi",
                "E_0, E_1, E_2", "component 4"),
        torsion("small structure of no Lie algebra", fields(structure=not_jacobi(1e-200)), r"in\.h5", "/g/structure",
                "Jacobi"),
        torsion("structure with a diagonal", fields(entry("g/structure", (6, 3, 3), 1.0)), r"in\.h5", "/g/structure",
                r"\[6, 3, 3\]"),
        torsion("NaN in structure", fields(entry("g/structure", (1, 2, 3), np.nan)), r"in\.h5", "/g/structure",
                row(1), r"\[1, 2, 3\]", "NaN"),
    ],
    "bad row": [
        torsion("NaN in rows of two ranks", fields(both(entry("g/phi", (2, 0), np.nan),
                                                          entry("g/phi", (ROWS - 1, 0), np.nan))),
                r"in\.h5", "/g/phi", row(2)),
        torsion("NaN in phi", fields(entry("g/phi", (3, 34), np.nan)), r"in\.h5", "/g/phi", row(3), "NaN"),
        torsion("infinite number in phi", fields(entry("g/phi", (ROWS - 1, 0), -np.inf)), r"in\.h5", "/g/phi",
                row(ROWS - 1), "infinite"),
        torsion("NaN in E_phi", fields(entry("g/E_phi", (ROWS - 1, 6, 34), np.nan)), r"in\.h5", "/g/E_phi",
                row(ROWS - 1), "NaN"),
    ],
    "bad output": [
        torsion("output over the input", fields(), "--out", r"in\.h5", arguments="--fields in.h5:/g -o ./in.h5"),
        torsion("output in a folder that is not there", fields(), "absent",
                arguments="--fields in.h5:/g -o absent/out.h5"),
        torsion("output is a folder", lambda f: (fields()(f), folder_named("there")(f)), "there",
                arguments="--fields in.h5:/g -o there"),
        torsion("output is a device", fields(), "/dev/full", arguments="--fields in.h5:/g -o /dev/full"),
    ],
}
TORSION_USAGE: Kinds = {
    "options that contradict": [
        torsion("nothing to measure", lambda f: None, "--model", "--fields", arguments="-N 30"),
        torsion("model and fields", lambda f: (fields()(f), checkpoint()(f)), "--model", "--fields",
                arguments=f"{FIELDS} --model m.h5"),
        torsion("fields and a number of points", fields(), "--fields", "--points", arguments=f"{FIELDS} -N 30"),
        torsion("fields on a GPU", fields(), "--device", arguments=f"{FIELDS} --device cuda"),
    ],
    "no checkpoint": [
        torsion("no such model", lambda f: None, r"m\.h5", arguments=TORSION_MODEL),
        torsion("model is a text", text("m.h5", "no checkpoint"), r"m\.h5", "HDF5", arguments=TORSION_MODEL),
        torsion("model is a file of fields", fields(), r"in\.h5", "format|k7-checkpoint",
                arguments="--model in.h5 -N 30"),
    ],
    "damaged checkpoint": [
        torsion("model cut off", checkpoint(cut(0.6)), r"m\.h5", arguments=TORSION_MODEL),
        torsion("model with NaN", checkpoint(first_weight(with_nan)), r"m\.h5", "/model", arguments=TORSION_MODEL),
    ],
    "bad output": [
        torsion("output over the model", checkpoint(), "--out", r"m\.h5", arguments="--model m.h5 -N 30 -o m.h5"),
        torsion("report in a folder that is not there", checkpoint(), "absent",
                arguments="--model m.h5 -N 30 -o absent/t.json"),
    ],
    "bad option": [
        *(torsion(f"-N {n}", checkpoint(), "-N|points", n, arguments=f"--model m.h5 -N {n}")
          for n in ("0", "-5", "2.5")),
        torsion("unknown option", fields(), "--frobnicate", arguments=f"{FIELDS} --frobnicate"),
        torsion("unknown config key", lambda f: (fields()(f), text("c.toml", "field = 1\n")(f)), r"c\.toml", "field",
                arguments=f"{FIELDS} --config c.toml"),
    ],
}

TABLES = (SPECTRAL_FILES, SPECTRAL_USAGE, TRAIN_CASES, SAMPLE_CASES, TORSION_FILES, TORSION_USAGE)
