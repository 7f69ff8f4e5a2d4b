# SPDX-License-Identifier: Apache-2.0
"""Limits of the address space, as batch systems set them: a program that cannot live with one says so and ends.

OpenBLAS takes 128 MiB for each thread when it is loaded, and more when it is called; where it gets none, it asks again
for ever.
"""

from __future__ import annotations

import os
import resource
import subprocess
import unittest
from unittest import mock

import pytest

import programs
from bad_files import TRAIN, flat
from programs import Done, ProgramTest
from refusals import GOOD

KIB = 1024
SPECTRAL = f"{GOOD} --no-extrapolate --threads 2 -q"


class MemoryLimits(ProgramTest):
    TIME_LIMIT = 30.0  # seconds; the programs notice after 3 that nothing moves

    def run_limited(self, kib: int, program: str, words: str, ranks: int = 1) -> Done:
        def limit() -> None:
            resource.setrlimit(resource.RLIMIT_AS, (kib * KIB, kib * KIB))

        with mock.patch.dict(os.environ, {"OMP_NUM_THREADS": "2"}):  # when BLAS is loaded, whatever the machine
            process = subprocess.Popen(programs.command(program, *words.split(), ranks=ranks), cwd=self.folder,
                                       env=programs.environment(), text=True, stdin=subprocess.DEVNULL,
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
                                       preexec_fn=limit)
        return programs.finish(process, self.TIME_LIMIT)

    def check(self, kib: int, program: str, words: str, ranks: int = 1) -> bool:
        """Whether the program could live with a limit; if not, it must have said so."""
        done = self.run_limited(kib, program, words, ranks)
        with self.subTest(kib=kib, program=program, ranks=ranks):
            self.assertFalse(done.hung, str(done))
            if done.code == 0:
                return True
            lines = [line for line in done.err.splitlines() if "error" in line]
            self.assertTrue(lines, str(done))
            if done.code == 2:
                self.assertEqual(len(lines), 1, str(done))
                self.assertRegex(lines[0], rf"^{program}: error: .*ulimit -v")
        return False

    @pytest.mark.quick
    def test_where_libraries_cannot_be_loaded(self) -> None:
        flat()(self.folder)
        done = self.run_limited(300000, "k7_spectral", SPECTRAL)
        self.assert_code(done, 2)
        self.assertRegex(done.err, r"\Ak7_spectral: error: .*\(ulimit -v 300000\) leaves too little room.*BLAS.*\n\Z")
        self.check(300000, "k7_spectral", SPECTRAL, ranks=3)

    def test_where_blas_cannot_be_called(self) -> None:
        flat()(self.folder)
        found = {kib: self.check(kib, "k7_spectral", SPECTRAL) for kib in (560000, 700000, 4000000)}
        self.assertFalse(found[560000])
        self.assertTrue(found[4000000])

    @pytest.mark.long
    def test_at_any_size(self) -> None:
        flat()(self.folder)
        for program, words, sizes in (("k7_spectral", SPECTRAL, range(50000, 1000000, 45000)),
                                      ("k7_sample", "--radii 1,1,1 -N 300 -q -o x.h5 --threads 2",
                                       range(200000, 1300000, 100000)),
                                      ("k7_train", f"{TRAIN} --threads 2 --resume never", range(550000, 1500000, 100000))):
            for kib in sizes:
                self.check(kib, program, words)


if __name__ == "__main__":
    unittest.main()
