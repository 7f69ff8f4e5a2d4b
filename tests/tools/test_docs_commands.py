# SPDX-License-Identifier: Apache-2.0
"""Every command that the documents show is run, with less work, or stands here with the reason why it is not. The lines
of a page's blocks run one after the other in one folder, so that each finds what those before it made. Blocks of Python
follow them."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import tempfile
import unittest
from itertools import combinations
from pathlib import Path

import h5py
import numpy as np

from pages import PAGES, blocks, lines_of
from run_folder import ROOT, TOOLS

BIN = Path(os.environ.get("K7_BIN_DIR", ROOT / "build" / "bin"))
TIME_LIMIT = 60

# The same command with less work.
SMALLER = [
    (r"^k7_train (.*?)(?: --epochs \d+)?( --out \S+)$", r"k7_train \1 --epochs 2 --hidden 4 --batch-size 16 --threads 1\2"),
    (r"(-N|--points) (?:100000?0?|2e4)\b", r"\1 400"),
    (r"^mpirun -n 4 ", "mpirun -n 2 "),
    (r"^python3 ", "/usr/bin/python3 "),  # Debian's, which has h5py
    (r"\b10000\b", "400"),
    (r"^(k7_spectral --model \S+)$", r"\1 -n 3 --accuracy 1"),
]
# What is not run, by how it begins, and why.
NOT_RUN = {
    "tools/quickstart": "installs and builds; it is run by hand on a fresh system",
    "tools/test": "it is what runs this test",
    "tools/lint": "needs clang-format, which K7 itself does not need",
    "tools/install_dependencies": "installs packages",
    "tools/build_cuda_stack": "downloads and builds for an hour",
    "cmake ": "builds; this test is part of such a build",
    "ctest ": "it is what runs this test",
    "build-dev/bin/test_": "a test of its own",
    "mpirun --oversubscribe -n 3 build-dev/bin/test_": "a test of its own",
    "export K7_BIN_DIR": "for the commands after it, which are tests of their own",
    "cd tests": "for the commands after it, which are tests of their own",
    "/usr/bin/python3 -m pytest": "tests of their own",
    "mkdocs ": "not among Debian 12's packages that K7 asks for; it is run by hand",
    "tools/make_docs": "test_docs.py runs it with --check; it would write into the sources",
    "tools/gpu_check": "test_gpu_check.py runs it",
    "sbatch ": "needs Slurm; e2e/test_slurm.py runs the job scripts where it is installed",
    "squeue": "needs Slurm",
    "eval \"$(tools/slurm_sandbox": "needs Slurm and root; e2e/test_slurm.py runs it where it can",
    "tools/slurm_sandbox": "needs Slurm and root; e2e/test_slurm.py runs it where it can",
    "mpirun --host node1": "needs two machines",
    "tools/scaling": "test_scaling.py runs it; 64 ranks need a Slurm job",
    "pip install": "downloads",
    "(cd build && cpack": "install/test_debian_packages.py makes the packages",
    "apt-get install": "installs; install/test_debian_packages.py looks into the package",
    "spack ": "needs Spack; test_recipes.py looks at the recipe",
    "git archive": "for the command after it",
    "eb ": "needs EasyBuild; test_recipes.py looks at the recipe",
    "module load": "needs EasyBuild",
    "apptainer ": "is not among Debian 12's packages; test_recipes.py looks at the recipe",
    "mpirun -n 4 apptainer": "is not among Debian 12's packages",
    "g++ $(pkg-config": "install/consumer.cmake does it with an installation",
    "python3 -m venv": "of use for the command after it alone",
    "env/bin/pip install": "builds for minutes, with what it downloads",
    "mpirun -n 2 python3 two_ranks.py": "python/test_page.py runs it, with the page's other Python",
}


def commands(page: Path) -> list[str]:
    """The lines of a page's shell blocks, without comments."""
    lines = [line for block in blocks(page.read_text(encoding="utf-8"), "sh") for line in lines_of(block)]
    stripped = [re.sub(r"(?:^|\s+)#(?:\s.*)?$", "", line).strip() for line in lines]
    return [line for line in stripped if line] + [f"python3 -c {shlex.quote(block)}" for block in python(page)]


def python(page: Path) -> list[str]:
    """A page's blocks of Python that need no more than h5py and NumPy."""
    found = blocks(page.read_text(encoding="utf-8"), "python")
    return [block for block in found if set(re.findall(r"^(?:import|from) (\w+)", block, re.MULTILINE)) <= {"h5py", "numpy"}]


def reason(command: str) -> str:
    """Why a command is not run; empty where it is."""
    return next((why for start, why in NOT_RUN.items() if command.startswith(start)), "")


def smaller(command: str) -> str:
    for pattern, replacement in SMALLER:
        command = re.sub(pattern, replacement, command)
    return command


def environment() -> dict[str, str]:
    more = {"PATH": f"{BIN}:{TOOLS}:{os.environ['PATH']}", "GOMP_SPINCOUNT": "30000", "OMP_NUM_THREADS": "1",
            "OMPI_MCA_rmaps_base_oversubscribe": "1", "OMPI_MCA_btl_vader_single_copy_mechanism": "none",
            "OMPI_MCA_mpi_yield_when_idle": "1", "OMPI_MCA_hwloc_base_binding_policy": "none"}
    if os.geteuid() == 0:
        more |= {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    return os.environ | more


def run(command: str, folder: Path) -> str:
    """Runs a command, and says what went wrong."""
    try:
        done = subprocess.run(["bash", "-c", command], cwd=folder, env=environment(), capture_output=True, text=True,
                              timeout=TIME_LIMIT, check=False, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        return f"{command}: not done after {TIME_LIMIT} s"
    return "" if done.returncode == 0 else f"{command}: exit code {done.returncode}\n{done.stdout}{done.stderr}"


def prepare(folder: Path) -> None:
    """What pages have from elsewhere: a trained model, samples, fields, the notebook's arrays."""
    (folder / "tools").symlink_to(TOOLS)
    columns = list(combinations(range(7), 3))
    phi = np.zeros((4, 35))
    for triple in ("013", "026", "045", "124", "156", "235", "346"):
        phi[:, columns.index(tuple(map(int, triple)))] = 1.0
    with h5py.File(folder / "mine.h5", "w") as file:
        file["group/phi"] = phi
        file["group/E_phi"] = np.zeros((4, 7, 35))
    random = np.random.default_rng(0)
    spheres = random.standard_normal((400, 2, 4))
    spheres /= np.linalg.norm(spheres, axis=2, keepdims=True)
    chart = spheres[:, :, 1:] / (1 + np.abs(spheres[:, :, :1]) + 1e-8)
    outputs = folder / "outputs"
    outputs.mkdir()
    np.save(outputs / "k7_tcs_pinn_coords.npy", np.column_stack([2 * np.pi * random.random(400), chart.reshape(400, 6)]))
    np.save(outputs / "k7_tcs_pinn_metric.npy", np.broadcast_to(np.eye(7), (400, 7, 7)))
    np.save(outputs / "k7_tcs_pinn_phi.npy", np.broadcast_to(phi[0], (400, 35)))
    for command in ("k7_train --preset quick --out outputs/run", "cp -r outputs/run outputs/quick",
                    "k7_sample --manifold s1xs3xs3 --radii 33,33,28 -N 10000 -o round.h5",
                    "cp round.h5 samples.h5",
                    "k7_sample --model outputs/quick/best.h5 -N 10000 -o outputs/quick/samples.h5",
                    "k7_spectral outputs/quick/samples.h5 -o outputs/quick/spectral.json", "cp -r outputs/quick outputs/other"):
        defect = run(smaller(command), folder)
        if defect:
            raise AssertionError(defect)


class Commands(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.prepared = Path(folder.name) / "prepared"
        cls.prepared.mkdir()
        prepare(cls.prepared)

    def test_commands_work(self) -> None:
        done: set[str] = set()
        for page in reversed(PAGES):  # what the first page shows, longer ones show too
            todo = [command for command in commands(page) if not reason(command)]
            if not set(todo) - done:
                continue
            with tempfile.TemporaryDirectory() as parent:
                folder = Path(shutil.copytree(self.prepared, Path(parent) / "work", symlinks=True))
                for command in todo:
                    with self.subTest(f"{page.name}: {command}"):
                        self.assertEqual(run(smaller(command), folder), "")
            done |= set(todo)
        self.assertGreater(len(done), 20, "commands are no longer recognised")

    def test_reasons_are_needed(self) -> None:
        shown = [command for page in PAGES for command in commands(page)]
        idle = [start for start in NOT_RUN if not any(command.startswith(start) for command in shown)]

        self.assertEqual(idle, [])


class Checks(unittest.TestCase):
    """What the tests above would find."""

    def test_smaller_commands(self) -> None:
        self.assertEqual(smaller("k7_train --preset notebook --epochs 5000 --out o"),
                         "k7_train --preset notebook --epochs 2 --hidden 4 --batch-size 16 --threads 1 --out o")
        self.assertEqual(smaller("mpirun -n 4 k7_sample -N 100000 -o s.h5"), "mpirun -n 2 k7_sample -N 400 -o s.h5")

    def test_commands_that_fail(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            self.assertIn("exit code 2", run("k7_spectral none.h5", Path(folder)))


if __name__ == "__main__":
    unittest.main()
