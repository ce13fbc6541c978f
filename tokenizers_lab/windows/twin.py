"""Equal-Info Windows in plain Python and big integers: the definition that the compiled kernel is tested
against.

A window starts with the whole interval (``interval.py``) and an empty context; each byte takes its child.
With bits ≤ W the root's children are whole cells. Three rules say which cell stands for the bytes x of a
window, and how many bytes it takes:

* ``stop``: x is the longest prefix of the data for which some cell lies in I(x) but in no single child of x;
  the first such cell (``stop_cell.py``). Decoding follows the cell while one child holds it whole, and so
  ends at x. *Lossless*: see :func:`encode`.
* ``delay``: the shortest code (dyadic interval) inside I(y), y the longest prefix that fits, padded with
  zeros; it takes only the shortest prefix whose padded code is the same. *Lossless*: decoding stops at that
  very prefix.
* ``greedy``: the same code, taking all of y, as the paper has it. *Lossy*: y's padded code may be that of y
  plus more."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from typing import Any, NamedTuple

from tokenizers_lab.windows.interval import FRACTION, Interval, child, fits, root
from tokenizers_lab.windows.stop_cell import stop_cell

RULES = ("stop", "delay", "greedy")
LOSSLESS = {"stop": True, "delay": True, "greedy": False}

Model = Callable[[Any], list[int]]  # of the symbols since the last reset: bytes, or a list of integers


def shortest_code(interval: Interval, width: int) -> int:
    """The dyadic interval of fewest bits inside, as the cell that it starts with."""
    for length in range(width + 1):
        step = 1 << (width + FRACTION - length)
        at = -(-interval.low // step) * step
        if at + step <= interval.high:
            return at >> FRACTION
    raise ValueError("the interval holds no cell")


class Window(NamedTuple):
    """``cell`` stands for ``size`` symbols; ``cell`` None: one symbol as it is (a literal)."""

    cell: int | None
    size: int


def encode(data, model: Model, width: int, bits: int, rule: str = "stop", reset: int = 1) -> list[Window]:
    """Cut ``data`` into windows; ``model(context)`` gives the CDF over 2**bits after the symbols since the
    last reset. The coder starts anew in every window, the context every ``reset`` windows (0: never; the
    paper's ablation).

    ``stop`` always finds a cell where data goes on: let y be the longest prefix that fits. The next byte's
    child holds no cell, so one of its borders is no cell's border. The cell around that border either lies in
    I(y), or sticks out of it, and then a border of I(y) lies in the same cell: look at the prefix before. The
    children of the root are whole cells, so the search ends at one byte at the latest. Only where the data
    *ends* may there be none: then the first byte is spelled as a literal, and the rest begins anew."""
    out: list[Window] = []
    at = origin = 0
    while at < len(data):
        if reset and len(out) % reset == 0:
            origin = at
        interval, size, found, path = root(width), 0, None, []
        cdf = model(data[origin:at])
        while at + size < len(data):
            s = data[at + size]
            inner = child(interval, cdf[s], cdf[s + 1], bits)
            if not fits(inner):
                break
            interval, size = inner, size + 1
            path.append(interval)
            cdf = model(data[origin : at + size])
            if rule == "stop":
                cell = stop_cell(interval, cdf, bits)
                found = found if cell is None else Window(cell, size)
        if rule != "stop":
            code = shortest_code(interval, width)
            if rule == "delay":
                size = next(i + 1 for i, p in enumerate(path) if shortest_code(p, width) == code)
            found = Window(code, size)
        out.append(found or Window(None, 1))
        at += out[-1].size
    return out


def decode(cell: int, model: Model, width: int, bits: int, rule: str = "stop", before=()) -> list[int]:
    """The symbols of one cell, as a list: follow it while one child holds it whole (``delay``: until it is
    the code). ``before``: the symbols since the last reset."""
    interval, out = root(width), list[int]()
    start, end = cell << FRACTION, (cell + 1) << FRACTION
    while True:
        cdf = model([*before, *out])
        s = bisect_right(cdf, start - interval.low >> interval.e, key=lambda c: interval.m * c >> bits) - 1
        inner = child(interval, cdf[s], cdf[s + 1], bits)
        if end > inner.high:
            return out
        interval = inner
        out.append(s)
        if rule == "delay" and shortest_code(interval, width) == cell:
            return out
