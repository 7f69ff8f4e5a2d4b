# SPDX-License-Identifier: Apache-2.0
"""What options after -- may change: how the eigenvalues are found, and never which."""

from __future__ import annotations

import json
import unittest

from programs import ProgramTest

TYPES = ("krylovschur", "lapack", "lobpcg", "jd", "gd", "arnoldi")
REFUSED = (
    ("-eps_type", "lanczos"),
    ("-eps_type", "power"),
    ("-eps_ncv", "5"),
    ("-eps_nev", "3"),
    ("-eps_largest_real",),
    ("-eps_target", "1"),
    ("-eps_interval", "0,1"),
    ("-eps_non_hermitian",),
    ("-eps_tol", "-3"),
    ("-st_type", "sinvert"),
    ("-mat_type", "dense"),
    ("-mat_type", "sbaij"),
    ("-eps_type", "jd", "-st_type", "sinvert"),
)


class SolverOptions(ProgramTest):
    def setUp(self) -> None:
        super().setUp()
        self.run_here("k7_sample", "--radii", "1,1,1", "-N", "260", "-o", "points.h5")

    def solve(self, ranks: int, *options: str):
        return self.run_here("k7_spectral", "points.h5", "-k", "20", "-n", "8", "--method", "graph", "--", *options,
                                ranks=ranks)

    def test_the_log_of_petsc_names_the_stages(self) -> None:
        done = self.run_here("k7_spectral", "points.h5", "-k", "20", "-n", "8", "--", "-log_view", ranks=2)
        self.assertEqual(done.code, 0, done)
        for name in ("partition", "kNN", "assemble", "eigensolve", "Ritz"):
            self.assertIn(f"K7 {name}:", done.out + done.err)

    def test_every_type_finds_the_same_spectrum(self) -> None:
        found = {}
        for kind in TYPES:
            for ranks in (1, 2):
                done = self.solve(ranks, "-eps_type", kind)
                self.assert_code(done, 0)
                found[kind, ranks] = json.loads((self.folder / "spectral.json").read_text())["spectral"]["eigenvalues"]
        truth = found["lapack", 1]
        self.assertEqual(sum(value < 1e-9 for value in truth), 1)
        for key, values in found.items():
            self.assertEqual(len(values), 8, key)
            for value, expected in zip(values[1:], truth[1:]):
                self.assertAlmostEqual(value / expected, 1.0, delta=1e-9, msg=str(key))

    def test_options_that_ask_for_something_else_are_refused(self) -> None:
        for options in REFUSED:
            for ranks in (1, 2):
                with self.subTest(options=options, ranks=ranks):
                    done = self.solve(ranks, *options)
                    self.assert_code(done, 2)
                    lines = [line for line in done.err.splitlines() if "error:" in line]
                    self.assertEqual(len(lines), 1, str(done))
                    self.assertFalse((self.folder / "spectral.json").exists())


if __name__ == "__main__":
    unittest.main()
