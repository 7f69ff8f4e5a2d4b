# SPDX-License-Identifier: Apache-2.0
"""k7_torsion: golden fields, independence of ranks, forms that are no G2-structure, bad input, learned forms."""

from __future__ import annotations

import json
import os
import re
import tempfile
import unittest
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import programs
from golden_fields import GOLDEN, RICH, Arrays, golden, golden_names, split_form, write_fields
from programs import Done, ProgramTest
from refusals import TORSION_FILES, TORSION_USAGE
from refused import RefusalTest, add_cases

RESULTS = ("g", "sqrt_det_g", "orientation", "psi", "dphi", "dpsi", "norm2_dphi", "norm2_dpsi", "tau0", "tau1", "tau2",
           "tau3", "norm2_tau0", "norm2_tau1", "norm2_tau2", "norm2_tau3")
WIDTHS = {"g": (7, 7), "psi": (35,), "dphi": (35,), "dpsi": (21,), "tau1": (7,), "tau2": (21,), "tau3": (35,)}
ONE_THREAD = ("--threads", "1")  # threads that wait for each other are slow beside other tests
LABELS = {"norm2_dphi": "|d phi|^2", "norm2_dpsi": "|d *phi|^2", "norm2_tau0": "tau_0^2", "norm2_tau1": "|tau_1|^2",
          "norm2_tau2": "|tau_2|^2", "norm2_tau3": "|tau_3|^2"}


def error(found: np.ndarray, reference: np.ndarray) -> float:
    """|found - reference| / max(1, max|reference|), the largest."""
    return float(np.max(np.abs(found - reference)) / max(1.0, np.max(np.abs(reference))))


def table(done: Done) -> dict[str, tuple[float, float]]:
    """Mean and maximum of each printed line."""
    found = {}
    for line in done.out.splitlines():
        match = re.match(r"  (\S.*?)\s+(\S+e[+-]\d+)\s+(\S+e[+-]\d+)  ", line)
        if match:
            found[match[1]] = (float(match[2]), float(match[3]))
    return found


class TorsionTest(ProgramTest):
    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        if not os.access(programs.BIN / "k7_torsion", os.X_OK):
            raise AssertionError(f"{programs.BIN / 'k7_torsion'} is not there; build K7, or set K7_BIN_DIR")

    def fields(self, address: Any, ranks: int = 1) -> tuple[Done, Arrays]:
        """Runs --fields; what it printed and wrote."""
        out = self.folder / f"out{ranks}.h5"
        done = self.run_here("k7_torsion", "--fields", address, "-o", out, *ONE_THREAD, ranks=ranks)
        self.assert_code(done, 0)
        with h5py.File(out, "r") as file:
            self.assertEqual(set(file), {*RESULTS, "positive"})
            return done, {name: item[...] for name, item in file.items()}

    def assert_same(self, found: Arrays, reference: Arrays, tolerance: float) -> None:
        """Compares every result; NaN must stand where NaN stands."""
        for name in RESULTS:
            np.testing.assert_array_equal(np.isnan(found[name]), np.isnan(reference[name]), err_msg=name)
            self.assertLessEqual(error(np.nan_to_num(found[name]), np.nan_to_num(reference[name])), tolerance, name)


class Fields(TorsionTest):
    def test_golden_fields(self) -> None:
        self.check_golden_fields(1)

    @pytest.mark.long
    def test_golden_fields_on_three_ranks(self) -> None:
        self.check_golden_fields(3)

    def check_golden_fields(self, ranks: int) -> None:
        names = golden_names()
        self.assertEqual(len(names), 14)
        for name in names:
            with self.subTest(field=name, ranks=ranks):
                _, found = self.fields(f"{GOLDEN}:/fields/{name}", ranks=ranks)
                self.assert_same(found, golden(name), 1e-10 if name == "bryant_salamon_frame" else 1e-11)
                self.assertTrue(np.all(found["positive"] == 1))

    @pytest.mark.quick
    def test_form_of_the_output(self) -> None:
        write_fields(self.folder / "in.h5")
        self.assert_code(self.run_here("k7_torsion", "--fields", "in.h5"), 0)
        with h5py.File(self.folder / "torsion.h5", "r") as file:
            self.assertEqual(np.asarray(file.attrs["format"]).astype(str), "k7-torsion")
            self.assertEqual(file.attrs["version"], 1)
            for name in (*RESULTS, "positive"):
                self.assertEqual((file[name].shape, file[name].dtype), ((32, *WIDTHS.get(name, ())), np.float64), name)

    def test_results_do_not_depend_on_ranks(self) -> None:
        self.compare_ranks(3)

    @pytest.mark.long
    def test_results_do_not_depend_on_ranks_two_and_four(self) -> None:
        self.compare_ranks(2, 4)

    def compare_ranks(self, *rank_counts: int) -> None:
        with h5py.File(GOLDEN, "r") as file:
            inputs = {name: file[f"fields/{RICH}"][name][...] for name in ("phi", "E_phi", "structure")}
        for rows in (32, 2):  # with two rows, ranks have nothing to do
            write_fields(self.folder / f"{rows}.h5", phi=inputs["phi"][:rows], E_phi=inputs["E_phi"][:rows])
            _, reference = self.fields(f"{rows}.h5")
            for ranks in rank_counts:
                with self.subTest(rows=rows, ranks=ranks):
                    self.assert_same(self.fields(f"{rows}.h5", ranks=ranks)[1], reference, 1e-13)

    def test_more_rows_than_a_block(self) -> None:
        field = golden(RICH)
        times = 157  # 5024 rows
        write_fields(self.folder / "in.h5", phi=np.tile(field["phi"], (times, 1)),
                     E_phi=np.tile(field["E_phi"], (times, 1, 1)))
        for ranks in (1, 3):
            _, found = self.fields("in.h5", ranks=ranks)
            self.assert_same({name: found[name].reshape(times, *field[name].shape) for name in RESULTS},
                             {name: np.broadcast_to(field[name], (times, *field[name].shape)) for name in RESULTS},
                             1e-11)

    def test_no_structure_is_a_structure_of_zeros(self) -> None:
        field = write_fields(self.folder / "absent.h5", structure=None)
        write_fields(self.folder / "zero.h5", structure=np.zeros((7, 7, 7)))
        _, found = self.fields("absent.h5")
        self.assert_same(found, self.fields("zero.h5")[1], 0.0)
        self.assertGreater(error(found["dphi"], field["dphi"]), 0.1)

    def test_float32(self) -> None:
        field = golden(RICH)
        rounded = {name: field[name].astype("float32") for name in ("phi", "E_phi", "structure")}
        write_fields(self.folder / "single.h5", **rounded)
        write_fields(self.folder / "double.h5", **{name: a.astype("float64") for name, a in rounded.items()})
        for ranks in (1, 3):
            _, found = self.fields("single.h5", ranks=ranks)
            self.assert_same(found, self.fields("double.h5", ranks=ranks)[1], 1e-13)
            self.assert_same(found, field, 1e-4)

    def test_groups(self) -> None:
        field = write_fields(self.folder / "root.h5")
        write_fields(self.folder / "deep:name.h5", "a/b")
        for address in ("root.h5", "root.h5:/", "deep:name.h5:/a/b", "deep:name.h5:/a/b/", "./root.h5:/"):
            with self.subTest(address=address):
                self.assert_same(self.fields(address)[1], field, 1e-11)

    @pytest.mark.quick
    def test_units(self) -> None:
        """Results scale with powers of c when phi does, whatever c: det B, of degree 21 in phi, overflows at 1e15."""
        field = golden(RICH)
        powers = np.arange(-130, 131)
        rows = np.arange(len(powers)) % len(field["phi"])
        phi, derivatives = (np.array([10.0**k * a for k, a in zip(powers, field[name][rows])])
                            for name in ("phi", "E_phi"))
        write_fields(self.folder / "in.h5", phi=phi, E_phi=derivatives)
        done, found = self.fields("in.h5")
        self.assertEqual(found["positive"].min(), 1)
        thirds = {"g": 2, "sqrt_det_g": 7, "orientation": 0, "psi": 4, "dphi": 3, "dpsi": 4, "tau0": -1, "tau1": 0,
                  "tau2": 1, "tau3": 2}
        for name in RESULTS:
            for k, row, values in zip(powers, rows, found[name]):
                reference = field[name][row] * 10.0 ** (k * thirds.get(name, -2) / 3)
                np.testing.assert_allclose(values, reference, rtol=0, atol=1e-11 * np.max(np.abs(field[name]))
                                           * 10.0 ** (k * thirds.get(name, -2) / 3), err_msg=f"{name} at 1e{k}")
        self.assertNotIn("det g", table(done))  # 1e606 is no number
        self.assertTrue(np.isfinite(table(done)["sqrt det g"]).all())

    def test_slightly_rough_structure(self) -> None:
        """Structure constants that were themselves computed are antisymmetric up to rounding only."""
        field = golden(RICH)
        structure = field["structure"].copy()
        structure[3, 1, 2] *= 1 + 1e-9
        write_fields(self.folder / "in.h5", structure=structure)
        self.assert_same(self.fields("in.h5")[1], field, 1e-7)

    @pytest.mark.quick
    def test_table(self) -> None:
        field = write_fields(self.folder / "in.h5")
        for ranks in (1, 3):
            found = table(self.fields("in.h5", ranks=ranks)[0])
            for name, label in LABELS.items():
                np.testing.assert_allclose(found[label], (field[name].mean(), field[name].max()), rtol=1e-6)
            det = field["sqrt_det_g"] ** 2
            np.testing.assert_allclose(found["det g"], (det.mean(), det.max()), rtol=1e-6)
            self.assertGreater(min(found[label][0] for label in LABELS.values()), 1e-4, "the field is no test of some")


class NotPositive(TorsionTest):
    BAD = (5, 17, 31)

    def write(self) -> Arrays:
        phi = golden(RICH)["phi"]
        phi[5] = 0.0
        phi[17] = split_form()
        phi[31] = np.eye(35)[0]
        return write_fields(self.folder / "in.h5", phi=phi)

    def test_rows(self) -> None:
        reference = self.write()
        good = np.setdiff1d(np.arange(32), self.BAD)
        for ranks in (1, 3):
            with self.subTest(ranks=ranks):
                done, found = self.fields("in.h5", ranks=ranks)
                for name in RESULTS:
                    self.assertLessEqual(error(found[name][good], reference[name][good]), 1e-11, name)
                    if name != "dphi":  # needs no metric
                        self.assertTrue(np.all(np.isnan(found[name][list(self.BAD)])), name)
                self.assertTrue(np.all(np.isfinite(found["dphi"])))
                self.assertEqual(list(np.flatnonzero(found["positive"] == 0)), list(self.BAD))
                warnings = [line for line in done.err.splitlines() if line.startswith("W ")]
                self.assertEqual(len(warnings), 1, str(done))
                self.assertRegex(warnings[0], r"\b3 of 32 rows .*\brow 5\b")
                for name, label in LABELS.items():
                    values = reference[name][good]
                    np.testing.assert_allclose(table(done)[label], (values.mean(), values.max()), rtol=1e-6)

    def test_no_row_is_positive(self) -> None:
        write_fields(self.folder / "in.h5", phi=np.tile(split_form(), (32, 1)))
        for ranks in (1, 3):
            done, found = self.fields("in.h5", ranks=ranks)
            self.assertTrue(np.all(np.isnan(found["g"])))
            self.assertRegex(done.err, r"\b32 of 32 rows .*\brow 0\b")
            self.assertEqual(table(done), {})

    def test_numbers_that_are_too_large(self) -> None:
        """|d phi|^2 overflows: exit code 4, and what is known is written."""
        derivatives = golden(RICH)["E_phi"]
        derivatives[7] *= 1e200
        reference = write_fields(self.folder / "in.h5", E_phi=derivatives)
        for ranks in (1, 3):
            done = self.run_here("k7_torsion", "--fields", "in.h5", "-o", "out.h5", ranks=ranks)
            self.assert_code(done, 4)
            with h5py.File(self.folder / "out.h5", "r") as file:
                found = file["norm2_dphi"][...]
            self.assertFalse(np.isfinite(found[7]))
            others = np.arange(32) != 7
            self.assertLessEqual(error(found[others], reference["norm2_dphi"][others]), 1e-11)


class BadInput(TorsionTest, RefusalTest):
    """One test per case and rank count, made below."""


add_cases(BadInput, TORSION_FILES, TORSION_USAGE)


class FullDisk(TorsionTest, RefusalTest):
    ranks = 1

    def test_little_room(self) -> None:
        write_fields(self.folder / "in.h5", phi=np.tile(golden(RICH)["phi"], (20, 1)),
                     E_phi=np.tile(golden(RICH)["E_phi"], (20, 1, 1)))
        for free in (0, 1 << 19):
            disk = self.small_disk(free) if not (self.folder / "disk").exists() else self.folder / "disk"
            if free > 0:
                os.truncate(disk / "filler", (1 << 20) - free)
            with self.subTest(free=free):
                before = self.contents()
                done = self.run_here("k7_torsion", "--fields", "in.h5", "-o", "disk/out.h5", ranks=self.ranks)
                self.assert_refused(done, "k7_torsion", ("disk/",), before)


@pytest.mark.long
class FullDiskOfThreeRanks(FullDisk):
    ranks = 3


# ---- Learned forms ---------------------------------------------------------------------------------------------


def numbers(tree: Any, path: str = "") -> dict[str, float]:
    """Every number of a JSON tree by its path."""
    if isinstance(tree, dict):
        return {k: x for name, part in tree.items() for k, x in numbers(part, f"{path}/{name}").items()}
    return {path: tree}


class Model(TorsionTest):
    runs: Path

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        holder = tempfile.TemporaryDirectory(prefix="k7_e2e.")
        cls.addClassCleanup(holder.cleanup)
        cls.runs = Path(holder.name)
        for preset, epochs in (("neck", 3), ("notebook", 2)):
            done = programs.run("k7_train", "--preset", preset, "--hidden", 8, "--batch-size", 32, "--epochs", epochs,
                                "--out", preset, *ONE_THREAD, cwd=cls.runs)
            if done.code != 0:
                raise AssertionError(f"no model to test with\n{done}")

    def report(self, preset: str, *more: str, ranks: int = 1) -> tuple[Done, dict[str, Any]]:
        done = self.run_here("k7_torsion", "--model", self.runs / preset / "best.h5", "-o", "t.json", *ONE_THREAD,
                             *more, ranks=ranks)
        self.assert_code(done, 0)
        return done, json.loads((self.folder / "t.json").read_text())

    def assert_equal_numbers(self, found: Any, reference: Any, tolerance: float) -> None:
        found, reference = numbers(found), numbers(reference)
        self.assertEqual(found.keys(), reference.keys())
        for name, value in reference.items():
            np.testing.assert_allclose(found[name], value, rtol=tolerance, atol=tolerance, err_msg=name)

    def test_neck(self) -> None:
        done, tree = self.report("neck", "-N", "1000")
        self.assertLessEqual({"metadata", "torsion", "timing", "parallel", "options"}, set(tree))
        torsion = tree["torsion"]
        self.assertEqual((torsion["points"], torsion["positive_fraction"]), (1000, 1.0))
        self.assertGreater(torsion["norm2_dphi"]["mean"], 0.0)
        for name, label in LABELS.items():
            np.testing.assert_allclose(table(done)[label], (torsion[name]["mean"], torsion[name]["max"]), rtol=1e-6)
        for part, terms in (("dphi", {"tau0": 7, "tau1": 36, "tau3": 1}), ("dpsi", {"tau1": 48, "tau2": 1})):
            parts = sum(factor * torsion[f"norm2_{name}"]["mean"] for name, factor in terms.items())
            self.assertAlmostEqual(torsion[f"norm2_{part}"]["mean"] / parts, 1.0, places=9)
        for ranks in (2, 3):
            self.assert_equal_numbers(self.report("neck", "-N", "1000", ranks=ranks)[1]["torsion"], torsion, 1e-10)
        other = self.report("neck", "-N", "1000", "--seed", "1")[1]["torsion"]
        self.assertNotEqual(other["norm2_dphi"]["mean"], torsion["norm2_dphi"]["mean"])

    def test_what_training_reported(self) -> None:
        best = json.loads((self.runs / "neck" / "train.json").read_text())["training"]["best_form"]
        found = self.report("neck", "-N", str(best["points"]))[1]["torsion"]
        self.assert_equal_numbers(found, best, 1e-10)

    @pytest.mark.long
    def test_notebook(self) -> None:
        """The notebook's model, 35 free components, starts near phi_0."""
        reference = self.report("notebook", "-N", "500")[1]["torsion"]
        self.assertEqual((reference["points"], reference["positive_fraction"]), (500, 1.0))
        self.assert_equal_numbers(self.report("notebook", "-N", "500", ranks=3)[1]["torsion"], reference, 1e-10)

    @pytest.mark.long
    def test_form_that_is_positive_in_places(self) -> None:
        """Free components, with larger weights."""
        (self.folder / "notebook").mkdir()
        path = self.folder / "notebook" / "best.h5"
        path.write_bytes((self.runs / "notebook" / "best.h5").read_bytes())

        def scale(_: str, item: Any) -> None:
            if isinstance(item, h5py.Dataset):
                item[...] = 3 * item[...]

        with programs.edited(path) as file:
            file["model"].visititems(scale)
        found = []
        for ranks in (1, 3):
            done = self.run_here("k7_torsion", "--model", path, "-N", 300, "-o", "t.json", *ONE_THREAD, ranks=ranks)
            self.assert_code(done, 0)
            found.append(json.loads((self.folder / "t.json").read_text())["torsion"])
            good = round(300 * found[-1]["positive_fraction"])
            self.assertTrue(0 < good < 300, str(done))
            self.assertRegex(done.err, rf"not a G2-structure at {300 - good} of 300 points", str(done))
        self.assert_equal_numbers(found[1], found[0], 1e-8)

    @pytest.mark.long
    def test_fewer_points_than_ranks(self) -> None:
        reference = self.report("neck", "-N", "2")[1]["torsion"]
        self.assert_equal_numbers(self.report("neck", "-N", "2", ranks=3)[1]["torsion"], reference, 1e-10)

    def test_without_an_output(self) -> None:
        done = self.run_here("k7_torsion", "--model", self.runs / "neck" / "best.h5", "-N", 50, "-q", *ONE_THREAD)
        self.assert_code(done, 0)
        self.assertEqual(done.err, "")
        self.assertIn("|d phi|^2", table(done))
        self.assertEqual(programs.listing(self.folder), [])


class Help(TorsionTest):
    def test_help_and_version(self) -> None:
        done = self.run_here("k7_torsion", "--help")
        self.assert_code(done, 0)
        for word in ("--model", "--fields", "E_phi (M, 7, 35)", "--points", "--config", "structure"):
            self.assertIn(word, done.out)
        version = self.run_here("k7_torsion", "--version", ranks=3)
        self.assert_code(version, 0)
        self.assertRegex(version.out, r"\Ak7_torsion \d+\.\d+\.\d+ .*\n\Z")

    def test_config(self) -> None:
        write_fields(self.folder / "in.h5", "g")
        (self.folder / "c.toml").write_text('fields = "in.h5:/g"\nout = "mine.h5"\n')
        self.assert_code(self.run_here("k7_torsion", "--config", "c.toml", ranks=3), 0)
        self.assertTrue((self.folder / "mine.h5").exists())


if __name__ == "__main__":
    unittest.main()
