"""An index of machine code outlives the classes that it names."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
MAIN = """from typing import NamedTuple
from nzip.exact.jit import njit
class {name}(NamedTuple):
    x: int
@njit(cache=True)
def run(pair):
    return pair.x * {n}
"""


def test_an_index_that_names_a_class_which_is_gone_is_begun_anew(tmp_path):
    (tmp_path / "pkg").mkdir()
    (tmp_path / "pkg" / "__init__.py").touch()
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("NUMBA")}
    environment = {
        **inherited,
        "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}",
        "NZIP_CACHE": str(tmp_path / "cache"),
    }
    found = []
    for name, n in (("Old", 2), ("New", 3), ("New", 3)):
        (tmp_path / "pkg" / "main.py").write_text(MAIN.format(name=name, n=n))
        script = f"from pkg.main import {name}, run; print(run({name}(7)), run.found)"
        done = subprocess.run(
            [sys.executable, "-B", "-c", script], capture_output=True, text=True, env=environment, check=False
        )
        assert done.returncode == 0, done.stderr
        found.append(done.stdout.split())
    assert found == [["14", "0"], ["21", "0"], ["21", "1"]]
