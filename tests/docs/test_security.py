"""docs/SECURITY.md: every promise names a test, and every test that it names is there."""

from __future__ import annotations

import ast
import re

from support import ROOT

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
    rows = [
        line
        for line in PAGE.splitlines()
        if line.startswith("|") and not line.startswith(("|--", "| promise"))
    ]
    assert len(rows) > 10
    assert [row for row in rows if not re.search(r"\| `tests/[^|]*\|$", row)] == []


def test_every_system_has_its_line():
    assert all(f"**{name}**" in PAGE for name in ("Linux", "macOS", "Windows"))
