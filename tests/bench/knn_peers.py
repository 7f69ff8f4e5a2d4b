#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""All-kNN of K7 beside scipy's cKDTree and nanoflann: uniform points on S1 x S3 x S3, in turns.

The peers search the chord embedding (33 cos t, 33 sin t, 33 q1, 28 q2) with the Euclidean distance, K7 the
geodesic distance of the metric with these radii. Points come in input order; K7's numbers include its tree.
"""

import argparse
import os
import pathlib
import re
import statistics
import subprocess
import sys
import time

import numpy as np


def chord_embedding(n, seed):
    """(n, 10) uniform points."""
    rng = np.random.default_rng(seed)
    angle = rng.uniform(0.0, 2.0 * np.pi, n)
    q = rng.normal(size=(2, n, 4))
    q /= np.linalg.norm(q, axis=2, keepdims=True)
    return np.column_stack([33 * np.cos(angle), 33 * np.sin(angle), 33 * q[0], 28 * q[1]])


def time_scipy(points, k, threads, n_queries):
    """Queries per second of tree and search together, the search extrapolated from n_queries."""
    from scipy.spatial import cKDTree

    start = time.perf_counter()
    tree = cKDTree(points)
    built = time.perf_counter()
    tree.query(points[:n_queries], k + 1, workers=threads)
    search = (time.perf_counter() - built) * len(points) / n_queries
    return len(points) / (built - start + search)


def run_bench(bench, arguments):
    """{'k7': rate, 'nanoflann': rate, 'memory': bytes per point} of one run of knn_bench."""
    text = subprocess.run([bench, *arguments], check=True, capture_output=True, text=True).stdout
    rates = {}
    for line in text.splitlines():
        found = re.match(r"(k7|nanoflann) .*queries_per_s (\d+)", line)
        if found:
            rates[found[1]] = float(found[2])
        found = re.search(r"bytes_per_point (\d+)", line)
        if found:
            rates["memory"] = float(found[1])
    return rates


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--bin", type=pathlib.Path, default=pathlib.Path("build/bin"), help="folder of knn_bench"
    )
    parser.add_argument("--n", type=float, nargs="+", default=[1e5, 1e6], help="points (default 1e5 1e6)")
    parser.add_argument("--k", type=int, default=30, help="neighbours (default 30)")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="threads (default all cores)")
    parser.add_argument("--rounds", type=int, default=3, help="interleaved rounds (default 3)")
    parser.add_argument("--queries", type=int, default=20000, help="queries that time a peer (default 20000)")
    options = parser.parse_args()
    bench = options.bin / "knn_bench"
    if not bench.exists():
        sys.exit(f"knn_peers: {bench} is missing; build the target knn_bench or give --bin")

    print(f"load {os.getloadavg()[0]:.1f} at the start, {options.threads} threads, k = {options.k}, medians")
    print(f"{'n':>9} {'program':>22} {'queries/s':>10} {'K7 is faster by':>16}")
    for n in map(int, options.n):
        points = chord_embedding(n, 1)
        n_queries = min(options.queries, n)
        rates = {}
        for _ in range(options.rounds):
            base = ["--n", str(n), "--k", str(options.k), "--threads", str(options.threads)]
            base += ["--repetitions", "1"]
            one = run_bench(bench, [*base, "--nanoflann", str(n_queries)])
            rates.setdefault("K7", []).append(one["k7"])
            if "nanoflann" in one:
                rates.setdefault("nanoflann (double)", []).append(one["nanoflann"])
            avx2 = run_bench(bench, [*base, "--target", "avx2"])
            rates.setdefault("K7, no AVX-512", []).append(avx2["k7"])
            scipy_rate = time_scipy(points, options.k, options.threads, n_queries)
            rates.setdefault("scipy cKDTree", []).append(scipy_rate)
        k7 = statistics.median(rates["K7"])
        for name, values in rates.items():
            rate = statistics.median(values)
            print(f"{n:>9} {name:>22} {rate:>10.0f} {k7 / rate:>16.1f}")


if __name__ == "__main__":
    main()
