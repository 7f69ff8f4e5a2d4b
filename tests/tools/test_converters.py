# SPDX-License-Identifier: Apache-2.0
"""npy_to_hdf5.py and hdf5_to_npy.py. Run: /usr/bin/python3 -m unittest discover -s tests/tools"""

from __future__ import annotations

import io
import itertools
import os
import pickle
import signal
import resource
import sys
import tempfile
import unittest
import zipfile
from pathlib import Path
from typing import Any
from unittest import mock

import h5py
import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
import run_folder as rf  # noqa: E402

sys.path.insert(0, str(rf.TOOLS))
from k7_report_lib import conversion, notebook_files, samples, three_forms  # noqa: E402

COORDS, METRIC, PHI = (f"k7_tcs_pinn_{name}.npy" for name in ("coords", "metric", "phi"))
N = 23


def arrays(dtype: str = "<f8") -> dict[str, np.ndarray]:
    """The notebook's three arrays with random content."""
    noise = np.random.default_rng(5)
    shapes = {COORDS: (N, 7), METRIC: (N, 7, 7), PHI: (N, 35)}
    return {name: noise.standard_normal(shape).astype(dtype) for name, shape in shapes.items()}


class ConverterTest(unittest.TestCase):
    """Gives every test a folder with the notebook's files and one for output."""

    def setUp(self) -> None:
        holder = tempfile.TemporaryDirectory(prefix="k7_converter_test.")
        self.addCleanup(holder.cleanup)
        self.source, self.target = Path(holder.name) / "source", Path(holder.name) / "target"
        self.source.mkdir()
        self.target.mkdir()
        self.samples = self.target / "samples.h5"
        self.save(arrays())

    def save(self, content: dict[str, np.ndarray]) -> None:
        for name, array in content.items():
            np.save(self.source / name, array)

    def to_hdf5(self, *arguments: Any, **options: Any) -> Any:
        return rf.run("npy_to_hdf5.py", self.source, "-o", self.samples, *arguments, **options)

    def to_npy(self, *arguments: Any, **options: Any) -> Any:
        return rf.run("hdf5_to_npy.py", self.samples, *arguments, **options)

    def convert(self, source: Path, *arguments: Any) -> dict[str, Any]:
        """Attributes and datasets of the sample file that is made of `source`."""
        done = rf.run("npy_to_hdf5.py", source, "-o", self.samples, *arguments)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        with h5py.File(self.samples) as file:
            return dict(file.attrs) | {name: item[...] for name, item in file.items()}

    def bytes_of(self, source: Path, *arguments: Any) -> bytes:
        """The sample file that is made of `source`."""
        self.convert(source, *arguments)
        return self.samples.read_bytes()

    def folder(self, name: str, **content: np.ndarray) -> Path:
        """A new folder with these arrays under plain names."""
        folder = self.source.parent / name
        folder.mkdir()
        for key, array in content.items():
            np.save(folder / f"{key}.npy", array)
        return folder

    def assert_refused(self, done: Any, *parts: str) -> None:
        """Exit code 2, one line that holds all `parts`, and no new file in the target folder."""
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertRegex(done.stderr, r"\A\w+\.py: error: [^\n]+: [^\n]+; [^\n]+\n\Z")
        for part in parts:
            self.assertIn(part, done.stderr)
        self.assertLessEqual(set(os.listdir(self.target)), {"samples.h5"})


@pytest.mark.quick
class RoundTrip(ConverterTest):
    def test_npy_to_hdf5_to_npy_is_the_same_bytes(self) -> None:
        for dtype in ("<f8", "<f4", ">f8"):
            with self.subTest(dtype):
                self.save(arrays(dtype))

                self.assertEqual(self.to_hdf5().returncode, 0)
                self.assertEqual(self.to_npy().returncode, 0)

                for name in (COORDS, METRIC, PHI):
                    self.assertEqual((self.source / name).read_bytes(), (self.target / name).read_bytes())

    def test_column_order_changes_the_layout_and_no_number(self) -> None:
        self.save({METRIC: np.asfortranarray(arrays()[METRIC])})

        self.to_hdf5()
        self.to_npy()

        np.testing.assert_array_equal(np.load(self.target / METRIC), arrays()[METRIC])

    def test_hdf5_to_npy_to_hdf5_is_the_same_content(self) -> None:
        self.to_hdf5()
        first = self.content()
        self.to_npy("-o", self.source)
        self.to_hdf5()

        second = self.content()

        self.assertEqual(first.keys(), second.keys())
        for name, array in first.items():
            self.assertEqual(array.tobytes(), second[name].tobytes())

    def content(self) -> dict[str, np.ndarray]:
        with h5py.File(self.samples) as file:
            return {name: item[...] for name, item in file.items()}

    def test_phi_may_be_absent(self) -> None:
        (self.source / PHI).unlink()

        self.assertEqual(self.to_hdf5().returncode, 0)
        self.assertEqual(self.to_npy().returncode, 0)

        self.assertEqual(sorted(os.listdir(self.target)), [COORDS, METRIC, "samples.h5"])

    def test_several_blocks(self) -> None:
        original = samples.BLOCK_BYTES
        self.addCleanup(setattr, samples, "BLOCK_BYTES", original)
        samples.BLOCK_BYTES = 5 * 49 * 8
        source = notebook_files.open_npy(self.source / METRIC, "metric")
        stream = io.BytesIO()

        notebook_files.write_npy(stream, self.source / METRIC, "array", source)

        self.assertEqual(stream.getvalue(), (self.source / METRIC).read_bytes())
        firsts = [first for first, _ in samples.finite_blocks(self.source / METRIC, "array", source)]
        self.assertEqual(firsts, [0, 5, 10, 15, 20])


@pytest.mark.quick
class Contract(ConverterTest):
    def test_attributes_and_shapes(self) -> None:
        for arguments, manifold in (([], "euclidean"), (["--manifold", "notebook-chart"], "notebook-chart")):
            done = self.to_hdf5(*arguments)

            self.assertEqual((done.returncode, done.stderr), (0, ""))
            with h5py.File(self.samples) as file:
                self.assertEqual(dict(file.attrs), {"format": "k7-samples", "version": 1, "manifold": manifold,
                                                    "frame": "coordinate"})
                self.assertEqual({name: item.shape for name, item in file.items()},
                                 {"coords": (N, 7), "metric": (N, 7, 7), "phi": (N, 35)})
                self.assertEqual({item.dtype for item in file.values()}, {np.dtype("<f8")})

    def test_default_output_and_quiet(self) -> None:
        done = rf.run("npy_to_hdf5.py", self.source, "-q")

        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
        self.assertTrue((self.source / "samples.h5").is_file())

    def test_a_file_without_attributes_is_valid(self) -> None:
        rf.write_samples(self.samples, rf.metrics(4), attributes=False)

        done = self.to_npy()

        self.assertEqual((done.returncode, done.stderr), (0, ""))
        np.testing.assert_array_equal(np.load(self.target / METRIC), rf.metrics(4))

    def test_the_frame_that_npy_cannot_hold_is_mentioned(self) -> None:
        rf.write_samples(self.samples, rf.metrics(4))

        self.assertIn("the metric is in the left-invariant frame", self.to_npy().stderr)
        self.assertEqual(self.to_npy("-q").stderr, "")


class BadNpy(ConverterTest):
    def test_content(self) -> None:
        good = arrays()
        nan = good[METRIC].copy()
        nan[11, 2, 3] = np.nan
        infinite = good[PHI].copy()
        infinite[22, 34] = np.inf
        cases: list[tuple[str, np.ndarray, str]] = [
            (COORDS, good[COORDS][:, :6], "has shape (23, 6); should be (N, 7)"),
            (METRIC, good[METRIC].reshape(N, 49), "has shape (23, 49); should be (N, 7, 7)"),
            (METRIC, good[METRIC][:22], "has 22 rows and k7_tcs_pinn_coords.npy has 23"),
            (PHI, good[PHI][:, :34], "has shape (23, 34); should be (N, 35)"),
            (METRIC, good[METRIC].astype("i8"), "has type int64; should be float64 or float32"),
            (METRIC, good[METRIC].astype("f2"), "has type float16"),
            (METRIC, good[METRIC].astype("c16"), "has type complex128"),
            (METRIC, nan, "array: row 11: holds NaN or infinity"),
            (PHI, infinite, "array: row 22: holds NaN or infinity"),
            (COORDS, good[COORDS][:0], ""),
        ]
        for name, array, part in cases:
            with self.subTest(part):
                self.save(good | {name: array})
                self.assert_refused(self.to_hdf5(), f"{name}: ", part)

    def test_pickles_are_never_loaded(self) -> None:
        flag = self.target.parent / "executed"
        payload = type("Payload", (), {"__reduce__": lambda self: (os.mkdir, (str(flag),))})()
        np.save(self.source / METRIC, np.array([payload] * N, dtype=object), allow_pickle=True)
        self.assert_refused(self.to_hdf5(), f"{METRIC}: is not a usable .npy array")
        (self.source / METRIC).write_bytes(pickle.dumps(payload))
        self.assert_refused(self.to_hdf5(), f"{METRIC}: is not a usable .npy array")
        self.assertFalse(flag.exists())

    def test_files(self) -> None:
        path = self.source / METRIC
        path.write_bytes(path.read_bytes()[:1000])
        self.assert_refused(self.to_hdf5(), f"{METRIC}: is not a usable .npy array")
        for text in (b"", b"\x93NUMPY\x01\x00\x10\x00{'descr': (((((", b"PK\x03\x04zip"):
            path.write_bytes(text)
            self.assert_refused(self.to_hdf5(), f"{METRIC}: is not a usable .npy array")
        path.unlink()
        self.assert_refused(self.to_hdf5(), f"array {Path(METRIC).stem}: is missing", "--metric FILE", "--metric identity")
        self.assert_refused(rf.run("npy_to_hdf5.py", self.source / "none"), "none: is missing")
        self.assert_refused(rf.run("npy_to_hdf5.py", path.with_name(PHI)), f"{PHI}: array: has shape (23, 35)")
        path.with_suffix(".txt").write_text("1 2 3")
        self.assert_refused(rf.run("npy_to_hdf5.py", path.with_suffix(".txt")), "is not a folder")

    def test_usage(self) -> None:
        done = self.to_hdf5("--manifold", "klein")
        self.assertEqual(done.returncode, 2)
        self.assertRegex(done.stderr, r"\Anpy_to_hdf5\.py: error: [^\n]*klein[^\n]*euclidean[^\n]*\n\Z")

    def test_output_that_cannot_be_written(self) -> None:
        missing = self.target / "none" / "samples.h5"
        self.assert_refused(rf.run("npy_to_hdf5.py", self.source, "-o", missing),
                            "samples.h5: cannot be written (No such file or directory)")


def random_form(seed: int, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Random 3-forms as components (rows, 35) and as tensors (rows, 7, 7, 7), by the definition."""
    form = np.random.default_rng(seed).standard_normal((rows, 35))
    full = np.zeros((rows, 7, 7, 7))
    for column, indices in enumerate(itertools.combinations(range(7), 3)):
        for order in itertools.permutations(range(3)):
            sign = np.linalg.det(np.eye(3)[list(order)])
            full[(slice(None), *(indices[place] for place in order))] = sign * form[:, column]
    return form, full


@pytest.mark.quick
class Shapes(ConverterTest):
    """The same content in another shape, or under another name, gives the same sample file."""

    def setUp(self) -> None:
        super().setUp()
        self.plain = {"coords": arrays()[COORDS], "metric": arrays()[METRIC]}

    def test_names(self) -> None:
        content = self.plain | {"phi": arrays()[PHI]}
        files = [self.source, self.folder("plain", **content)]
        for name, save in (("a", np.savez), ("b", np.savez_compressed)):
            for prefix in ("", "k7_tcs_pinn_"):
                files.append(self.source.parent / f"{prefix}{name}.npz")
                save(files[-1], **{prefix + key: array for key, array in content.items()})

        results = {self.bytes_of(file) for file in files}

        self.assertEqual(len(results), 1)

    def test_phi(self) -> None:
        form, full = random_form(1, N)

        components = self.bytes_of(self.folder("components", **self.plain, phi=form))
        tensors = self.bytes_of(self.folder("tensors", **self.plain, phi=full))

        self.assertEqual(components, tensors)

    def test_a_constant_phi(self) -> None:
        form, full = random_form(2, 1)
        variants = {"one": form[0], "one_tensor": full[0], "rows": form.repeat(N, 0), "tensors": full.repeat(N, 0)}

        results = {self.bytes_of(self.folder(name, **self.plain, phi=phi)) for name, phi in variants.items()}

        self.assertEqual(len(results), 1)

    def test_a_constant_metric(self) -> None:
        for coords in (arrays()[COORDS], arrays()[COORDS][:7]):  # also where N is 7
            metric = np.diag(np.arange(1.0, 8.0))
            one = self.folder(f"one{len(coords)}", coords=coords, metric=metric)
            many = self.folder(f"many{len(coords)}", coords=coords, metric=np.tile(metric, (len(coords), 1, 1)))

            self.assertEqual(self.bytes_of(one), self.bytes_of(many))

    def test_float32_stays(self) -> None:
        form, full = random_form(3, N)
        content = {key: array.astype("f4") for key, array in (self.plain | {"phi": full}).items()}

        result = self.convert(self.folder("single", **content))

        self.assertEqual({result[name].dtype for name in content}, {np.dtype("f4")})
        np.testing.assert_array_equal(result["phi"], form.astype("f4"))

    def test_rounding_is_no_asymmetry(self) -> None:
        form, full = random_form(4, N)
        full *= 1 + 1e-7 * np.random.default_rng(5).standard_normal(full.shape)

        result = self.convert(self.folder("rounded", **self.plain, phi=full))

        np.testing.assert_allclose(result["phi"], form, rtol=1e-6)

    def test_what_is_no_3_form(self) -> None:
        for (i, j, k), relation in (((4, 0, 2), "where [0,2,4] is"), ((2, 0, 4), "where [0,2,4] is"),
                                    ((5, 3, 5), "where two indices are equal")):
            with self.subTest(entry=(i, j, k)):
                _, full = random_form(6, N)
                full[17, i, j, k] += 0.5
                folder = self.folder(f"bad{i}{j}{k}", **self.plain, phi=full)

                done = rf.run("npy_to_hdf5.py", folder, "-o", self.samples)

                self.assert_refused(done, f"phi.npy: array: row 17: entry [{i},{j},{k}] is ", relation)

    def test_the_default_output_of_an_npz(self) -> None:
        np.savez(self.source / "run.npz", **self.plain)

        self.assertEqual(rf.run("npy_to_hdf5.py", self.source / "run.npz").returncode, 0)

        self.assertTrue((self.source / "run.h5").is_file())


PERIODS = "1.5,0,2e1,0,0,0.25,0"


@pytest.mark.quick
class NamedArrays(ConverterTest):
    """Arrays in files of any name."""

    def setUp(self) -> None:
        super().setUp()
        self.plain = {name: values for name, values in zip(("coords", "metric", "phi"), arrays().values())}
        self.whole = self.bytes_of(self.folder("whole", **self.plain))
        self.any = self.folder("any", x=self.plain["coords"], g=self.plain["metric"], f=self.plain["phi"])
        self.x, self.g, self.f = (self.any / f"{name}.npy" for name in "xgf")

    def convert_words(self, *words: Any) -> bytes:
        done = rf.run("npy_to_hdf5.py", *words, "-o", self.samples)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return self.samples.read_bytes()

    def refused(self, *words: Any, parts: tuple[str, ...]) -> None:
        self.samples.unlink(missing_ok=True)
        self.assert_refused(rf.run("npy_to_hdf5.py", *words, "-o", self.samples), *parts)
        self.assertFalse(self.samples.exists())

    def test_every_way_to_name_them_gives_the_same_file(self) -> None:
        archive, single, part = (self.any / f"{name}.npz" for name in ("archive", "single", "part"))
        np.savez(archive, x=self.plain["coords"], g=self.plain["metric"], f=self.plain["phi"])
        np.savez_compressed(single, anything=self.plain["coords"])
        np.savez(part, coords=self.plain["coords"], phi=self.plain["phi"])
        rest = ("--metric", self.g, "--phi", self.f)
        for words in (("--coords", self.x, *rest), (self.x, *rest), ("--coords", single, *rest),
                      ("--coords", f"{archive}:x", "--metric", f"{archive}:g", "--phi", f"{archive}:f"),
                      (part, "--metric", self.g), (self.folder("part", coords=self.plain["coords"]), *rest),
                      (self.folder("wrong", coords=np.ones((4, 7)), metric=np.eye(7)), "--coords", self.x, *rest)):
            with self.subTest(words):
                self.assertEqual(self.convert_words(*words), self.whole)

    def test_constant_and_flat_metrics(self) -> None:
        noise = np.random.default_rng(3).standard_normal((7, 7))
        constant = np.eye(7) + noise @ noise.T
        np.save(self.any / "one.npy", constant)
        for word, expected in ((self.any / "one.npy", constant), ("identity", np.eye(7))):
            self.convert_words(self.x, "--metric", word)
            with h5py.File(self.samples) as file:
                np.testing.assert_array_equal(file["metric"][...], np.broadcast_to(expected, (N, 7, 7)))
                np.testing.assert_array_equal(file["coords"][...], self.plain["coords"])

    def test_no_metric_is_taken_for_flat_unless_asked(self) -> None:
        lone = self.any / "lone.npz"
        np.savez(lone, coords=self.plain["coords"])
        for words in ((self.x,), ("--coords", self.x), (lone,), (self.folder("lone", coords=self.plain["coords"]),)):
            self.refused(*words, parts=("array metric: is missing", "--metric FILE", "--metric identity"))
        self.refused("--metric", "identity", parts=("no points", "--coords FILE"))
        self.refused(self.folder("other", metric=np.eye(7)), parts=("array coords: is missing", "--coords FILE"))

    def test_what_is_wrong_is_named(self) -> None:
        two = self.any / "two.npz"
        np.savez(two, a=self.plain["coords"], b=np.eye(7))
        flat = ("--metric", "identity")
        self.refused("--coords", two, *flat, parts=("two.npz: holds 2 arrays", "two.npz:NAME"))
        self.refused("--coords", f"{two}:c", *flat, parts=("two.npz: array c: is missing", "(N, 7)"))
        self.refused("--coords", f"{two}:b", "--metric", self.g, parts=("g.npy: array: has 23 rows", "two.npz has 7"))
        self.refused("--coords", self.any / "none.npy", *flat, parts=("none.npy: cannot be read",))
        self.refused("--coords", self.g, *flat, parts=("g.npy: array: has shape (23, 7, 7)", "(N, 7)"))
        self.refused(self.x, "--metric", self.x, parts=("x.npy: array: has shape (23, 7)", "(7, 7) if it is constant"))

    def test_default_outputs_stand_beside_the_points(self) -> None:
        for words in ((self.x,), ("--coords", self.x)):
            self.assertEqual(rf.run("npy_to_hdf5.py", *words, "--metric", "identity", "-q").returncode, 0)
            self.x.with_suffix(".h5").unlink()


@pytest.mark.quick
class Options(ConverterTest):
    def test_periods(self) -> None:
        result = self.convert(self.source, "--periods", PERIODS)

        self.assertEqual((result["manifold"], result["frame"]), ("euclidean", "coordinate"))
        np.testing.assert_array_equal(result["periods"], [1.5, 0, 20, 0, 0, 0.25, 0])
        np.testing.assert_array_equal(result["metric"], arrays()[METRIC])

    def test_periods_that_are_none(self) -> None:
        for text in ("1,1,1", PERIODS + ",1", "1,1,1,1,1,1,x", "1,1,1,1,1,1,nan", "1,1,1,1,1,1,inf", "1,1,1,-1,1,1,1",
                     "1 1 1 1 1 1 1", ""):
            with self.subTest(text):
                done = self.to_hdf5(f"--periods={text}")
                self.assertEqual(done.returncode, 2)
                self.assertRegex(done.stderr, r"\Anpy_to_hdf5\.py: error: argument --periods: [^\n]* 7 [^\n]*\n\Z")
                self.assertFalse(self.samples.exists())

    def test_options_that_do_not_go_together(self) -> None:
        self.assert_refused(self.to_hdf5("--manifold", "s1xs3xs3", "--periods", PERIODS), "--periods: ", "s1xs3xs3")
        for manifold in ("torus7", "interval-s3xs3"):
            self.assert_refused(self.to_hdf5("--manifold", manifold, "--density", "notebook"), "--density", manifold)

    def test_a_uniform_density_is_constant(self) -> None:
        for arguments in ([], ["--manifold", "torus7"], ["--periods", PERIODS]):
            result = self.convert(self.source, "--density", "uniform", *arguments)

            np.testing.assert_array_equal(result["weight"], np.ones(N))

    def test_the_users_word_for_free_ends_is_kept(self) -> None:
        """A manifold that is only K7's guess says nothing of periods."""
        self.assertNotIn("periods", self.convert(self.source))
        np.testing.assert_array_equal(self.convert(self.source, "--manifold", "euclidean")["periods"], np.zeros(7))
        self.assertNotIn("periods", self.convert(self.source, "--manifold", "torus7"))

    def test_output_is_no_input(self) -> None:
        np.savez(self.target / "samples.npz", coords=arrays()[COORDS], metric=arrays()[METRIC])
        (self.target / "samples.h5").symlink_to("samples.npz")
        before = (self.target / "samples.npz").read_bytes()
        for name in ("samples.npz", "samples.h5"):
            done = rf.run("npy_to_hdf5.py", self.target / "samples.npz", "-o", self.target / name)

            self.assertEqual(done.returncode, 2)
            self.assertIn(f"{name}: is one of the input files; ", done.stderr)
        self.assertEqual((self.target / "samples.npz").read_bytes(), before)
        for name in (COORDS, METRIC, PHI):
            before = (self.source / name).read_bytes()
            done = rf.run("npy_to_hdf5.py", self.source, "-o", self.source / name)

            self.assertEqual(done.returncode, 2)
            self.assertIn(f"{name}: is one of the input files; ", done.stderr)
            self.assertEqual((self.source / name).read_bytes(), before)


def neck_points(rows: int, seed: int = 7) -> np.ndarray:
    """Coordinates as the notebook draws them."""
    noise = np.random.default_rng(seed)
    columns = [2 * np.pi * noise.random((rows, 1))]
    for _ in range(2):
        q = noise.standard_normal((rows, 4))
        q /= np.linalg.norm(q, axis=1, keepdims=True)
        columns.append(q[:, 1:] / (1 + np.abs(q[:, :1]) + 1e-8))
    return np.concatenate(columns, axis=1)


def random_metrics(rows: int) -> np.ndarray:
    """Metrics whose determinants lie within a few powers of 2, so that rounding of float32 stays small."""
    factor = np.eye(7) + 0.1 * np.random.default_rng(8).standard_normal((rows, 7, 7))
    return factor @ factor.transpose(0, 2, 1)


def multiply(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Hamilton product (n, 4), w first."""
    w = a[:, :1] * b[:, :1] - np.sum(a[:, 1:] * b[:, 1:], axis=1, keepdims=True)
    return np.concatenate([w, a[:, :1] * b[:, 1:] + b[:, :1] * a[:, 1:] + np.cross(a[:, 1:], b[:, 1:])], axis=1)


def at_half(x: np.ndarray, half: np.ndarray) -> np.ndarray:
    """Unit quaternions (n, 4) with the chart's coordinates x (n, 3) and q_w of the sign `half`."""
    square = np.sum(x**2, axis=1, keepdims=True)
    return np.concatenate([half[:, None] * (1 - square), 2 * x], axis=1) / (1 + square)


@pytest.mark.quick
class NotebookPoints(ConverterTest):
    """Arrays of the notebook are points of S1 x S3 x S3, uniform on it."""

    rows = 400

    def setUp(self) -> None:
        super().setUp()
        self.coords, self.metric = neck_points(self.rows), random_metrics(self.rows)
        self.form, self.full = random_form(9, self.rows)
        self.save({COORDS: self.coords, METRIC: self.metric, PHI: self.form})

    def test_what_they_are_taken_for(self) -> None:
        result = self.convert(self.source)

        self.assertEqual((result["manifold"], result["frame"]), ("s1xs3xs3", "left-invariant"))
        np.testing.assert_array_equal(result["periods"], [2 * np.pi, 0, 0, 0, 0, 0, 0])
        np.testing.assert_array_equal(result["coords"], self.coords)
        self.assertEqual({name: result[name].shape[1:] for name in ("points", "metric", "phi", "weight")},
                         {"points": (9,), "metric": (7, 7), "phi": (35,), "weight": ()})

    def test_plain_names_with_the_options_are_the_same(self) -> None:
        plain = self.folder("plain", coords=self.coords, metric=self.metric, phi=self.form)
        by_name = self.bytes_of(self.source)

        self.assertEqual(self.bytes_of(plain, "--density", "notebook"), by_name)
        self.assertEqual(self.bytes_of(plain, "--manifold", "s1xs3xs3", "--density", "notebook"), by_name)
        self.assertNotIn("weight", self.convert(plain))
        self.assertNotIn("weight", self.convert(plain, "--manifold", "s1xs3xs3"))

    def test_points_have_the_coordinates_and_both_halves(self) -> None:
        points = self.convert(self.source)["points"]

        np.testing.assert_array_equal(points[:, 0], self.coords[:, 0])
        for begin, ball in ((1, slice(1, 4)), (5, slice(4, 7))):
            q = points[:, begin : begin + 4]
            np.testing.assert_allclose(np.linalg.norm(q, axis=1), 1, rtol=1e-14)
            np.testing.assert_allclose(q[:, 1:] / (1 + np.abs(q[:, :1])), self.coords[:, ball], atol=1e-14)
            self.assertLess(abs(np.sum(q[:, 0] > 0) - self.rows / 2), 5 * np.sqrt(self.rows) / 2)
        self.assertEqual(len({tuple(signs) for signs in np.sign(points[:, [1, 5]])}), 4)

    def test_lengths_and_volumes_of_small_steps_stay(self) -> None:
        result = self.convert(self.source)
        points = result["points"]
        inner = np.all([np.linalg.norm(self.coords[:, b], axis=1) < 0.999 for b in (slice(1, 4), slice(4, 7))], axis=0)
        steps = np.random.default_rng(10).standard_normal((3, self.rows, 7))
        moved = [self.frame_step(points, step) for step in steps]

        for a, b in itertools.combinations_with_replacement(range(3), 2):
            np.testing.assert_allclose(np.einsum("ni,nij,nj->n", moved[a], result["metric"], moved[b])[inner],
                                       np.einsum("ni,nij,nj->n", steps[a], self.metric, steps[b])[inner], atol=1e-6)
        np.testing.assert_allclose(np.einsum("nijk,ni,nj,nk->n", three_forms.tensor(result["phi"]), *moved)[inner],
                                   np.einsum("nijk,ni,nj,nk->n", self.full, *steps)[inner], atol=1e-6)

    def frame_step(self, points: np.ndarray, step: np.ndarray, h: float = 1e-5) -> np.ndarray:
        """d/dt of conj(q(x)) q(x + t step) at 0, by central differences: the step along the left-invariant frame."""
        columns = [step[:, :1]]
        for begin, ball in ((1, slice(1, 4)), (5, slice(4, 7))):
            q, half = points[:, begin : begin + 4], np.sign(points[:, begin])
            ends = [at_half(self.coords[:, ball] + t * step[:, ball], half) for t in (h, -h)]
            columns.append(multiply(q * [1, -1, -1, -1], (ends[0] - ends[1]) / (2 * h))[:, 1:])
        return np.concatenate(columns, axis=1)

    def test_the_mean_of_volume_over_density_is_the_volume(self) -> None:
        """Of the flat metric on the circle and two balls in the chart, and four times that on S1 x S3 x S3."""
        self.save({COORDS: neck_points(20000), METRIC: 1.21 * np.eye(7)})
        (self.source / PHI).unlink()
        volume = 1.1**7 * 2 * np.pi * (4 / 3 * np.pi) ** 2

        for manifold, images in (("notebook-chart", 1), ("s1xs3xs3", 4)):
            inverse = 1 / self.convert(self.source, "--manifold", manifold)["weight"]

            error = inverse.std() / np.sqrt(len(inverse))
            self.assertLess(error, 0.02 * volume * images)
            self.assertLess(abs(inverse.mean() - volume * images), 4 * error)

    def test_the_density_is_one_over_the_volume_of_the_frame(self) -> None:
        result = self.convert(self.source)

        np.testing.assert_allclose(result["weight"] * np.sqrt(np.linalg.det(result["metric"])),
                                   1 / (2 * np.pi * (2 * np.pi**2) ** 2), rtol=1e-10)

    def test_the_chart_keeps_the_numbers(self) -> None:
        for arguments in (["--manifold", "notebook-chart"], ["--manifold", "euclidean"], ["--periods", PERIODS]):
            result = self.convert(self.source, *arguments)
            self.to_npy()

            self.assertEqual("weight" in result, "notebook-chart" in arguments)
            for name in (COORDS, METRIC, PHI):
                self.assertEqual((self.source / name).read_bytes(), (self.target / name).read_bytes())

    def test_one_point_that_the_sampler_cannot_draw(self) -> None:
        for row, column, value in ((0, 0, 6.4), (399, 0, -0.1), (123, 1, 1.1), (7, 6, -1.1)):
            coords = self.coords.copy()
            coords[row, column] = value
            self.save({COORDS: coords})

            done = self.to_hdf5()

            self.assertIn(f"euclidean, not periodic (row {row} is outside the notebook's chart)", done.stdout)
            if column > 0:
                self.assert_refused(self.to_hdf5("--manifold", "s1xs3xs3"), f"{COORDS}: array: row {row}: is outside")

    def test_float32(self) -> None:
        double = self.convert(self.source)
        self.save({COORDS: self.coords.astype("f4"), METRIC: self.metric.astype("f4"), PHI: self.form.astype("f4")})
        single = self.convert(self.source)

        self.assertEqual(single["coords"].dtype, np.dtype("f4"))
        for name in ("points", "metric", "phi", "weight"):
            self.assertEqual(single[name].dtype, np.dtype("f8"))
            np.testing.assert_allclose(single[name], double[name], rtol=2e-5, atol=2e-5)

    def test_blocks_do_not_show(self) -> None:
        inputs = notebook_files.find_arrays(self.source)
        whole, _ = conversion.choose(inputs, None, None, None)
        (_, expected), = whole.blocks()
        with mock.patch.object(conversion, "BLOCK_BYTES", 7 * conversion.ROW_BYTES):
            pieces = list(whole.blocks())

        self.assertEqual(len(pieces), 58)
        for name, array in expected.items():
            joined = np.concatenate([rows[name] for _, rows in pieces])
            np.testing.assert_allclose(joined, array, rtol=1e-13, atol=1e-13)

    def test_what_is_no_metric(self) -> None:
        skew, negative, huge = (self.metric.copy() for _ in range(3))
        skew[5, 0, 1] += 0.1
        negative[17] *= -1
        huge[33] *= 1e250
        for metric, row, part in ((skew, 5, "is no metric; should be symmetric and positive definite"),
                                  (negative, 17, "is no metric"), (huge, 33, "has a determinant beyond float64")):
            with self.subTest(part):
                self.save({METRIC: metric})
                self.assert_refused(self.to_hdf5(), f"{METRIC}: array: row {row}: {part}")


POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 56128\n"


class BadSources(ConverterTest):
    def test_pointers_of_git_lfs(self) -> None:
        for name in (COORDS, METRIC, PHI):
            self.save(arrays())
            (self.source / name).write_text(POINTER)
            self.assert_refused(self.to_hdf5(), f"{name}: is a Git LFS pointer", "git lfs pull")
        archive = self.source / "a.npz"
        archive.write_text(POINTER)
        self.assert_refused(rf.run("npy_to_hdf5.py", archive, "-o", self.samples), "a.npz: is a Git LFS pointer")
        self.samples.write_text(POINTER)
        self.assert_refused(self.to_npy(), "samples.h5: is a Git LFS pointer", "git lfs pull")

    def test_libraries_that_are_not_installed(self) -> None:
        for library, package in (("h5py", "python3-h5py"), ("numpy", "python3-numpy")):
            with tempfile.TemporaryDirectory() as folder:
                (Path(folder) / f"{library}.py").write_text(f"raise ImportError('no {library}')\n")
                with mock.patch.dict(os.environ, PYTHONPATH=folder):
                    done = [self.to_hdf5(), self.to_npy()]
            for run in done:
                self.assert_refused(run, f"error: {library}: is missing", f"apt install {package}",
                                    f"pip install {library}")

    def test_archives(self) -> None:
        good = {"coords": arrays()[COORDS], "metric": arrays()[METRIC]}
        nan = good["metric"].copy()
        nan[11, 2, 3] = np.nan
        cases: list[tuple[dict[str, Any], str]] = [
            ({"coords": good["coords"]}, "array metric: is missing; should have shape (N, 7, 7)"),
            ({"other": good["coords"]}, "holds no coords and metric"),
            (good | {"metric": good["metric"][:22]}, "array metric: has 22 rows and array coords has 23"),
            (good | {"metric": nan}, "array metric: row 11: holds NaN"),
            (good | {"phi": np.zeros((N, 7, 7))}, "array phi: has shape (23, 7, 7); should be (N, 35) or (N, 7, 7, 7)"),
            (good | {"coords": np.array([None] * N)}, "array coords: is not a usable array (Object arrays"),
            (good | {"metric": np.full((7, 7), np.inf)}, "array metric: holds NaN or infinity"),
            (good | {"k7_tcs_pinn_phi": np.zeros(35)}, "holds coords beside arrays with the notebook's names"),
        ]
        for content, part in cases:
            with self.subTest(part):
                np.savez(self.source / "a.npz", **content)
                done = rf.run("npy_to_hdf5.py", self.source / "a.npz", "-o", self.samples)
                self.assert_refused(done, "a.npz: ", part)

    def test_damaged_archives(self) -> None:
        archive = self.source / "a.npz"
        np.savez_compressed(archive, coords=arrays()[COORDS], metric=arrays()[METRIC])
        whole = archive.read_bytes()
        middle = len(whole) // 2
        for content in (b"", b"text", whole[:middle], whole[:middle] + b"damage" + whole[middle + 6 :]):
            archive.write_bytes(content)
            self.assert_refused(rf.run("npy_to_hdf5.py", archive, "-o", self.samples), "a.npz: ", "usable .npz file")

    def test_an_array_larger_than_memory(self) -> None:
        header = io.BytesIO()
        promise = {"descr": "<f8", "fortran_order": False, "shape": (10**13, 7)}  # beyond any address space
        np.lib.format.write_array_header_1_0(header, promise)
        with zipfile.ZipFile(self.source / "a.npz", "w") as archive:
            archive.writestr("coords.npy", header.getvalue() + bytes(56))
        self.assert_refused(rf.run("npy_to_hdf5.py", self.source / "a.npz", "-o", self.samples),
                            "a.npz: array coords: does not fit in memory; ", ".npy files")

    def test_folders(self) -> None:
        self.assert_refused(rf.run("npy_to_hdf5.py", self.folder("empty"), "-o", self.samples), "holds no coords")
        np.save(self.source / "metric.npy", np.eye(7))
        self.assert_refused(self.to_hdf5(), "holds metric beside arrays with the notebook's names")
        dangling = self.folder("dangling", coords=arrays()[COORDS], metric=np.eye(7))
        (dangling / "phi.npy").symlink_to("absent")
        self.assert_refused(rf.run("npy_to_hdf5.py", dangling, "-o", self.samples), "phi.npy: cannot be read")


class BadHdf5(ConverterTest):
    def spoil(self, name: str, array: Any) -> None:
        self.to_hdf5()
        with h5py.File(self.samples, "r+") as file:
            del file[name]
            if array is not None:
                file[name] = array

    def test_content(self) -> None:
        good = arrays()
        bad_row = good[METRIC].copy()
        bad_row[3, 0, 0] = -np.inf
        for name, array, part in (("metric", None, "dataset /metric: is missing"),
                                  ("metric", bad_row, "dataset /metric: row 3: holds NaN or infinity"),
                                  ("coords", good[COORDS].astype(int), "dataset /coords: has type int64"),
                                  ("phi", good[PHI][:5], "dataset /phi: has 5 rows and /coords has 23"),
                                  ("phi", good[COORDS], "dataset /phi: has shape (23, 7)"),
                                  ("phi", ["text"] * N, "dataset /phi: has type object")):
            with self.subTest(part):
                self.spoil(name, array)
                self.assert_refused(self.to_npy(), "samples.h5: ", part)

    def test_files(self) -> None:
        self.assert_refused(self.to_npy(), "samples.h5: cannot be read (No such file or directory)")
        self.samples.write_text("text")
        self.assert_refused(self.to_npy(), "samples.h5: is not an HDF5 file")
        self.to_hdf5()
        self.assert_refused(self.to_npy("-o", self.target / "none"), "cannot be written (No such file or directory)")

    def test_a_phi_of_other_samples_is_not_left_beside(self) -> None:
        rf.write_samples(self.samples, rf.metrics(4))
        self.assert_refused(self.to_npy("-o", self.source), f"{PHI}: belongs to other samples")
        np.testing.assert_array_equal(np.load(self.source / METRIC), arrays()[METRIC])


class FailingWrites(ConverterTest):
    def test_a_full_disk_leaves_the_older_sample_file(self) -> None:
        self.samples.write_text("older")

        done = self.to_hdf5(preexec_fn=limit_file_size)

        self.assert_refused(done, "samples.h5: cannot be written")
        self.assertEqual(self.samples.read_text(), "older")

    def test_a_full_disk_leaves_the_older_arrays(self) -> None:
        self.to_hdf5()
        self.save({COORDS: arrays()[COORDS] + 1})
        before = {name: (self.source / name).read_bytes() for name in os.listdir(self.source)}

        done = self.to_npy("-o", self.source, preexec_fn=limit_file_size)

        self.assert_refused(done, "k7_tcs_pinn_metric.npy: cannot be written (File too large)")
        self.assertEqual({name: (self.source / name).read_bytes() for name in os.listdir(self.source)}, before)


def limit_file_size() -> None:
    """Lets no file grow beyond 4000 bytes: coords fit, metric does not."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000))


if __name__ == "__main__":
    unittest.main()
