# SPDX-License-Identifier: Apache-2.0
"""CONTRIBUTING.md's table "To add" holds: in a scratch copy, a toy manifold is one file and one line, a toy loss term one
place, and the program then knows both."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

MANIFOLD = """// A torus by another name.
#include "k7/geometry/manifold.hpp"

namespace k7::geometry {

std::unique_ptr<Manifold> make_toy(const ManifoldParameters& parameters) {
  return make_manifold("torus7", parameters);
}

}  // namespace k7::geometry
"""
MANIFOLD_LINE = 'K7_MANIFOLD(make_toy, "toy-torus", training)\n'
VALUE = """at::Tensor toy(const PointForms& p) {
  return p.form.phi.value.square().sum(1);
}

}  // namespace

"""
TERM = '      {"toy", 0.5, "Weight of |phi|^2 in components", nullptr, toy},\n      {"trace",'


def replace_once(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    if text.count(old) != 1:
        raise AssertionError(f"{path} holds {old!r} {text.count(old)} times; once is needed")
    path.write_text(text.replace(old, new))


@pytest.mark.long
@pytest.mark.timeout(1500)
class Additions(unittest.TestCase):
    def setUp(self) -> None:
        holder = tempfile.TemporaryDirectory(prefix="k7_additions.")
        self.addCleanup(holder.cleanup)
        self.copy = Path(holder.name)
        for name in ("src", "include", "tools", "jobs", "docs"):
            shutil.copytree(ROOT / name, self.copy / name, symlinks=True)
        for name in ("CMakeLists.txt", "CMakePresets.json", "LICENSE", "README.md", "CHANGELOG.md", "CONTRIBUTING.md"):
            shutil.copy(ROOT / name, self.copy)

    def run_here(self, *command: str) -> str:
        environment = {**os.environ, "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
        done = subprocess.run(command, cwd=self.copy, capture_output=True, text=True, timeout=1400, check=False,
                              env=environment)
        self.assertEqual(done.returncode, 0, f"{command}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
        return done.stdout

    def test_a_manifold_and_a_loss_term(self) -> None:
        (self.copy / "src/geometry/manifolds/toy.cpp").write_text(MANIFOLD)
        with (self.copy / "src/geometry/manifolds.inc").open("a") as table:
            table.write(MANIFOLD_LINE)
        terms = self.copy / "src/train/loss/loss_terms.cpp"
        replace_once(terms, "}  // namespace\n\n", VALUE)
        replace_once(terms, '      {"trace",', TERM)
        self.run_here("cmake", "-S", ".", "-B", "build", "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Debug", "-DK7_BUILD_TESTS=OFF",
                      "-DK7_BUILD_BENCH=OFF")
        self.run_here("cmake", "--build", "build", "--target", "k7_train")
        text = self.run_here("build/bin/k7_train", "--help")
        self.assertIn("toy-torus", text)
        self.assertIn("--lambda-toy", text)
        self.run_here("build/bin/k7_train", "--preset", "torus", "--manifold", "toy-torus", "--hidden", "4", "--epochs", "3",
                      "--batch-size", "16", "--lambda-toy", "0.25", "--out", "run")
        header = (self.copy / "run/history.csv").read_text().splitlines()[0].split(",")
        self.assertIn("toy", header)


if __name__ == "__main__":
    unittest.main()
