# SPDX-License-Identifier: Apache-2.0
"""The XDMF file beside the eigenfunctions: what it refers to is there, with these dimensions and this type."""

from __future__ import annotations

import re
import shutil
import unittest
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import h5py
import numpy as np
import pytest

from programs import ProgramTest, write_samples

WORDS = "-k 10 -n 5 --no-extrapolate -q -o o.json"


class Reference:
    """What one element of an XDMF file refers to, read as the format says."""

    def __init__(self, item: ElementTree.Element, folder: Path) -> None:
        self.dimensions = [int(word) for word in item.attrib["Dimensions"].split()]
        slab = None
        if item.get("ItemType") == "HyperSlab":
            selection, item = item
            assert selection.attrib["Dimensions"] == "3 2" and selection.attrib["Format"] == "XML"
            slab = np.array((selection.text or "").split(), dtype=int).reshape(3, 2)
        assert (item.attrib["Format"], item.attrib["NumberType"], item.attrib["Precision"]) == ("HDF", "Float", "8")
        self.file, self.dataset = (item.text or "").rsplit(":", 1)
        whole = [int(word) for word in item.attrib["Dimensions"].split()]
        with h5py.File(folder / self.file) as file:
            found = file[self.dataset]
            assert list(found.shape) == whole, f"{self.dataset}: {found.shape}, {whole}"
            assert found.dtype == np.dtype("<f8"), found.dtype
            self.values = found[()]
        if slab is not None:
            start, stride, count = slab
            assert (stride == 1).all() and (start >= 0).all() and (start + count <= self.values.shape).all(), slab
            self.values = self.values[start[0]:start[0] + count[0], start[1]:start[1] + count[1]]
        assert list(self.values.shape) == self.dimensions, f"{self.values.shape}, {self.dimensions}"


class Xdmf:
    """A whole file: its points, their attributes by name, and what it says of itself."""

    def __init__(self, path: Path) -> None:
        grid, = ElementTree.parse(path).getroot().findall("Domain/Grid")
        topology, geometry = grid.find("Topology"), grid.find("Geometry")
        assert topology is not None and geometry is not None
        assert topology.attrib["TopologyType"] == "Polyvertex" and geometry.attrib["GeometryType"] == "XYZ"
        self.n_points = int(topology.attrib["NumberOfElements"])
        self.points = Reference(geometry[0], path.parent)
        self.projection = grid.find("Information[@Name='projection']").attrib["Value"]  # type: ignore[union-attr]
        self.attributes, self.eigenvalues = {}, []
        for element in grid.findall("Attribute"):
            assert (element.attrib["Center"], element.attrib["AttributeType"]) == ("Node", "Scalar")
            name = element.attrib["Name"]
            assert name not in self.attributes
            self.attributes[name] = Reference(element.find("DataItem"), path.parent)  # type: ignore[arg-type]
            eigenvalue = element.find("Information[@Name='eigenvalue']")
            if eigenvalue is not None:
                self.eigenvalues.append(float(eigenvalue.attrib["Value"]))


class EigenfunctionsForParaView(ProgramTest):
    def spectrum(self, modes: str, ranks: int = 1, samples: str = "s.h5") -> str:
        done = self.run_here("k7_spectral", samples, *WORDS.split(), "--eigenvectors", modes, ranks=ranks)
        self.assert_code(done, 0)
        return done.err

    def check(self, folder: Path, name: str = "modes") -> Xdmf:
        """Every reference of the file, and that it holds the points and functions that are in the HDF5 file."""
        xdmf = Xdmf(folder / f"{name}.xdmf")
        with h5py.File(self.folder / "s.h5") as samples:
            coords = samples["coords"][()]
        with h5py.File(folder / f"{name}.h5") as modes:
            self.assertEqual(xdmf.projection, modes["projection"].attrs["projection"].decode())
            np.testing.assert_array_equal(xdmf.eigenvalues, modes["eigenvalues"])
            functions = modes["eigenvectors"][()]
        self.assertEqual((xdmf.n_points, xdmf.points.dimensions), (len(coords), [len(coords), 3]))
        self.assertEqual(list(xdmf.attributes), [f"c{i}" for i in range(7)] + [f"eigenfunction_{i}" for i in range(5)])
        self.assertEqual({reference.file for reference in [xdmf.points, *xdmf.attributes.values()]}, {f"{name}.h5"})
        for i in range(7):
            np.testing.assert_allclose(xdmf.attributes[f"c{i}"].values[:, 0], coords[:, i], rtol=0, atol=1e-12)
        for i in range(5):
            np.testing.assert_array_equal(xdmf.attributes[f"eigenfunction_{i}"].values[:, 0], functions[:, i])
        return xdmf

    @pytest.mark.quick
    def test_a_circle_times_spheres_is_a_solid_torus(self) -> None:
        self.assert_code(self.run_here("k7_sample", *"--radii 1,1,1 -N 300 -q -o s.h5".split()), 0)
        for ranks in (1, 3):
            with self.subTest(ranks=ranks):
                self.spectrum("modes.h5", ranks)
                xdmf = self.check(self.folder)
                c0, c1, c2 = (xdmf.attributes[f"c{i}"].values[:, 0] for i in range(3))
                expected = np.stack([(2 + c1) * np.cos(c0), (2 + c1) * np.sin(c0), c2], axis=1)
                np.testing.assert_allclose(xdmf.points.values, expected, atol=1e-14)
                self.assertIn("solid torus", xdmf.projection)

    def test_other_spaces_show_their_first_coordinates(self) -> None:
        write_samples(self.folder / "s.h5", 200, "euclidean")
        self.spectrum("modes.hdf5")
        shutil.copy(self.folder / "modes.hdf5", self.folder / "modes.h5")
        xdmf = Xdmf(self.folder / "modes.xdmf")
        with h5py.File(self.folder / "s.h5") as samples:
            np.testing.assert_array_equal(xdmf.points.values, samples["coords"][:, :3])
        self.assertEqual(xdmf.points.file, "modes.hdf5")
        self.assertNotIn("torus", xdmf.projection)

    def test_the_folder_can_be_moved_and_named_at_will(self) -> None:
        write_samples(self.folder / "s.h5", 200, "euclidean")
        name = "<a & b> \"é'"
        (self.folder / "out").mkdir()
        self.spectrum(f"out/{name}.h5")
        self.check((self.folder / "out").rename(self.folder / "moved & away"), name)

    def test_stray_rows_have_a_place_and_no_value(self) -> None:
        write_samples(self.folder / "s.h5", 400, "euclidean")
        with h5py.File(self.folder / "s.h5", "r+") as file:
            file["coords"][7] = 1e4
        self.spectrum("modes.h5")
        xdmf = Xdmf(self.folder / "modes.xdmf")
        missing = np.flatnonzero(np.isnan(xdmf.attributes["eigenfunction_1"].values[:, 0]))
        self.assertEqual(missing.tolist(), [7])
        self.assertTrue(np.isfinite(xdmf.points.values).all())
        self.assertEqual(xdmf.attributes["c0"].values[7, 0], 1e4)

    def test_names_that_xdmf_cannot_write(self) -> None:
        write_samples(self.folder / "s.h5", 200, "euclidean")
        for name, reason in (("a:b.h5", "colon"), ("a\tb.h5", "no place for some characters"), ("m" * 252 + ".h5", "too long")):
            with self.subTest(reason):
                self.assertRegex(self.spectrum(name), rf"no XDMF file beside --eigenvectors: .*{re.escape(reason)}")
                self.assertTrue((self.folder / name).exists())
        self.assertEqual(list(self.folder.glob("*.xdmf")), [])

    def test_a_name_that_is_taken(self) -> None:
        write_samples(self.folder / "s.h5", 200, "euclidean")
        (self.folder / "modes.xdmf").mkdir()
        done = self.run_here("k7_spectral", "s.h5", *WORDS.split(), "--eigenvectors", "modes.h5")
        self.assert_code(done, 2)
        self.assertIn("--eigenvectors modes.xdmf", done.err)
        done = self.run_here("k7_spectral", "s.h5", *WORDS.split(), "--eigenvectors", "m.h5", "--graph", "m.xdmf")
        self.assert_code(done, 2)
        self.assertIn("already this file", done.err)
        self.assertFalse((self.folder / "m.h5").exists())

    def test_vtk_reads_what_h5py_reads(self) -> None:
        vtk = pytest.importorskip("vtk", reason="VTK's Python module is not installed")
        if not hasattr(vtk, "vtkXdmfReader"):
            self.skipTest("this VTK was built without its XDMF reader")
        from vtk.util.numpy_support import vtk_to_numpy

        self.assert_code(self.run_here("k7_sample", *"--radii 1,1,1 -N 300 -q -o s.h5".split()), 0)
        self.spectrum("modes.h5")
        xdmf = self.check(self.folder)
        reader = vtk.vtkXdmfReader()
        reader.SetFileName(str(self.folder / "modes.xdmf"))
        reader.Update()
        grid = reader.GetOutputDataObject(0)
        np.testing.assert_array_equal(vtk_to_numpy(grid.GetPoints().GetData()), xdmf.points.values)
        arrays = grid.GetPointData()
        self.assertEqual(arrays.GetNumberOfArrays(), len(xdmf.attributes))
        for name, reference in xdmf.attributes.items():
            np.testing.assert_array_equal(vtk_to_numpy(arrays.GetArray(name)).ravel(), reference.values[:, 0])


if __name__ == "__main__":
    unittest.main()
