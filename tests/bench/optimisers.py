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

# Of each problem the options, a loss to be reached, and of each optimiser the steps and the learning rate: on the exact
# problems the best of 1e-3, 3e-3 and 1e-2 after 1200 steps; on the neck the best of 3e-3 and 1e-2 for AdamW (5000 steps) and
# of 1e-3, 3e-3 and 1e-2 for SOAP (600 steps).
PROBLEMS = {
    "torus": ("--preset torus", 1e-6, {"adamw": (2000, 1e-2), "soap": (1500, 3e-3), "lbfgs": (1000, 1.0)}),
    "neck": (
        "--preset quick --patience 1000000",
        1e-4,
        {"adamw": (5000, 1e-2), "adamw, images": (1000, 1e-2), "soap, images": (800, 1e-2), "lbfgs, images": (300, 1.0)},
    ),
    "bryant-salamon": (
        "--preset bryant-salamon",
        2e-3,
        {"adamw": (2000, 1e-2), "soap": (1500, 3e-3), "lbfgs": (1200, 1.0)},
    ),
}
COLORS = {"adamw": "tab:orange", "soap": "tab:blue", "lbfgs": "tab:green"}
NAMES = {"adamw": "AdamW", "soap": "SOAP", "lbfgs": "L-BFGS"}


def title(run):
    optimizer, _, images = run.partition(",")
    return NAMES[optimizer] + ("," + images if images else "")


def folder_of(options, problem, run, seed):
    return options.work / f"{problem}_{run.replace(', ', '_')}_{seed}"


def run_all(options):
    for seed in options.seeds:
        for problem in options.problems:
            arguments, _, runs = PROBLEMS[problem]
            for run, (steps, rate) in runs.items():
                folder = folder_of(options, problem, run, seed)
                if (folder / "train.json").exists():
                    continue
                optimizer, _, images = run.partition(", ")
                command = f"{options.bin / 'k7_train'} {arguments} --optimizer {optimizer} --lr {rate} --threads 1"
                command += f" --epochs {steps} --seed {seed} --resume never --out {folder} -q"
                command += " --images" if images else " --no-images"
                done = subprocess.run(command.split(), capture_output=True, text=True, check=False)
                if done.returncode != 0:
                    sys.exit(f"optimisers: {command} failed: {done.stderr.strip()}")
                seconds = json.loads((folder / "train.json").read_text())["timing"]["train_s"]
                print(f"{folder.name}: {seconds:.0f} s", flush=True)


def curve(folder):
    """(steps, loss on the validation points) at every look at them, the smallest so far; seconds per step."""
    with open(folder / "history.csv", newline="") as file:
        loss = np.array([float(row["validation"]) for row in csv.DictReader(file)])
    per_step = json.loads((folder / "train.json").read_text())["timing"]["seconds_per_epoch"]
    looks = np.concatenate([[0], 1 + np.flatnonzero(np.diff(loss))])
    return np.maximum(looks, 1), np.minimum.accumulate(loss[looks]), per_step


def curves_of(options, problem, run):
    """(seconds, loss) of every seed, at the speed of the least disturbed one."""
    curves = [curve(folder_of(options, problem, run, seed)) for seed in options.seeds]
    per_step = min(seconds for _, _, seconds in curves)
    return [(per_step * steps, loss) for steps, loss, _ in curves], per_step


def first_time(times, loss, level):
    """Infinite, if the level was never reached."""
    below = np.flatnonzero(loss <= level)
    return times[below[0]] if len(below) else np.inf


def or_never(x, form):
    """Of a time, or of a quotient of times."""
    return "never" if x in (0, np.inf) else format(x, form)


def write_docs(options):
    figure, axes = plt.subplots(1, len(PROBLEMS), figsize=(14, 4.4))
    lines = ["| problem | optimiser | learning rate | steps | seconds per step | smallest loss of each seed | seconds to a loss of | "
             "reaches AdamW's last loss, times sooner |", "|---|---|---|---|---|---|---|---|"]
    for axis, (problem, (_, level, runs)) in zip(axes, PROBLEMS.items()):
        curves = {run: curves_of(options, problem, run) for run in runs}
        adam_curves = curves["adamw"][0]
        base = options.neck_floor if problem == "neck" else 0.0
        for run, (of_seeds, per_step) in curves.items():
            optimizer, _, images = run.partition(",")
            for i, (times, loss) in enumerate(of_seeds):
                axis.loglog(times, np.where(loss > base, loss - base, np.nan), color=COLORS[optimizer], lw=1.2, alpha=0.8,
                            ls="-" if images or problem != "neck" else ":", label=title(run) if i == 0 else None)
            sooner = [first_time(*adam, adam[1][-1]) / first_time(*c, adam[1][-1]) for adam, c in zip(adam_curves, of_seeds)]
            lines.append(
                f"| {problem} | {title(run)} | {'' if optimizer == 'lbfgs' else f'{runs[run][1]:g}'} | {runs[run][0]} | "
                f"{per_step:.3f} | {', '.join(f'{loss[-1] - base:.1e}' for _, loss in of_seeds)} | {level:.0e}: "
                + ", ".join(or_never(first_time(*c, base + level), ".0f") for c in of_seeds) + " | "
                + ("" if run == "adamw" else ", ".join(or_never(x, ".1f") for x in sooner)) + " |")
        axis.set_title(problem)
        axis.set_xlabel("seconds, one thread")
        axis.set_ylabel("loss" if base == 0.0 else f"loss − {base:.6f}")
        axis.grid(alpha=0.3)
        axis.legend()
    figure.tight_layout()
    figure.savefig(options.docs / "optimisers.png", dpi=110)
    (options.docs / "optimisers.md").write_text(
        INTRO.format(seeds=len(options.seeds), floor=options.neck_floor)
        + "\n".join(lines)
        + "\n"
    )


INTRO = """# Optimisers

Made by `tests/bench/optimisers.py`; do not edit by hand. Loss on the validation points (the upper end of its 95 % interval,
by which K7 chooses the weights it keeps), the smallest so far, against wall time on one thread; {seeds} seeds, seconds per
step of the least disturbed run. Steps are what a run was given; AdamW and SOAP lower their rate to 1e-6 over them (cosine).
For `neck` the network is that of the preset `quick`, and the loss of the best constant coframe, {floor:.6f}, is subtracted.
"images": random points come with their 256 images (`--images`, the default there).

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
    parser.add_argument("--docs", type=pathlib.Path, help="only write optimisers.md and optimisers.png there")
    options = parser.parse_args()
    if options.docs:
        neck = folder_of(options, "neck", "adamw", options.seeds[0]) / "train.json"
        options.neck_floor = json.loads(neck.read_text())["training"]["left_invariant"]["loss"]
        write_docs(options)
    else:
        run_all(options)


if __name__ == "__main__":
    main()
