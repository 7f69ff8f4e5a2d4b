# SPDX-License-Identifier: Apache-2.0
"""npy_to_hdf5.py and hdf5_to_npy.py. Run: /usr/bin/python3 -m unittest discover -s tests/tools"""

from __future__ import annotations

import io
import os
import pickle
import signal
import resource
import sys
import tempfile
import unittest
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
import run_folder as rf  # noqa: E402

sys.path.insert(0, str(rf.TOOLS))
from k7_report_lib import notebook_files, samples  # noqa: E402

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
        self.assert_refused(self.to_hdf5(), f"{METRIC}: cannot be read (No such file or directory)")
        self.assert_refused(rf.run("npy_to_hdf5.py", self.source / "none"), "none: is missing")
        self.assert_refused(rf.run("npy_to_hdf5.py", path.with_name(PHI)), "is not a folder")

    def test_usage(self) -> None:
        done = self.to_hdf5("--manifold", "klein")
        self.assertEqual(done.returncode, 2)
        self.assertRegex(done.stderr, r"\Anpy_to_hdf5\.py: error: [^\n]*klein[^\n]*euclidean[^\n]*\n\Z")

    def test_output_that_cannot_be_written(self) -> None:
        missing = self.target / "none" / "samples.h5"
        self.assert_refused(rf.run("npy_to_hdf5.py", self.source, "-o", missing),
                            "samples.h5: cannot be written (No such file or directory)")


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
