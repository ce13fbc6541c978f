"""What all tables of a report are made of: :class:`Table`, and figures as text."""

from __future__ import annotations

from typing import NamedTuple


class Table(NamedTuple):
    """``notes`` explain the columns in a sentence or two."""

    title: str
    notes: str
    head: list[str]
    rows: list[list[str]]


def number(value, digits: int = 3) -> str:
    """A figure for people: thin groups for counts, fixed digits for ratios."""
    if value is None:
        return "–"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.{digits}f}"


def with_interval(entry, digits: int = 3) -> str:
    """``value (low–high)``."""
    if not entry or entry.get("value") is None:
        return "–"
    if entry.get("low") is None:
        return number(entry["value"], digits)
    return f"{entry['value']:.{digits}f} ({entry['low']:.{digits}f}–{entry['high']:.{digits}f})"


def percent(value) -> str:
    return "–" if value is None else f"{100 * value:.1f}%"
