"""What goes to standard output: tables for people, JSON for programs, and nothing else.

Concession: rich is imported when a table is made, which is a tenth of a second that JSON does not cost.
"""

from __future__ import annotations

import json
import math
import sys
from typing import TYPE_CHECKING, Any

from nzip.bits_per_byte import bits_per_byte
from nzip.cli.terminal import one_line
from nzip.io.safe_output import FileError

if TYPE_CHECKING:
    from rich.table import Table


def make_table(*columns: str, left: tuple[str, ...], title: str | None = None) -> Table:
    """An empty table; the columns not in ``left`` are flush right."""
    from rich import box  # start-up: rich
    from rich.table import Table  # start-up: rich

    table = Table(
        box=box.SIMPLE_HEAD, pad_edge=False, title=title and _sayable(one_line(title)), title_justify="left"
    )
    for column in columns:
        table.add_column(column, justify="left" if column in left else "right", overflow="fold")
    return table


def add_row(table: Table, *cells: str) -> None:
    """A row, whatever its cells hold: names of files may hold anything."""
    table.add_row(*(_sayable(one_line(cell)) for cell in cells))


def print_table(table: Table) -> None:
    """Print it as wide as the terminal, or down a pipe as wide as it is."""
    from rich.console import Console  # start-up: rich

    # Down a pipe there is no width to keep to, and cutting a column short would lose data. What stands in
    # cells is data: no markup, and no :key: becomes a picture of one.
    terminal = sys.stdout is not None and sys.stdout.isatty()
    console = Console(width=None if terminal else 1000, markup=False, highlight=False, emoji=False)
    with console.capture() as captured:
        console.print(table)
    print_text(captured.get())


def print_columns(head: tuple[str, ...], rows: list[tuple[str, ...]], *, left: tuple[str, ...]) -> None:
    """A plain table of any number of rows, for cells that need no folding: a table of rich's takes a
    millisecond for each. The columns not in ``left`` are flush right."""
    widths = [max(map(len, cells)) for cells in zip(head, *rows, strict=True)]
    aligned = [
        f"{{:<{width}}}" if name in left else f"{{:>{width}}}"
        for name, width in zip(head, widths, strict=True)
    ]
    line = "  ".join(aligned)
    lines = [line.format(*head), "  ".join("-" * width for width in widths)]
    lines += [line.format(*row) for row in rows]
    print_text("".join(text.rstrip() + "\n" for text in lines) + "\n")


def print_text(text: str) -> None:
    """Text on standard output, whose encoding may know less than it holds. Raises :class:`OSError`, as where
    nobody reads it, and :class:`nzip.io.safe_output.FileError` where it is closed."""
    if sys.stdout is None:
        raise FileError("standard output is closed")
    sys.stdout.write(_sayable(text))


def _sayable(text: str) -> str:
    """``text`` with what standard output's encoding does not know as ``\\xe9`` or ``\\u20ac``."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def print_json(value: dict[str, Any], verb: str | None = None, version: int = 1) -> None:
    """JSON on standard output. ``verb``: whose answer it is, which with the ``version`` becomes its
    ``schema`` (docs/ENVIRONMENT.md): fields may join under one version; none goes, and none changes its
    meaning."""
    said = {"schema": f"nzip.{verb.replace(' ', '-')}/{version}"} if verb else {}
    print_text(json.dumps({**said, **value}, indent=2, ensure_ascii=True) + "\n")


def bits_cell(compressed: int, size: int) -> str:
    """Bits per byte in a table; a dash for no bytes."""
    return f"{bits_per_byte(compressed, size):.3f}" if size else "-"


def bits_value(compressed: int, size: int) -> float | None:
    """Bits per byte in JSON, which has no NaN: None for no bytes."""
    bits = bits_per_byte(compressed, size)
    return None if math.isnan(bits) else bits
