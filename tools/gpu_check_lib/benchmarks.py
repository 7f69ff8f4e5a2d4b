# SPDX-License-Identifier: Apache-2.0
"""Times steps of k7_train and eigensolves of k7_spectral, and what part of the machine's best they reach."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Optional

from .machine import free_memory_bytes
from .processes import Budget, Done, run

TRAINING_SECONDS = 80.0
SPECTRUM_SECONDS = 200.0  # with the samples
POINT_BYTES = 3000.0  # that k7_spectral takes for a point with 32 neighbours: 2.6 GiB for 10^6, docs/performance.md
ENTRY_BYTES, ROW_BYTES = 12, 20  # of a product with the matrix: value and column; offset, x and y

TRAINING_KEYS = ("batch", "step_s", "points_per_s", "tflops", "share_of_peak", "host_memory_mib", "device_memory_mib", "problem")
SPECTRUM_KEYS = ("points", "eigensolve_s", "total_s", "knn_s", "assemble_s", "lambda_1", "products", "products_s", "bandwidth_gbs",
                 "share_of_bandwidth", "host_memory_mib", "device_memory_mib", "problem")


@dataclass(frozen=True)
class Sizes:
    """What is measured; small where it is only to be shown that it can be."""

    training: tuple[str, ...]  # options of k7_train
    steps: int
    batches: tuple[int, ...]
    points: tuple[int, ...]


FULL = Sizes(("--preset", "neck"), 30, (4096, 32768), (1000000, 4000000))
# On the torus no constants are searched for on the host.
SMALL = Sizes(("--preset", "torus", "--hidden", "16,16", "--threads", "1"), 4, (64, 128), (1000, 4000))


@dataclass(frozen=True)
class Bench:
    """Where and for how long benchmarks run."""

    bin: Path
    folder: Path  # for files that nobody wants later
    device: dict[str, Any]  # as describe() gives it
    budget: Budget
    say: Callable[[str], None]

    @property
    def on_gpu(self) -> bool:
        return bool(self.device["kind"] == "cuda")

    def run(self, seconds: float, *words: object) -> Done:
        return run([self.bin / str(words[0]), *words[1:]], seconds, self.budget, watch_gpu=self.on_gpu)


def row(keys: tuple[str, ...], **values: Any) -> dict[str, Any]:
    """All keys, nulls where there is no value."""
    return {key: values.get(key) for key in keys}


def ratio(value: float, best: Optional[float]) -> Optional[float]:
    return value / best if best else None


# ---- Training


def flops_per_point(architecture: str) -> float:
    """Of the matrix products of a step with torsion: values and 7 tangents forward, for the weights and, but for the first
    layer, for the inputs backward; 3.2e7 for the default network. "10 -> [512, 256] -> 49" is a network."""
    widths = [int(word) for word in re.findall(r"\d+", architecture)]
    layers = list(zip(widths, widths[1:]))
    return 8.0 * sum((4.0 if i == 0 else 6.0) * a * b for i, (a, b) in enumerate(layers))


def training(bench: Bench, sizes: Sizes) -> list[dict[str, Any]]:
    """The part `training` of the results."""
    rows = [training_step(bench, sizes, batch) for batch in sizes.batches]
    for each in rows:
        bench.say(f"training, batch {each['batch']}: " + (each["problem"] or f"{each['step_s']:.4g} s a step"))
    return rows


def training_step(bench: Bench, sizes: Sizes, batch: int) -> dict[str, Any]:
    out = bench.folder / f"train-{batch}"
    done = bench.run(TRAINING_SECONDS, "k7_train", *sizes.training, "--batch-size", batch, "--epochs", sizes.steps, "--device",
                     bench.device["kind"], "--resume", "never", "--out", out)
    if done.code != 0:
        return row(TRAINING_KEYS, batch=batch, problem=done.problem())
    try:
        tree = json.loads((out / "train.json").read_text(encoding="utf-8"))
        step, memory = float(tree["timing"]["step_s"]), max(tree["parallel"]["peak_memory_mib"])
        rate = flops_per_point(tree["model"]["architecture"]) * batch / step / 1e12
    except (OSError, ValueError, KeyError, TypeError, ZeroDivisionError) as error:
        return row(TRAINING_KEYS, batch=batch, problem=f"cannot be used: train.json, {error!r}")
    return row(TRAINING_KEYS, batch=batch, step_s=step, points_per_s=batch / step, tflops=rate,
               share_of_peak=ratio(rate, bench.device["peak_fp64_tflops"]), host_memory_mib=memory,
               device_memory_mib=done.gpu_memory_mib, problem="")


# ---- Spectra


def spectra(bench: Bench, sizes: Sizes) -> tuple[list[dict[str, Any]], Optional[str]]:
    """The part `spectra` of the results, and the version of PETSc."""
    rows, petsc = [], None
    for points in sizes.points:
        each, version = spectrum(bench, points)
        rows.append(each)
        petsc = petsc or version
        bench.say(f"spectrum of {points} points: " + (each["problem"] or f"eigensolve {each['eigensolve_s']:.4g} s"))
    return rows, petsc


def too_large(points: int, on_gpu: bool) -> str:
    """Why so many points do not fit here; empty where they do, or nobody knows."""
    host, gpu = free_memory_bytes()
    for name, free in (("host", host), ("GPU", gpu if on_gpu else None)):
        if free is not None and free < POINT_BYTES * points:
            return f"left out: needs about {POINT_BYTES * points / 2**30:.1f} GiB, and the {name} has {free / 2**30:.1f} free"
    return ""


def spectrum(bench: Bench, points: int) -> tuple[dict[str, Any], Optional[str]]:
    obstacle = too_large(points, bench.on_gpu)
    if obstacle:
        return row(SPECTRUM_KEYS, points=points, problem=obstacle), None
    samples, result, log = (bench.folder / f"{points}.{end}" for end in ("h5", "json", "log"))
    done = bench.run(SPECTRUM_SECONDS, "k7_sample", "--manifold", "s1xs3xs3", "--radii", "33,33,28", "-N", points, "-o", samples)
    if done.code == 0:
        # Without its second option PETSc does not wait for the GPU before it looks at the clock.
        watch = ["-log_view", f":{log}", *(["-log_view_gpu_time"] if bench.on_gpu else [])]
        done = bench.run(SPECTRUM_SECONDS - done.seconds, "k7_spectral", samples, "--no-extrapolate", "--device", bench.device["kind"],
                         "-o", result, "--", *watch)
    samples.unlink(missing_ok=True)
    if done.code != 0:
        return row(SPECTRUM_KEYS, points=points, problem=done.problem()), None
    try:
        tree = json.loads(result.read_text(encoding="utf-8"))
        timing, n = tree["timing"], tree["spectral"]["n_points"]
        values = {"eigensolve_s": timing["eigensolve_s"], "total_s": timing["total_s"], "knn_s": timing["knn_s"],
                  "assemble_s": timing["assemble_s"], "lambda_1": tree["spectral"]["lambda_1"],
                  "host_memory_mib": max(tree["parallel"]["peak_memory_mib"])}
    except (OSError, ValueError, KeyError, TypeError) as error:
        return row(SPECTRUM_KEYS, points=points, problem=f"cannot be used: {result.name}, {error!r}"), None
    text = log.read_text(encoding="utf-8", errors="replace") if log.is_file() else ""
    values |= products(text, n)
    share = ratio(values["bandwidth_gbs"], bench.device["peak_bandwidth_gbs"]) if values.get("bandwidth_gbs") else None
    version = re.search(r"Using Petsc (?:Release|Development) (?:Version|GIT revision:?) (\S+?),?\s", text)
    return row(SPECTRUM_KEYS, points=points, share_of_bandwidth=share, device_memory_mib=done.gpu_memory_mib, problem="",
               **values), (version[1] if version else None)


def products(log: str, rows: int) -> dict[str, Any]:
    """Products with the matrix in PETSc's log, on one rank: how many, their seconds, and the bytes that they must move in
    these. A product of z nonzeros and n rows counts 2 z - n operations there."""
    found = re.search(r"^MatMult +(\d+) +\S+ +(\S+) +\S+ +(\S+) ", log, re.MULTILINE)
    if found is None:
        return {}
    count, seconds, flops = int(found[1]), float(found[2]), float(found[3])
    if count == 0 or seconds <= 0.0:
        return {"products": count}
    nonzeros = (flops / count + rows) / 2.0
    moved = count * (ENTRY_BYTES * nonzeros + ROW_BYTES * rows)
    return {"products": count, "products_s": seconds, "bandwidth_gbs": moved / seconds / 1e9}
