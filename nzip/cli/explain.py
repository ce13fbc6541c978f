"""``explain``: where the bits of a file go, as tables and coloured lines, JSON lines, or one HTML page.

Concession: on what is no terminal, and under NO_COLOR, lines are told by their figures alone.
"""

from __future__ import annotations

import contextlib
import os
import sys
from typing import Any

from nzip import explanation
from nzip.cli.inputs import (
    STDIN,
    block_size_of,
    each,
    named_predictor,
    open_input,
    own_primer,
    predictor_of,
)  # fmt: skip
from nzip.cli.options import Asking, Files, Talking
from nzip.cli.tables import _sayable, add_row, make_table, print_table, print_text
from nzip.cli.terminal import StepBar, one_line
from nzip.errors import NzipError
from nzip.exact.compiler import need_compiler
from nzip.explanation import Explanation
from nzip.explanation.lines import text
from nzip.explanation.page import STEPS
from nzip.explanation.tables import Cost
from nzip.io.safe_output import FileError, Output
from nzip.predictors.base import Predictor

SHOWN = 24  # lines, unless told otherwise
_WIDTH = 100  # bytes of a line


def explain(
    files: Files,
    coding: Asking,
    talking: Talking,
    *,
    against: str | None,
    html: str | None,
    span: tuple[int, int | None] | None,
    inputs: bool,
    force: bool,
    as_json: bool,
) -> int:
    """Explain each file."""
    if html is not None and len(files) > 1:
        raise FileError(f"{html} is one page, and there are {len(files)} files")
    need_compiler()
    predictor = predictor_of(coding, own_primer(coding.primer))

    def one(path: str) -> None:
        bar = StepBar(f"explaining {one_line(path)}", talking.quiet)
        # The page is begun first: what cannot be written is said now, not after minutes.
        with Output(html, force=force) if html is not None else contextlib.nullcontext() as out:
            with bar:
                bar.update(0, 0)
                found = _explained(path, predictor, coding, inputs)
                beside = _beside(against, found, predictor, coding, inputs) if against is not None else None
            if out is not None:
                out.write(found.html(beside).encode("utf-8", "replace"))
                out.commit()
        if as_json:
            for row in found.json_lines():
                print_text(row + "\n")
            for row in beside.json_lines() if beside is not None else ():
                print_text(row + "\n")
        elif html is None:
            _print(found, beside, span)

    return each(files, one)


def _explained(path: str, predictor: Predictor, coding: Asking, inputs: bool) -> Explanation:
    with open_input(path) as source:
        name = "standard input" if path == STDIN else os.path.basename(path)
        return _explain(source, predictor, one_line(name), coding, inputs)


def _explain(data: Any, predictor: Predictor, name: str, coding: Asking, inputs: bool) -> Explanation:
    return explanation.explain(
        data,
        predictor=predictor,
        name=name,
        inputs=inputs,
        guesses=explanation.GUESSES if inputs else 0,
        block_size=block_size_of(coding),
    )


def _beside(
    against: str, found: Explanation, predictor: Predictor, coding: Asking, inputs: bool
) -> Explanation:
    """What ``--against`` names: another file under the same predictor, or the same data under another."""
    if os.path.exists(against):
        return _explained(against, predictor, coding, inputs)
    try:
        other = named_predictor(against)
    except NzipError as error:
        raise FileError(f"--against {against}: no such file, and no predictor: {error.message}") from error
    return _explain(found.data, other, found.name, coding, inputs)


def _print(found: Explanation, beside: Explanation | None, span: tuple[int, int | None] | None) -> None:
    for one in (found, beside) if beside is not None else (found,):
        bits = f"{one.bits_per_byte:.4f} bits per byte" if one.size else "nothing to explain"
        print_text(
            f"{one.name} under {one.predictor}: {one.size:,} bytes in {one.payload:,}, {bits}, "
            f"{len(one.bits):,} symbols\n"
        )
    if not found.size:
        return
    rows = {row.what: row for row in beside.kinds()} if beside is not None else {}
    table = _costs_table("kind", beside is not None)
    for row in found.kinds():
        _add(table, row, found.total, beside, rows.get(row.what))
    print_table(table)
    if found.inputs:
        worth = {row.group: row.bits for row in beside.inputs} if beside is not None else {}
        table = make_table(
            "inputs", "bits more without", "of all", *["there"] * bool(worth), left=("inputs",)
        )
        for group in found.inputs:
            there = [f"{worth[group.group]:,.0f}" if group.group in worth else "–"] if worth else []
            add_row(
                table,
                group.group,
                f"{group.bits:,.0f}",
                f"{group.bits / max(found.total, 1e-9):+.1%}",
                *there,
            )
        print_table(table)
    if len(found.segments) > 1:
        table = make_table(
            "content",
            "coded as",
            "primer",
            "bytes",
            "bits",
            "bits/byte",
            left=("content", "coded as", "primer"),
        )
        for part in sorted(found.segments, key=lambda part: -part.bits)[:20]:
            each_byte = f"{part.bits / part.bytes:.3f}" if part.bytes else "–"
            add_row(
                table,
                part.kind,
                part.form or "bytes",
                part.primer,
                f"{part.bytes:,}",
                f"{part.bits:,.0f}",
                each_byte,
            )
        print_table(table)
    words = found.words(12)
    if words:
        table = make_table("word", "times", "bits", "the first", "mean", left=("word",))
        for word in words:
            cells = (
                f"{word.times:,}",
                f"{word.bits:,.0f}",
                f"{word.first:.1f}",
                f"{word.bits / word.times:.1f}",
            )
            add_row(table, text(word.word), *cells)
        print_table(table)
    _print_lines(found, beside, span)


def _costs_table(what: str, two: bool) -> Any:
    columns = (what, "bytes", "bits", "of all", "bits/byte", *(["bits there", "bits/byte there"] * two))
    return make_table(*columns, left=(what,))


def _add(table: Any, row: Cost, total: float, beside: Explanation | None, other: Cost | None) -> None:
    cells = [
        f"{row.bytes:,}",
        f"{row.bits:,.0f}",
        f"{row.bits / max(total, 1e-9):.1%}",
        f"{row.bits_per_byte:.3f}",
    ]
    if beside is not None:
        cells += [f"{other.bits:,.0f}", f"{other.bits_per_byte:.3f}"] if other is not None else ["–", "–"]
    add_row(table, row.what, *cells)


# Lines -----------------------------------------------------------------------------------------------------

# From nothing to red, for a dark and for a light terminal alike: the ink is said with each ground.
_GROUNDS = (
    None, "#fff7ed", "#ffedd5", "#fee0bd", "#fed7aa", "#fdc48b", "#fdba74", "#fca55c", "#fb923c", "#f97316",
    "#ea670d", "#dd5a0c", "#c9480c", "#b03a0b", "#962f0d", "#7c2d12",
)  # fmt: skip


def _print_lines(found: Explanation, beside: Explanation | None, span: tuple[int, int | None] | None) -> None:
    from rich.console import Console  # start-up: rich
    from rich.text import Text  # start-up: rich

    lines = found.lines()
    first, last = span if span is not None else (1, SHOWN)
    chosen = lines[max(first, 1) - 1 : last]
    others = {row.what: row for row in beside.lines()} if beside is not None else {}
    terminal = sys.stdout is not None and sys.stdout.isatty()
    console = Console(
        width=None if terminal else 1000, markup=False, highlight=False, emoji=False, soft_wrap=True
    )
    with console.capture() as captured:
        for row in chosen:
            there = f" {others[row.what].bits:8,.0f}" if row.what in others else ""
            shown = Text(f"{row.what:>7} {row.bits:8,.0f}{there}  ")
            _colour(shown, found, row)
            console.print(shown)
    head = f"{'line':>7} {'bits':>8}" + f" {'there':>8}" * bool(others)
    print_text(head + "\n" + captured.get())
    if len(lines) > len(chosen):
        print_text(f"{len(chosen):,} of {len(lines):,} lines; --lines FIRST:LAST shows others, --html all\n")


def _colour(shown: Any, found: Explanation, row: Cost) -> None:
    import numpy as np  # start-up

    start = row.start or 0
    upto = min(start + row.bytes, start + _WIDTH)
    i = int(np.searchsorted(found.starts, start, side="right")) - 1
    part, bits, begin = b"", 0.0, start
    while i < len(found.starts) and found.starts[i] < upto:
        end = min(upto, int(found.starts[i] + found.lengths[i]))
        part += found.data[max(begin, int(found.starts[i])) : end]
        bits += float(found.bits[i]) * (end - max(begin, int(found.starts[i]))) / int(found.lengths[i])
        begin = end
        i += 1
        if len(part) < 4 and end < upto and found.data[end] & 0xC0 == 0x80:
            continue  # inside a character
        ground = _GROUNDS[int(np.searchsorted(STEPS, bits / len(part), side="right"))]
        style = "" if ground is None else f"{'white' if bits / len(part) >= 1.5 else 'black'} on {ground}"
        shown.append(_sayable(_clean(part)), style=style)
        part, bits = b"", 0.0
    if row.bytes > _WIDTH:
        shown.append(f" … {row.bytes - _WIDTH:,} more bytes")


def _clean(part: bytes) -> str:
    return "".join(
        c if c.isprintable() else " " if c == "\n" else "\N{REPLACEMENT CHARACTER}"
        for c in part.decode("utf-8", "replace").replace("\t", " ").replace("\r", "")
    )
