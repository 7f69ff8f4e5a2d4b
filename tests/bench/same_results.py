#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Do two builds of K7 compute the same, bit for bit? For changes that are meant to move walls only.

  same_results.py record BIN_DIR before.json     runs about thirty commands on 1 and 3 ranks
  same_results.py record BIN_DIR after.json
  same_results.py compare before.json after.json

Recorded are exit codes, error lines, histories, results and every dataset and attribute of HDF5 outputs, all
but what tells of time, memory and the build.
"""
import argparse
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import h5py
import numpy as np

# The keys of results, and the attributes of checkpoints, that tell of the run and not of what it computed.
VOLATILE = {"timing", "timestamp", "git", "version", "build", "peak_memory_mib", "seconds", "seal"}
QUICK = "--preset quick --batch-size 256 --log-every 10 --checkpoint-every 20"
SMALL = "--hidden 24,24 --batch-size 128 --checkpoint-every 10"

# Later commands use the files of earlier ones. A command that begins with ! is to be refused.
COMMANDS = [
    f"k7_train {QUICK} --epochs 30 --out quick",
    f"k7_train {QUICK} --epochs 45 --out quick",
    f"k7_train --preset neck {SMALL} --epochs 20 --seed 3 --out neck",
    f"k7_train --preset neck {SMALL} --epochs 20 --start left-invariant --out constants",
    f"k7_train --preset neck {SMALL} --epochs 12 --ansatz components --optimizer adamw --out components",
    f"k7_train --preset neck {SMALL} --epochs 12 --condition-bound 20 --dtype mixed --out bounded",
    f"k7_train --preset neck {SMALL} --epochs 12 --scheduler plateau --no-images --warmup-epochs 4 --out plateau",
    "k7_train --preset torus --epochs 20 --out torus",
    "k7_train --preset torus --epochs 32 --out torus",
    "k7_train --preset bryant-salamon --epochs 30 --batch-size 128 --out bs",
    "k7_train --preset notebook --epochs 12 --hidden 32,32 --batch-size 128 --out notebook",
    "k7_train --preset neck --hidden 8 --batch-size 64 --epochs 30 --lr 1e12 --patience 60 --out diverges",
    "!k7_train --preset neck --optimizer sopa --out refused",
    "!k7_train --preset neck --start left-invariant --manifold torus7 --out refused",
    "!k7_train --preset neck --hidden 24,25 --epochs 20 --seed 3 --out neck",
    "k7_sample --model quick/best.h5 -N 3000 -o quick.h5",
    "k7_sample --radii 1.1,1,0.9 -N 4000 --seed 5 -o round.h5",
    "k7_sample --manifold torus7 --metric-constant g.txt -N 2500 -o flat.h5",
    "k7_sample --model notebook/last.h5 -N 1200 -o notebook.h5",
    "!k7_sample --manifold torus7 --radii 1,1,1 -o refused.h5",
    "k7_torsion --model quick/best.h5 -N 2000 -o torsion.json",
    "k7_torsion --model bs/best.h5 -N 1000 -o bs.json",
    "k7_torsion --fields fields.h5:/field -o fields_out.h5",
    "k7_spectral round.h5 -o round.json --eigenvectors modes.h5 --graph graph.h5",
    "k7_spectral flat.h5 -k 20 -n 18 -o flat.json",
    "k7_spectral quick.h5 -k 16 --no-extrapolate --seed 7 -o quick.json",
    "k7_spectral notebook.h5 --method notebook -k 12 -o notebook.json",
    "k7_spectral quick.h5 --method ritz -o ritz.json",
    "k7_spectral flat.h5 -k 24 --no-extrapolate --require-pass -o require.json -- -eps_tol 1e-8",
    "!k7_spectral round.h5 -k 5000 -o refused.json",
    "!k7_spectral round.h5 --method ritz --graph refused.h5 -o refused.json",
    "k7_spectral uneven.h5 -k 8 -o uneven.json --graph uneven_graph.h5",
]


def write_inputs(folder):
    """A constant metric, a field of 3-forms with structure constants, and a cloud of given coordinates."""
    rng = np.random.default_rng(2)
    a = np.eye(7) + 0.1 * rng.standard_normal((7, 7))
    np.savetxt(folder / "g.txt", a.T @ a, fmt="%.17g")
    phi = np.zeros(35)
    triples = [(i, j, k) for i in range(7) for j in range(i + 1, 7) for k in range(j + 1, 7)]
    for sign, triple in [(1, (0, 1, 2)), (1, (0, 3, 4)), (1, (0, 5, 6)), (1, (1, 3, 5)), (-1, (1, 4, 6)),
                         (-1, (2, 3, 6)), (-1, (2, 4, 5))]:
        phi[triples.index(triple)] = sign
    with h5py.File(folder / "fields.h5", "w") as file:
        field = file.create_group("field")
        field["phi"] = phi + 0.02 * rng.standard_normal((50, 35))
        field["E_phi"] = 0.1 * rng.standard_normal((50, 7, 35))
        structure = np.zeros((7, 7, 7))
        for c, p, q in [(1, 2, 3), (2, 3, 1), (3, 1, 2)]:
            structure[c, p, q], structure[c, q, p] = 2.0, -2.0
        field["structure"] = structure
    with h5py.File(folder / "uneven.h5", "w") as file:
        coords = rng.random((900, 7)) * [1.0, 1, 1, 0.5, 0.5, 2, 1]
        file["coords"] = coords
        file["metric"] = np.einsum("n,ij->nij", 1.0 + 0.2 * np.sin(6.0 * coords[:, 0]), np.eye(7))


def steady(value):
    """The value without what differs from run to run."""
    if isinstance(value, dict):
        return {k: steady(v) for k, v in value.items() if k not in VOLATILE and not k.endswith("_s")}
    return value


def digest(dataset):
    data = np.ascontiguousarray(dataset[()])
    return f"{dataset.dtype} {dataset.shape} {hashlib.sha256(data.tobytes()).hexdigest()[:16]}"


def describe_hdf5(path):
    found = {}
    with h5py.File(path, "r") as file:
        def visit(name, item):
            if isinstance(item, h5py.Dataset):
                found["/" + name] = digest(item)
            for key, value in item.attrs.items():
                if key not in VOLATILE:
                    found[f"/{name}@{key}"] = str(value)
        visit("", file)
        file.visititems(visit)
    return found


def describe(path):
    if path.suffix == ".json":
        return steady(json.loads(path.read_text()))
    if path.suffix == ".h5":
        return describe_hdf5(path)
    return path.read_text()


def run(bin_dir, command, ranks, folder):
    program, *words = command.lstrip("!").split(" ")
    before = {p: p.stat().st_mtime_ns for p in folder.rglob("*") if p.is_file()}
    call = ["mpirun", "--oversubscribe", "-n", str(ranks), str(bin_dir / program), *words]
    done = subprocess.run(call, cwd=folder, capture_output=True, text=True, timeout=600, check=False)
    errors = [line for line in done.stderr.splitlines() if line.startswith(program)]
    changed = [p for p in sorted(folder.rglob("*")) if p.is_file() and p.name != "LOCK" and not
               p.name.startswith(".") and before.get(p) != p.stat().st_mtime_ns]
    return {"exit": done.returncode, "errors": errors,
            "files": {str(p.relative_to(folder)): describe(p) for p in changed}}


def record(bin_dir, out):
    os.environ.update(OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
    results = {}
    for ranks in (1, 3):
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            write_inputs(folder)
            for command in COMMANDS:
                result = run(bin_dir, command, ranks, folder)
                results[f"{command} on {ranks}"] = result
                print(f"exit {result['exit']}, {len(result['files'])} files: {command} on {ranks}", flush=True)
                if (result["exit"] == 2) != command.startswith("!"):
                    sys.exit(f"{command}: unexpected exit code {result['exit']}: {result['errors']}")
    text = json.dumps(results, indent=1).replace(name, "")
    out.write_text(re.sub(r"\b\d+\.\d+ s\b", "S", text))


def differences(a, b, where=""):
    if isinstance(a, dict) and isinstance(b, dict):
        for key in sorted(set(a) | set(b)):
            yield from differences(a.get(key, "absent"), b.get(key, "absent"), f"{where} > {key}")
    elif a != b:
        yield f"{where}: {str(a)[:300]} | {str(b)[:300]}"


def compare(before, after):
    a, b = json.loads(before.read_text()), json.loads(after.read_text())
    found = list(differences(a, b))
    for line in found:
        print(line)
    print(f"{len(a)} runs compared, {len(found)} differences")
    return 1 if found else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=["record", "compare"])
    parser.add_argument("first", type=pathlib.Path)
    parser.add_argument("second", type=pathlib.Path)
    args = parser.parse_args()
    if args.action == "compare":
        return compare(args.first, args.second)
    record(args.first.resolve(), args.second)
    return 0


if __name__ == "__main__":
    sys.exit(main())
