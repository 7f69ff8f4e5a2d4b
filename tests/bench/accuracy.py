#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How far k7_spectral's eigenvalues are from the truth, and how often the error bars cover it.

Samples of manifolds with known spectra are made for several seeds and sizes and given to k7_spectral, each once: graph,
Ritz and what `auto` makes of them are in one result. Each result is kept as one JSON file in the work folder, so that a
series can be run in pieces and goes on where it was. With --docs, the tables and the picture of docs/accuracy.md are
made from all results in the work folder.

  accuracy.py --bin build/bin --n 1e3 3e3 --seeds 1-3 --cases quick
  accuracy.py --bin build/bin --n 1e3 3e3 1e4 1e5 --seeds 1-10 --jobs 8
  accuracy.py --docs docs

--cases takes names, and these groups: quick, closed, boundaries, thin, density, all.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys
import tempfile

from accuracy_cases import closed_cases
from accuracy_domains import domain_cases

CASES = {case.name: case for case in closed_cases() + domain_cases()}
QUICK = ["round", "torus", "tube", "ball", "circle_0.1", "tube_density"]  # some of every section; they run first
GROUPS = ["closed", "boundaries", "thin", "density"]  # beginnings of sections
DROPPED = ["residual"]  # of spectral.json: of no use here
N_COMPARED = 10  # eigenvalues after the zero mode


def number_list(text):
    """'1-3,7' as [1, 2, 3, 7]."""
    numbers = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        numbers += range(int(first), int(last or first) + 1)
    return numbers


def chosen_cases(names):
    """The names of all cases of groups and names, the quick ones first."""
    chosen = set()
    for name in names:
        if name == "all":
            chosen.update(CASES)
        elif name == "quick":
            chosen.update(QUICK)
        elif name in GROUPS:
            chosen.update(case.name for case in CASES.values() if case.section.startswith(name))
        else:
            chosen.add(name)
    return [name for name in QUICK if name in chosen] + [name for name in CASES if name in chosen and name not in QUICK]


def result_of(document, case, n, seed):
    """What is kept of spectral.json."""
    spectral = {key: value for key, value in document["spectral"].items() if key not in DROPPED}
    spectral["left_out"] = spectral["left_out"]["count"]
    return {"case": case.name, "n": n, "seed": seed, "program": document["metadata"], "timing": document["timing"],
            "peak_memory_mib": max(document["parallel"]["peak_memory_mib"]), "spectral": spectral}


def compute(case, n, seed, binaries, threads, folder):
    """The result of one new sample, computed in the folder.

    @throws CalledProcessError where a program fails
    """
    samples, output = folder / "samples.h5", folder / "spectral.json"
    case.write_samples(samples, n, seed, binaries)
    command = [binaries / "k7_spectral", samples, "-n", case.n_eigenvalues, "--method", "auto", "-o", output]
    command += ["--threads", threads]
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True, env=environment)
    return result_of(json.loads(output.read_text()), case, n, seed)


def run_one(task, options):
    """Computes one spectrum unless its result is there. Returns whether it is there now."""
    name, n, seed = task
    path = options.work / f"{name}_{n}_{seed}.json"
    if path.exists():
        return True
    with tempfile.TemporaryDirectory(dir=options.work) as folder:
        scratch = pathlib.Path(folder)
        try:
            result = compute(CASES[name], n, seed, options.bin.resolve(), options.threads, scratch)
        except subprocess.CalledProcessError as error:
            print(f"accuracy: {name} N={n} seed={seed}: {error}: {error.stderr}", file=sys.stderr, flush=True)
            return False
        whole = scratch / path.name
        whole.write_text(json.dumps(result))
        os.replace(whole, path)
    print(f"{name} N={n} seed={seed}: {result['timing']['total_s']:.1f} s, {result['peak_memory_mib']:.0f} MiB", flush=True)
    return True


def run_series(options):
    """Small samples first, then seed by seed, so that a series that ends early has all cases."""
    options.work.mkdir(parents=True, exist_ok=True)
    names = chosen_cases(options.cases)
    tasks = [(name, int(n), seed) for n in sorted(options.n) for seed in options.seeds for name in names]
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        try:
            done = list(pool.map(lambda task: run_one(task, options), tasks))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    if not all(done):
        sys.exit(f"accuracy: {done.count(False)} of {len(tasks)} runs failed")


def load(work):
    """All results of known cases."""
    results = [json.loads(path.read_text()) for path in sorted(work.glob("*.json"))]
    known = [result for result in results if result.get("case") in CASES]
    if len(known) < len(results):
        print(f"accuracy: left out {len(results) - len(known)} files of {work} that are no results", file=sys.stderr)
    return known


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=pathlib.Path, default=pathlib.Path("build/bin"), help="folder of k7_spectral")
    parser.add_argument("--work", type=pathlib.Path, default=pathlib.Path("outputs/accuracy"), help="results")
    parser.add_argument("--n", type=float, nargs="+", default=[1e4], help="points (default 1e4)")
    parser.add_argument("--seeds", type=number_list, default=number_list("1-10"), help="default 1-10")
    parser.add_argument("--cases", nargs="+", default=["all"], choices=["all", "quick", *GROUPS, *CASES], metavar="CASE",
                        help="groups and names (default all): " + " ".join(CASES))
    parser.add_argument("--jobs", type=int, default=1, help="runs at once (default 1)")
    parser.add_argument("--threads", type=int, default=1, help="of each run (default 1)")
    parser.add_argument("--docs", type=pathlib.Path, help="only write accuracy.md and accuracy.png there")
    options = parser.parse_args()
    if options.docs:
        from accuracy_page import write_page

        write_page(options.docs, load(options.work), CASES, N_COMPARED)
    else:
        run_series(options)


if __name__ == "__main__":
    main()
