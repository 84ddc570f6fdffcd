"""docs/notebook.ipynb runs in a kernel as written, and shows its clips.

It needs nbclient and ipykernel, which no extra brings: pip install nbclient ipykernel. Last run on
29 November 2026, nbclient 0.11.0, ipykernel 7.4.0, Python 3.11: passed, four players shown.
"""

from __future__ import annotations

import json
import re
import warnings
from html import unescape
from pathlib import Path
from typing import Any

import pytest

NOTEBOOK = Path(__file__).parents[2] / "docs" / "notebook.ipynb"


def test_it_is_kept_without_outputs() -> None:
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    assert [cell["outputs"] for cell in cells if cell["cell_type"] == "code"] == [[]] * 4


def test_it_runs_and_shows_its_clips() -> None:
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    nbformat = pytest.importorskip("nbformat")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # those of Jupyter's packages are not ours
        nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
    outputs: list[Any] = [out for cell in notebook.cells for out in cell.get("outputs", [])]
    pages = [out["data"]["text/html"] for out in outputs if "text/html" in out.get("data", {})]
    assert len(pages) == 4
    assert all(page.startswith("<iframe srcdoc=") for page in pages)
    assert "wave with both hands" in unescape(pages[0])
    said = "".join(out.get("text", "") for out in outputs)
    assert re.search(r"\(\d+, 22, 3\) 20\.0 1", said)
