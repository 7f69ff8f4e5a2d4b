# SPDX-License-Identifier: Apache-2.0
"""The Debian packages that cpack makes of the built tree: what is in them, what they depend on, and that they know nothing of
the machine that built them."""

from __future__ import annotations

import json
import ast
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(os.environ.get("K7_BIN_DIR", ROOT / "build" / "bin")).resolve()
BUILD = BIN.parent
sys.path.insert(0, str(ROOT / "tests" / "e2e"))
from programs import environment  # noqa: E402

pytestmark = pytest.mark.long

PROGRAMS = {"k7_train", "k7_sample", "k7_torsion", "k7_spectral"}
TOOLS = {"k7_report", "k7_scaling", "npy_to_hdf5.py", "hdf5_to_npy.py"}
# What Python programs import, and the packages of Debian that have it.
PYTHON = {"h5py": "python3-h5py", "matplotlib": "python3-matplotlib", "numpy": "python3-numpy"}


@dataclass(frozen=True)
class Package:
    """A package and the folder in which it was unpacked."""

    file: Path
    root: Path

    def field(self, name: str) -> str:
        return output("dpkg-deb", "--field", self.file, name)

    def depends(self) -> set[str]:
        return set(re.findall(r"(?:^|, )([a-z0-9.+-]+)", self.field("Depends")))

    def files(self) -> list[Path]:
        return sorted(path for path in self.root.rglob("*") if path.is_file() and not path.is_symlink())

    def binaries(self) -> list[Path]:
        return [path for path in self.files() if path.read_bytes()[:4] == b"\x7fELF"]


def output(*words: object) -> str:
    done = subprocess.run([*map(str, words)], capture_output=True, text=True, env=environment(), timeout=250, check=False)
    assert done.returncode == 0, f"{words}\n{done.stdout}{done.stderr}"
    return done.stdout.strip()


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Package]:
    for tool in ("cpack", "dpkg-shlibdeps", "file"):
        if shutil.which(tool) is None:
            pytest.skip(f"there is no {tool}; tools/install_dependencies installs it")
    folder = tmp_path_factory.mktemp("deb")
    output("cpack", "-G", "DEB", "--config", BUILD / "CPackConfig.cmake", "-B", folder / "out")
    result = {}
    for file in (folder / "out").glob("*.deb"):
        name = output("dpkg-deb", "--field", file, "Package")
        output("dpkg-deb", "--extract", file, folder / name)
        result[name] = Package(file, folder / name)
    assert set(result) == {"k7", "k7-dev"}
    return result


def test_everything_is_there_and_below_usr(packages: dict[str, Package]) -> None:
    programs, dev = packages["k7"], packages["k7-dev"]
    for package in packages.values():
        assert [path.name for path in package.root.iterdir()] == ["usr"]
        assert not [path for path in package.files() if path.suffix == ".pyc"]
    usr = programs.root / "usr"
    assert {path.name for path in (usr / "bin").iterdir()} - {"k7_gpu_check"} == PROGRAMS | TOOLS
    assert {path.name for path in (usr / "share" / "k7" / "jobs").iterdir()} == {path.name for path in (ROOT / "jobs").iterdir()}
    modules = {path.name for path in (ROOT / "tools" / "k7_report_lib").glob("*.py")}
    assert {path.name for path in (usr / "share" / "k7" / "k7_report_lib").iterdir()} == modules
    documents = usr / "share" / "doc" / "k7"
    for name in ("LICENSE", "README.md", "CHANGELOG.md", "copyright", "changelog.Debian.gz", "docs/install.md",
                 "docs/examples/CMakeLists.txt", "docs/examples/sample_torus.cpp"):
        assert (documents / name).is_file(), name
    headers = {path.relative_to(ROOT / "include") for path in (ROOT / "include").rglob("*.hpp")} | {Path("k7/version.hpp")}
    assert {path.relative_to(dev.root / "usr" / "include") for path in (dev.root / "usr" / "include").rglob("*.hpp")} == headers
    assert {path.stem for path in dev.files() if path.suffix == ".a"} >= {"libk7mod_spectral", "libk7mod_train"}
    assert (dev.root / "usr" / "lib" / "cmake" / "K7" / "K7Config.cmake").is_file()
    assert not [path for path in programs.files() if path.suffix in (".a", ".cmake", ".hpp") and "examples" not in path.parts]


def test_the_version_is_that_of_the_project(packages: dict[str, Package]) -> None:
    version = output(BIN / "k7_train", "--version").split()[1]
    assert {package.field("Version") for package in packages.values()} == {f"{version}-1"}


def test_dependencies_hold_every_library(packages: dict[str, Package]) -> None:
    """Without dpkg-shlibdeps: the package of each library that a program asks for is named."""
    package = packages["k7"]
    wanted = set()
    for binary in package.binaries():
        needed = set(re.findall(r"\(NEEDED\).*\[(.+)\]", output("readelf", "-d", binary)))
        places = dict(re.findall(r"^\s*(\S+) => (/\S+)", output("ldd", binary), re.MULTILINE))
        wanted |= {os.path.realpath(places[name]) for name in needed if name in places}
    assert len(wanted) > 10
    named = package.depends()
    missing = set()
    for path in wanted:
        candidates = [path, path.removeprefix("/usr"), f"/usr{path}"]  # /lib is a link to /usr/lib
        found = subprocess.run(["dpkg", "-S", *candidates], capture_output=True, text=True, check=False).stdout
        assert found, f"{path} is in no package"
        owner = found.splitlines()[0].split(":")[0]
        provided = re.findall(r"(?:^|, )([a-z0-9.+-]+)", output("dpkg-query", "--show", "--showformat=${Provides}", owner))
        if not named & {owner, *provided}:
            missing.add(owner)
    assert missing == set()


def test_dependencies_hold_what_is_not_linked(packages: dict[str, Package]) -> None:
    package = packages["k7"]
    scripts = [path for path in package.files() if path.suffix == ".py" or path.read_bytes()[:14] == b"#!/usr/bin/pyt"]
    nodes = [node for path in scripts for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))]
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module]
    imported = {name.split(".")[0] for name in names} - sys.stdlib_module_names
    own = {"k7_report_lib", "scaling_model", "gpu_check_lib"}
    assert imported - own == set(PYTHON)
    assert {*PYTHON.values(), "python3", "openmpi-bin", "libopenblas0-openmp"} <= package.depends()
    # Else SciPy comes, and with it another flavour of OpenBLAS that Debian prefers; apt takes what it reads first.
    names = package.field("Depends")
    assert names.index("libopenblas0-openmp") < names.index("python3-munkres") < names.index("python3-matplotlib")


def test_libraries_are_found_without_paths_of_this_machine(packages: dict[str, Package]) -> None:
    package = packages["k7"]
    paths = {binary.name: re.findall(r"\((?:RPATH|RUNPATH)\).*\[(.*)\]", output("readelf", "-d", binary))
             for binary in package.binaries()}
    assert set(paths) == PROGRAMS | {"libk7_model_metric.so", "libk7_mpi_counts.so"}
    assert {name: found for name, found in paths.items() if found} == {"k7_spectral": ["$ORIGIN/../lib/k7"]}


@pytest.mark.parametrize("name", ["k7", "k7-dev"])
def test_no_file_names_a_folder_of_this_machine(packages: dict[str, Package], name: str) -> None:
    own = [f"{folder}/{part}".encode() for folder in (ROOT, BUILD) for part in ("src", "include", "tools", "rooms", "generated", "bin")]
    package = packages[name]
    assert len(package.files()) > 40
    found = {str(path.relative_to(package.root)) for path in package.files() if any(words in path.read_bytes() for words in own)}
    assert found == set()


def test_programs_are_stripped(packages: dict[str, Package]) -> None:
    for binary in packages["k7"].binaries():
        assert ".debug_info" not in output("readelf", "-S", "-W", binary), binary


def test_unpacked_programs_run(packages: dict[str, Package], tmp_path: Path) -> None:
    bin = packages["k7"].root / "usr" / "bin"
    for name in sorted(PROGRAMS | TOOLS):
        assert output(bin / name, "--version").startswith(f"{name} "), name
    done = subprocess.run([bin / "k7_spectral", "--model", "none.h5"], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 2 and "none.h5: cannot be opened" in done.stderr, "the library for --model is loaded"


def test_scaling_finds_programs_and_counter_beside_itself(packages: dict[str, Package], tmp_path: Path) -> None:
    bin = packages["k7"].root / "usr" / "bin"
    output(bin / "k7_scaling", "strong", "--points", 500, "--ranks", 2, "-k", 8, "--epochs", 1, "--batch", 32, "--out", tmp_path)
    run = json.loads((tmp_path / "scaling.json").read_text())["runs"][0]
    assert run["ranks"] == 2 and run["stages"]["eigensolve"]["sends"][0] > 0


def test_lintian_has_nothing_to_say(packages: dict[str, Package]) -> None:
    if shutil.which("lintian") is None or shutil.which("help2man") is None:
        pytest.skip("there is no lintian, or no help2man to make manual pages")
    for package in packages.values():
        done = subprocess.run(["lintian", "--fail-on", "error,warning", package.file], capture_output=True, text=True, check=False)
        assert done.returncode == 0 and done.stdout == "", done.stdout + done.stderr
