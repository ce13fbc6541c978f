"""The examples in docstrings run.

Every module with a ``>>>`` is found by reading the packages, so a new example is run without being listed
anywhere; one that needs a library that is missing is skipped and named."""

from __future__ import annotations

import doctest
import importlib

import pytest
from support import ROOT

PACKAGES = ("nzip", "tokenizers_lab")
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def modules() -> list[str]:
    """Dotted names of the packages' modules whose text holds an example."""
    found = []
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            if ">>> " in path.read_text(encoding="utf-8"):
                parts = path.relative_to(ROOT).with_suffix("").parts
                found.append(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    return found


@pytest.mark.parametrize("name", modules())
def test_examples(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    try:
        module = importlib.import_module(name)
    except ImportError as error:
        if (error.name or "").split(".")[0] in PACKAGES:
            raise
        pytest.skip(f"{name} needs {error.name}")
    found = [test for test in doctest.DocTestFinder().find(module) if test.examples]
    assert found, f"{name}: its examples are in no docstring of its own"
    runner = doctest.DocTestRunner(optionflags=FLAGS)
    for test in found:
        runner.run(test)
    assert runner.summarize().failed == 0


def test_the_front_doors_have_examples():
    assert {"nzip", "nzip.api", "nzip.streaming", "nzip.coding.symbols", "tokenizers_lab"} <= set(modules())
