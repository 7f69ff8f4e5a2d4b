#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How far k7_spectral's eigenvalues are from the truth, and how often the error bars cover it.

Samples of manifolds with known spectra are made for several seeds and sizes and given to k7_spectral. Each result
is kept as one JSON file in the work folder, so that an interrupted series goes on where it was. With --docs, the
tables and the picture of docs/accuracy.md are made from all results in the work folder.

  accuracy.py --bin build/bin --n 1e4 1e5 --seeds 1-10
  accuracy.py --docs docs
"""

import argparse
import json
import pathlib
import subprocess
import sys

from accuracy_cases import CASES

N_COMPARED = 10  # eigenvalues after the zero mode


def number_list(text):
    """'1-3,7' as [1, 2, 3, 7]."""
    numbers = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        numbers += range(int(first), int(last or first) + 1)
    return numbers


def run_one(case, n, seed, method, options):
    """Computes one spectrum unless its result is there."""
    result = options.work / f"{case.name}_{method}_{n}_{seed}.json"
    if result.exists():
        return
    samples = options.work / f"{case.name}_{n}_{seed}.h5"
    if not samples.exists():
        case.write_samples(samples, n, seed, options.bin)
    command = [options.bin / "k7_spectral", samples, "-n", str(case.n_eigenvalues), "--method", method]
    command += ["-o", result, "--threads", str(options.threads)]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"accuracy: {' '.join(map(str, command))} failed: {done.stderr.strip()}")
    print(f"{case.name} {method} N={n} seed={seed}: {json.loads(result.read_text())['timing']['total_s']:.1f} s")
    sys.stdout.flush()


def run_series(options):
    options.work.mkdir(parents=True, exist_ok=True)
    for n in map(int, options.n):
        for seed in options.seeds:
            for name in options.cases:
                for method in options.methods:
                    run_one(CASES[name], n, seed, method, options)
                (options.work / f"{name}_{n}_{seed}.h5").unlink(missing_ok=True)


def load(work):
    """[(case name, method, N, seed, 'spectral' of the result)]"""
    runs = []
    for path in sorted(work.glob("*.json")):
        name, method, n, seed = path.stem.rsplit("_", 3)
        runs.append((name, method, int(n), int(seed), json.loads(path.read_text())["spectral"]))
    return runs


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--bin", type=pathlib.Path, default=pathlib.Path("build/bin"), help="folder of k7_spectral")
    parser.add_argument("--work", type=pathlib.Path, default=pathlib.Path("outputs/accuracy"), help="results")
    parser.add_argument("--n", type=float, nargs="+", default=[1e4], help="points (default 1e4)")
    parser.add_argument("--seeds", type=number_list, default=number_list("1-10"), help="default 1-10")
    parser.add_argument("--cases", nargs="+", default=list(CASES), choices=list(CASES), help="default all")
    parser.add_argument("--methods", nargs="+", default=["graph", "ritz"], choices=["graph", "ritz"])
    parser.add_argument("--threads", type=int, default=0, help="of k7_spectral (default all cores)")
    parser.add_argument("--docs", type=pathlib.Path, help="only write accuracy.md and accuracy.png there")
    options = parser.parse_args()
    if options.docs:
        from accuracy_page import write_page

        write_page(options.docs, load(options.work), CASES, N_COMPARED)
    else:
        run_series(options)


if __name__ == "__main__":
    main()
