"""Every Python block of docs/RECIPES.md runs, in an empty folder and a process of its own; one whose
library is missing is skipped by name. The package's entry points are there as an installed one would have
them."""

from __future__ import annotations

import ast
import importlib.util
import os
import re
import subprocess
import sys
import tomllib

import pytest
from support import ROOT

PAGE = (ROOT / "docs" / "RECIPES.md").read_text(encoding="utf-8")
_SECTION = re.compile(r"^## (.+)$", re.MULTILINE)
OPTIONAL = {"pandas", "polars", "pyarrow", "fsspec", "smart_open", "zarr", "numcodecs", "numpy"}


def recipes() -> list:
    found = []
    titles = [(match.start(), match[1]) for match in _SECTION.finditer(PAGE)]
    for match in re.finditer(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL):
        title = [name for start, name in titles if start < match.start()][-1]
        found.append(pytest.param(match[1], id=f"{title}-{len(found)}"))
    return found


def imported(code: str) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
    return names


@pytest.fixture(scope="session")
def installed(tmp_path_factory):
    """A folder with the entry points of pyproject.toml, as pip would have written them."""
    folder = tmp_path_factory.mktemp("installed")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    info = folder / "nzip_of_this_test-0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: nzip-of-this-test\nVersion: 0\n")
    lines = []
    for group, points in project["entry-points"].items():
        lines += [f"[{group}]", *(f"{name} = {target}" for name, target in points.items())]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
    return folder


def run(code: str, folder, installed) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error::UserWarning:nzip", "-c", code],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(installed), str(ROOT)])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("code", recipes())
def test_a_recipe_runs(code, tmp_path, installed):
    missing = [name for name in imported(code) & OPTIONAL if importlib.util.find_spec(name) is None]
    if missing:
        pytest.skip(f"needs {missing[0]}")
    run(code, tmp_path, installed)


def test_every_library_has_its_recipe():
    titles = " ".join(_SECTION.findall(PAGE))
    for name in (
        "pandas",
        "polars",
        "pyarrow",
        "fsspec",
        "smart_open",
        "tarfile",
        "shutil",
        "Zarr 3",
        "numcodecs",
    ):
        assert name in titles


def test_zarr_finds_the_codec_by_its_name(tmp_path, installed):
    pytest.importorskip("zarr")
    run(
        "import zarr, numpy\n"
        "codec = {'name': 'nzip', 'configuration': {'level': 1}}\n"
        "zarr.create_array('x', data=numpy.arange(999), compressors=codec)\n"
        "assert (zarr.open_array('x')[:] == numpy.arange(999)).all()\n"
        "import json; assert json.load(open('x/zarr.json'))['codecs'][-1] == codec\n",
        tmp_path,
        installed,
    )
