"""Every notebook runs from scratch without an error, and is kept with its outputs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

nbclient = pytest.importorskip("nbclient", reason="pip install 'tinygrad-lite[notebook]'")
nbformat = pytest.importorskip("nbformat")
pytest.importorskip("sympy")
pytest.importorskip("matplotlib")

NEEDS = {"11_other_tools": ("scipy", "sklearn", "onnx", "onnxruntime")}
NOTEBOOKS = sorted((Path(__file__).parent.parent / "notebooks").glob("*.ipynb"))


def test_there_are_notebooks() -> None:
    assert len(NOTEBOOKS) >= 5


def kinds(cell: Any) -> set[str]:
    """What a cell printed or showed; how often it wrote to the same stream is chance."""
    return {output.output_type for output in cell.get("outputs", [])}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_runs_from_scratch(path: Path) -> None:
    for library in NEEDS.get(path.stem, ()):
        pytest.importorskip(library)
    notebook = nbformat.read(path, as_version=4)
    kept = [kinds(cell) for cell in notebook.cells]
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = []
    nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(path.parent)}}).execute()
    assert [kinds(cell) for cell in notebook.cells] == kept
