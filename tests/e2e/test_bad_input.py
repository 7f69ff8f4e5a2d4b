# SPDX-License-Identifier: Apache-2.0
"""Bad usage and bad input: exit code 2, one line on stderr that names what is wrong, nothing written, no rank left.

The calls are the tables of refusals.py. Then what looks odd but is right, full disks, and ranks that are killed.
"""

from __future__ import annotations

import json
import os
import signal
import time
import unittest
from pathlib import Path
from typing import Any, Callable

import h5py
import numpy as np
import pytest

import programs
from bad_files import N, TRAIN, Setup, checkpoint, flat, neck, text
from programs import Done, ProgramTest, write_samples
from refused import RefusalTest, add_cases
from refusals import GOOD, SAMPLE_CASES, SPECTRAL_FILES, SPECTRAL_USAGE, TRAIN_CASES


class BadInput(RefusalTest):
    """One test per case and rank count, made below."""


add_cases(BadInput, SPECTRAL_FILES, SPECTRAL_USAGE, TRAIN_CASES, SAMPLE_CASES)


class FullDisk(RefusalTest):
    """Disks without room, and with too little of it: as any bad output, and no half file stays."""

    ranks = 1

    def check(self, program: str, arguments: str, free: int) -> None:
        disk = self.small_disk(free)
        before = self.contents()
        done = self.run_here(program, *arguments.split(), ranks=self.ranks)
        self.assert_refused(done, program, ("disk/",), before)
        self.assertEqual([p.name for p in disk.iterdir()], ["filler"])

    def test_spectral_no_room(self) -> None:
        neck()(self.folder)
        self.check("k7_spectral", f"{GOOD} -o disk/spectral.json", 0)

    def test_spectral_no_room_for_eigenvectors(self) -> None:
        write_samples(self.folder / "s.h5", 3000)
        self.check("k7_spectral", f"{GOOD} --eigenvectors disk/modes.h5", 65536)

    def test_spectral_no_room_for_the_graph(self) -> None:
        write_samples(self.folder / "s.h5", 3000)
        self.check("k7_spectral", f"{GOOD} --graph disk/graph.h5", 65536)

    def test_sample_no_room(self) -> None:
        self.check("k7_sample", "--radii 1,1,1 -N 5000 -o disk/s.h5", 0)

    def test_sample_little_room(self) -> None:
        self.check("k7_sample", "--radii 1,1,1 -N 5000 -o disk/s.h5", 1 << 19)

    def test_sample_of_model_little_room(self) -> None:
        checkpoint()(self.folder)
        self.check("k7_sample", "--model m.h5 -N 5000 -o disk/s.h5", 1 << 19)

    def test_train_no_room(self) -> None:
        self.check("k7_train", TRAIN.replace("--out run", "--out disk/"), 0)

    def test_train_little_room(self) -> None:
        self.check("k7_train", TRAIN.replace("--out run", "--out disk/"), 1 << 14)


@pytest.mark.long
class FullDiskOfThreeRanks(FullDisk):
    """As one rank does; what three do while a disk fills up is tested in every tier, in test_nothing_lost.py."""

    ranks = 3


class SmallFiles(RefusalTest):
    """Files that may not grow, as with a quota: as a full disk, and anyone can have it."""

    LARGEST = 16 << 20  # MPI's own files are smaller

    def check(self, program: str, arguments: str, output: str) -> None:
        for ranks in (1, 3):
            with self.subTest(ranks=ranks):
                before = self.contents()
                done = programs.finish(programs.start(program, *arguments.split(), ranks=ranks, cwd=self.folder,
                                                      largest_file=self.LARGEST))
                self.assert_refused(done, program, (output,), before)

    def test_sample(self) -> None:
        self.check("k7_sample", "--radii 1,1,1 -N 60000 -o big.h5", "big.h5")

    def test_spectral_graph(self) -> None:
        write_samples(self.folder / "s.h5", 12000)
        self.check("k7_spectral", "s.h5 -k 100 -n 2 --no-extrapolate --graph big.h5 -o out.json", "big.h5")


class OddButRight(ProgramTest):
    """Input that looks wrong and is not."""

    def spectrum(self, ranks: int, arguments: str = GOOD) -> tuple[Done, dict[str, Any]]:
        done = self.run_here("k7_spectral", *arguments.split(), "-o", "out.json", ranks=ranks)
        self.assert_code(done, 0)
        return done, json.loads((self.folder / "out.json").read_text())["spectral"]

    def on_all_ranks(self, path_maker: Setup, check: Callable[[Done, dict[str, Any]], None],
                     arguments: str = GOOD) -> None:
        path_maker(self.folder)
        for ranks in (1, 3):
            with self.subTest(ranks=ranks):
                check(*self.spectrum(ranks, arguments))

    def test_float32(self) -> None:
        self.on_all_ranks(lambda f: write_samples(f / "s.h5", N, dtype="float32"),
                          lambda done, tree: self.assertEqual(tree["n_points"], N))

    def test_only_coords_and_metric(self) -> None:
        self.on_all_ranks(lambda f: write_samples(f / "s.h5", N, "euclidean", attributes=False),
                          lambda done, tree: self.assertEqual(len(tree["eigenvalues"]), 5))

    def test_other_datasets_and_attributes_are_ignored(self) -> None:
        def more(path: Path) -> None:
            with h5py.File(path, "r+") as file:
                file.attrs["author"] = "someone"
                file["more/numbers"] = np.zeros(3)
        self.on_all_ranks(neck(more), lambda done, tree: self.assertEqual(tree["n_points"], N))

    def test_duplicates(self) -> None:
        def twice(path: Path) -> None:
            with h5py.File(path, "r+") as file:
                for name in ("coords", "points"):
                    file[name][N // 2:] = file[name][:N // 2]
        self.on_all_ranks(neck(twice), lambda done, tree: self.assertTrue(np.all(np.isfinite(tree["eigenvalues"]))))

    def test_two_clusters(self) -> None:
        def apart(path: Path) -> None:
            with h5py.File(path, "r+") as file:
                file["coords"][N // 2:, 0] += 1000.0

        def check(done: Done, tree: dict[str, Any]) -> None:
            self.assertEqual(tree["n_components"], 2)
            values = tree["eigenvalues"]
            self.assertLess(max(abs(v) for v in values[:2]), 1e-8 * values[2])
            self.assertGreater(values[2], 0.0)
            self.assertRegex(done.err, r"\b2 components", str(done))
        self.on_all_ranks(flat(apart), check)

    def test_as_many_points_as_ranks(self) -> None:
        self.on_all_ranks(flat(n=4), lambda done, tree: self.assertEqual(tree["n_points"], 4), "s.h5 -k 3 -n 2")

    def test_config_and_library_options(self) -> None:
        self.on_all_ranks(lambda f: (neck()(f), text("c.toml", "neighbors = 8\neigenvalues = 5\n")(f)),
                          lambda done, tree: self.assertEqual((tree["k"], len(tree["eigenvalues"])), (8, 5)),
                          "s.h5 --config c.toml")


class KilledRank(ProgramTest):
    """kill -9 of one of three ranks ends the job within 10 s, and no output appears."""

    def kill_one(self, program: str, arguments: str, outputs: list[str], delay: float) -> None:
        """Kills the last rank `delay` seconds after the program's first line."""
        process = self.start_here(program, *arguments.split(), ranks=3)
        ranks = programs.wait_for_ranks(process, 3)
        assert process.stderr is not None
        process.stderr.readline()
        time.sleep(delay)
        self.assertIsNone(process.poll(), "the job had ended before a rank could be killed")
        started = time.monotonic()
        os.kill(ranks[-1], signal.SIGKILL)
        done = programs.finish(process, 20)
        self.assertFalse(done.hung, str(done))
        self.assertLess(time.monotonic() - started, 10, str(done))
        self.assertNotEqual(done.code, 0, str(done))
        self.assertEqual([name for name in outputs if (self.folder / name).exists()], [])
        while time.monotonic() - started < 10 and any(map(programs.is_alive, ranks)):
            time.sleep(0.05)
        self.assertEqual([pid for pid in ranks if programs.is_alive(pid)], [])

    def test_spectral(self) -> None:
        self.assert_code(self.run_here("k7_sample", "--radii", "33,33,28", "-N", 100000, "-o", "s.h5"), 0)
        self.kill_one("k7_spectral", "s.h5 -k 48 -n 40 -o out.json", ["out.json"], 1.5)

    def test_train(self) -> None:
        self.kill_one("k7_train", "--preset notebook --hidden 32,32 --batch-size 256 --epochs 1000000 "
                      "--checkpoint-every 1000000 --out run", ["run/last.h5", "run/best.h5", "run/train.json"], 1.5)

    def test_sample(self) -> None:
        self.kill_one("k7_sample", "--radii 33,33,28 -N 1000000 -o s.h5", ["s.h5"], 0.1)


if __name__ == "__main__":
    unittest.main()
