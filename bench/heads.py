"""Are beginnings of files never larger at a higher level, nor primed than cold? The size of every beginning
at every level, with and without the primers that ship; and, where an older run is given, against that.

Sizes alone are measured, whole files with header and hash, so one process does and the machine may be busy.
Every cell is kept in the JSON as it comes and not measured twice: a new encoder wants a new file.
Concession: nothing is decoded here; that what is written decodes is for tests.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from nzip.benchmark import results as results_format
from nzip.benchmark.suites import Input

FORMAT = "heads-1"
ALLOWED = 0.003  # a share of the size


class Fault(NamedTuple):
    """What is larger than it should be: ``what`` against ``than``, in words, by the share ``by``."""

    name: str
    size: int
    what: str
    than: str
    by: float


class Kept:
    """Sizes by cell, in the JSON at ``out`` (None: in memory alone)."""

    def __init__(self, out: Path | None):
        self._out = out
        self.cells: dict[str, int] = {}
        if out is not None and out.exists():
            found = json.loads(out.read_text(encoding="utf-8"))
            if found.get("format") != FORMAT:
                raise ValueError(f"{out} is no run of heads")
            self.cells = found["cells"]

    @staticmethod
    def key(name: str, size: int, level: int, primed: bool) -> str:
        return f"{name} {size} -{level} {'primed' if primed else 'cold'}"

    def put(self, key: str, size: int) -> None:
        self.cells[key] = size
        if self._out is not None:
            found = {"format": FORMAT, "date": results_format.now(), "cells": self.cells}
            self._out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def measure(
    items: list[Input],
    sizes: list[int],
    levels: list[int],
    kept: Kept,
    tell: Callable[[str], None] = lambda line: None,
) -> list[tuple[str, int]]:
    """Every cell that ``kept`` has not. Returns the beginnings: names and bytes."""
    import nzip

    rows = []
    for item in items:
        whole = item.read()
        for size in sorted({min(size, len(whole)) for size in sizes}):
            rows.append((item.name, size))
            for level in levels:
                for primed in (True, False):
                    key = Kept.key(item.name, size, level, primed)
                    if key in kept.cells:
                        continue
                    tell(key)
                    how = {} if primed else {"primer": False}
                    kept.put(key, len(nzip.compress(whole[:size], level, **how)))
    return rows


def faults(rows: list[tuple[str, int]], levels: list[int], kept: Kept) -> list[Fault]:
    """What is larger than it should be by more than ALLOWED, the worst first."""
    found = []
    for name, size in rows:
        least, least_level = 0, 0
        for level in sorted(levels):
            primed, cold = (kept.cells[Kept.key(name, size, level, kind)] for kind in (True, False))
            if primed > (1 + ALLOWED) * cold:
                found.append(Fault(name, size, f"-{level}", "cold", primed / cold - 1))
            if least and primed > (1 + ALLOWED) * least:
                found.append(Fault(name, size, f"-{level}", f"-{least_level}", primed / least - 1))
            if not least or primed < least:
                least, least_level = primed, level
    return sorted(found, key=lambda fault: -fault.by)


def show(
    rows: list[tuple[str, int]], levels: list[int], kept: Kept, console: Console, before: Kept | None = None
) -> None:
    """The table, primed and cold, or primed and by how much it differs from the run ``before``."""
    table = Table(box=None, pad_edge=False)
    table.add_column("beginning")
    for level in levels:
        table.add_column(f"-{level}", justify="right")
        table.add_column("against" if before else "cold", justify="right")
    for name, size in rows:
        cells = []
        for level in levels:
            key = Kept.key(name, size, level, True)
            other = before.cells.get(key) if before else kept.cells[Kept.key(name, size, level, False)]
            cells += [f"{kept.cells[key]:,}", "" if other is None else f"{kept.cells[key] / other - 1:+.1%}"]
            if not before:
                cells[-1] = f"{other:,}"
        table.add_row(f"{name} {size:,}", *cells)
    console.print(table)
    for fault in faults(rows, levels, kept):
        name, size, what, than, by = fault
        said = f"{name} {size:,}: {what} larger than {than} by {by:.2%}"
        console.print(said, highlight=False, markup=False)
