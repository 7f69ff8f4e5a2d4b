# SPDX-License-Identifier: Apache-2.0
"""Golden fields of G2-structures, as input of k7_torsion and as its results."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np

from programs import ROOT

GOLDEN = ROOT / "tests" / "data" / "g2_fields.h5"
RICH = "product_explicit"  # structure constants, derivatives and all four torsion classes
Arrays = dict[str, np.ndarray]


def golden(name: str) -> Arrays:
    """The datasets of one golden field."""
    with h5py.File(GOLDEN, "r") as file:
        return {key: item[...] for key, item in file[f"fields/{name}"].items() if isinstance(item, h5py.Dataset)}


def golden_names() -> list[str]:
    with h5py.File(GOLDEN, "r") as file:
        return sorted(file["fields"])


def write_fields(path: Path, group: str = "/", **changes: Any) -> Arrays:
    """The input of a golden field; `changes` replaces datasets, None leaves one out. Returns what is known of it."""
    field = golden(RICH)
    inputs = {name: field[name] for name in ("phi", "E_phi", "structure")} | changes
    with h5py.File(path, "a") as file:
        for name, values in inputs.items():
            if values is not None:
                file.require_group(group).create_dataset(name, data=values)
    return field


def split_form() -> np.ndarray:
    """A stable 3-form of the other kind: its metric has signature (3, 4)."""
    with h5py.File(GOLDEN, "r") as file:
        phi = file["conventions/phi0"][...]
    kept = phi.nonzero()[0][0]
    return np.where(np.arange(35) == kept, phi, -phi)
