# SPDX-License-Identifier: Apache-2.0
"""Files as people have them: held open by another program, behind long paths and symbolic links, silent about what is
periodic. Files that are refused for what they are stand in refusals.py.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import unittest
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from bad_files import TRAIN, checkpoint, flat
from golden_fields import write_fields
from programs import ROOT, Done, ProgramTest, write_samples
from refused import RefusalTest
from refusals import GOOD

CONVERTER = ROOT / "tools" / "npy_to_hdf5.py"
LONGEST_NAME = 255
LONGEST_PATH = 4095
RADII = "--radii 1,1,1 -N 30 -q"
QUICK = f"{GOOD} --no-extrapolate -q"


class OpenFiles(RefusalTest):
    """Files that a program has not closed yet."""

    def check(self, ranks: int = 1) -> None:
        done = self.run_here("k7_spectral", *GOOD.split(), ranks=ranks)
        self.assert_code(done, 2)
        line, = (line for line in done.err.splitlines() if "error:" in line)
        self.assertIn("s.h5: is still open for writing in another program", line)
        self.assertNotIn("truncated", line)

    def write(self, file: h5py.File) -> None:
        for name, values in (("coords", np.random.default_rng(1).random((120, 7))),
                             ("metric", np.tile(np.eye(7), (120, 1, 1)))):
            file.create_dataset(name, data=values, maxshape=(None, *values.shape[1:]), chunks=True)

    @pytest.mark.quick
    def test_that_are_being_written(self) -> None:
        with h5py.File(self.folder / "s.h5", "w") as file:
            self.check()  # nothing has reached the disk yet
            self.write(file)
            file.flush()
            self.check()
            self.check(ranks=3)
        self.assert_code(self.run_here("k7_spectral", *QUICK.split()), 0)

    def test_that_are_being_changed(self) -> None:
        write_samples(self.folder / "s.h5", 120, "euclidean")
        with h5py.File(self.folder / "s.h5", "r+"):
            self.check()
        with h5py.File(self.folder / "s.h5", "r"):
            self.assert_code(self.run_here("k7_spectral", *QUICK.split()), 0)

    def test_with_readers_beside_the_writer(self) -> None:
        """In this mode HDF5 keeps no lock, but a flag in the file."""
        with h5py.File(self.folder / "s.h5", "w", libver="latest") as file:
            self.write(file)
            file.swmr_mode = True
            self.check()
            shutil.copy(self.folder / "s.h5", self.folder / "left.h5")
        done = self.run_here("k7_spectral", "left.h5", "-k", 8)
        self.assert_code(done, 2)
        self.assertRegex(done.err, "left.h5: .*h5clear -s FILE")


def path_of(folder: Path, length: int, name: str) -> Path:
    """A path of so many characters that ends with this name, in folders that are made."""
    path = folder
    while (more := length - len(str(path)) - len(name) - 2) > 0:
        path /= "d" * (more if more <= LONGEST_NAME else min(LONGEST_NAME, more - 2))
    path.mkdir(parents=True, exist_ok=True)
    path /= name
    assert len(str(path)) == length, (len(str(path)), length)
    return path


class LongPaths(RefusalTest):
    """As long as the system allows; MPI and HDF5 have buffers of their own."""

    def read_and_write(self, length: int, ranks: int) -> None:
        write_samples(self.folder / "s.h5", 120, "euclidean")
        for name in ("s.h5", "a-longer-name.h5"):
            samples = path_of(self.folder, length, name)
            shutil.copy(self.folder / "s.h5", samples)
            before = set(samples.parent.iterdir())
            out, modes, graph = (samples.with_name(letter + name[1:]) for letter in "omg")
            words = ["-k", 8, "-n", 5, "--no-extrapolate", "-o", out, "--eigenvectors", modes, "--graph", graph]
            self.assert_code(self.run_here("k7_spectral", samples, *words, ranks=ranks), 0)
            xdmf = modes.with_suffix(".xdmf")
            beside = {xdmf} if len(str(xdmf)) <= LONGEST_PATH else set()
            self.assertEqual(set(samples.parent.iterdir()), before | {out, modes, graph} | beside)
            self.assertEqual(len(json.loads(out.read_text())["spectral"]["eigenvalues"]), 5)
            with h5py.File(shutil.copy(modes, self.folder / "modes.h5"), "r") as file:
                self.assertEqual(file["eigenvectors"].shape, (120, 5))

    @pytest.mark.quick
    def test_of_245_characters(self) -> None:
        self.read_and_write(245, 1)

    def test_of_3000_characters_on_three_ranks(self) -> None:
        self.read_and_write(3000, 3)

    def test_as_long_as_they_may_be(self) -> None:
        for length in (LONGEST_PATH - 12, LONGEST_PATH):
            self.read_and_write(length, 1)

    def test_in_a_config_file_as_on_the_command_line(self) -> None:
        """A path that is written elsewhere than on the command line is as long."""
        write_samples(self.folder / "s.h5", 120, "euclidean")
        for length, ranks in ((300, 1), (1000, 3), (LONGEST_PATH, 1)):
            graph = path_of(self.folder, length, "g.h5")
            (self.folder / "link.h5").unlink(missing_ok=True)
            (self.folder / "link.h5").symlink_to(graph)
            (self.folder / "c.toml").write_text(f'graph = "{graph}"\n')
            (self.folder / "l.toml").write_text("graph = 'link.h5'\n")
            for words in ("--config c.toml", "--config=c.toml", "--graph link.h5", "--config l.toml"):
                with self.subTest(length=length, words=words):
                    done = self.run_here("k7_spectral", *QUICK.split(), *words.split(), ranks=ranks)
                    self.assert_code(done, 0)
                    self.assertEqual([path.name for path in graph.parent.iterdir()], ["g.h5"])
                    graph.unlink()

    def test_that_are_too_long_in_a_config_file(self) -> None:
        flat()(self.folder)
        (self.folder / "c.toml").write_text(f'graph = "{"d/" * 2100}g.h5"\n')
        before = self.contents()
        for ranks in (1, 3):
            done = self.run_here("k7_spectral", *GOOD.split(), "--config", "c.toml", ranks=ranks)
            self.assert_refused(done, "k7_spectral", ("--graph d/d/.*(too long|does not exist)",), before)

    def test_of_samples_fields_and_checkpoints(self) -> None:
        samples = path_of(self.folder, 1000, "s.h5")
        self.assert_code(self.run_here("k7_sample", *RADII.split(), "-o", samples), 0)
        write_fields(self.folder / "in.h5")
        fields = Path(shutil.copy(self.folder / "in.h5", samples.with_name("in.h5")))
        self.assert_code(self.run_here("k7_torsion", "-q", "--fields", fields, "-o", fields.with_name("t.h5")), 0)
        run = samples.with_name("run")
        self.assert_code(self.run_here("k7_train", *TRAIN.split()[:-1], run), 0)
        self.assert_code(self.run_here("k7_sample", "--model", run / "best.h5", "-N", 30, "-o", samples), 0)

    def test_names_as_long_as_they_may_be(self) -> None:
        name = "n" * (LONGEST_NAME - 3) + ".h5"
        self.assert_code(self.run_here("k7_sample", *RADII.split(), "-o", name), 0)
        for ranks in (1, 3):
            self.assert_code(self.run_here("k7_spectral", name, "-k", 8, "-n", 5, "-o", "o" + name[1:],
                                           "--eigenvectors", "m" + name[1:], ranks=ranks), 0)
        self.assertEqual(len(self.contents()), 3)

    def test_names_that_are_too_long(self) -> None:
        flat()(self.folder)
        before = self.contents()
        name = "n" * (LONGEST_NAME + 1)
        for program, words in (("k7_spectral", f"{name} -k 8"), ("k7_spectral", f"{GOOD} -o {name}"),
                               ("k7_spectral", f"{GOOD} --graph {name}"), ("k7_sample", f"{RADII} -o {name}"),
                               ("k7_train", TRAIN.replace("--out run", f"--out {name}"))):
            with self.subTest(words=words):
                self.assert_refused(self.run_here(program, *words.split()), program, ("n{256}.*too long",), before)


class Links(ProgramTest):
    """Output through symbolic links goes to where they lead, and the links stay."""

    def setUp(self) -> None:
        super().setUp()
        self.scratch = self.folder / "scratch"
        self.scratch.mkdir()

    def link(self, name: str, content: str | None = None) -> Path:
        """A link, to a file that is there or is not; returns the file."""
        target = self.scratch / ("t-" + Path(name).name)
        (self.folder / name).symlink_to(os.path.relpath(target, (self.folder / name).parent))
        if content is not None:
            target.write_text(content)
        return target

    def assert_written(self, done: Done, links: list[str]) -> None:
        self.assert_code(done, 0)
        self.assertTrue(all((self.folder / link).is_symlink() for link in links), links)
        self.assertEqual(sorted(path.name for path in self.scratch.iterdir()),
                         sorted("t-" + Path(link).name for link in links))
        self.assertTrue(all(path.stat().st_size > 100 for path in self.scratch.iterdir()))

    @pytest.mark.quick
    def test_of_spectra(self) -> None:
        self.spectra(1)

    def test_of_spectra_on_three_ranks(self) -> None:
        self.spectra(3)

    def spectra(self, ranks: int) -> None:
        flat()(self.folder)
        names = ["o.json", "m.h5", "g.h5"]
        self.link("o.json", "old")
        self.link("m.h5", "old")
        self.link("g.h5")
        words = ["-o", "o.json", "--eigenvectors", "m.h5", "--graph", "g.h5"]
        for _ in range(2):  # the second time, all targets are there
            self.assert_written(self.run_here("k7_spectral", *QUICK.split(), *words, ranks=ranks), names)

    def test_of_links(self) -> None:
        """One link after another, through a folder that is one."""
        flat()(self.folder)
        self.link("o.json")
        (self.folder / "again.json").symlink_to("o.json")
        (self.folder / "here").symlink_to(".")
        self.assert_written(self.run_here("k7_spectral", *QUICK.split(), "-o", "here/again.json"), ["o.json"])
        self.assertTrue((self.folder / "again.json").is_symlink())

    def test_of_samples_and_torsion(self) -> None:
        self.link("x.h5")
        self.link("t.h5", "old")
        write_fields(self.folder / "in.h5")
        self.assert_code(self.run_here("k7_sample", *RADII.split(), "-o", "x.h5"), 0)
        self.assert_written(self.run_here("k7_torsion", "-q", "--fields", "in.h5", "-o", "t.h5"), ["x.h5", "t.h5"])

    def test_of_a_run(self) -> None:
        (self.folder / "run").mkdir()
        names = [f"run/{name}" for name in ("last.h5", "previous.h5", "best.h5", "history.csv", "train.json")]
        for name in names:
            self.link(name)
        words = f"{TRAIN} --checkpoint-every 1"
        done = self.run_here("k7_train", *words.split())
        self.assert_written(done, names)
        last = (self.scratch / "t-last.h5").read_bytes()
        self.assert_written(self.run_here("k7_train", *words.replace("--epochs 2", "--epochs 3").split()), names)
        self.assertEqual((self.scratch / "t-previous.h5").read_bytes(), last)

    def test_that_lead_nowhere(self) -> None:
        flat()(self.folder)
        (self.folder / "loop.json").symlink_to("pool.json")
        (self.folder / "pool.json").symlink_to("loop.json")
        (self.folder / "lost.json").symlink_to("absent/t.json")
        for name, fragment in (("loop.json", "loop"), ("lost.json", "absent.*does not exist")):
            done = self.run_here("k7_spectral", *GOOD.split(), "-o", name)
            self.assert_code(done, 2)
            self.assertRegex(done.err, rf"error: --out {name}: .*{fragment}")
            self.assertTrue((self.folder / name).is_symlink())

    def test_to_a_file_in_use(self) -> None:
        flat()(self.folder)
        (self.folder / "o.json").symlink_to("s.h5")
        (self.folder / "g.h5").symlink_to("new.h5")
        for words in ("-o o.json", "--graph g.h5 --eigenvectors new.h5"):
            done = self.run_here("k7_spectral", *GOOD.split(), *words.split())
            self.assert_code(done, 2)
            self.assertIn("already this file", done.err)


class FreeEnds(ProgramTest):
    """A file that does not say which coordinates are periodic, although some fill a turn or [0, 1]."""

    def warnings(self, coordinates: np.ndarray, ranks: int = 1, **attributes: Any) -> list[str]:
        with h5py.File(self.folder / "s.h5", "w") as file:
            file.attrs.update(attributes)
            file["coords"] = coordinates
            file["metric"] = np.tile(np.eye(7), (len(coordinates), 1, 1))
        done = self.run_here("k7_spectral", *QUICK.split(), ranks=ranks)
        self.assert_code(done, 0)
        return [line for line in done.err.splitlines() if "free ends" in line]

    def setUp(self) -> None:
        super().setUp()
        self.unit = np.random.default_rng(3).random((400, 7))

    @pytest.mark.quick
    def test_are_told_in_one_line(self) -> None:
        turns = self.unit * ([1, 2 * np.pi, 2 * np.pi, 3, 1.2, 1, 0.5]) - [0, 0, np.pi, 0, 0, 0.5, 0]
        for ranks in (1, 3):
            line, = self.warnings(turns, ranks)
            self.assertRegex(line, r"s\.h5: coordinates 0, 1, 2 fill")
            self.assertRegex(line, r"attribute periods .*npy_to_hdf5\.py --periods")

    def test_are_not_told_where_the_file_speaks(self) -> None:
        self.assertEqual(len(self.warnings(self.unit)), 1)
        self.assertEqual(self.warnings(self.unit, periods=np.zeros(7)), [])
        self.assertEqual(self.warnings(self.unit, periods=np.ones(7)), [])
        self.assertEqual(self.warnings(self.unit, manifold="notebook-chart", frame="coordinate"), [])

    def test_are_told_of_arrays_unless_the_user_spoke(self) -> None:
        """The converter writes the manifold that it takes the coordinates for, which is not the user's word."""
        self.assertEqual(len(self.warnings(self.unit, manifold="euclidean")), 1)
        np.save(self.folder / "x.npy", 2 * np.pi * self.unit)
        for words, count in (("", 1), ("--density uniform", 1), ("--manifold euclidean", 0), ("--manifold torus7", 0),
                             ("--periods 0,0,0,0,0,0,0", 0), ("--periods 7,7,7,7,7,7,7", 0)):
            subprocess.run(["/usr/bin/python3", str(CONVERTER), "x.npy", "--metric", "identity", "-q", "-o", "s.h5",
                            *words.split()], cwd=self.folder, check=True, timeout=60)
            done = self.run_here("k7_spectral", *QUICK.split())
            self.assert_code(done, 0)
            self.assertEqual(done.err.count("free ends"), count, f"{words}: {done}")

    def test_are_not_told_of_other_coordinates(self) -> None:
        self.assertEqual(self.warnings(0.9 * self.unit), [])
        self.assertEqual(self.warnings(self.unit + 0.1), [])
        self.assertEqual(self.warnings(np.random.default_rng(4).standard_normal((400, 7))), [])


if __name__ == "__main__":
    unittest.main()
