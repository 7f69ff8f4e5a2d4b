# SPDX-License-Identifier: Apache-2.0
"""Says in one line which Python library is missing and what installs it. Needs none itself."""

from __future__ import annotations

import importlib
import sys

from .cli import EXIT_BAD_INPUT

DEBIAN_PACKAGES = {"numpy": "python3-numpy", "h5py": "python3-h5py"}


def require_libraries(prog: str) -> None:
    """Ends the program with exit code 2 at the first library that cannot be imported."""
    for name, package in DEBIAN_PACKAGES.items():
        try:
            importlib.import_module(name)
        except ImportError:
            print(f"{prog}: error: {name}: is missing for {sys.executable}; install it with apt install {package} or "
                  f"pip install {name}", file=sys.stderr)
            sys.exit(EXIT_BAD_INPUT)
