#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Times the notebook's job stage by stage with K7, and with the notebook itself beside it when it is given.

    tests/bench/notebook_job.py --bin build/bin [--notebook K7_Explicit_Metric_TCS_PINN.txt] [--json OUT]

Stages: one training epoch (batch 4096, the default network), the kNN graph with its Laplacian at N = 10^4, k = 30,
and 15 eigenpairs. Each side runs in its own process; the rounds alternate and medians are printed. The notebook's
cells run as they are (numpy, scipy, torch on the CPU; its training loop stopped after a few epochs).
"""
import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

STAGES = {
    "epoch_s": "training epoch [s]",
    "graph_s": "kNN graph + Laplacian, N = 10^4 [s]",
    "eigensolve_s": "15 eigenpairs [s]",
    "peak_train_mib": "peak memory, training [MiB]",
    "peak_spectral_mib": "peak memory, spectrum [MiB]",
}


def notebook_cells(text: str) -> list[str]:
    """The code cells of the notebook's text export: from "In [None]:" to the next cell or heading."""
    cells: list[list[str]] = []
    inside = False
    for line in text.splitlines():
        if line.strip() == "In [None]:":
            cells.append([])
            inside = True
        elif line.rstrip() == "---" or line.startswith("### "):
            inside = False
        elif inside:
            cells[-1].append(line)
    return ["\n".join(c).strip() for c in cells]


def run_notebook_side(notebook: Path, epochs: int) -> dict[str, float]:
    """Executes the cells in this process and times its functions."""
    cells = {c.split(maxsplit=2)[1]: c for c in notebook_cells(notebook.read_text(encoding="utf-8"))}
    # Everything up to the training loop, then the later definitions without the calls that follow them.
    definitions = [c for name, c in cells.items() if name < "§4.5"]
    definitions += [cells["§5.1"].split("# Sample\n")[0], cells["§6.1"], cells["§6.2"]]
    names: dict = {"__name__": "notebook"}
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for cell in definitions:
            exec(compile(cell, "cell", "exec"), names)
        names["config"].N_EPOCHS = epochs
        begin = time.perf_counter()
        names["train_pinn"](names["model"], names["tcs_neck"], names["physics_loss"], names["config"], verbose=False)
        result = {"epoch_s": (time.perf_counter() - begin) / epochs}
        result["peak_train_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        coords, g, _ = names["sample_metric_grid"](names["model"], names["tcs_neck"], n_points=10000)
        begin = time.perf_counter()
        laplacian = names["build_laplacian_sparse"](coords, g, k_neighbors=30)
        result["graph_s"] = time.perf_counter() - begin
        begin = time.perf_counter()
        names["compute_spectral_gap"](laplacian, n_eigenvalues=15)
        result["eigensolve_s"] = time.perf_counter() - begin
        result["peak_spectral_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        os.chdir("/")
    return result


def run_k7_side(programs: Path, epochs: int) -> dict[str, float]:
    """The same job through the programs; times are those that they report themselves."""
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder)

        def call(program: str, *arguments: str) -> None:
            subprocess.run([str(programs / program), *arguments, "-q"], check=True, stdout=subprocess.DEVNULL)

        call("k7_train", "--preset", "notebook", "--epochs", str(epochs), "--resume", "never", "--out", str(run))
        call("k7_sample", "--model", str(run / "best.h5"), "-N", "10000", "-o", str(run / "samples.h5"))
        call("k7_spectral", str(run / "samples.h5"), "-k", "30", "-n", "15", "--method", "notebook",
             "-o", str(run / "spectral.json"))
        train = json.loads((run / "train.json").read_text())
        spectral = json.loads((run / "spectral.json").read_text())
    timing = spectral["timing"]
    return {
        "epoch_s": train["timing"]["seconds_per_epoch"],
        "graph_s": timing["partition_s"] + timing["knn_s"] + timing["assemble_s"],
        "eigensolve_s": timing["eigensolve_s"],
        "peak_train_mib": max(train["parallel"]["peak_memory_mib"]),
        "peak_spectral_mib": max(spectral["parallel"]["peak_memory_mib"]),
    }


def in_child(arguments: list[str]) -> dict[str, float]:
    done = subprocess.run([sys.executable, __file__, *arguments], check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=Path, default=Path("build/bin"), help="folder of the K7 programs")
    parser.add_argument("--notebook", type=Path, help="text export of the notebook, to time it beside K7")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=5, help="training epochs per round")
    parser.add_argument("--json", type=Path, help="write the medians here")
    parser.add_argument("--side", choices=["notebook"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side == "notebook":
        print("\n" + json.dumps(run_notebook_side(options.notebook.resolve(), options.epochs)))
        return
    sides: dict[str, list[dict[str, float]]] = {"K7": []}
    for _ in range(options.rounds):
        sides["K7"].append(run_k7_side(options.bin.resolve(), options.epochs))
        if options.notebook:
            sides.setdefault("notebook", []).append(
                in_child(["--side", "notebook", "--notebook", str(options.notebook), "--epochs", str(options.epochs)]))
    medians = {side: {key: statistics.median(r[key] for r in rounds) for key in STAGES} for side, rounds in sides.items()}
    header = f"{'median of ' + str(options.rounds) + ' rounds':40s}" + "".join(f"{side:>12s}" for side in medians)
    print(header + ("       ratio" if options.notebook else ""))
    for key, label in STAGES.items():
        row = f"{label:40s}" + "".join(f"{medians[side][key]:12.3f}" for side in medians)
        if options.notebook:
            row += f"{medians['notebook'][key] / medians['K7'][key]:12.1f}"
        print(row)
    if options.json:
        options.json.write_text(json.dumps(medians, indent=2) + "\n")


if __name__ == "__main__":
    main()
