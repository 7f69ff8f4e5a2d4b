# SPDX-License-Identifier: Apache-2.0
"""Lets the tests of this folder find the package, and what the tests of the programs share."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))

from package import PACKAGE  # noqa: E402

if PACKAGE:
    sys.path.insert(0, PACKAGE)
