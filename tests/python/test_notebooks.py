# SPDX-License-Identifier: Apache-2.0
"""The notebooks of docs/notebooks run, and what is stored in them is the output of their cells."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import programs
from package import environment

nbformat = pytest.importorskip("nbformat", reason="python3-nbclient is not there")
nbclient = pytest.importorskip("nbclient", reason="python3-nbclient is not there")
pytest.importorskip("ipykernel", reason="python3-ipykernel is not there")

NOTEBOOKS = programs.ROOT / "docs" / "notebooks"


def outputs(book: Any) -> list[list[str]]:
    """The kinds of output of each cell of code: names of streams, and types of data. Parts of one stream are one."""
    found = []
    for cell in book.cells:
        if cell.cell_type == "code":
            kinds = [output.get("name") or "|".join(sorted(output.get("data", {"error": 0}))) for output in cell.outputs]
            found.append(sorted(set(kinds)))
    return found


@pytest.mark.parametrize("name", ["source_notebook", "own_metric", "read_files"])
def test_notebook_runs(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, value in environment().items():
        monkeypatch.setenv(variable, value)
    stored = nbformat.read(NOTEBOOKS / f"{name}.ipynb", 4)
    book = nbformat.from_dict(stored)
    for cell in book.cells:
        if cell.cell_type == "code":
            cell.outputs = []

    nbclient.NotebookClient(book, timeout=250, kernel_name="python3", resources={"metadata": {"path": tmp_path}}).execute()

    assert outputs(book) == outputs(nbformat.read(NOTEBOOKS / f"{name}.ipynb", 4))
    assert any("image/png" in kind for kinds in outputs(book) for kind in kinds)


def test_what_is_stored_is_clean() -> None:
    files = sorted(NOTEBOOKS.glob("*.ipynb"))
    assert len(files) == 3
    for file in files:
        assert "/tmp" not in file.read_text(encoding="utf-8"), file
        for cell in nbformat.read(file, 4).cells:
            if cell.cell_type == "code":
                assert cell.execution_count, f"{file}: a cell has not been run"
                assert not any(output.output_type == "error" for output in cell.outputs), file
