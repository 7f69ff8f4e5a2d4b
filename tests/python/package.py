# SPDX-License-Identifier: Apache-2.0
"""Where the package k7 is, and scripts that use it, alone or on ranks."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import programs

# Beside the programs; K7_PYTHON_DIR= (empty) tests the package that is installed where the tests run.
PACKAGE = os.environ.get("K7_PYTHON_DIR", str(programs.BIN.parent / "python"))
TIME_LIMIT = 120.0


def environment() -> dict[str, str]:
    """Of a script that uses the package."""
    found = programs.environment() | {"OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    return found | ({"PYTHONPATH": PACKAGE} if PACKAGE else {})


def run_script(text: str, *arguments: object, ranks: int = 1, cwd: Path) -> programs.Done:
    """Runs a script of Python to its end; without mpirun on one rank."""
    script = cwd / "script.py"
    script.write_text(textwrap.dedent(text), encoding="utf-8")
    launcher = [] if ranks == 1 else ["mpirun", "--oversubscribe", "-n", str(ranks)]
    process = subprocess.Popen([*launcher, sys.executable, str(script), *map(str, arguments)], cwd=cwd, text=True,
                               env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, start_new_session=True)
    return programs.finish(process, TIME_LIMIT)
