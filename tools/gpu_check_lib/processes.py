# SPDX-License-Identifier: Apache-2.0
"""Runs programs within a budget of time, and watches the memory of the GPU meanwhile."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Mapping, Optional, Sequence

LEAST_SECONDS = 1.0  # with less left no program is started
GRACE_SECONDS = 5.0  # from SIGTERM, which mpirun hands on to its ranks, to SIGKILL


class Budget:
    """Seconds that all steps have together."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._start = time.monotonic()

    def used(self) -> float:
        return time.monotonic() - self._start

    def left(self) -> float:
        return self.seconds - self.used()


@dataclass(frozen=True)
class Done:
    """How a program ended; `code` is None for one that was not started, or not waited for to its end."""

    code: Optional[int]
    out: str
    err: str
    seconds: float
    gpu_memory_mib: Optional[float] = None
    unfinished: str = ""  # why it has no code

    def problem(self) -> str:
        """One line that says what went wrong; empty where nothing did."""
        if self.code == 0 or self.code is None:
            return self.unfinished
        lines = [line for line in (self.err + self.out).splitlines() if line.strip()]
        telling = [line for line in lines if "error" in line.lower()] or lines[-1:] or ["it did not say why"]
        return f"ended with {self.code}: {telling[0].strip()}"


def environment() -> dict[str, str]:
    """Of K7's programs: ranks share cores and GPUs; containers run as root; no colours within what is read here. In a bundle
    they have libraries of their own, which are not for this program and nvidia-smi."""
    more = {"OMPI_MCA_mpi_yield_when_idle": "1", "OMPI_MCA_rmaps_base_oversubscribe": "1",
            "OMPI_MCA_btl_vader_single_copy_mechanism": "none", "OMPI_MCA_hwloc_base_binding_policy": "none",
            "GTEST_COLOR": "no"}
    if os.geteuid() == 0:
        more |= {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    if "K7_LIBRARY_PATH" in os.environ:
        more["LD_LIBRARY_PATH"] = os.environ["K7_LIBRARY_PATH"]
    return os.environ | more


def run(words: Sequence[object], seconds: float, budget: Budget, ranks: int = 1, watch_gpu: bool = False,
        variables: Mapping[str, str] = {}) -> Done:
    """Runs a program for `seconds` at most, and no longer than the budget lasts; `variables` are added to its environment."""
    limit = min(seconds, budget.left())
    if limit < LEAST_SECONDS:
        return Done(None, "", "", 0.0, unfinished=f"the budget of {budget.seconds:g} s is used up")
    command = [str(word) for word in words]
    if ranks > 1:
        if shutil.which("mpirun") is None:
            return Done(None, "", "", 0.0, unfinished="there is no mpirun on the path")
        command = ["mpirun", "--oversubscribe", "-n", str(ranks), *command]
    start = time.monotonic()
    memory = GpuMemory() if watch_gpu else None
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               errors="replace", start_new_session=True, env=environment() | dict(variables))
    code: Optional[int] = None
    unfinished = ""
    try:
        out, err = process.communicate(timeout=limit)
        code = process.returncode
    except subprocess.TimeoutExpired:
        end(process)
        out, err = process.communicate()
        unfinished = f"did not end within {limit:.0f} s"
    finally:
        end(process)
        used = memory.stop() if memory else None
    return Done(code, out, err, time.monotonic() - start, used, unfinished)


def end(process: subprocess.Popen[str]) -> None:
    """Ends a program that this module has started, with all that it has started itself."""
    if process.poll() is not None:
        return
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(GRACE_SECONDS)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def ask(*words: str, of_k7: bool = False) -> Optional[str]:
    """What a small program prints, one of K7 or about one, or another; None where it is not there or fails."""
    variables = environment() if of_k7 else None
    try:
        done = subprocess.run(words, capture_output=True, text=True, errors="replace", timeout=20, check=False, env=variables)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def first_gpu() -> str:
    """What nvidia-smi calls the GPU that programs see first."""
    return os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0].strip() or "0"


def gpu_value(name: str) -> Optional[str]:
    """A value that nvidia-smi knows of the first visible GPU."""
    text = ask("nvidia-smi", f"--query-gpu={name}", "--format=csv,noheader,nounits", "-i", first_gpu())
    return text.splitlines()[0].strip() if text else None


def gpu_number(name: str) -> Optional[float]:
    try:
        return float(gpu_value(name) or "")
    except ValueError:
        return None


class GpuMemory:
    """The most that the GPU's memory grows by from now until stop(), MiB."""

    def __init__(self) -> None:
        self._before = gpu_number("memory.used")
        self._most = self._before
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        if self._before is not None:
            self._thread.start()

    def _watch(self) -> None:
        while not self._ended.wait(0.3):
            now = gpu_number("memory.used")
            if now is not None and self._most is not None:
                self._most = max(self._most, now)

    def stop(self) -> Optional[float]:
        self._ended.set()
        if self._before is None or self._most is None:
            return None
        self._thread.join()
        return self._most - self._before
