"""An explanation as JSON lines: the summary, then one object for each line of the data.

A line's object has ``line`` (from 1), ``start``, ``bytes``, ``bits`` and ``symbols``: objects with ``start``,
``length``, ``text``, ``bits``, and where they are known ``guesses`` (text and chance), ``helped`` and
``harmed`` (group of inputs and bits). Text that is no UTF-8 is escaped as in ``\\xff``. Concession: a symbol
that runs over a line's end belongs to the line in which it begins."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from nzip.explanation import Explanation


def json_lines(found: Explanation) -> Iterator[str]:
    """See the module's docstring; each without its line end."""
    yield json.dumps(found.summary())
    rows = found.lines()
    begins = np.searchsorted(found.starts, [row.start or 0 for row in rows])
    for row, first, last in zip(rows, begins, [*begins[1:], len(found.starts)], strict=True):
        symbols = [_symbol(found, i) for i in range(first, last)]
        value = {
            "line": int(row.what), "start": row.start, "bytes": row.bytes, "bits": round(row.bits, 4),
            "symbols": symbols,
        }  # fmt: skip
        yield json.dumps(value)


def _symbol(found: Explanation, i: int) -> dict[str, Any]:
    start, length = int(found.starts[i]), int(found.lengths[i])
    value: dict[str, Any] = {
        "start": start,
        "length": length,
        "text": text(found.data[start : start + length]),
        "bits": round(float(found.bits[i]), 4),
    }
    names = found.names[found.stream[i]]
    guesses = [
        [text(names[n]), round(float(p), 4)] for n, p in zip(found.guesses[i], found.chances[i]) if n >= 0
    ]
    if guesses:
        value["guesses"] = guesses
    if found.groups and found.gain[i] > 0:
        value["helped"] = [found.groups[found.helped[i]], round(float(found.gain[i]), 4)]
    if found.groups and found.loss[i] < 0:
        value["harmed"] = [found.groups[found.harmed[i]], round(float(found.loss[i]), 4)]
    return value


def text(data: bytes) -> str:
    """``data`` as text."""
    return data.decode("utf-8", "backslashreplace")
