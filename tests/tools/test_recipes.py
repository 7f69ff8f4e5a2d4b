# SPDX-License-Identifier: Apache-2.0
"""The recipes of tools/packaging/, the Debian packages and tools/install_dependencies name what CMake looks for, and the version."""

from __future__ import annotations

import ast
import re
import sys
import types
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterator

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGING = ROOT / "tools" / "packaging"
SPACK = PACKAGING / "spack" / "spack_repo" / "k7" / "packages" / "k7" / "package.py"
EASYCONFIGS = sorted((PACKAGING / "easybuild").glob("*.eb"))

pytestmark = pytest.mark.quick


@dataclass(frozen=True)
class Names:
    """What a dependency is called; None where a packager's compilers or another package bring it."""

    debian: str | None
    spack: str | None
    easybuild: str | None
    dev: bool = True  # whether programs that use K7's libraries need it too


# CMake's name -> others' names.
DEPENDENCIES = {
    "MPI": Names("libopenmpi-dev", "mpi", None),
    "OpenMP": Names("g++", "cxx", None),
    "PkgConfig": Names("pkg-config", "pkgconfig", "pkgconf"),
    "Eigen3": Names("libeigen3-dev", "eigen", "Eigen"),
    "fmt": Names(None, "fmt", "fmt"),  # of Debian's libspdlog-dev
    "spdlog": Names("libspdlog-dev", "spdlog", "spdlog"),
    "nlohmann_json": Names("nlohmann-json3-dev", "nlohmann-json", "nlohmann_json"),
    "ZLIB": Names("zlib1g-dev", "zlib-api", "zlib"),
    "HDF5": Names("libhdf5-openmpi-dev", "hdf5", "HDF5"),
    "petsc": Names("libpetsc-real-dev", "petsc", "PETSc"),
    "slepc": Names("libslepc-real-dev", "slepc", "SLEPc"),
    "libhwy": Names("libhwy-dev", "highway", "Highway"),
    "Torch": Names("libtorch-dev", "py-torch", "PyTorch"),
    "CLI11": Names("libcli11-dev", "cli11", "CLI11", dev=False),
    "Random123": Names("librandom123-dev", "random123", "random123", dev=False),
    "CMake": Names("cmake", "cmake", "CMake"),
}
CUDA = {"CUDAToolkit", "NCCL"}  # found with K7_ENABLE_CUDA only
RUN = {"debian": {"python3", "python3-h5py", "python3-matplotlib", "python3-numpy"},
       "spack": {"python", "py-h5py", "py-matplotlib", "py-numpy"},
       "easybuild": {"Python", "h5py", "matplotlib", "SciPy-bundle"}}  # NumPy is in SciPy-bundle


def read(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def found_by_cmake() -> dict[str, str]:
    """Names and least versions ("" where any will do) of what CMake looks for; CUDA's own left out."""
    text = read("CMakeLists.txt") + read("tools/cmake/K7Dependencies.cmake")
    found = dict(re.findall(r"^\s*find_package\((\w+) ?([0-9.]*)", text, re.MULTILINE))
    found |= dict(re.findall(r"pkg_check_modules\(\w+ [^)]*?([a-z]+)>=([0-9.]+)\)", text))
    found["CMake"] = re.findall(r"cmake_minimum_required\(VERSION ([0-9.]+)\)", text)[0]
    for header in re.findall(r"find_path\(\w+ (\w+)/", text):
        found.setdefault(header, "")
    return {name: version for name, version in found.items() if name not in CUDA}


def project_version() -> str:
    return re.findall(r"project\(K7 VERSION ([0-9.]+)", read("CMakeLists.txt"))[0]


def number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


# ---- Recipes ----


class Recorder:
    """Calls of Spack's directives."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []
        self.conditions: list[str] = []

    def directive(self, name: str) -> Any:
        def record(*arguments: Any, **words: Any) -> Any:
            when = [*self.conditions, *([words["when"]] if "when" in words else [])]
            self.calls.append((name, arguments, words | {"when": when}))
            return lambda function: function
        return record

    @contextmanager
    def when(self, condition: str) -> Iterator[None]:
        self.conditions.append(condition)
        yield
        self.conditions.pop()


@pytest.fixture(scope="module")
def spack() -> Recorder:
    """What package.py says, read without Spack."""
    recorder = Recorder()
    names = {"when": recorder.when, "join_path": lambda *parts: "/".join(parts)}
    names |= {name: recorder.directive(name) for name in ("version", "variant", "depends_on", "conflicts", "license", "run_after")}
    modules = {"spack.package": names, "spack_repo.builtin.build_systems.cmake": {"CMakePackage": type("CMakePackage", (), {})},
               "spack_repo.builtin.build_systems.cuda": {"CudaPackage": type("CudaPackage", (), {})}}
    for name, content in modules.items():
        modules[name] = types.ModuleType(name)
        vars(modules[name]).update(content)
        parts = name.split(".")
        for i in range(1, len(parts)):
            modules_of_parents = ".".join(parts[:i])
            sys.modules.setdefault(modules_of_parents, types.ModuleType(modules_of_parents))
        sys.modules[name] = modules[name]
    try:
        exec(compile(SPACK.read_text(encoding="utf-8"), str(SPACK), "exec"), {"__file__": str(SPACK), "__name__": "recipe"})
    finally:
        for name in [name for name in sys.modules if name.split(".")[0] in ("spack", "spack_repo")]:
            del sys.modules[name]
    return recorder


def spack_dependencies(spack: Recorder) -> dict[str, str]:
    """Names and least versions of what every variant needs."""
    specs = [arguments[0] for name, arguments, words in spack.calls if name == "depends_on" and not words["when"]]
    parsed = [re.fullmatch(r"([a-z0-9-]+)(?:@([0-9.]+):)?((?:[+~]\w+)*)", spec) for spec in specs]
    assert all(parsed), specs
    return {match[1]: match[2] or "" for match in parsed if match}


def easyconfig(path: Path) -> dict[str, Any]:
    names: dict[str, Any] = {"SYSTEM": {"name": "system", "version": "system"}}
    exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), names)
    return names


def debian_dependencies() -> dict[str, str]:
    """Of k7-dev."""
    text = re.findall(r'CPACK_DEBIAN_DEV_PACKAGE_DEPENDS "(.*?)"\)', read("tools/cmake/Packaging.cmake"), re.DOTALL)[0]
    items = [item.strip() for item in text.replace("\\\n", "").split(",")]
    parsed = [re.fullmatch(r"(\S+)(?: \(>= ([0-9.]+)\))?", item) for item in items]
    assert all(parsed), items
    return {match[1]: match[2] or "" for match in parsed if match}


def installed_packages() -> set[str]:
    text = re.findall(r"^packages=\((.*?)^\)", read("tools/install_dependencies"), re.DOTALL | re.MULTILINE)[0]
    return set(re.sub(r"#.*", "", text).split())


# ---- Tests ----


def test_the_table_has_what_cmake_looks_for() -> None:
    assert set(found_by_cmake()) == set(DEPENDENCIES)
    assert found_by_cmake()["Torch"] and found_by_cmake()["petsc"] and not found_by_cmake()["MPI"]


def test_spack(spack: Recorder) -> None:
    wanted = {DEPENDENCIES[name].spack: version for name, version in found_by_cmake().items()}
    found = spack_dependencies(spack)
    assert {name: version for name, version in found.items() if name not in RUN["spack"] | {"c"}} == wanted
    assert RUN["spack"] <= set(found)
    (arguments,) = [arguments for name, arguments, _ in spack.calls if name == "version"]
    assert arguments == (project_version(),)
    cuda = {arguments[0] for name, arguments, words in spack.calls if name == "depends_on" and "+cuda" in words["when"]}
    assert cuda == {"petsc+cuda", "slepc+cuda", "py-torch+cuda", "nccl"}


def test_spack_builds_the_tree_that_it_is_in() -> None:
    (level,) = re.findall(r"^    git = Path\(__file__\)\.resolve\(\)\.parents\[(\d+)\]\.as_uri\(\)$", SPACK.read_text(encoding="utf-8"), re.MULTILINE)
    assert SPACK.parents[int(level)] == ROOT


def test_spack_gives_options_that_are_there() -> None:
    options = set(re.findall(r'define(?:_from_variant)?\("(K7_\w+)"', SPACK.read_text(encoding="utf-8")))
    assert options == {"K7_BUILD_TESTS", "K7_BUILD_BENCH", "K7_ENABLE_CUDA", "K7_ENABLE_NCCL"}
    assert options <= set(re.findall(r"(?:^option|dependent_option)\((K7_\w+)", read("CMakeLists.txt"), re.MULTILINE))


def test_spack_has_tests_that_say_what_they_do() -> None:
    (recipe,) = [node for node in ast.parse(SPACK.read_text(encoding="utf-8")).body if isinstance(node, ast.ClassDef)]
    tests = [node for node in recipe.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")]
    assert len(tests) >= 3 and all(ast.get_docstring(test) for test in tests)


@pytest.mark.parametrize("path", EASYCONFIGS, ids=lambda path: path.name)
def test_easybuild(path: Path) -> None:
    names = easyconfig(path)
    toolchain = names["toolchain"]
    assert path.name == f"K7-{project_version()}-{toolchain['name']}-{toolchain['version']}.eb"
    assert names["version"] == project_version()
    found = {name: version for name, version, *_ in names["dependencies"] + names["builddependencies"]}
    wanted = {DEPENDENCIES[name].easybuild: version for name, version in found_by_cmake().items() if DEPENDENCIES[name].easybuild}
    assert set(found) == set(wanted) | RUN["easybuild"]
    for name, version in wanted.items():
        assert not version or number(found[name]) >= number(version), name
    assert set(re.findall(r"-D(K7_\w+)=", names["configopts"])) == {"K7_BUILD_TESTS", "K7_BUILD_BENCH"}


def test_there_is_an_easyconfig() -> None:
    assert EASYCONFIGS


def test_debian() -> None:
    wanted = {names.debian: found_by_cmake()[name] for name, names in DEPENDENCIES.items() if names.debian and names.dev}
    assert debian_dependencies() == wanted | {"libfmt-dev": ""}


def test_what_is_installed_for_a_build() -> None:
    wanted = {names.debian for names in DEPENDENCIES.values() if names.debian}
    assert wanted | RUN["debian"] | {"openmpi-bin", "libopenblas0-openmp", "dpkg-dev", "file"} <= installed_packages()


def test_least_versions_are_in_the_documents() -> None:
    text = read("docs/install.md")
    found = found_by_cmake()
    assert f"CMake {found['CMake']}" in text
    assert found["petsc"] == found["slepc"] and f"PETSc and SLEPc ≥ {found['petsc']}" in text
    assert f"LibTorch ≥ {found['Torch']}" in text


def test_apptainer() -> None:
    text = (PACKAGING / "apptainer" / "k7.def").read_text(encoding="utf-8")
    assert re.findall(r"image.version (\S+)", text) == [project_version()]
    for path in re.findall(r"^\s+(tools/\w+)", text, re.MULTILINE):
        assert (ROOT / path).is_file()
    assert re.findall(r"^Stage: (\w+)", text, re.MULTILINE) == ["build", "run"]
