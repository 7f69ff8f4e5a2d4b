# SPDX-License-Identifier: Apache-2.0
"""Files made to do harm: damaged HDF5, links to other files, pipes, false promises, and text that moves a terminal."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import unittest
from pathlib import Path

import h5py
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))
import run_folder as rf  # noqa: E402

sys.path.insert(0, str(rf.TOOLS))
from k7_report_lib import inputs, samples  # noqa: E402
from k7_report_lib.atomic import AtomicGroup  # noqa: E402
from k7_report_lib.errors import InputError  # noqa: E402


class Hostile(unittest.TestCase):
    def setUp(self) -> None:
        holder = tempfile.TemporaryDirectory(prefix="k7_hostile_test.")
        self.addCleanup(holder.cleanup)
        self.folder = Path(holder.name)
        self.path = self.folder / "samples.h5"

    def refused(self, *parts: str) -> str:
        with self.assertRaises(InputError) as caught:
            samples.det_statistics(self.path)
        line = str(caught.exception)
        for part in parts:
            self.assertIn(part, line)
        self.assertTrue(line.isprintable(), line)
        self.assertLess(len(line) - len(str(self.folder)), 300)
        return line

    def test_mutations(self) -> None:
        random = np.random.default_rng(7)
        packed = {"compression": "gzip", "shuffle": True, "fletcher32": True, "chunks": (16, 7, 7)}
        outcomes = {"read": 0, "refused": 0}
        for options, libver in (({}, None), (packed, None), (packed, "latest")):
            with h5py.File(self.path, "w", libver=libver) as file:
                file.attrs["format"] = "k7-samples"
                file["coords"] = np.zeros((64, 7))
                file.create_dataset("metric", data=rf.metrics(64), **options)
            whole = self.path.read_bytes()
            for number in range(34):
                data = bytearray(whole)
                at = int(random.integers(0, min(len(data), 6000)))
                if number % 4 == 0:
                    del data[at:]
                elif number % 4 == 1:
                    data[at:at + 64] = bytes(min(64, len(data) - at))
                else:
                    data[at] ^= 1 << int(random.integers(8))
                self.path.write_bytes(data)
                try:
                    samples.det_statistics(self.path)
                    outcomes["read"] += 1
                except InputError as error:
                    self.assertEqual(len(str(error).splitlines()), 1)
                    outcomes["refused"] += 1
        print("mutations:", outcomes)
        self.assertGreater(outcomes["refused"], 10)

    def test_corpus(self) -> None:
        """The files that the programs' own readers are tested with; only what this program reads of them counts."""
        corpus = rf.ROOT / "tests" / "data" / "hostile"
        refused = 0
        for case in json.loads((corpus / "cases.json").read_text()):
            if case["reader"] != "samples":
                continue
            with self.subTest(case["file"]):
                try:
                    samples.det_statistics(corpus / case["file"])
                except InputError as error:
                    refused += 1
                    self.assertTrue(str(error).isprintable(), error)
                    self.assertLess(len(str(error)) - len(str(corpus)), 300)
                    self.assertNotIn("belongs to another file", str(error))
                    self.assertTrue(case["words"], f"a good file was refused: {error}")
                else:
                    leads_away = ("link", "soft-link", "storage", "virtual", "promise-samples", "damaged")
                    self.assertFalse(case["file"].startswith(leads_away), "was read")
        self.assertGreater(refused, 10)

    def test_links_to_other_files(self) -> None:
        rf.write_samples(self.folder / "other.h5", rf.metrics(8))
        with h5py.File(self.path, "w") as file:
            file["away"] = h5py.ExternalLink("other.h5", "/")
            file["coords"] = h5py.SoftLink("/away/coords")
        self.refused("dataset /coords: is an external link", "h5copy -f ext")

    def test_storage_in_other_files(self) -> None:
        (self.folder / "raw").write_bytes(bytes(8 * 56))
        with h5py.File(self.path, "w") as file:
            file.create_dataset("coords", (8, 7), "f8", external=[(str(self.folder / "raw"), 0, 448)])
        self.refused("has external storage", "h5repack")
        with h5py.File(self.path, "w") as file:
            layout = h5py.VirtualLayout((8, 7), "f8")
            layout[:] = h5py.VirtualSource("other.h5", "coords", (8, 7))
            file.create_virtual_dataset("coords", layout)
        self.refused("is a virtual dataset", "h5repack")

    def test_pipes(self) -> None:
        os.mkfifo(self.path)
        self.refused("is a pipe")
        for reader in (inputs.read_spectral, inputs.read_history):
            with self.assertRaisesRegex(InputError, "is a pipe"):
                reader(self.path)

    def test_a_promise_of_rows(self) -> None:
        with h5py.File(self.path, "w") as file:
            file.create_dataset("coords", (2**40, 7), "f8", chunks=(64, 7))
        self.refused("declares", "stores 0")

    def test_text_that_moves_a_terminal(self) -> None:
        rf.write_samples(self.path, rf.metrics(8), format="\x1b[2J\n" * 999)
        self.refused("\\x1b[2J\\n", "attribute format")

    def test_stale_temporaries(self) -> None:
        stale, other = self.folder / ".a.json.0123abcd.tmp", self.folder / ".b.json.0123abcd.tmp"
        stale.touch()
        other.touch()
        with AtomicGroup(self.folder) as first, AtomicGroup(self.folder) as second:
            live = first.reserve("a.json")
            second.reserve("a.json")
            self.assertEqual((stale.exists(), other.exists(), live.exists()), (False, True, True))


if __name__ == "__main__":
    unittest.main()
