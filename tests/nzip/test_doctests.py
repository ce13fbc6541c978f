"""The examples in docstrings of what users call are run."""

from __future__ import annotations

import doctest
import importlib
import shutil

import pytest

MODULES = [
    "nzip",
    "nzip.api",
    "nzip.file",
    "nzip.listing",
    "nzip.plugins",
    "nzip.plugins.zarr",
    "nzip.primer",
    "nzip.streaming",
]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if name == "nzip.plugins.zarr":
        pytest.importorskip("numcodecs")
    registered = {entry[0] for entry in shutil.get_archive_formats()}
    found = doctest.testmod(importlib.import_module(name))
    if {entry[0] for entry in shutil.get_archive_formats()} - registered:
        shutil.unregister_archive_format("nztar")
        shutil.unregister_unpack_format("nztar")
    assert found.attempted and not found.failed
    assert not list(tmp_path.iterdir())
