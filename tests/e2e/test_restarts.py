#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Trainings whose ranks are killed at random moments end like an undisturbed one, to the bit.

As a test it kills a few times, in the tier `long`; by hand, the numbers are free:
  K7_BIN_DIR=build/bin tests/e2e/test_restarts.py --kills 20 --steps 2000
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import time
import unittest
from pathlib import Path

import h5py
import numpy as np
import pytest
import programs
from programs import ProgramTest

RANKS = 3
LONGEST_END = 30.0  # seconds that the other ranks have to end after a kill
KILLS = 4
STEPS = 300


def training(out: str, steps: int) -> str:
    return (f"--preset neck --manifold torus7 --start random --hidden 32,32 --batch-size 128 --seed 3 --threads 1 "
            f"--log-every 100 --checkpoint-every 10 --epochs {steps} --out {out}")


def epoch(path: Path) -> int:
    """Of a checkpoint; 0 before the first."""
    if not path.exists():
        return 0
    with h5py.File(path, "r") as file:
        return int(file.attrs["epoch"])


def wait_for_steps(process: subprocess.Popen[str], lock: Path) -> None:
    """Until a run has its folder; its first step follows at once."""
    while not lock.exists() and process.poll() is None:
        time.sleep(0.01)


def weights(path: Path) -> dict[str, np.ndarray]:
    """Parameters, best parameters and the optimiser's memory."""
    found: dict[str, np.ndarray] = {}
    with h5py.File(path, "r") as file:
        for group in ("model", "best", "optimizer", "history"):
            file[group].visititems(lambda name, item, group=group: found.update({f"{group}/{name}": item[...]})
                                   if isinstance(item, h5py.Dataset) else None)
    return found


def die(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


class EndedEarly(Exception):
    """A training was done before it could be killed: the machine is faster than it was a moment ago."""


class Killer:
    """Starts a training again and again, and kills one rank of it, or all, or mpirun."""

    def __init__(self, folder: Path, steps: int, seed: int) -> None:
        self.folder = folder
        self.steps = steps
        self.random = random.Random(seed)
        self.longest_end = 0.0
        self.kinds: list[str] = []
        self.epochs: list[int] = []

    def kill_once(self, longest_wait: float) -> None:
        """After a random time, which may lie before the first checkpoint or within one."""
        lock = self.folder / "killed" / "run.lock"
        lock.unlink(missing_ok=True)
        process = programs.start("k7_train", *training("killed", self.steps).split(), ranks=RANKS, cwd=self.folder)
        ranks = programs.wait_for_ranks(process, RANKS)
        wait_for_steps(process, lock)
        time.sleep(self.random.uniform(0.0, longest_wait))
        if process.poll() is not None:
            done = programs.finish(process, 1)
            if done.code == 0:
                raise EndedEarly
            raise AssertionError(f"ended before it could be killed\n{done}")
        kind = self.random.choice(("one rank", "one rank", "all ranks", "mpirun and all ranks"))
        victims = [self.random.choice(ranks)] if kind == "one rank" else list(ranks)
        if kind.startswith("mpirun"):
            victims.insert(0, process.pid)
        begin = time.monotonic()
        for pid in victims:
            die(pid)
        done = programs.finish(process, LONGEST_END)
        while any(map(programs.is_alive, ranks)) and time.monotonic() < begin + LONGEST_END:
            time.sleep(0.05)
        self.longest_end = max(self.longest_end, time.monotonic() - begin)
        self.kinds.append(kind)
        self.epochs.append(epoch(self.folder / "killed" / "last.h5"))
        if done.hung or any(map(programs.is_alive, ranks)):
            for pid in ranks:
                die(pid)
            raise AssertionError(f"the others went on after {kind} had been killed\n{done}")

    def run(self, kills: int, longest_wait: float) -> programs.Done:
        """The end of the training, after so many kills; from the start again, with shorter waits, where it ended early."""
        for wait in (longest_wait, longest_wait / 3, longest_wait / 9):
            self.kinds.clear()
            self.epochs.clear()
            shutil.rmtree(self.folder / "killed", ignore_errors=True)
            try:
                for _ in range(kills):
                    self.kill_once(wait)
                break
            except EndedEarly:
                pass
        else:
            raise AssertionError("the training always ended before it could be killed")
        return programs.run("k7_train", *training("killed", self.steps).split(), ranks=RANKS, cwd=self.folder, limit=600)


class Restarts(ProgramTest):
    """See above."""

    kills = KILLS
    steps = STEPS

    @pytest.mark.long
    @pytest.mark.timeout(900)
    def test_kills_at_random_moments_change_nothing(self) -> None:
        process = programs.start("k7_train", *training("whole", self.steps).split(), ranks=RANKS, cwd=self.folder)
        wait_for_steps(process, self.folder / "whole" / "run.lock")
        begin = time.monotonic()
        self.assert_code(programs.finish(process, 600), 0)
        seconds = time.monotonic() - begin
        killer = Killer(self.folder, self.steps, seed=11)
        # Even without a step forward, the training cannot end before the last kill.
        done = killer.run(self.kills, 0.8 * seconds / self.kills)
        self.assert_code(done, 0)
        expected = weights(self.folder / "whole" / "last.h5")
        found = weights(self.folder / "killed" / "last.h5")
        self.assertEqual(sorted(expected), sorted(found))
        for name, values in expected.items():
            np.testing.assert_array_equal(found[name], values, name)
        self.assertLess(killer.longest_end, LONGEST_END)
        self.assertNotIn("run.lock", programs.listing(self.folder / "killed"))
        self.assertGreater(killer.epochs[-1], 0)
        kills = ", ".join(f"{kind} ({epoch})" for kind, epoch in zip(killer.kinds, killer.epochs))
        print(f"{len(killer.kinds)} kills in {self.steps} steps, {seconds:.0f} s: {kills}, in brackets the epoch of the "
              f"checkpoint; the others ended within {killer.longest_end:.1f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=KILLS)
    parser.add_argument("--steps", type=int, default=STEPS)
    options = parser.parse_args()
    Restarts.kills = options.kills
    Restarts.steps = options.steps
    unittest.main(argv=["test_restarts"])


if __name__ == "__main__":
    main()
