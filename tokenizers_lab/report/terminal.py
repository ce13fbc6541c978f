"""The report's tables in the terminal, drawn by rich."""

from __future__ import annotations

import re

from tokenizers_lab.report.tables import tables


def show(results: dict, console) -> None:
    """Print every table of ``results`` to a rich console."""
    draw(tables(results), console)


def draw(given, console) -> None:
    """Print tables to a rich console."""
    import rich.table  # start-up
    from rich.markup import escape  # start-up

    # An interval behind every figure needs a wide screen; on a narrow one they are left to the page.
    narrow = console.width < 160
    for table in given:
        console.print(escape(table.title), style="bold", soft_wrap=True, highlight=False)
        drawn = rich.table.Table()
        for i, head in enumerate(table.head):
            drawn.add_column(escape(head), justify="left" if i == 0 else "right", overflow="fold")
        for row in table.rows:
            drawn.add_row(
                *(escape(re.sub(r" \(-?[\d.]+–-?[\d.]+\)$", "", cell) if narrow else cell) for cell in row)
            )
        console.print(drawn)
        console.print(escape(table.notes), style="dim", highlight=False)
        console.print()
