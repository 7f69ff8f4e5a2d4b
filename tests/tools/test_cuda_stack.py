# SPDX-License-Identifier: Apache-2.0
"""tools/build_cuda_stack: what it says, and K7 against a LibTorch with CUDA where one is at hand."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "tools" / "build_cuda_stack"


def run(*words: object, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(SCRIPT), *map(str, words)], env={**os.environ, **variables}, capture_output=True, text=True, timeout=60,
                          check=False)


def test_help_names_what_it_builds_and_needs() -> None:
    text = run("--help").stdout
    for word in ("LibTorch", "PETSc", "SLEPc", "CUDA_HOME", "GB of disk"):
        assert word in text


def test_asks_for_its_folder() -> None:
    result = run()
    assert result.returncode != 0
    assert "the first argument is the folder" in result.stderr


def test_asks_for_the_toolkit(tmp_path: Path) -> None:
    result = run(tmp_path / "stack", CUDA_HOME=str(tmp_path))
    assert result.returncode != 0
    assert f"no nvcc in {tmp_path}/bin; set CUDA_HOME" in result.stderr


def test_versions_are_pinned() -> None:
    versions = dict(re.findall(r"^(\w+)_version=(\S+)", SCRIPT.read_text(encoding="utf-8"), re.MULTILINE))
    assert set(versions) == {"torch", "petsc", "slepc"}
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in versions.values())


@pytest.mark.long
@pytest.mark.timeout(3000)
def test_k7_compiles_against_it(tmp_path: Path) -> None:
    """Training alone, which is what LibTorch's headers can break; the script itself builds everything."""
    stack = Path(os.environ.get("K7_CUDA_STACK", ROOT / "build-cuda-stack"))
    torch = stack / "python" / "torch"
    if not (torch / "lib" / "libtorch_cuda.so").is_file():
        pytest.skip("no LibTorch with CUDA is at hand; K7_CUDA_STACK names the folder of tools/build_cuda_stack")
    pkgconfig = [str(stack / name / "lib" / "pkgconfig") for name in ("petsc", "slepc")]
    environment = {**os.environ, "PKG_CONFIG_PATH": ":".join(pkgconfig)}
    build = tmp_path / "build"
    configure = ["cmake", "-S", str(ROOT), "-B", str(build), "-G", "Ninja", "-D", "CMAKE_BUILD_TYPE=Release", "-D", "K7_ENABLE_CUDA=ON",
                 "-D", "K7_ENABLE_NCCL=ON", "-D", "K7_WARNINGS_AS_ERRORS=ON", "-D", "K7_BUILD_TESTS=OFF", "-D", "K7_BUILD_BENCH=OFF",
                 "-D", f"Torch_DIR={torch}/share/cmake/Torch"]
    for command in (configure, ["cmake", "--build", str(build), "--target", "k7_train", "k7_spectral"]):
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=1500, check=False)
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
