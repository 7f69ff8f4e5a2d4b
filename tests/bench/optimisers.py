#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Loss against wall time for each optimiser on three problems: the picture and table of docs/optimisers.md.

Every run is kept in the work folder, so that an interrupted series goes on where it was. Runs follow each other, one
thread each, optimisers in turns.

  optimisers.py --bin build/bin --seeds 0 1 2
  optimisers.py --docs docs
"""

import argparse
import csv
import json
import pathlib
import subprocess
import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

# Of each problem the options, and of each optimiser the steps and the best of the learning rates 1e-3, 3e-3, 1e-2.
PROBLEMS = {
    "torus": ("--preset torus", {"adamw": (2000, 1e-2), "soap": (1500, 3e-3), "lbfgs": (1000, 1.0)}),
    "neck": (
        "--preset quick --patience 1000000",
        {"adamw": (5000, 3e-3), "soap": (1500, 3e-3), "lbfgs": (250, 1.0)},
    ),
    "bryant-salamon": (
        "--preset bryant-salamon",
        {"adamw": (2000, 1e-2), "soap": (1500, 3e-3), "lbfgs": (1200, 1.0)},
    ),
}
COLORS = {"adamw": "tab:orange", "soap": "tab:blue", "lbfgs": "tab:green"}
NAMES = {"adamw": "AdamW", "soap": "SOAP", "lbfgs": "L-BFGS"}


def run_all(options):
    for seed in options.seeds:
        for problem in options.problems:
            arguments, settings = PROBLEMS[problem]
            for optimizer in options.optimizers:
                folder = options.work / f"{problem}_{optimizer}_{seed}"
                if (folder / "train.json").exists():
                    continue
                steps, rate = settings[optimizer]
                command = f"{options.bin / 'k7_train'} {arguments} --optimizer {optimizer} --lr {rate} --threads 1"
                command += f" --epochs {steps} --seed {seed} --resume never --out {folder} -q"
                done = subprocess.run(command.split(), capture_output=True, text=True, check=False)
                if done.returncode != 0:
                    sys.exit(f"optimisers: {command} failed: {done.stderr.strip()}")
                seconds = json.loads((folder / "train.json").read_text())["timing"]["train_s"]
                print(f"{folder.name}: {seconds:.0f} s", flush=True)


def curve(folder):
    """(seconds, loss) after every step; the loss of the batch, averaged over 20 steps where batches change."""
    with open(folder / "history.csv", newline="") as file:
        loss = np.array([float(row["loss"]) for row in csv.DictReader(file)])
    per_step = json.loads((folder / "train.json").read_text())["timing"]["step_s"]  # the median
    if "lbfgs" not in folder.name:
        loss = np.convolve(np.concatenate([np.full(19, loss[0]), loss]), np.ones(20) / 20, "valid")
    return per_step * np.arange(1, len(loss) + 1), np.minimum.accumulate(loss)


def floor(curves):
    """What is subtracted: the smallest loss of all, where that is not zero."""
    smallest = min(loss.min() for _, loss in curves)
    return smallest if smallest > 1.0 else 0.0


def first_time(times, loss, level):
    below = np.flatnonzero(loss <= level)
    return times[below[0]] if len(below) else np.inf


def write_docs(options):
    figure, axes = plt.subplots(1, len(PROBLEMS), figsize=(14, 4.4))
    lines = ["| problem | optimiser | seconds per step | smallest loss, mean of the seeds | reaches AdamW's, times sooner |",
             "|---|---|---|---|---|"]
    for axis, problem in zip(axes, PROBLEMS):
        runs = {}
        for folder in sorted(options.work.glob(f"{problem}_*_*")):
            if (folder / "train.json").exists():
                runs.setdefault(folder.name.split("_")[1], []).append(curve(folder))
        base = floor([c for curves in runs.values() for c in curves])
        adam_end = np.mean([loss[-1] for _, loss in runs["adamw"]])
        adam_time = np.mean([first_time(t, l, adam_end) for t, l in runs["adamw"] if l[-1] <= adam_end])
        for optimizer, curves in runs.items():
            for i, (times, loss) in enumerate(curves):
                axis.loglog(times, np.where(loss > base, loss - base, np.nan), color=COLORS[optimizer], lw=1.2, alpha=0.8,
                            label=NAMES[optimizer] if i == 0 else None)
            reached = [adam_time / first_time(t, l, adam_end) for t, l in curves]
            lines.append(f"| {problem} | {NAMES[optimizer]} | {np.mean([t[0] for t, _ in curves]):.3f} | "
                         f"{np.mean([l[-1] for _, l in curves]):.6g} | "
                         + ("" if optimizer == "adamw" else f"{np.mean(reached):.1f}" if min(reached) > 0 else "not by all")
                         + " |")
        axis.set_title(problem)
        axis.set_xlabel("seconds, one thread")
        axis.set_ylabel("loss" if base == 0.0 else f"loss − {base:.4f}")
        axis.grid(alpha=0.3)
        axis.legend()
    figure.tight_layout()
    figure.savefig(options.docs / "optimisers.png", dpi=110)
    (options.docs / "optimisers.md").write_text(INTRO + "\n".join(lines) + "\n")


INTRO = """# Optimisers

Made by `tests/bench/optimisers.py`; do not edit by hand. Loss against wall time on one thread, three seeds each. For `neck`
the network is that of the preset `quick`, and the smallest loss of all runs is subtracted. Losses of AdamW and SOAP, which see
fresh points in every step, are means over 20 steps; L-BFGS's is that of the 250 steps' points.

![Loss against wall time](optimisers.png)

"""


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--bin", type=pathlib.Path, default=pathlib.Path("build/bin"), help="folder of k7_train")
    parser.add_argument("--work", type=pathlib.Path, default=pathlib.Path("outputs/optimisers"), help="runs")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--problems", nargs="+", default=list(PROBLEMS), choices=list(PROBLEMS))
    parser.add_argument("--optimizers", nargs="+", default=list(NAMES), choices=list(NAMES))
    parser.add_argument("--docs", type=pathlib.Path, help="only write optimisers.md and optimisers.png there")
    options = parser.parse_args()
    if options.docs:
        write_docs(options)
    else:
        run_all(options)


if __name__ == "__main__":
    main()
