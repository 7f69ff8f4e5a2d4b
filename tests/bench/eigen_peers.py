#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""K7's eigensolver on 1 and 2 ranks beside scipy's ARPACK on the same matrix, in turns.

The matrix is the graph Laplacian of uniform points on S1 x S3 x S3, written by eigen_bench. All want 15 pairs with a
residual of 1e-6 relative to the eigenvalue.
"""

import argparse
import os
import pathlib
import re
import statistics
import subprocess
import tempfile
import time

import numpy as np
import scipy.sparse
import scipy.sparse.linalg


def read_petsc_matrix(path):
    """CSR matrix of PETSc's binary format: big-endian class id, rows, columns, nonzeros, row lengths, columns, values."""
    with open(path, "rb") as file:
        header = np.fromfile(file, ">i4", 4)
        if header[0] != 1211216:
            raise SystemExit(f"{path}: not a PETSc matrix")
        rows, columns, nonzeros = map(int, header[1:])
        lengths = np.fromfile(file, ">i4", rows)
        indices = np.fromfile(file, ">i4", nonzeros).astype(np.int32)
        values = np.fromfile(file, ">f8", nonzeros).astype(np.float64)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    return scipy.sparse.csr_matrix((values, indices, offsets), shape=(rows, columns))


def time_arpack(matrix, pairs, tolerance):
    """(seconds, products, largest residual / eigenvalue) with the usual basis of 2 pairs + 1 vectors."""
    products = 0

    def product(x):
        nonlocal products
        products += 1
        return matrix @ x

    operator = scipy.sparse.linalg.LinearOperator(matrix.shape, product, dtype=np.float64)
    start = time.perf_counter()
    values, vectors = scipy.sparse.linalg.eigsh(operator, pairs, which="SA", tol=tolerance)
    seconds = time.perf_counter() - start
    residuals = np.linalg.norm(matrix @ vectors - vectors * values, axis=0)[1:] / values[1:]
    return seconds, products, residuals.max()


def run_bench(bench, ranks, options, dump=None):
    """The printed numbers by name."""
    command = ["mpirun", "--oversubscribe", "-n", str(ranks), bench, "-n", f"{options.n:g}", "-k", str(options.k)]
    command += ["--tolerance", str(options.tolerance), "--repetitions", "1"]
    if dump:
        command += ["--dump", dump]
    environment = {**os.environ, "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    text = subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout
    numbers = {name: float(value) for name, value in re.findall(r"(\w+) ([\d.e+-]+)\b", text)}
    numbers["triad_share"] = float(re.search(r"= ([\d.]+) of it", text)[1])
    numbers["residual"] = float(re.search(r"eigenvalue ([\d.e+-]+)", text)[1])
    return numbers


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--bin", type=pathlib.Path, default=pathlib.Path("build/bin"), help="folder of eigen_bench")
    parser.add_argument("-n", type=float, default=1e5, help="points (default 1e5)")
    parser.add_argument("-k", type=int, default=30, help="neighbours (default 30)")
    parser.add_argument("--ranks", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--tolerance", type=float, default=1e-6)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--no-arpack", action="store_true", help="only K7")
    options = parser.parse_args()
    bench = options.bin / "eigen_bench"
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "matrix.petsc"
        run_bench(bench, 1, options, path)
        matrix = None if options.no_arpack else read_petsc_matrix(path)
    arpack = []
    own = {ranks: [] for ranks in options.ranks}
    for _ in range(options.repetitions):
        if matrix is not None:
            arpack.append(time_arpack(matrix, 15, options.tolerance))
        for ranks in options.ranks:
            own[ranks].append(run_bench(bench, ranks, options))
    print(f"N = {options.n:g}, k = {options.k}, 15 pairs to {options.tolerance:g}, medians of {options.repetitions}")
    reference = None
    if arpack:
        reference = statistics.median(run[0] for run in arpack)
        print(f"ARPACK, 1 thread: {reference:.2f} s, {arpack[0][1]} products, residual {arpack[0][2]:.1e}")
    for ranks, runs in own.items():
        middle = {name: statistics.median(run[name] for run in runs) for name in runs[0]}
        ratio = f" = {middle['solve_s'] / reference:.2f} of ARPACK's" if reference else ""
        print(
            f"K7, {ranks} rank(s): {middle['solve_s']:.2f} s{ratio}, {middle['products']:.0f} products, residual "
            f"{middle['residual']:.1e}; product {middle['product_s']:.2f} s, orthogonalisation "
            f"{middle['orthogonalise_s']:.2f} s, restarts {middle['restart_s']:.2f} s, rest {middle['rest_s']:.2f} s; "
            f"products at {middle['triad_share']:.2f} of the triad ({middle['triad']:.1f} GB/s)"
        )


if __name__ == "__main__":
    main()
