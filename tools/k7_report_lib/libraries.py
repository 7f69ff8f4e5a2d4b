# SPDX-License-Identifier: Apache-2.0
"""Says in one line which Python library is missing and what installs it. Needs none itself."""

from __future__ import annotations

import importlib
import sys
from typing import Iterable

from .cli import EXIT_BAD_INPUT

DEBIAN_PACKAGES = {"numpy": "python3-numpy", "h5py": "python3-h5py", "matplotlib": "python3-matplotlib"}


def require_libraries(prog: str, names: Iterable[str] = ("numpy", "h5py")) -> None:
    """Ends the program with exit code 2 at the first library that cannot be imported."""
    for name in names:
        try:
            importlib.import_module(name)
        except ImportError:
            print(f"{prog}: error: {name}: is missing for {sys.executable}; install it with apt install {DEBIAN_PACKAGES[name]} or "
                  f"pip install {name}", file=sys.stderr)
            sys.exit(EXIT_BAD_INPUT)
