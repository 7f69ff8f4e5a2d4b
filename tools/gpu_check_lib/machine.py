# SPDX-License-Identifier: Apache-2.0
"""What the machine is: GPU, driver, libraries, and what a GPU can reach at most."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Optional

from .processes import ask, gpu_number, gpu_value

# Name, as nvidia-smi has it -> TFLOP/s of float64 matrix products (tensor cores where they do float64), GB/s of memory,
# and where NVIDIA says so. The first that fits counts.
PEAKS: list[tuple[str, float, float, str]] = [
    (r"\bGB200\b|\bB200\b", 37.0, 8000, "NVIDIA HGX B200, specifications (296 TFLOP/s of eight)"),
    (r"\bH200\b(?! NVL)", 67.0, 4800, "NVIDIA H200 datasheet"),
    (r"\bH100 PCIe\b", 51.0, 2000, "NVIDIA H100 datasheet"),
    (r"\bH100\b(?! NVL)", 67.0, 3350, "NVIDIA H100 datasheet"),
    (r"\bA100.*80GB", 19.5, 2039, "NVIDIA A100 80GB datasheet"),
    (r"\bA100\b", 19.5, 1555, "NVIDIA A100 datasheet"),
    (r"\bA30\b", 10.3, 933, "NVIDIA A30 datasheet"),
    (r"\bV100-SXM", 7.8, 900, "NVIDIA V100 datasheet"),
    (r"\bP100-PCIE", 4.7, 732, "NVIDIA P100 datasheet"),
]


def peak_of(name: Optional[str]) -> dict[str, Any]:
    """What a GPU of this name can reach, nulls where the table does not have it."""
    for pattern, tflops, bandwidth, source in PEAKS:
        if name and re.search(pattern, name):
            return {"peak_fp64_tflops": tflops, "peak_bandwidth_gbs": bandwidth, "peak_source": source}
    return {"peak_fp64_tflops": None, "peak_bandwidth_gbs": None, "peak_source": None}


def has_gpu() -> bool:
    return gpu_value("name") is not None or Path("/dev/nvidia0").exists()


def processor() -> Optional[str]:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), None)


def describe(kind: str) -> dict[str, Any]:
    """The part `device` of the results."""
    if kind == "cpu":
        return {"kind": kind, "name": processor(), "driver": None, "driver_cuda": None, "memory_mib": None, **peak_of(None)}
    found = re.search(r"CUDA Version:\s*([0-9.]+)", ask("nvidia-smi") or "")
    name = gpu_value("name")
    return {"kind": kind, "name": name, "driver": gpu_value("driver_version"), "driver_cuda": found[1] if found else None,
            "memory_mib": gpu_number("memory.total"), **peak_of(name)}


def versions(folder: Path) -> dict[str, Optional[str]]:
    """The part `versions`; PETSc says its own when it has run."""
    torch, cuda = libtorch(folder / "k7_train")
    of_programs = {name: ask(str(folder / name), "--version", of_k7=True) for name in ("k7_train", "k7_spectral")}
    return {**of_programs, "libtorch": torch, "cuda": cuda, "petsc": None}


def libtorch(program: Path) -> tuple[Optional[str], Optional[str]]:
    """The version of the LibTorch that a program loads and that of its CUDA: a wheel has a file that says both, Debian's
    library has the version in its name."""
    found = re.search(r"libtorch_cpu\S* => (\S+)", ask("ldd", str(program), of_k7=True) or "")
    if found is None:
        return None, None
    library = Path(found[1]).resolve()
    try:
        text = (library.parents[1] / "version.py").read_text(encoding="utf-8")
    except OSError:
        number = re.search(r"\.so\.([0-9.]+)$", library.name)
        return (number[1] if number else None), None
    values = dict(re.findall(r"^(\w+)[^=\n]*=\s*'([^']*)'", text, re.MULTILINE))
    return values.get("__version__"), values.get("cuda")


def free_memory_bytes() -> tuple[Optional[float], Optional[float]]:
    """Of the host and of the GPU; None where it is not known."""
    text = Path("/proc/meminfo").read_text(encoding="ascii")
    found = re.search(r"MemAvailable:\s*(\d+) kB", text)
    gpu = gpu_number("memory.free")
    return (float(found[1]) * 1024 if found else None), (gpu * 2**20 if gpu is not None else None)
