# SPDX-License-Identifier: Apache-2.0
"""A Slurm cluster of two make-believe nodes on this machine, and what tests ask of its jobs."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import programs

SANDBOX = programs.ROOT / "tools" / "slurm_sandbox"
PATH = f"{os.environ['PATH']}:/usr/sbin:/sbin"  # where daemons are


def why_none() -> str:
    """Why there can be no cluster here; empty when there can."""
    missing = [name for name in ("slurmctld", "slurmd", "munged", "sbatch") if shutil.which(name, path=PATH) is None]
    if missing:
        return f"Slurm is not installed ({', '.join(missing)}): tools/install_dependencies --cluster"
    if os.geteuid() != 0:
        return "Slurm's daemons need root"
    with tempfile.TemporaryDirectory() as folder:
        try:
            os.mknod(Path(folder) / "gpu", stat.S_IFCHR | 0o600, os.makedev(1, 3))
        except OSError as error:
            return f"device files for Slurm's GPUs are not allowed here: {error.strerror}"
    return ""


class Cluster:
    """Started when made; stop() ends it."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="k7_slurm."))
        # Folders on the way to the sockets must be open to all of Slurm's daemons.
        self.folder.chmod(0o755)
        self.environment = programs.environment() | {"PATH": PATH}
        exports = self.run([SANDBOX, "up", self.folder / "slurm"]).split()[1:]
        self.environment |= dict(word.split("=", 1) for word in exports)

    def run(self, words: list[object]) -> str:
        done = subprocess.run(list(map(str, words)), env=self.environment, capture_output=True, text=True, timeout=120,
                              check=False)
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return done.stdout

    def stop(self) -> None:
        self.run([SANDBOX, "down", self.folder / "slurm"])
        shutil.rmtree(self.folder)


class Job:
    """A script of jobs/ on the cluster."""

    def __init__(self, cluster: Cluster, script: str, name: str, *options: str, **variables: str) -> None:
        self.cluster = cluster
        self.out = cluster.folder / name
        self.log_file = cluster.folder / f"{name}.log"
        variables |= {"OUT": str(self.out), "K7_ROOT": str(programs.ROOT), "K7_BIN": str(programs.BIN)}
        words = ["env", *(f"{key}={value}" for key, value in variables.items()), "sbatch", "--parsable",
                 f"--output={self.log_file}", f"--chdir={cluster.folder}", *options, programs.ROOT / "jobs" / script]
        self.number = cluster.run(words).strip()

    def log(self) -> str:
        return self.log_file.read_text() if self.log_file.exists() else ""

    def property(self, name: str) -> str:
        found = re.search(rf"\b{name}=(\S*)", self.cluster.run(["scontrol", "show", "job", self.number]))
        assert found is not None
        return found[1]

    def wait_until(self, what: str, holds: Callable[[], bool], seconds: float = 120.0) -> None:
        end = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < end, f"waited in vain for: {what}; {self.property('JobState')}\n{self.log()}"
            time.sleep(0.2)

    def wait_for_state(self, *states: str, seconds: float = 120.0) -> str:
        self.wait_until(" or ".join(states), lambda: self.property("JobState") in states, seconds)
        return self.property("JobState")

    def wait_for_end(self) -> str:
        return self.wait_for_state("COMPLETED", "FAILED", "TIMEOUT", "CANCELLED", "NODE_FAIL", seconds=300.0)

    def wait_for_line(self, text: str) -> None:
        self.wait_until(text, lambda: re.search(text, self.log()) is not None)

    def start_again(self) -> None:
        """Slurm lets a job rest for two minutes before it starts anew; this only for two seconds, as a node refuses a
        second start in the same one. A node's failure is noticed bit by bit, and lets the job rest again each time."""
        self.wait_for_state("PENDING")
        for _ in range(20):
            self.cluster.run(["scontrol", "update", f"jobid={self.number}", "StartTime=now+2"])
            end = time.monotonic() + 6.0
            while time.monotonic() < end:
                if self.property("JobState") == "RUNNING":
                    return
                time.sleep(0.2)
        raise AssertionError(f"the job does not start again: {self.property('Reason')}")
