"""docs/SECURITY.md: every promise names a test, and every test that it names is there."""

from __future__ import annotations

import ast
import json
import re
import sys

from support import ROOT

sys.path.insert(0, str(ROOT / "scripts"))

import anywhere

PAGE = (ROOT / "docs" / "SECURITY.md").read_text(encoding="utf-8")
NAMED = re.findall(r"`(tests/[\w/.-]+\.py)(?:::([\w:]+))?`", PAGE)


def _functions(path: str) -> set[str]:
    """Tests of a file, those of classes as ``Class::test``."""
    found = set()
    for node in ast.parse((ROOT / path).read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.ClassDef):
            found |= {
                f"{node.name}::{inner.name}" for inner in node.body if isinstance(inner, ast.FunctionDef)
            }
    return found


def test_every_test_that_is_named_exists():
    missing = [
        f"{path}::{name}"
        for path, name in NAMED
        if not (ROOT / path).is_file() or (name and name not in _functions(path))
    ]
    assert NAMED and missing == []


def test_every_promise_names_its_test():
    tables = re.findall(r"^\| promise .*\n\|--.*\n((?:\|.*\n)+)", PAGE, re.MULTILINE)
    rows = [row for rows in tables for row in rows.splitlines()]
    assert len(rows) > 10
    assert [row for row in rows if not re.search(r"\| `tests/[^|]*\|$", row)] == []


def test_every_system_has_its_line():
    assert all(f"**{name}**" in PAGE for name in ("Linux", "macOS", "Windows"))


def test_the_table_of_machines_is_of_the_recorded_run():
    found = json.loads(anywhere.RESULTS.read_text(encoding="utf-8"))
    assert anywhere.differences(found) == []
    assert set(found["places"]) == set(anywhere.PLACES) and set(found["cases"]) == set(anywhere.CASES)
    assert anywhere.table(found) in PAGE and anywhere.COMMAND in PAGE
