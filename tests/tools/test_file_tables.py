# SPDX-License-Identifier: Apache-2.0
"""The tables of docs/files.md against files that the programs write. Every dataset and attribute of an HDF5 file is in its
table, which --describe-files prints, with its shape and its type; every key of a JSON file is in the table of keys; and
everything in a table is in some file."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
import unittest
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any, Iterable, Iterator

import h5py
import numpy as np

from run_folder import PYTHON, ROOT, TOOLS

BIN = Path(os.environ.get("K7_BIN_DIR", ROOT / "build" / "bin"))
PROGRAMS = ("k7_train", "k7_sample", "k7_torsion", "k7_spectral")
ROW = re.compile(r"^\| `([^`]+)` \| (.*) \|$", re.MULTILINE)
TYPES = {"float64": np.dtype("<f8"), "int64": np.dtype("<i8")}


@dataclass(frozen=True)
class Item:
    """A row of a table."""

    name: str
    shape: str
    kind: str
    always: bool

    def names(self, name: str) -> bool:
        """Whether the row is the one of a dataset or attribute; words in capitals, and I, stand for anything."""
        pattern = re.sub(r"\bI\b|(?<=[_./@])(?:NAME|TERM|SIDE)(?=_|$)", "[^/@]+?", re.escape(self.name))
        return re.fullmatch(pattern, name) is not None

    def fits(self, shape: tuple[int, ...], dtype: np.dtype, letters: dict[str, int]) -> bool:
        """Whether shape and type are those of the row; letters keep the meaning that they get first."""
        if self.kind != "text" and dtype != TYPES[self.kind]:
            return False
        if self.kind == "text" and dtype.kind not in "SO":
            return False
        wanted = [] if self.shape == "one" else [word.strip() for word in self.shape.strip("()").split(",")]
        if len(wanted) != len(shape):
            return False
        own: dict[str, int] = {}  # of a matrix of weights
        for word, size in zip(wanted, shape):
            known = own if word in ("in", "out", "n") else letters
            if size != (int(word) if word.isdigit() else known.setdefault(word, size)):
                return False
        return True


def tables(text: str) -> dict[str, list[Item]]:
    """The tables of a program's --describe-files by their titles."""
    found = {}
    for part in re.split(r"^### ", text, flags=re.MULTILINE)[1:]:
        title, _, rest = part.partition("\n")
        cells = [[name, *re.split(r" \| ", row)] for name, row in ROW.findall(rest)]
        found[title] = [Item(name, shape.strip(), kind.strip(), "always" in others)
                        for name, shape, kind, *others in cells]
    return found


def contents(path: Path) -> Iterator[tuple[str, tuple[int, ...], np.dtype]]:
    """Name, shape and type of each dataset and attribute of a file."""
    with h5py.File(path, "r") as file:
        objects: list[tuple[str, h5py.HLObject]] = [("/", file)]
        file.visititems(lambda name, item: objects.append(("/" + name, item)))
        for name, item in objects:
            if isinstance(item, h5py.Dataset):
                yield name, item.shape, item.dtype
            for key in item.attrs:
                attribute = item.attrs.get_id(key)
                yield f"{name}@{key}", attribute.shape, attribute.dtype


def defects(path: Path, items: list[Item]) -> list[str]:
    """What a file has and its table does not, and what the table promises and the file lacks."""
    found = []
    letters: dict[str, int] = {}
    missing = [item for item in items if item.always]
    for name, shape, dtype in contents(path):
        rows = [item for item in items if item.names(name)]
        if not rows:
            found.append(f"{name} is in no table")
        elif not rows[0].fits(shape, dtype, letters):
            found.append(f"{name} is {shape} {dtype}, not {rows[0].shape} {rows[0].kind}")
        missing = [item for item in missing if item not in rows]
    return found + [f"{item.name} is missing" for item in missing]


def json_table(page: str) -> list[tuple[str, str]]:
    """Keys of the page's table of JSON, each with the files that it is of."""
    section = page.partition("## Results as JSON")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`.*?`) \| ([a-z, ]+) \|", section, re.MULTILINE)
    return [(key, files) for keys, files in rows for key in re.findall(r"`([^`]+)`", keys)]


def json_keys(tree: Any, path: str = "") -> set[str]:
    """The paths of a tree's numbers, texts and lists of such."""
    if isinstance(tree, dict):
        return {key for name, part in tree.items() for key in json_keys(part, f"{path}.{name}" if path else name)}
    if isinstance(tree, list) and tree and isinstance(tree[0], dict):
        return {key for part in tree for key in json_keys(part, path + "[]")}
    return set() if tree == [] and path.endswith(("multiplets", "ladder")) else {path}


def json_matches(row: str, key: str) -> bool:
    """Whether a row is the one of a key; words in capitals stand for one name each."""
    pattern = re.sub(r"\b(?:NAME|TERM|QUANTITY|STATISTIC|KEY|STAGE(?=_s))(?![A-Za-z])", r"[\\w-]+", re.escape(row))
    return re.fullmatch(pattern, key) is not None


def unseen(paths: Iterable[Path], items: list[Item]) -> list[str]:
    """Rows of a table that no file has."""
    names = {name for path in paths for name, _, _ in contents(path)}
    return [item.name for item in items if not any(item.names(name) for name in names)]


def run(program: str, *words: object) -> str:
    start = [PYTHON, TOOLS / program] if (TOOLS / program).exists() else [BIN / program]
    done = subprocess.run([*map(str, start), *map(str, words)], capture_output=True, text=True, timeout=60, check=False)
    if done.returncode != 0:
        raise AssertionError(f"{program} {words}: {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def train(folder: Path, preset: str, *words: object) -> Path:
    run("k7_train", "--preset", preset, "--hidden", "5,6", "--epochs", 3, "--batch-size", 16, "--threads", 1,
        "--out", folder, *words)
    return folder / "last.h5"


def write_fields(path: Path) -> Path:
    """phi_0 in coordinates, with structure constants that say so."""
    columns = list(combinations(range(7), 3))
    phi = np.zeros((4, 35))
    for triple in ("013", "026", "045", "124", "156", "235", "346"):
        phi[:, columns.index(tuple(map(int, triple)))] = 1.0
    with h5py.File(path, "w") as file:
        file["phi"] = phi
        file["E_phi"] = np.zeros((4, 7, 35))
        file["structure"] = np.zeros((7, 7, 7))
    return path


class Files(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.tables = {}
        for program in PROGRAMS:
            cls.tables |= tables(run(program, "--describe-files"))
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.files = cls.written(Path(folder.name))
        cls.trees = cls.json_written(Path(folder.name))

    @staticmethod
    def written(folder: Path) -> dict[str, list[Path]]:
        """Files of each kind."""
        learned = train(folder / "soap", "quick", "--optimizer", "soap", "--start", "left-invariant")
        interval = train(folder / "lbfgs", "bryant-salamon")
        chart = train(folder / "notebook", "notebook")
        samples = [folder / name for name in ("learned.h5", "interval.h5", "chart.h5", "round.h5")]
        for model, out in zip((learned, interval, chart), samples):
            run("k7_sample", "--model", model, "-N", 200, "-o", out, "--threads", 1)
        run("k7_sample", "--radii", "1,1,1", "-N", 200, "-o", samples[3])
        np.savez(folder / "mine.npz", coords=np.random.default_rng(0).random((200, 7)), metric=np.eye(7))
        run("npy_to_hdf5.py", folder / "mine.npz", "--periods", "1,1,1,1,1,1,1", "--density", "uniform")
        run("k7_spectral", samples[0], "-k", 8, "-n", 5, "--no-extrapolate", "--graph", folder / "graph.h5",
            "--eigenvectors", folder / "functions.h5", "-o", folder / "spectral.json")
        fields = write_fields(folder / "fields.h5")
        run("k7_torsion", "--fields", fields, "-o", folder / "torsion.h5")
        return {"Checkpoints": [learned, folder / "soap" / "best.h5", interval, chart],
                "Samples": [*samples, folder / "mine.h5"], "Fields of your own": [fields],
                "Torsion of your own fields": [folder / "torsion.h5"], "Neighbours": [folder / "graph.h5"],
                "Eigenfunctions": [folder / "functions.h5"]}

    @staticmethod
    def json_written(folder: Path) -> dict[str, list[Path]]:
        """JSON files of each program; the others stand where written() has left them."""
        names = ("limits.json", "model.json", "chart.json")
        spectra = [folder / "spectral.json", *(folder / name for name in names)]
        run("k7_spectral", folder / "round.h5", "-k", 8, "-n", 4, "-o", spectra[1])
        run("k7_spectral", "--model", folder / "soap" / "best.h5", "-n", 3, "--accuracy", 1, "-o", spectra[2])
        run("k7_spectral", folder / "chart.h5", "-k", 8, "-n", 4, "--method", "notebook", "-o", spectra[3])
        run("k7_torsion", "--model", folder / "soap" / "best.h5", "-N", 50, "-o", folder / "torsion.json")
        return {"train": [folder / name / "train.json" for name in ("soap", "lbfgs", "notebook")], "spectral": spectra,
                "torsion": [folder / "torsion.json"]}

    def test_keys_of_json_files_are_those_of_the_page(self) -> None:
        rows = json_table((ROOT / "docs" / "files.md").read_text(encoding="utf-8"))
        self.assertGreater(len(rows), 80, "the table is no longer recognised")
        for kind, paths in self.trees.items():
            own = [row for row, files in rows if kind in files or files == "all"]
            found = {key for path in paths for key in json_keys(json.loads(path.read_text(encoding="utf-8")))}
            with self.subTest(kind):
                self.assertEqual(sorted(key for key in found if not any(json_matches(row, key) for row in own)), [])
                self.assertEqual([row for row in own if not any(json_matches(row, key) for key in found)], [])

    def test_each_kind_has_a_table(self) -> None:
        self.assertEqual(self.tables.keys(), self.files.keys())

    def test_files_hold_what_their_tables_say(self) -> None:
        for kind, paths in self.files.items():
            for path in paths:
                with self.subTest(f"{kind}: {path.parent.name}/{path.name}"):
                    self.assertEqual(defects(path, self.tables[kind]), [])

    def test_everything_in_a_table_is_in_some_file(self) -> None:
        for kind, paths in self.files.items():
            with self.subTest(kind):
                self.assertEqual(unseen(paths, self.tables[kind]), [])


class Checks(unittest.TestCase):
    """What the tests above would find."""

    TEXT = ("### Things\n\nWritten by k7_x. N is a number.\n\n| name | shape | type | unit | frame | there | holds |\n"
            "|---|---|---|---|---|---|---|\n| `/@size` | one | int64 |  |  | always | a size |\n"
            "| `/x` | (N, 7) | float64 | length |  | always | points |\n"
            "| `/terms/TERM` | (1) | float64 |  |  | with terms | a number |\n")

    def file(self, **datasets: np.ndarray) -> Path:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        path = Path(folder.name) / "file.h5"
        with h5py.File(path, "w") as file:
            for name, values in datasets.items():
                file[name.replace("__", "/")] = values
        return path

    def test_names_shapes_and_types(self) -> None:
        items = tables(self.TEXT)["Things"]

        self.assertEqual(defects(self.file(x=np.zeros((3, 7)), terms__a=np.zeros(1), y=np.zeros(2)), items),
                         ["/y is in no table", "/@size is missing"])
        self.assertEqual(defects(self.file(x=np.zeros((3, 6)), terms__a=np.zeros(1, dtype=int)), items),
                         ["/terms/a is (1,) int64, not (1) float64", "/x is (3, 6) float64, not (N, 7) float64",
                          "/@size is missing"])
        self.assertEqual(unseen([self.file(x=np.zeros((3, 7)))], items), ["/@size", "/terms/TERM"])

    def test_keys_of_json(self) -> None:
        page = "x\n## Results as JSON\n\n| key | of | holds |\n|---|---|---|\n| `a.b`, `a.c[].KEY` | train | x |\n\n## Next\n| `d` | all | x |\n"

        self.assertEqual(json_table(page), [("a.b", "train"), ("a.c[].KEY", "train")])
        self.assertEqual(json_keys({"a": {"b": 1, "c": [{"d": 2}, {"e": [3]}]}}), {"a.b", "a.c[].d", "a.c[].e"})
        self.assertTrue(json_matches("a.c[].KEY", "a.c[].d"))
        self.assertTrue(json_matches("timing.STAGE_s", "timing.kNN_s"))
        self.assertFalse(json_matches("a.KEY", "a.b.c"))
        self.assertFalse(json_matches("metadata.git", "metadata.gits"))

    def test_placeholders(self) -> None:
        item = Item("/optimizer/soap_network.I.weight_SIDE_basis", "(n, n)", "float64", False)

        self.assertTrue(item.names("/optimizer/soap_network.4.weight_left_basis"))
        self.assertFalse(item.names("/optimizer/soap_network.4.weight_left"))
        self.assertFalse(Item("/history/loss", "(E)", "float64", True).names("/history/lost"))


if __name__ == "__main__":
    unittest.main()
