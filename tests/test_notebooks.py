"""Notebooks run as they are, import what they use and define nothing."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator
from pathlib import Path

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient
from nbformat import NotebookNode

from lqmodel.canvas import Shown
from lqmodel.evaluation import evaluate, paired_difference

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))
PLAIN = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
LONGEST_CELL = 600  # seconds, on a busy machine
each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def _read(path: Path) -> NotebookNode:
    notebook: NotebookNode = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    nbformat.validate(notebook)
    return notebook


def _code(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def _outputs(notebook: NotebookNode) -> Iterator[tuple[str, NotebookNode]]:
    return ((cell.id, output) for cell in _code(notebook) for output in cell.outputs)


@each_notebook
def test_it_stores_no_outputs_and_names_no_machine(path: Path) -> None:
    notebook = _read(path)
    assert notebook.metadata == PLAIN
    assert [cell.id for cell in _code(notebook) if cell.outputs or cell.execution_count is not None] == []
    assert [cell.id for cell in notebook.cells if cell.metadata] == []


@each_notebook
def test_it_imports_and_never_defines(path: Path) -> None:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
    found = [
        (cell.id, ast.unparse(node))
        for cell in _code(_read(path))
        for node in ast.walk(ast.parse(cell.source))
        if isinstance(node, kinds)
    ]
    assert found == []


@pytest.mark.slow
@each_notebook
def test_it_runs_without_a_warning(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    for name in [name for name in os.environ if name.startswith("LQMODEL_") and name != "LQMODEL_THREADS"]:
        monkeypatch.delenv(name)
    notebook = _read(path)
    resources = {"metadata": {"path": str(tmp_path)}}
    NotebookClient(notebook, timeout=LONGEST_CELL, kernel_name="python3", resources=resources).execute()
    said = [(cell, output.text) for cell, output in _outputs(notebook) if output.get("name") == "stderr"]
    assert said == []
    shown = {kind for _, output in _outputs(notebook) for kind in output.get("data", {})}
    assert shown >= {"text/html", "image/png"}  # tables, an explanation and a plot show themselves


def test_figures_show_themselves() -> None:
    p = np.linspace(0.01, 0.4, 200)
    won = np.arange(200) % 5 == 0
    leads = np.arange(200)
    quality = evaluate(won, p, leads, leads, {"mql": 0.2, "sales_ready": 0.9}, draws=20)
    figures = quality.table()
    assert figures.loc["log_loss"].to_dict() == vars(quality.log_loss)
    assert set(figures.index) >= {"base_rate", "brier", "auc", "ece", "lift_at_10"}
    bands = quality.bands_table()
    assert list(bands.index) == ["below", "mql", "sales_ready"]
    assert bands.loc["mql", "observed"] == quality.bands[1].observed.value  # type: ignore[union-attr]
    assert bands.loc["sales_ready", ["predicted", "observed", "low", "high"]].isna().all()  # nobody there
    shown = quality._repr_html_()
    assert "200 snapshots of 200 leads, 40 won" in shown
    assert "log_loss" in shown
    assert "sales_ready" in shown
    figure = quality.plot()
    assert isinstance(figure, Shown)
    assert figure._repr_png_().startswith(b"\x89PNG")
    assert list(paired_difference(won, p, p[::-1], leads, draws=20).table().index) == ["log_loss", "auc"]
