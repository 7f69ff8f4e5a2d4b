#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Speed of whole training steps: 1 and 2 threads, 1 and 2 ranks, each number type, and the notebook's step beside them.

    tests/bench/training.py --bin build/bin [--notebook K7_Explicit_Metric_TCS_PINN.txt] [--docs docs]

Runs alternate over the rounds and medians are shown. The notebook (with Debian's python3-torch) runs as it is, and
with the BLAS kernel and the threads that K7 chooses for itself. --docs writes training.md there.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys

NECK = [(1, 1, "float64"), (1, 2, "float64"), (2, 1, "float64"), (1, 2, "mixed"), (1, 2, "float32")]
KERNEL = "Haswell"  # for processors with AVX2; SkylakeX with AVX-512


def bench(options, preset, ranks, threads, dtype):
    command = ["mpirun", "--oversubscribe", "--bind-to", "none", "-n", str(ranks), str(options.bin / "train_bench")]
    command += ["--preset", preset, "--threads", str(threads), "--dtype", dtype, "--steps", str(options.steps)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def notebook_step(options, tuned):
    """Seconds of the notebook's epoch; tuned: with the right kernel and two threads."""
    environment = dict(os.environ)
    if tuned:
        environment |= {"OPENBLAS_CORETYPE": options.kernel, "OMP_NUM_THREADS": "2"}
    script = pathlib.Path(__file__).with_name("notebook_job.py")
    command = ["/usr/bin/python3", str(script), "--side", "notebook", "--notebook", str(options.notebook), "--epochs", "3"]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
    return json.loads(done.stdout.splitlines()[-1])["epoch_s"]


def measure(options):
    runs = {}
    for _ in range(options.rounds):
        for case in [("neck", *c) for c in NECK] + [("notebook", 1, 2, "float64")]:
            runs.setdefault(case, []).append(bench(options, *case))
        if options.notebook:
            for tuned in (False, True):
                runs.setdefault(("notebook itself", tuned), []).append({"step_s": notebook_step(options, tuned)})
    return runs


def median(results, key):
    return statistics.median(r[key] for r in results)


def table(runs):
    lines = ["| problem | ranks × threads | numbers | step | points/s | products reach | of which the step uses | "
             "memory of a rank |", "|---|---|---|---|---|---|---|---|"]
    for case, results in runs.items():
        if case[0] == "notebook itself":
            lines.append(f"| {case[0]}, {'right BLAS kernel, 2 threads' if case[1] else 'as Debian runs it'} | | float64 | "
                         f"{median(results, 'step_s'):.2f} s | {4096 / median(results, 'step_s'):.0f} | | | |")
            continue
        preset, ranks, threads, dtype = case
        share = f"{100 * median(results, 'share_of_peak'):.0f} %" if preset == "neck" else ""
        lines.append(f"| {preset} | {ranks} × {threads} | {dtype} | {median(results, 'step_s'):.2f} s | "
                     f"{median(results, 'points_per_s'):.0f} | {median(results, 'product_gflops'):.0f} GFLOP/s | {share} | "
                     f"{median(results, 'peak_mib'):.0f} MiB |")
    return "\n".join(lines)


def processor():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        return next(line.split(":")[1].strip() for line in file if line.startswith("model name"))


PAGE = """# Speed of training

Made by `tests/bench/training.py`; do not edit by hand. Whole steps (sampling, loss, gradients, their sum over the ranks,
optimiser) of the default size: batch 4096, network [512, 512, 512, 256]; medians of {rounds} rounds that alternate, on {cpus}
cores of "{processor}". The rate of products (2048, 512) (512, 512) is measured in the same process on the same
threads; the step's products are 8 rows for each point (the value and 7 tangents), forward and twice backward.

{table}

`neck` has the exact torsion, `notebook` the notebook's objective.
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=pathlib.Path, default=pathlib.Path("build/bin"), help="folder of train_bench")
    parser.add_argument("--notebook", type=pathlib.Path, help="text export of the notebook, to time it beside K7")
    parser.add_argument("--kernel", default=KERNEL, help="OPENBLAS_CORETYPE of the tuned notebook")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=8, help="of each run")
    parser.add_argument("--docs", type=pathlib.Path, help="write training.md there")
    options = parser.parse_args()
    try:
        text = table(measure(options))
    except subprocess.CalledProcessError as error:
        sys.exit(f"training: {error}")
    print(text)
    if options.docs:
        page = PAGE.format(rounds=options.rounds, cpus=os.cpu_count(), processor=processor(), table=text)
        (options.docs / "training.md").write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
