"""The report in the terminal: the verdict on at most ``LINES`` lines of 80 columns, or every table, drawn by
rich.

The verdict's lines are laid out here and not by rich's tables, so that they fit 80 columns whatever the
names are."""

from __future__ import annotations

import io
import math
import re
import textwrap

from tokenizers_lab.report.goals import Goal
from tokenizers_lab.report.tables import tables
from tokenizers_lab.report.token_view import as_lines
from tokenizers_lab.report.verdict import Cell, Verdict, verdict
from tokenizers_lab.report.words import paragraph

WIDTH, LINES = 80, 60
_COLUMN, _GOALS = 13, 5
_SHOWN = 12  # codecs, where not all are asked for
_VIEW_LINES = 7
_SIDE_BY_SIDE = 3


def show(results: dict, console, everything: bool = True, chosen: list[str] | None = None) -> None:
    """Print ``results`` to a rich console: the verdict, and with ``everything`` every table behind it.
    ``chosen``: the codecs whose tokens are shown side by side."""
    for line in verdict_lines(results, console.color_system is not None, everything, chosen):
        console.print(line, highlight=False, soft_wrap=True)
    if everything:
        console.print()
        draw(tables(results), console)


def verdict_text(results: dict) -> str:
    """The verdict as plain text."""
    from rich.console import Console  # start-up

    console = Console(file=io.StringIO(), width=WIDTH, color_system=None)
    show(results, console, everything=False)
    return console.file.getvalue()  # type: ignore[attr-defined]


def verdict_lines(
    results: dict, coloured: bool = False, everything: bool = False, chosen: list[str] | None = None
) -> list:
    """The verdict as rich texts, each at most 80 cells; [] for results that have none."""
    from rich.text import Text  # start-up

    found = verdict(results)
    if found is None:
        return []
    names = found.order if everything else found.order[:_SHOWN]
    out = [Text(line, "dim") for line in _head(found)]
    for start in range(0, len(found.goals), _GOALS):
        out += _block(found, names, found.goals[start : start + _GOALS])
    if len(names) < len(found.order):
        out.append(Text(f"and {len(found.order) - len(names)} more codecs: --all shows them", "dim"))
    out += [Text(line, "dim") for line in _legend(found)]
    out.append(Text())
    room = LINES - len(out) - 2
    words = textwrap.wrap(paragraph(found), WIDTH, break_long_words=True)
    if not everything and len(words) > room:
        words = textwrap.wrap(paragraph(found, 3), WIDTH, break_long_words=True)[:room]
    out += [Text(line) for line in words]
    for view in results.get("views", ())[: None if everything else 1]:
        left = LINES - len(out) - 3
        if everything or left >= 3:
            most = _VIEW_LINES if everything else min(_VIEW_LINES, left)
            out += _views(view, _chosen(found, chosen), coloured, most)
    return out


def _chosen(found: Verdict, chosen: list[str] | None) -> list[str]:
    return list(chosen) if chosen else found.order[:_SIDE_BY_SIDE]


def _head(found: Verdict) -> list[str]:
    shares = [f"{_short(f, 24)} {100 * w:.3g}%" for f, w in found.weights.items() if w > 0]
    text = f"Means over {len(shares)} file{'s' * (len(shares) != 1)}: " + ", ".join(shares)
    lines = textwrap.wrap(text, WIDTH, break_long_words=True)
    return lines if len(lines) <= 2 else [lines[0], _short(" ".join(lines[1:]), WIDTH)]


def _legend(found: Verdict) -> list[str]:
    level = found.settings.get("nzip_level")
    strong, kgram = found.settings["strong_bytes"], found.settings["kgram_bytes"]
    parts = [
        "* best; behind a figure its rank, = not told apart from another; ± 95%.",
    ]
    if any(g.key in ("nzip", "xz") for g in found.goals):
        parts.append(
            f"nzip{f' -{level}' if level else ''}, xz: bits a byte of the first {_size(strong)} a file."
        )
    if any(g.key == "order0" for g in found.goals):
        parts.append(f"Order 0, 2: held-out bits a byte, first {_size(kgram)}.")
    parts.append(f"Embedding: {found.settings['width']} wide, bfloat16.")
    if found.languages:
        parts.append(f"Gini: over {', '.join(found.languages)}.")
    if found.lost:
        parts.append("!: loses bytes, not ranked.")
    return textwrap.wrap(" ".join(parts), WIDTH)


def _size(count: int) -> str:
    return f"{count >> 20} MiB" if count % (1 << 20) == 0 else f"{count / 1024:.4g} KiB"


def _block(found: Verdict, names: list[str], goals: list[Goal]) -> list:
    """One table: codecs by some goals."""
    from rich.cells import cell_len, set_cell_size  # start-up
    from rich.text import Text  # start-up

    first = WIDTH - _COLUMN * len(goals)
    first = max(15, min(first, 2 + max(map(cell_len, names))))
    head = Text(" " * first, "bold")
    for goal in goals:
        head.append(f"{goal.short:>{_COLUMN}}")
    lines = [head, Text("─" * (first + _COLUMN * len(goals)), "dim")]
    for name in names:
        mark = "!" if name in found.lost else " "
        line = Text(set_cell_size(_short(name, first - 2), first - 1) + mark)
        for goal in goals:
            cell = found.cells[name].get(goal.key)
            text = cell_text(goal, cell)
            line.append(f"{text:>{_COLUMN}}", "bold green" if cell is not None and cell.rank == 1 else "")
        lines.append(line)
    return lines


def cell_text(goal: Goal, cell: Cell | None) -> str:
    """``4.513±.021 2=`` in at most 12 cells; ``*`` for the best."""
    if cell is None:
        return "–"
    value = _figure(cell.value, goal.digits)
    rank = "" if cell.rank is None else f" {'*' if cell.rank == 1 else cell.rank}{'=' if cell.tied else ''}"
    room = _COLUMN - 1 - len(value) - len(rank)
    digits = len(value.partition(".")[2])
    for coarser in (0, 1, 2) if cell.half else ():
        half = _half(cell.half or 0.0, digits, coarser)
        if half and len(half) <= room:
            return value + half + rank
    return value + rank


def _half(half: float, digits: int, coarser: int) -> str:
    """``±.047``; with ``coarser`` figures less rounded up, ``±.05``, or "" where none would be left."""
    digits -= coarser
    if digits < 0 or coarser and not digits and half < 1:
        return ""
    if coarser or round(half, digits) == 0:
        half = math.ceil(half * 10**digits - 1e-9) / 10**digits
    return "±" + (f"{half:.{digits}f}".removeprefix("0") if digits else f"{half:.0f}")


def _figure(value: float, digits: int) -> str:
    """At most five figures wide."""
    whole = len(str(int(abs(value))))
    return f"{value:.{max(0, min(digits, 5 - whole))}f}"


def _short(text: str, width: int) -> str:
    """``text``, with its middle left out where it is wider than ``width`` cells."""
    from rich.cells import cell_len, set_cell_size  # start-up

    if cell_len(text) <= width:
        return text
    keep = (width - 1) // 2
    return set_cell_size(text, width - 1 - keep).rstrip() + "…" + text[len(text) - keep :]


def _views(view: dict, names: list[str], coloured: bool, most: int) -> list:
    """The passage under some codecs, side by side."""
    from rich.cells import cell_len  # start-up
    from rich.text import Text  # start-up

    out = [Text(), Text(_short(f"{view['file']}, from byte {view['start']:,}:", WIDTH), "dim")]
    for start in range(0, len(names), _SIDE_BY_SIDE):
        some = names[start : start + _SIDE_BY_SIDE]
        width = (WIDTH - 2 * (len(some) - 1)) // len(some)
        columns = []
        for name in some:
            count = f" {len(view['codecs'][name]['ids'])}"
            head = Text(_short(name, width - len(count)) + count, "bold")
            columns.append([head, *as_lines(view, name, width, most, coloured)])
        for row in range(max(map(len, columns))):
            line = Text()
            for i, column in enumerate(columns):
                part = column[row] if row < len(column) else Text()
                line.append_text(part)
                if i + 1 < len(columns):
                    line.append(" " * (width - cell_len(part.plain) + 2))
            out.append(line)
    return out


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
