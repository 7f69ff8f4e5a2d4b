# SPDX-License-Identifier: Apache-2.0
"""The commands of docs/python.md run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import k7
import programs
from package import run_script

PAGE = (programs.ROOT / "docs" / "python.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
SCRIPTS = [text for kind, text in BLOCKS if kind == "python"]


def test_scripts_are_known() -> None:
    """What else stands on the page is for tools/test_docs_commands.py."""
    assert len(SCRIPTS) == 2
    assert ("sh", "mpirun -n 2 python3 two_ranks.py\n") in BLOCKS


def test_ten_lines(tmp_path: Path) -> None:
    done = run_script(SCRIPTS[0], cwd=tmp_path)

    assert done.code == 0 and "lambda_1 * H* = " in done.out, str(done)
    assert len([line for line in SCRIPTS[0].splitlines() if line and not line.startswith("import")]) <= 10
    assert (tmp_path / "outputs" / "torus" / "train.json").exists()


def test_two_ranks(tmp_path: Path) -> None:
    pytest.importorskip("mpi4py", reason="python3-mpi4py is not there")
    assert SCRIPTS[1].startswith("# two_ranks.py\n")
    done = run_script(SCRIPTS[1], ranks=2, cwd=tmp_path)

    assert done.code == 0 and done.out.startswith("[") and done.out.count("]") == 1, str(done)


def test_table_has_what_there_is() -> None:
    """Each call of the table exists, and each name of the package stands on the page."""
    for name in re.findall(r"`k7\.(\w+)", PAGE):
        assert hasattr(k7, name), name
    for kind, owner in (("model", k7.Model), ("manifold", k7.Manifold)):
        for name in re.findall(rf"`{kind}\.(\w+)", PAGE):
            assert hasattr(owner, name), name
    for name in set(k7.__all__) - {"__version__", "Error", "Multiplet"}:
        assert re.search(rf"`(k7\.)?{name}\b", PAGE), name
