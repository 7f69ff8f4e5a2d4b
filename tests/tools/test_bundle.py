# SPDX-License-Identifier: Apache-2.0
"""tools/bundle: what it packs runs in a root that has glibc, a shell and LibTorch, and nothing else."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(os.environ.get("K7_BIN_DIR", ROOT / "build" / "bin"))
sys.path.insert(0, str(ROOT / "tests" / "e2e"))
from programs import environment  # noqa: E402

LIBRARIES = Path("lib/x86_64-linux-gnu")
GLIBC = re.compile(r"^lib(c|m|dl|pthread|rt|util|resolv|mvec)\.so|^ld-linux")
LARGEST = 64 << 20


def bundle(*words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(ROOT / "tools" / "bundle"), *map(str, words)], env=environment(), capture_output=True, text=True,
                          timeout=280, check=False)


def dependencies(*files: Path) -> dict[str, Path]:
    text = subprocess.run(["ldd", *map(str, files)], capture_output=True, text=True, check=True).stdout
    return {name: Path(place) for name, place in re.findall(r"^\s*(\S+) => (/\S+)", text, re.MULTILINE)}


def why_not() -> str:
    """Why roots of their own cannot be tested here; empty where they can."""
    words = ["unshare", "--mount", "sh", "-c", "mount --bind /proc /proc && chroot / true"]
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        return str(error)
    return "" if done.returncode == 0 else f"no mounts or roots of one's own: {done.stderr.strip()}"


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("bundle") / "k7.tar.xz"
    done = bundle(out, "--bin", BIN, "--preset", 0)
    assert done.returncode == 0, done.stderr
    assert [path.name for path in out.parent.iterdir()] == [out.name], "nothing else is left behind"
    return out


@pytest.fixture(scope="module")
def root(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another machine: a shell, glibc, LibTorch with what belongs to it, and the bundle."""
    if why_not():
        pytest.skip(why_not())
    folder = tmp_path_factory.mktemp("root")
    for name in ("proc", "dev", "tmp", "bin", "lib64", "torch/lib", LIBRARIES):
        (folder / name).mkdir(parents=True)
    with tarfile.open(archive) as stream:
        stream.extractall(folder)
    shutil.copy("/bin/bash", folder / "bin/bash")
    shutil.copy("/lib64/ld-linux-x86-64.so.2", folder / "lib64")
    packed = {path.name for path in (folder / "k7").rglob("*.so*")}
    for name, place in dependencies(Path("/bin/bash"), BIN / "k7_train", BIN / "k7_spectral").items():
        if GLIBC.match(name) or name.startswith("libtinfo"):
            shutil.copy(place, folder / LIBRARIES / name)
        elif name not in packed:
            shutil.copy(place, folder / "torch/lib" / name)
    return folder


def inside(root: Path, command: str) -> str:
    """What a command prints there; it must end well."""
    shell = ["env", "-i", "K7_TORCH=/torch", "HOME=/tmp", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "chroot", ".", "/bin/bash", "-c",
             f". /k7/env.sh && {command}"]
    text = f"mount --rbind /proc proc && mount --rbind /dev dev && exec {shlex.join(shell)}"
    done = subprocess.run(["unshare", "--mount", "sh", "-c", text], cwd=root, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_it_fits_and_has_what_it_promises(archive: Path) -> None:
    assert archive.stat().st_size < LARGEST
    with tarfile.open(archive) as stream:
        names = {member.name for member in stream}
    listed = [line.split()[0] for line in (BIN / "gpu_tests.txt").read_text().splitlines()]
    for name in ("env.sh", "gpu_check", "tools/gpu_check", "bin/gpu_tests.txt", "bin/k7_train", "bin/mpirun", *(f"bin/{name}" for name in listed)):
        assert f"k7/{name}" in names
    assert not [name for name in names if re.search(r"/(libc|libtorch_cpu|libcuda|libc10)\.so|__pycache__", name)]


def test_programs_start_there(root: Path) -> None:
    version = subprocess.run([str(BIN / "k7_train"), "--version"], capture_output=True, text=True, check=True).stdout
    assert inside(root, "k7_train --version") == version


def test_a_spectrum_comes_out_there(root: Path) -> None:
    inside(root, "k7_sample --manifold s1xs3xs3 --radii 1,1,1 -N 500 -o /tmp/s.h5 && k7_spectral /tmp/s.h5 --no-extrapolate -o /tmp/one.json"
                 " && mpirun -n 2 k7_spectral /tmp/s.h5 --no-extrapolate -o /tmp/two.json")
    one, two = (json.loads((root / "tmp" / name).read_text())["spectral"] for name in ("one.json", "two.json"))
    assert 0.1 < one["lambda_1"] < 2.0 and one["lambda_1"] == pytest.approx(two["lambda_1"], rel=1e-8)


def test_tests_run_there(root: Path) -> None:
    assert "PASSED" in inside(root, "/k7/bin/test_gpu_objectives --gtest_filter='*notebook*'")


def test_gpu_check_runs_from_it(root: Path, tmp_path: Path) -> None:
    """Where there is Python, so not in that root."""
    (root / "k7/bin/gpu_tests.txt").write_text("test_gpu_objectives 1\n")
    words = [str(root / "k7/gpu_check"), "--device", "cpu", "--out", str(tmp_path)]
    done = subprocess.run(words, env=environment() | {"K7_TORCH": str(root / "torch")}, capture_output=True, text=True, timeout=200,
                          check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    tree = json.loads((tmp_path / "gpu_check.json").read_text())
    assert tree["verdict"] == "passed" and tree["counts"]["passed"] == 4 and tree["versions"]["k7_train"]


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    done = bundle(tmp_path / "k7.tar.xz", "--bin", tmp_path)
    assert done.returncode == 2 and "gpu_tests.txt: is missing" in done.stderr and len(done.stderr.splitlines()) == 1
    assert not list(tmp_path.iterdir())
