"""docs/ENVIRONMENT.md against the code: every variable that is read is told of, and every one of ours that is
told of is read."""

from __future__ import annotations

import ast
import functools
import re

from support import ROOT

PAGE = (ROOT / "docs" / "ENVIRONMENT.md").read_text(encoding="utf-8")
PACKAGES = ("nzip", "tokenizers_lab", "bench")


def _is_environ(node: ast.expr) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == "environ"


def _is_asking(function: ast.expr) -> bool:
    return isinstance(function, ast.Attribute) and (_is_environ(function.value) or function.attr == "getenv")


def _asked(tree: ast.AST):
    """What expressions the module asks the environment for."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript) and _is_environ(node.value):
            yield node.slice
        elif isinstance(node, ast.Compare) and any(map(_is_environ, node.comparators)):
            yield node.left
        elif isinstance(node, ast.Call) and node.args and _is_asking(node.func):
            yield node.args[0]


@functools.cache
def variables() -> dict[str, str]:
    """Names that the packages read or set, and where."""
    found = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            constants = {
                target.id: node.value.value
                for node in tree.body
                if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
                for target in node.targets
                if isinstance(target, ast.Name)
            }
            for asked in _asked(tree):
                name = asked.value if isinstance(asked, ast.Constant) else constants.get(ast.unparse(asked))
                where = f"{path.relative_to(ROOT)}:{asked.lineno}"
                assert isinstance(name, str), f"{where}: name the variable where it is read"
                found[name] = where
    return found


def test_every_variable_is_documented():
    missing = {name: where for name, where in variables().items() if f"`{name}`" not in PAGE}
    assert missing == {}


def test_what_is_documented_as_ours_is_read():
    ours = set(re.findall(r"`(NZIP_\w+)`", PAGE))
    assert ours and ours - variables().keys() == set()


def test_every_exit_code_is_documented():
    from nzip import errors

    codes = {0, 3} | {e.exit_code for e in vars(errors).values() if hasattr(e, "exit_code")}
    told = {int(code) for code in re.findall(r"^\| (\d+) \|", PAGE, re.MULTILINE)}
    assert codes == told
