#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Trains K7 on the problems whose answer is known and compares: docs/g2.md and its pictures are made with this.

  torus            a parallel 3-form exists: the energy falls to rounding
  bryant-salamon   the complete G2-holonomy metric from its boundary values
  kappa2, kappa4   least energy with cond(g) <= kappa; the constant-coefficient minimum is a lower bound
  trace10          energy + 10 tr(g)/7; constant coefficients are unstable, the network has to get below them
  neck             the whole objective of the preset neck, small network

  tests/bench/g2_targets.py --bin build/bin --out outputs/g2 [--seeds 0 1 2] [--only torus neck] [--docs docs]
"""
import argparse
import csv
import json
import subprocess
import sys
from pathlib import Path

LAW = "--radii 1,1,1 --lambda-det 0 --lambda-norm 0 --weight-decay 0 --patience 1000000 --min-delta 0"
# The gradient penalty vanishes on constants, so it moves no minimum here; it takes away what the fresh points of each step
# leave behind.
KAPPA = f"--preset neck {LAW} --lambda-smooth 1 --hidden 32,32 --batch-size 256 --epochs 1600 --optimizer adamw --no-images --lr 3e-3 --lr-min 1e-6 --scheduler exponential"
PROBLEMS = {
    "torus": "--preset torus",
    "bryant-salamon": "--preset bryant-salamon",
    "kappa2": f"{KAPPA} --condition-bound 2",
    "kappa4": f"{KAPPA} --condition-bound 4",
    "trace10": f"--preset neck {LAW} --lambda-smooth 0 --impose-det --lambda-trace 10 --hidden 32,32 --activation tanh --start left-invariant --optimizer adamw --no-images "
               "--batch-size 256 --epochs 2000 --lr 2e-3 --lr-min 1e-6",
    "neck": "--preset neck --hidden 32,32 --batch-size 256 --epochs 1600 --optimizer adamw --no-images --lr 3e-3 --patience 1000000",
}
# geometry of S1 x S3 x S3 with constant coefficients and det g = 65/32; minima over all positive forms
REFERENCE = {"kappa2": 29.191600, "kappa4": 25.101489, "trace10": 35.0915}
TITLES = {
    "torus": "torus: random start to a parallel form",
    "bryant-salamon": "bryant-salamon: holonomy G₂ from boundary values",
    "kappa2": "cond(g) ≤ 2", "kappa4": "cond(g) ≤ 4", "trace10": "energy + 10 tr(g)/7", "neck": "neck: the whole objective",
}


def run(args, name, seed):
    folder = args.out / f"{name}-{seed}"
    if not (folder / "train.json").exists():
        command = [str(args.bin / "k7_train"), *PROBLEMS[name].split(), "--seed", str(seed), "--out", str(folder), "-q"]
        subprocess.run(command, check=True)
    return folder


def history(folder):
    with open(folder / "history.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    return {key: [float(row[key]) for row in rows] for key in rows[0]}


def row(name, seed, folder):
    tree = json.loads((folder / "train.json").read_text())
    training, best = tree["training"], tree["training"]["best_form"]
    return {"problem": name, "seed": seed, "best_loss": training["best_loss"],
            "energy": best["torsion"]["mean"], "energy_std_error": best["torsion"]["std_error"],
            "cond_g_max": best["cond_g"]["max"], "trace_g_over_7": best["trace_g_over_7"]["mean"],
            "left_invariant": training.get("left_invariant", {}).get("loss"), "reference": REFERENCE.get(name),
            "exact": best.get("exact"), "epochs": training["epochs"], "seconds": tree["timing"]["train_s"]}


def text(rows):
    lines = ["| problem | seed | loss on validation points | energy, fresh points | best constants | max cond(g) | tr(g)/7 | epochs | s |",
             "|---|---|---|---|---|---|---|---|---|"]
    for r in rows:
        constants = "" if r["left_invariant"] is None else f"{r['left_invariant']:.6f}"
        lines.append(f"| {r['problem']} | {r['seed']} | {r['best_loss']:.6g} | {r['energy']:.6g} ± {r['energy_std_error']:.1g} "
                     f"| {constants} | {r['cond_g_max']:.4g} | {r['trace_g_over_7']:.4f} | {r['epochs']} | {r['seconds']:.0f} |")
    exact = [r for r in rows if r["exact"]]
    if exact:
        lines += ["", "| bryant-salamon, seed | volume | length of r-lines | metric, rms | metric, largest |", "|---|---|---|---|---|"]
        lines += ["| {} | {volume_error:.1e} | {length_error:.1e} | {metric_error_rms:.1e} | {metric_error_max:.1e} |".format(
            r["seed"], **r["exact"]) for r in exact]
    return "\n".join(lines) + "\n"


def draw(args, names, rows):
    import matplotlib
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    columns = 2
    lines = (len(names) + 1) // columns
    figure, axes = plt.subplots(lines, columns, figsize=(11, 3.6 * lines), squeeze=False, constrained_layout=True)
    for axis in axes.flat[len(names):]:
        axis.axis("off")
    for axis, name in zip(axes.flat, names):
        for r in (r for r in rows if r["problem"] == name):
            h = history(args.out / f"{name}-{r['seed']}")
            values = h["torsion"] if name in ("torus", "bryant-salamon") else h["loss"]
            axis.plot(range(1, len(values) + 1), values, lw=1, alpha=0.85, label=f"seed {r['seed']}")
        constants = next((r["left_invariant"] for r in rows if r["problem"] == name and r["left_invariant"]), None)
        if constants:
            axis.axhline(constants, color="black", ls="--", lw=1, label=f"best constants: {constants:.4f}")
            axis.set_ylim(constants - 0.12 * abs(constants), constants * 1.25)
            axis.set_xscale("log")
            axis.set_ylabel("loss of the batch")
        else:
            axis.set_yscale("log")
            axis.set_ylabel("|dφ|² + |d⋆φ|², mean of the batch")
        axis.set_title(TITLES[name], fontsize=11)
        axis.set_xlabel("step")
        axis.grid(alpha=0.3)
        axis.legend(fontsize=8)
    figure.savefig(args.docs / "g2_training.png", dpi=110)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=Path, required=True, help="folder of the programs")
    parser.add_argument("--out", type=Path, required=True, help="run folders; finished runs are kept")
    parser.add_argument("--docs", type=Path, help="where g2_training.png goes (default: --out)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--only", nargs="+", choices=PROBLEMS, default=list(PROBLEMS))
    args = parser.parse_args()
    args.docs = args.docs or args.out
    args.out.mkdir(parents=True, exist_ok=True)
    rows = [row(name, seed, run(args, name, seed)) for name in args.only for seed in args.seeds]
    (args.out / "table.json").write_text(json.dumps(rows, indent=1))
    (args.out / "table.md").write_text(text(rows))
    draw(args, args.only, rows)
    sys.stdout.write(text(rows))


if __name__ == "__main__":
    main()
