"""The pages under examples/ run from top to bottom, each in a fresh kernel and an empty folder; and none is
kept with its outputs, which would be of another day."""

from __future__ import annotations

import json
import os

import pytest
from support import ROOT

PAGES = sorted((ROOT / "examples").glob("*.ipynb"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_it_runs(page, tmp_path, monkeypatch):
    nbclient = pytest.importorskip("nbclient")
    nbformat = pytest.importorskip("nbformat")
    pytest.importorskip("ipykernel")
    pytest.importorskip("matplotlib")
    pytest.importorskip("nzip.explanation")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
    (tmp_path / "corpora").symlink_to(ROOT / "corpora")
    notebook = nbformat.read(page, as_version=4)
    client = nbclient.NotebookClient(
        notebook, timeout=900, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    )
    client.execute()
    shown = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert any("image/png" in output.get("data", {}) for output in shown)
    assert any("text/html" in output.get("data", {}) for output in shown)
    assert (tmp_path / "heat-map.html").read_text(encoding="utf-8").lower().startswith("<!doctype html")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_it_is_kept_without_outputs(page):
    cells = json.loads(page.read_text(encoding="utf-8"))["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert code and all(not cell["outputs"] and cell["execution_count"] is None for cell in code)
    assert str(ROOT) not in page.read_text(encoding="utf-8")


def test_there_is_one():
    assert PAGES
