# SPDX-License-Identifier: Apache-2.0
"""tools/gpu_check: the whole of it on the CPU, on a GPU that is not there, and with programs that fail."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(os.environ.get("K7_BIN_DIR", ROOT / "build" / "bin"))
sys.path.insert(0, str(ROOT / "tools"))
from gpu_check_lib.benchmarks import SPECTRUM_KEYS, TRAINING_KEYS, flops_per_point, products  # noqa: E402
from gpu_check_lib.machine import peak_of  # noqa: E402

KEYS = {"timestamp", "device", "versions", "tests", "counts", "training", "spectra", "budget_s", "used_s", "verdict"}
DEVICE_KEYS = {"kind", "name", "driver", "driver_cuda", "memory_mib", "peak_fp64_tflops", "peak_bandwidth_gbs", "peak_source"}
VERSION_KEYS = {"k7_train", "k7_spectral", "libtorch", "cuda", "petsc"}
TEST_KEYS = {"program", "ranks", "name", "outcome", "seconds", "reason"}

GOOD = """echo '[ RUN      ] On/A.b/cuda'; echo 'a.hpp:18: Skipped'; echo "$WHY"; echo '[  SKIPPED ] On/A.b/cuda (0 ms)'
echo '[ RUN      ] On/A.b/cpu'; echo '[       OK ] On/A.b/cpu (12 ms)'"""
FAILING = """echo '[ RUN      ] On/A.b/cpu'; echo 'a.cpp:7: Failure'; echo 'Expected: 1 < 0'
echo '[  FAILED  ] On/A.b/cpu, where GetParam() = 4-byte object <01-00 00-00> (3 ms)'; exit 1"""
CRASHING = "echo '[ RUN      ] On/A.b/cpu'; kill -SEGV $$"
OTHER_RANK = "echo '[ RUN      ] A.b'; echo '[       OK ] A.b (1 ms)'; echo '[rank 1] a.cpp:7: Expected: 1 < 0'; exit 1"
HANGING = "echo '[ RUN      ] A.b'; sleep 60"
TRAIN = """while [ $# -gt 0 ]; do [ "$1" = --out ] && out=$2; [ "$1" = --device ] && device=$2; shift; done
[ -n "$out" ] || { echo 'k7_train 0.0'; exit; }
mkdir -p "$out"; cat > "$out/train.json" <<J
{"timing": {"step_s": 0.5}, "parallel": {"peak_memory_mib": [100.0, 200.0]}, "model": {"architecture": "10 -> [20] -> 5"}}
J
"""
SPECTRAL = """words="$*"
while [ $# -gt 0 ]; do [ "$1" = -o ] && out=$2; [ "$1" = -log_view ] && log=${2#:}; shift; done
[ -n "$out" ] || { echo 'k7_spectral 0.0'; exit; }
echo "$words" > "$WORDS"
echo 'Using Petsc Release Version 3.26.1, May 01, 2026 ' > "$log"
echo 'MatMult              100 1.0 5.0000e-01 1.0 9.90e+09 1.0 0.0e+00' >> "$log"
echo '{"timing": {"eigensolve_s": 2, "total_s": 9, "knn_s": 1, "assemble_s": 1}, "parallel": {"peak_memory_mib": [7]},' > "$out"
echo '"spectral": {"n_points": 1000000, "lambda_1": 0.5}}' >> "$out"
"""
SMI = """case "$*" in
  *memory.free*) echo 4000 ;; *memory.used*) echo 100 ;; *memory.total*) echo 81920 ;;
  *driver_version*) echo 580.1 ;; *=name*) echo 'NVIDIA A100-SXM4-80GB' ;; *) echo '| CUDA Version: 13.0 |' ;;
esac"""


def script(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/bash\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def fake(folder: Path, test: str, **other: str) -> Path:
    """A folder of programs that only say what K7's would."""
    folder.mkdir()
    (folder / "gpu_tests.txt").write_text("test_gpu_a 1\n")
    programs = {"test_gpu_a": test, "k7_train": TRAIN, "k7_sample": "true", "k7_spectral": SPECTRAL, **other}
    for name, text in programs.items():
        script(folder / name, text)
    return folder


def check(*words: object, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(ROOT / "tools" / "gpu_check"), *map(str, words)], env=os.environ | variables, capture_output=True,
                          text=True, timeout=280, check=False)


def result(out: Path) -> dict[str, Any]:
    """The results, with every key that they promise and no file beside them."""
    assert {path.name for path in out.iterdir()} == {"gpu_check.json", "gpu_check.md"}
    tree: dict[str, Any] = json.loads((out / "gpu_check.json").read_text())
    assert set(tree) == KEYS and set(tree["device"]) == DEVICE_KEYS and set(tree["versions"]) == VERSION_KEYS
    assert all(set(test) == TEST_KEYS for test in tree["tests"])
    assert all(set(run) == set(TRAINING_KEYS) for run in tree["training"]) and tree["training"]
    assert all(set(run) == set(SPECTRUM_KEYS) for run in tree["spectra"]) and tree["spectra"]
    text = (out / "gpu_check.md").read_text()
    assert all(test["name"] in text for test in tree["tests"])
    return tree


def test_all_of_it_on_the_cpu(tmp_path: Path) -> None:
    """With K7's own programs, and the two of its tests that take least."""
    folder = tmp_path / "bin"
    folder.mkdir()
    names = ["k7_train", "k7_sample", "k7_spectral", "test_gpu_objectives", "test_gpu_spectrum"]
    for name in names:
        (folder / name).symlink_to(BIN.resolve() / name)
    (folder / "gpu_tests.txt").write_text("test_gpu_objectives 1\ntest_gpu_spectrum 1 2\n")
    done = check("--device", "cpu", "--bin", folder, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stdout + done.stderr
    tree = result(tmp_path / "out")
    assert tree["verdict"] == "passed" and tree["counts"] == {"passed": 8, "failed": 0, "skipped": 8, "left out": 0}
    assert {(test["program"], test["ranks"]) for test in tree["tests"]} == {("test_gpu_objectives", 1), ("test_gpu_spectrum", 1),
                                                                            ("test_gpu_spectrum", 2)}
    assert {test["reason"] for test in tree["tests"] if test["outcome"] == "skipped"} == {"no CUDA device"}
    for run in tree["training"]:
        assert run["problem"] == "" and run["step_s"] > 0 and run["host_memory_mib"] > 10
        assert run["points_per_s"] == pytest.approx(run["batch"] / run["step_s"])
    for run in tree["spectra"]:
        assert run["problem"] == "" and run["eigensolve_s"] > 0 and run["products"] > 10 and run["bandwidth_gbs"] > 0.01
    assert tree["versions"]["k7_train"].startswith("k7_train ") and tree["versions"]["libtorch"]
    assert re.fullmatch(r"3\.\d+\.\d+", tree["versions"]["petsc"])


def on_a_gpu(tmp_path: Path, **variables: str) -> tuple[int, dict[str, Any]]:
    """What is said of fake programs where nvidia-smi sees an A100."""
    script(tmp_path / "nvidia-smi", SMI)
    folder = fake(tmp_path / "bin", GOOD)
    done = check("--bin", folder, "--out", tmp_path / "out", PATH=f"{tmp_path}:{os.environ['PATH']}", WORDS=str(tmp_path / "words"),
                 **variables)
    return done.returncode, result(tmp_path / "out")


def test_numbers_of_a_gpu(tmp_path: Path) -> None:
    code, tree = on_a_gpu(tmp_path, WHY="no NCCL in this build")
    assert code == 0 and tree["verdict"] == "passed"
    assert tree["device"] == {"kind": "cuda", "name": "NVIDIA A100-SXM4-80GB", "driver": "580.1", "driver_cuda": "13.0",
                              "memory_mib": 81920, **peak_of("NVIDIA A100-SXM4-80GB")}
    assert [run["batch"] for run in tree["training"]] == [4096, 32768]
    run = tree["training"][0]
    assert run["tflops"] == pytest.approx(8 * (4 * 10 * 20 + 6 * 20 * 5) * 4096 / 0.5 / 1e12)
    assert run["share_of_peak"] == pytest.approx(run["tflops"] / 19.5)
    assert run["host_memory_mib"] == 200 and run["device_memory_mib"] == 0
    first, second = tree["spectra"]
    assert first["products"] == 100 and first["bandwidth_gbs"] == pytest.approx(100 * (12 * 5e7 + 20 * 1e6) / 0.5 / 1e9)
    assert first["share_of_bandwidth"] == pytest.approx(first["bandwidth_gbs"] / 2039)
    assert second["points"] == 4000000 and second["problem"].startswith("left out: needs about 11.2 GiB")
    words = (tmp_path / "words").read_text().split()
    assert "-log_view_gpu_time" in words and words[words.index("--device") + 1] == "cuda"
    assert tree["versions"]["petsc"] == "3.26.1"


def test_tests_that_see_no_gpu_prove_nothing(tmp_path: Path) -> None:
    code, tree = on_a_gpu(tmp_path, WHY="no CUDA device")
    assert code == 4 and tree["verdict"] == "unproven"


@pytest.mark.parametrize(("test", "name", "reason"), [
    (FAILING, "On/A.b/cpu", "a.cpp:7: Failure Expected: 1 < 0"), (CRASHING, "On/A.b/cpu", "ended with -11"),
    (OTHER_RANK, "the program as a whole", "[rank 1] a.cpp:7"), ("true", "the program as a whole", "it has run no test"),
    (HANGING, "A.b", "did not end within 3 s")])
def test_what_fails_is_said(test: str, name: str, reason: str, tmp_path: Path) -> None:
    folder = fake(tmp_path / "bin", test)
    budget = 3 if test == HANGING else 100
    done = check("--device", "cpu", "--bin", folder, "--out", tmp_path / "out", "--budget", budget, WORDS=str(tmp_path / "words"))
    assert done.returncode == 4, done.stderr
    tree = result(tmp_path / "out")
    assert tree["verdict"] == "failed" and tree["counts"]["failed"] == 1
    failed = [case for case in tree["tests"] if case["outcome"] == "failed"]
    assert failed[0]["name"] == name and reason in failed[0]["reason"]
    if test == HANGING:
        assert all("budget of 3 s is used up" in run["problem"] for run in tree["training"] + tree["spectra"])


@pytest.mark.parametrize("text", ["echo 'k7_train: error: no memory' >&2; exit 2", TRAIN + "echo '{}' > $out/train.json"])
def test_benchmarks_that_fail_are_said(text: str, tmp_path: Path) -> None:
    folder = fake(tmp_path / "bin", GOOD, k7_train=text)
    done = check("--device", "cpu", "--bin", folder, "--out", tmp_path / "out", "-q", WORDS=str(tmp_path / "words"))
    assert done.returncode == 4 and done.stdout == ""
    tree = result(tmp_path / "out")
    assert tree["verdict"] == "failed" and all(run["problem"] for run in tree["training"])
    assert all(run["problem"] == "" for run in tree["spectra"])


@pytest.mark.skipif(shutil.which("nvidia-smi") is not None or Path("/dev/nvidia0").exists(), reason="there is a GPU")
def test_without_a_gpu_one_line_says_so(tmp_path: Path) -> None:
    done = check("--bin", fake(tmp_path / "bin", GOOD), "--out", tmp_path / "out")
    assert done.returncode == 2 and "there is no NVIDIA GPU" in done.stderr and len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    folder = fake(tmp_path / "bin", GOOD)
    for name in ("k7_sample", "test_gpu_a", "gpu_tests.txt"):
        (folder / name).unlink()
        done = check("--device", "cpu", "--bin", folder, "--out", tmp_path / "out")
        assert done.returncode == 2 and f"{name}: is missing" in done.stderr and len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_an_installation_is_used_from_within(tmp_path: Path) -> None:
    """As it is installed: programs beside the tool, its libraries in share/k7, tests in lib/k7."""
    bin, shared, tests = fake(tmp_path / "bin", GOOD), tmp_path / "share" / "k7", tmp_path / "lib" / "k7"
    shared.mkdir(parents=True)
    tests.mkdir(parents=True)
    for name in ("gpu_check_lib", "k7_report_lib"):
        shutil.copytree(ROOT / "tools" / name, shared / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "tools" / "gpu_check", bin / "k7_gpu_check")
    for name in ("gpu_tests.txt", "test_gpu_a"):
        (bin / name).rename(tests / name)
    done = subprocess.run([str(bin / "k7_gpu_check"), "--device", "cpu", "--out", str(tmp_path / "out")], capture_output=True, text=True,
                          env=os.environ | {"WORDS": str(tmp_path / "words")}, timeout=100, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert result(tmp_path / "out")["counts"]["passed"] == 1
    assert not list(shared.rglob("__pycache__"))


def test_the_list_is_that_of_the_label() -> None:
    """ctest knows the same programs and numbers of ranks."""
    done = subprocess.run(["ctest", "--test-dir", str(BIN.parent), "-N", "-L", "^gpu$"], capture_output=True, text=True, check=True)
    of_label = set(re.findall(r"Test +#\d+: (\w+)_np(\d+)", done.stdout))
    lines = [line.split() for line in (BIN / "gpu_tests.txt").read_text().splitlines()]
    assert {(name[len("test_"):], ranks) for name, *counts in lines for ranks in counts} == of_label
    assert ("gpu_training", "2") in of_label and ("gpu_spectrum", "1") in of_label


def test_operations_and_peaks() -> None:
    assert flops_per_point("10 -> [512, 512, 512, 256] -> 49") == pytest.approx(3.2e7, rel=0.02)
    for name, peak in (("Tesla V100-SXM2-16GB", 7.8), ("NVIDIA A100-PCIE-40GB", 19.5), ("NVIDIA H100 PCIe", 51.0),
                       ("NVIDIA H100 80GB HBM3", 67.0), ("NVIDIA H200", 67.0), ("NVIDIA B200", 37.0), ("GeForce", None), (None, None)):
        assert peak_of(name)["peak_fp64_tflops"] == peak, name
    assert products("", 10) == {}
