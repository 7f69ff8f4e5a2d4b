# SPDX-License-Identifier: Apache-2.0
"""Runs K7's programs alone or under mpirun, for the tests of this folder; makes sample files; fills disks."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import tempfile
import time
import unittest
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(os.environ.get("K7_BIN_DIR", ROOT / "build" / "bin"))
TIME_LIMIT = 60.0
PERIODS = [2 * np.pi] + [0.0] * 6


def environment() -> dict[str, str]:
    """Surroundings in which ranks share few cores, in a container or not. GOMP_SPINCOUNT is what the programs set: where
    it is there, they need not start a second time, which saves each test a second."""
    more = {"GOMP_SPINCOUNT": "30000", "OMPI_MCA_mpi_yield_when_idle": "1",
            "OMPI_MCA_btl_vader_single_copy_mechanism": "none",
            "OMPI_MCA_hwloc_base_binding_policy": "none", "OMPI_MCA_rmaps_base_oversubscribe": "1"}
    if os.geteuid() == 0:
        more |= {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    return os.environ | more


def command(program: str, *arguments: Any, ranks: int = 1) -> list[str]:
    """The words that start a program: plain on one rank, else under mpirun."""
    launcher = [] if ranks == 1 else ["mpirun", "--oversubscribe", "-n", str(ranks)]
    return [*launcher, str(BIN / program), *map(str, arguments)]


@dataclass(frozen=True)
class Done:
    """How a program ended."""

    words: list[str]
    code: int
    out: str
    err: str
    hung: bool

    def __str__(self) -> str:
        state = "killed after the time limit" if self.hung else f"exit code {self.code}"
        return f"{' '.join(self.words)}\n{state}\n--- stdout\n{self.out}\n--- stderr\n{self.err}"


def start(program: str, *arguments: Any, ranks: int = 1, cwd: Path,
          largest_file: int | None = None) -> subprocess.Popen[str]:
    """Starts a program in a process group of its own; writing files beyond a size fails, as with a quota."""
    def limit_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)  # Python ignores it, and programs would inherit that

    return subprocess.Popen(command(program, *arguments, ranks=ranks), cwd=cwd, env=environment(), text=True,
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            start_new_session=True, preexec_fn=limit_files if largest_file else None)


def finish(process: subprocess.Popen[str], limit: float = TIME_LIMIT) -> Done:
    """Waits for the end; what has not ended within `limit` seconds is killed."""
    hung = False
    try:
        out, err = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        hung = True
        kill_tree(process)
        out, err = process.communicate()
    except BaseException:  # a test that was stopped leaves nothing running
        kill_tree(process)
        raise
    return Done(list(map(str, process.args)), process.returncode, out, err, hung)  # type: ignore[call-overload]


def run(program: str, *arguments: Any, ranks: int = 1, cwd: Path, limit: float = TIME_LIMIT) -> Done:
    """Runs a program to its end."""
    return finish(start(program, *arguments, ranks=ranks, cwd=cwd), limit)


def children(pid: int) -> list[int]:
    """The processes that a process has started: the ranks, if it is mpirun."""
    found: list[int] = []
    for tasks in Path(f"/proc/{pid}/task").glob("*/children"):
        found += map(int, tasks.read_text().split())
    return sorted(found)


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and only waits to be looked after does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def kill_tree(process: subprocess.Popen[str]) -> None:
    """Ends mpirun and its ranks, which have process groups of their own."""
    for pid in [*children(process.pid), process.pid]:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


def wait_for_ranks(process: subprocess.Popen[str], ranks: int) -> list[int]:
    """The process ids of all ranks, as soon as they run."""
    end = time.monotonic() + TIME_LIMIT
    while time.monotonic() < end and process.poll() is None:
        found = [process.pid] if ranks == 1 else children(process.pid)
        if len(found) == ranks:
            return found
        time.sleep(0.05)
    raise AssertionError(f"the ranks did not start\n{finish(process, 1)}")


def write_samples(path: Path, n: int, manifold: str = "s1xs3xs3", dtype: str = "float64", attributes: bool = True,
                  seed: int = 1) -> None:
    """A good sample file: the round unit metric at random points of `manifold`, which is the neck or flat."""
    random = np.random.default_rng(seed)
    with h5py.File(path, "w") as file:
        neck = manifold == "s1xs3xs3"
        if attributes:
            file.attrs.update({"format": "k7-samples", "version": 1, "manifold": manifold,
                               "frame": "left-invariant" if neck else "coordinate"})
        coords = random.random((n, 7))
        if neck:
            theta = 2 * np.pi * random.random((n, 1))
            q = random.standard_normal((n, 2, 4))
            q /= np.linalg.norm(q, axis=2, keepdims=True)
            stereographic = q[:, :, 1:] / (1 + np.abs(q[:, :, :1]))
            coords = np.concatenate([theta, stereographic.reshape(n, 6)], axis=1)
            file["points"] = np.concatenate([theta, q.reshape(n, 8)], axis=1).astype(dtype)
        file["coords"] = coords.astype(dtype)
        file["metric"] = np.broadcast_to(np.eye(7), (n, 7, 7)).astype(dtype)


@contextmanager
def edited(path: Path) -> Iterator[h5py.File]:
    """An HDF5 file to change; afterwards its checksum, if it has one, is right again (see include/k7/io/seal.hpp)."""
    with h5py.File(path, "r+") as file:
        block = int(file.userblock_size)
        yield file
    if block:
        body = path.read_bytes()[block:]
        seal = f"k7-seal crc32 {zlib.crc32(body):08x} bytes {len(body)}\n"
        path.write_bytes(seal.encode().ljust(block) + body)


def replace(path: Path, dataset: str, values: Any) -> None:
    """Puts a dataset in the place of one that may be there; None only removes it."""
    with h5py.File(path, "r+") as file:
        if values is None or dataset in file:
            del file[dataset]
        if values is not None:
            file[dataset] = values


def listing(folder: Path) -> list[str]:
    """Everything below a folder, hidden or not."""
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*"))


class SmallDisk:
    """A tmpfs of 1 MiB; filled up to `free` bytes. It needs root and a kernel that lets us mount."""

    def __init__(self, folder: Path, free: int) -> None:
        self.folder = folder
        folder.mkdir()
        mounted = os.geteuid() == 0 and subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=1m", "k7test", str(folder)], capture_output=True,
            check=False).returncode == 0
        if not mounted:
            raise unittest.SkipTest("a full disk needs root and the right to mount a tmpfs")
        with (folder / "filler").open("wb", buffering=0) as stream:
            stream.write(bytes((1 << 20) - free))

    def remove(self) -> None:
        subprocess.run(["umount", "-l", str(self.folder)], check=True)


class ProgramTest(unittest.TestCase):
    """Gives every test a fresh folder, in which the programs run."""

    @classmethod
    def setUpClass(cls) -> None:
        for program in ("k7_train", "k7_sample", "k7_spectral"):
            if not os.access(BIN / program, os.X_OK):
                raise AssertionError(f"{BIN / program} is not there; build K7, or set K7_BIN_DIR")

    def setUp(self) -> None:
        holder = tempfile.TemporaryDirectory(prefix="k7_e2e.")
        self.addCleanup(holder.cleanup)
        self.folder = Path(holder.name)

    def run_here(self, program: str, *arguments: Any, ranks: int = 1) -> Done:
        return run(program, *arguments, ranks=ranks, cwd=self.folder)

    def start_here(self, program: str, *arguments: Any, ranks: int = 1) -> subprocess.Popen[str]:
        process = start(program, *arguments, ranks=ranks, cwd=self.folder)
        self.addCleanup(lambda: process.poll() is None and finish(process, 0))
        return process

    def assert_code(self, done: Done, code: int) -> None:
        self.assertFalse(done.hung, str(done))
        self.assertEqual(done.code, code, str(done))

    def small_disk(self, free: int) -> Path:
        """A folder with room for `free` bytes; skips the test where that cannot be made."""
        disk = SmallDisk(self.folder / "disk", free)
        self.addCleanup(disk.remove)
        return disk.folder
