"""The code of the documentation runs: each page's Python blocks in their order, as one program.

A page opts in by its name in PAGES. In its folder (a fresh one) a block whose first line is a comment with a
file's name is written to that file instead of being run, and a TOML block that declares entry points is
installed as a package's metadata would be. Files named test_*.py are then run by pytest. What "It prints
`...`" says on a page must be among what the page's program prints.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib

import pytest
from support import ROOT

PAGES = ("PREDICTORS.md", "CODING.md", "COSTS.md")
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"# (\w+\.py)\n")


def blocks(page: str, language: str) -> list[str]:
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    return [code for name, code in _BLOCK.findall(text) if name == language]


def laid_out(page: str, folder) -> str:
    """Writes the page's files to ``folder`` and returns its program."""
    program = []
    for code in blocks(page, "python"):
        named = _FILE.match(code)
        if named:
            (folder / named[1]).write_text(code, encoding="utf-8")
        else:
            program.append(code)
    return "\n".join(program)


def run(arguments: list[str], folder) -> str:
    paths = [str(folder), str(ROOT), os.environ.get("PYTHONPATH", "")]
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("page", PAGES)
def test_the_code_of_a_page_runs(page, tmp_path):
    program = laid_out(page, tmp_path)
    # as code of a command, not as a script: processes that it starts do not begin it again
    said = run(["-c", program], tmp_path)
    for claimed in re.findall(r"It prints `([^`]+)`", (ROOT / "docs" / page).read_text(encoding="utf-8")):
        assert claimed in said
    if list(tmp_path.glob("test_*.py")):
        # one check: the program above has run the others
        run(["-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir=.", "-k", "valid"], tmp_path)


def test_the_entry_point_of_predictors_works(tmp_path):
    """As an installed package would have it: the name is known without any registration."""
    laid_out("PREDICTORS.md", tmp_path)
    (block,) = blocks("PREDICTORS.md", "toml")
    project = tomllib.loads(block)["project"]
    info = tmp_path / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    lines = []
    for group, points in project["entry-points"].items():
        lines += [f"[{group}]", *(f"{name} = {target}" for name, target in points.items())]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
    code = """
import nzip
data = b"1,a\\n2,b\\n3,a\\n4,b\\n"
assert nzip.decompress(nzip.compress(data, predictor="counter")) == data
print(nzip.predictors.registry.entries()["counter"].origin)
"""
    assert run(["-c", code], tmp_path).strip() == project["name"]


def test_an_expert_takes_no_more_lines_than_promised():
    """Forty lines of code: blank ones, comments and docstrings do not count."""
    (code,) = (code for code in blocks("PREDICTORS.md", "python") if code.startswith("# counter.py"))
    lines = [line.strip() for line in code.splitlines()]
    assert len([line for line in lines if line and not line.startswith(("#", '"""'))]) <= 40
