# SPDX-License-Identifier: Apache-2.0
"""The programs that are Python, under their names on the command line."""

from __future__ import annotations

import runpy
from pathlib import Path

FOLDER = Path(__file__).parent / "programs"


def k7_report() -> None:
    """Tables and pictures of a run folder."""
    _run("k7_report")


def npy_to_hdf5() -> None:
    """A sample file of NumPy's files."""
    _run("npy_to_hdf5.py")


def hdf5_to_npy() -> None:
    """NumPy's files of a sample file."""
    _run("hdf5_to_npy.py")


def _run(name: str) -> None:
    runpy.run_path(str(FOLDER / name), run_name="__main__")
