"""What verbs are made of: errors as lines, click's options as records, and who may import whom."""

from __future__ import annotations

import ast
import dataclasses
from pathlib import Path

import click
import pytest

import nzip.cli
from nzip.cli import options, terminal
from nzip.cli.terminal import error_line
from nzip.errors import CorruptError, LimitError, NzipError, Remedy
from nzip.io.safe_output import FileError


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (
            LimitError("needs 5 MiB", Remedy("allow it with", "memory", 5 << 20)),
            "needs 5 MiB: allow it with --memory 5MiB",
        ),
        (
            LimitError("needs more", Remedy("allow it with", "memory", (5 << 20) + 1)),
            "needs more: allow it with --memory 6MiB",
        ),
        (
            LimitError("is long", Remedy("allow it with", "max_size", 3 << 30)),
            "is long: allow it with --max-size 3072MiB",
        ),
        (
            NzipError("needs a primer", Remedy("give it with", "primer", "FILE")),
            "needs a primer: give it with --primer FILE",
        ),
        (
            NzipError("is warm", Remedy("start cold with", "primer", False)),
            "is warm: start cold with --no-primer",
        ),
        (
            NzipError("names a file", Remedy("put it in with", "embed_model", True)),
            "names a file: put it in with --embed-model",
        ),
        (NzipError("is slow", Remedy("use", "threads", 4)), "is slow: use --threads 4"),
        (CorruptError("two\nlines\x1b[31m"), "two lines\ufffd[31m"),
        (FileError(), "FileError"),
        (ValueError("plain"), "plain"),
    ],
)
def test_errors_are_one_line_in_the_shells_dialect(error, line):
    assert error_line(error) == line


def test_the_library_keeps_its_own_dialect():
    error = LimitError("needs 5 MiB", Remedy("allow it with", "memory", 5 << 20))
    assert str(error) == "needs 5 MiB: allow it with memory=5242880"


def test_the_worst_code_counts():
    assert terminal.worst([0, 2, 1]) == 2 and terminal.worst([3, 2]) == 3 and terminal.worst([]) == 0


@pytest.mark.parametrize("record", list(options._OPTIONS))
def test_every_option_has_its_field_with_its_default(record):
    given = {}

    @click.command()
    @options.takes(record)
    def command(**records):
        given.update(records)

    command.main([], standalone_mode=False)
    named = {parameter.name for parameter in command.params}
    # a verb that asks writes nothing
    without = {"verify", "embed_model", "budget"} if record is options.Asking else set()
    assert named == {field.name for field in dataclasses.fields(record)} - without
    assert given == {record.__name__.lower(): record()}
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(record(), named.pop(), None)


def test_nothing_below_imports_main():
    for path in Path(nzip.cli.__file__).parent.glob("*.py"):
        if path.name == "main.py":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom):
                assert node.module != "nzip.cli.main", path
                assert node.module != "nzip.cli" or "main" not in {name.name for name in node.names}, path


def test_lazy_imports_say_what_they_are_for():
    for path in Path(nzip.cli.__file__).parent.glob("*.py"):
        lines = path.read_text().splitlines()
        for node in ast.walk(ast.parse("\n".join(lines))):
            if isinstance(node, ast.FunctionDef):
                for inner in ast.walk(node):
                    if isinstance(inner, ast.Import | ast.ImportFrom):
                        assert "# start-up" in lines[inner.lineno - 1], f"{path}:{inner.lineno}"
