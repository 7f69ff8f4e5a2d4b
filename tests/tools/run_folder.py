# SPDX-License-Identifier: Apache-2.0
"""Tiny run folders as the C++ programs would write them, and what the tests of the Python programs share."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import tempfile
import unittest
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Callable

import h5py
import numpy as np

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ROOT / "tools"
PYTHON = "/usr/bin/python3"
NOBODY = 65534
DET_TARGET = 65 / 32
N_SAMPLES = 240

CONSTANTS = {"dim": 7, "b2": 21, "b3": 77, "H_star": 99, "dim_G2": 14, "det_g_target": DET_TARGET,
             "lambda1_target": 13, "tcs_ratio": 33 / 28}
PARALLEL = {"ranks": 2, "threads": 1, "device": "cpu", "comm": "mpi", "blas": "OpenBLAS SkylakeX"}
HISTORY_HEADER = ["epoch", "loss", "torsion", "det", "norm", "smooth", "det_mean", "lr", "grad_norm"]
TORSION_HEADER = [*HISTORY_HEADER[:7], "torsion_closed", "torsion_coclosed", "trace", "gauge", "positive",
                  *HISTORY_HEADER[7:]]
RADII = [33 / 28, 33 / 28, 1.0]
FRAME_FACTOR = (33 / 28) ** 8  # det g in the neck's frame over det g in the coframe with these radii

CONTRACT_KEYS = {
    "constants": {"dim", "b2", "b3", "H_star", "dim_G2", "det_g_target", "lambda1_target", "tcs_ratio"},
    "model": {"architecture", "n_parameters", "activation"},
    "training": {"epochs", "final_loss", "best_loss", "final_torsion", "torsion_closed", "torsion_coclosed"},
    "metric": {"n_samples", "det_mean", "det_std", "det_min", "det_max"},
    "spectral": {"eigenvalues", "lambda_0", "lambda_1", "lambda1_times_Hstar", "target", "deviation_percent", "method",
                 "error", "extrapolated", "residual", "n_components", "k", "n_points"},
    "validation": {"passed", "status"},
}


def run(program: str, *arguments: Any, **options: Any) -> subprocess.CompletedProcess[str]:
    """Runs a program of tools/ to its end and returns exit code and output."""
    environment = os.environ | {"MPLCONFIGDIR": os.environ.get("TMPDIR", "/tmp")}
    return subprocess.run([PYTHON, str(TOOLS / program), *map(str, arguments)], capture_output=True, text=True,
                          timeout=120, env=environment, check=False, **options)


def run_as_other_user(program: str, *arguments: Any) -> subprocess.CompletedProcess[str]:
    """Runs a program as a user for whom file permissions count, which they do not for root."""
    ids: dict[str, Any] = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
    return run(program, *arguments, **ids)


def metrics(n_samples: int = N_SAMPLES, spread: float = 0.02, seed: int = 1) -> np.ndarray:
    """Metrics (n_samples, 7, 7) float64 whose determinant scatters around 65/32 by the relative `spread`."""
    determinant = DET_TARGET * (1 + spread * np.random.default_rng(seed).standard_normal(n_samples))
    return determinant[:, None, None] ** (1 / 7) * np.eye(7)


def write_samples(path: Path, metric: np.ndarray, attributes: bool = True, **extra: Any) -> None:
    """A sample file with random coordinates and the given metric; `extra` are further root attributes."""
    with h5py.File(path, "w") as file:
        if attributes:
            file.attrs.update({"format": "k7-samples", "version": 1, "manifold": "s1xs3xs3",
                               "frame": "left-invariant"} | extra)
        file["coords"] = np.random.default_rng(2).random((len(metric), 7))
        file["metric"] = metric


def train_tree() -> dict[str, Any]:
    """train.json that agrees with `history_rows()`."""
    rows = history_rows()
    losses = [row[1] for row in rows]
    return {
        "metadata": {"timestamp": "2025-01-01T00:00:00Z", "program": "k7_train", "version": "0.1.0", "git": "abc1234"},
        "constants": dict(CONSTANTS),
        "model": {"architecture": "7 -> [512, 512, 512, 256] -> 35", "n_parameters": 669731, "activation": "SiLU"},
        "training": {"epochs": len(rows), "final_loss": losses[-1], "best_loss": min(losses),
                     "best_epoch": int(np.argmin(losses)), "final_torsion": rows[-1][2], "stopped": "finished"},
        "timing": {"train_s": 12.5, "seconds_per_epoch": 0.3125, "points_per_s": 13107.2},
        "parallel": dict(PARALLEL),
        "options": {"preset": "quick", "seed": 0, "hidden": [512, 512, 512, 256], "lambda": {"torsion": 1}},
    }


def history_rows(epochs: int = 40) -> list[list[float]]:
    """Rows of history.csv: a falling torsion, a det term that is rounding noise, det g at its target."""
    noise = np.random.default_rng(3)
    rows = []
    for epoch in range(epochs):
        torsion = 40 * np.exp(-epoch / 8) + 1 + 0.1 * noise.random()
        norm, smooth, det = 0.3 * np.exp(-epoch / 15), 0.01 * noise.random(), 1e-30 * noise.random()
        det_mean = DET_TARGET * (1 + 2e-16 * noise.integers(-1, 2))
        rows.append([epoch, float(torsion + 0.1 * norm), float(torsion), float(det), float(norm), float(smooth),
                     float(det_mean), 1e-3, float(noise.random())])
    return rows


def torsion_history_rows(epochs: int = 40) -> list[list[float]]:
    """Rows of history.csv as the torsion objective writes them: det g comes close to its target and varies by 0.1."""
    rows = []
    for epoch in range(epochs):
        closed, coclosed = 15 * np.exp(-epoch / 8) + 25, 2 * np.exp(-epoch / 8) + 1
        det_mean = DET_TARGET - np.exp(-epoch / 10)
        det = (det_mean - DET_TARGET) ** 2 + 0.1**2
        norm, smooth = 40.0, 1e-3 * (epoch + 1)
        loss = closed + coclosed + 10 * det + 0.1 * norm + 0.01 * smooth
        rows.append([epoch, loss, closed + coclosed, det, norm, smooth, det_mean, closed, coclosed, 1.1, 0.0, 1.0, 1e-3,
                     0.5])
    return rows


def torsion_train_tree() -> dict[str, Any]:
    """train.json that agrees with `torsion_history_rows()`."""
    rows, tree = torsion_history_rows(), train_tree()
    last = dict(zip(TORSION_HEADER, rows[-1]))
    spread = {"mean": 2.0, "max": 3.0}
    form: dict[str, Any] = {"points": 20000, "positive_fraction": 1.0, "volume": 4449.6}
    form |= {f"norm2_{name}": dict(spread) for name in ("dphi", "dpsi", "tau0", "tau1", "tau2", "tau3")}
    form |= {name: spread | {"min": 1.5} for name in ("det_g", "trace_g_over_7", "cond_g")}
    tree["training"] |= {
        "epochs": len(rows), "final_loss": last["loss"], "best_loss": last["loss"], "best_epoch": len(rows),
        "final_torsion": last["torsion"], "torsion_closed": last["torsion_closed"],
        "torsion_coclosed": last["torsion_coclosed"], "best_form": form,
        "left_invariant": {"loss": 29.5, "torsion": 25.5, "det": 0.001, "norm": 39.0, "smooth": 0.0, "det_mean": 2.0,
                           "torsion_closed": 24.5, "torsion_coclosed": 1.0, "trace": 1.1, "gauge": 0.0, "positive": 1.0,
                           "cond_g": 1.8125, "starts": 16, "starts_that_reached_it": 9},
    }
    tree["model"] |= {"architecture": "10 -> [64, 64, 64] -> 49", "radii": RADII}
    tree["options"] = {"preset": "quick", "manifold": "s1xs3xs3", "objective": "torsion", "impose-det": False,
                       "condition-bound": "0", "lambda-torsion": "1", "lambda-det": "10", "lambda-norm": "0.1",
                       "lambda-smooth": "0.01", "lambda-trace": "0", "lambda-gauge": "0"}
    return tree


def write_history(path: Path, rows: list[list[Any]], header: list[str] | None = None) -> None:
    """history.csv with the contract's header unless another is given."""
    with path.open("w", newline="") as stream:
        csv.writer(stream, lineterminator="\n").writerows([header or HISTORY_HEADER, *rows])


def spectral_tree(metric: np.ndarray, lambda_1: float = 0.9985) -> dict[str, Any]:
    """spectral.json that agrees with itself and with the sampled metric."""
    determinant = np.linalg.det(metric)
    values = [0.0, lambda_1, 1.003, 2.97, 2.99, 3.01, 3.02, 3.9, 3.95]
    deviation = abs(lambda_1 * 99 - 13) / 13 * 100
    status = "PASSED" if deviation < 5 else "PARTIAL" if deviation < 15 else "NEEDS_REFINEMENT"
    return {
        "metadata": {"timestamp": "2025-01-01T00:01:00Z", "program": "k7_spectral", "version": "0.1.0", "git": "abc1"},
        "constants": dict(CONSTANTS),
        "metric": {"n_samples": len(metric), "det_mean": float(determinant.mean()), "det_std": float(determinant.std()),
                   "det_min": float(determinant.min()), "det_max": float(determinant.max())},
        "spectral": {"eigenvalues": values, "lambda_0": 0.0, "lambda_1": lambda_1, "lambda1_times_Hstar": lambda_1 * 99,
                     "target": 13, "deviation_percent": deviation, "method": "graph",
                     "error": [None, *[0.01 + 0.01 * v for v in values[1:]]],
                     "extrapolated": [None, *[1.05 * v for v in values[1:]]], "residual": [1e-9] * len(values),
                     "n_components": 1, "k": 32, "n_points": len(metric), "zero_modes": 1},
        "validation": {"passed": status == "PASSED", "status": status},
        "timing": {"read_s": 0.01, "partition_s": 0.02, "knn_s": 0.3, "assemble_s": 0.1, "eigensolve_s": 1.1,
                   "total_s": 1.53},
        "parallel": PARALLEL | {"peak_memory_mib": [81.5, 80.25]},
        "options": {"neighbors": 32, "eigenvalues": 9, "extrapolate": True},
    }


def write_json(path: Path, tree: Any) -> None:
    """One JSON file; NaN and infinity come out as Python writes them."""
    path.write_text(json.dumps(tree), encoding="utf-8")


def make_run(folder: Path, training: bool = True, metric: np.ndarray | None = None) -> Path:
    """A whole run folder; returns it."""
    folder.mkdir(parents=True, exist_ok=True)
    metric = metrics() if metric is None else metric
    write_samples(folder / "samples.h5", metric)
    write_json(folder / "spectral.json", spectral_tree(metric))
    if training:
        write_json(folder / "train.json", train_tree())
        write_history(folder / "history.csv", history_rows())
        (folder / "best.h5").write_bytes(b"")
    return folder


def make_torsion_run(folder: Path) -> Path:
    """A whole run folder of the torsion objective on the neck; returns it."""
    make_run(folder, metric=FRAME_FACTOR ** (1 / 7) * metrics(spread=0.05))
    write_json(folder / "train.json", torsion_train_tree())
    write_history(folder / "history.csv", torsion_history_rows(), TORSION_HEADER)
    return folder


class PageChecker(HTMLParser):
    """Collects plots, sources of what is loaded, and tags that are not closed in order."""

    VOID = {"meta", "img", "br"}

    def __init__(self) -> None:
        super().__init__()
        self.open_tags: list[str] = []
        self.sources: list[str] = []
        self.plots: list[dict[str, str | None]] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.sources += [value or "" for name, value in attributes if name in ("src", "href", "srcset")]
        if ("class", "plot") in attributes:
            self.plots.append(dict(attributes))
        if tag not in self.VOID:
            self.open_tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self.open_tags[-1:] == [tag]:
            self.open_tags.pop()
        else:
            self.open_tags.append(f"/{tag}")


class RunFolderTest(unittest.TestCase):
    """Gives every test a fresh folder."""

    def setUp(self) -> None:
        holder = tempfile.TemporaryDirectory(prefix="k7_report_test.")
        self.addCleanup(holder.cleanup)
        self.folder = Path(holder.name) / "run"

    def edit(self, name: str, change: Callable[[dict[str, Any]], Any]) -> None:
        """Changes one JSON file of the run folder."""
        tree = json.loads((self.folder / name).read_text())
        change(tree)
        write_json(self.folder / name, tree)

    def results(self) -> dict[str, Any]:
        return json.loads((self.folder / "results.json").read_text())

    def assert_refused(self, *parts: str, folder: Path | None = None) -> None:
        """k7_report exits with 2, one line on stderr that holds all `parts`, and leaves nothing behind."""
        before = sorted(os.listdir(self.folder)) if self.folder.is_dir() else None
        done = run("k7_report", folder or self.folder)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertEqual(done.stdout, "")
        self.assertRegex(done.stderr, r"\Ak7_report: error: [^\n]+: [^\n]+; [^\n]+\n\Z")
        for part in parts:
            self.assertIn(part, done.stderr)
        if before is not None:
            self.assertEqual(sorted(os.listdir(self.folder)), before)
