"""What snapshots of primed mixes take on disk: every primer that ships, raw and as words of one dictionary,
at each level. Nothing is written: each is made anew, and what would be kept is counted.

Concession: primers of other languages may be coded by a dozen dictionaries, and one stands for them here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from rich.table import Table

from nzip.cache import PRIMED
from nzip.predictors.mix import primer_snapshot, primers, warm_start
from nzip.predictors.mix.plan import plan
from nzip.predictors.mix.words import dictionary


class Sizes(NamedTuple):
    """Bytes of a primer's snapshot at ``level``, both its entries: ``raw``, and as ``words``."""

    level: int
    name: str
    raw: int
    words: int


def sizes(levels: Iterable[int], coded_by: str, tell: Callable[[str], None]) -> list[Sizes]:
    """Of every primer, words as the dictionary called ``coded_by`` codes them."""
    words, found = dictionary.by_name(coded_by), []
    for level in levels:
        for number, entry in enumerate(primers.index(), 1):
            tell(f"-{level}: {entry['name']}")
            primer = primers.shipped(number)
            forms = (primers.portion(primer, level, form) for form in (None, words))
            found.append(Sizes(level, entry["name"], *(_bytes_of(level, form) for form in forms)))
    return found


def _bytes_of(level: int, primer: primers.Primer) -> int:
    snapshot = warm_start.taught(level, primer)[1]
    return sum(
        primer_snapshot.size_of(entry)
        for entry in primer_snapshot.entries(snapshot, plan(level, primer.kind))
    )


def table(rows: list[Sizes]) -> Table:
    """Megabytes, a level's together, and of all levels that were asked for."""
    found = Table("level", "primer", "raw", "words", "together")
    for level in sorted({row.level for row in rows}):
        some = [row for row in rows if row.level == level]
        for row in some:
            found.add_row(f"-{level}", row.name, *map(_mb, (row.raw, row.words, row.raw + row.words)))
        raw, words = sum(row.raw for row in some), sum(row.words for row in some)
        found.add_row(f"-{level}", "all", *map(_mb, (raw, words, raw + words)), end_section=True)
    total = sum(row.raw + row.words for row in rows)
    found.add_row("all", "all", "", "", f"{_mb(total)} of {_mb(PRIMED.default)}")
    return found


def _mb(count: int) -> str:
    return f"{count / 1e6:.1f}"
