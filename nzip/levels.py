"""Levels -1 to -9: names for predictor spellings. What a level stands for is kept in every file's header,
so a level may change its meaning between versions and old files still decode.

No level ever means a download.
"""

from __future__ import annotations

from typing import NamedTuple

from nzip.errors import NzipError


class Level(NamedTuple):
    """One level: the ``spelling`` it stands for (None until it exists) and one line for ``nzip levels``."""

    spelling: str | None
    summary: str


DEFAULT_LEVEL = 3

LEVELS: dict[int, Level] = {
    1: Level("mix:1", "fastest: orders 1-4 and 6, words, one match model; one weight set"),
    2: Level("mix:2", "between -1 and -3"),
    3: Level("mix:3", "the default: 14 contexts, selected weight sets and final mixers, match models"),
    4: Level("mix:4", "between -3 and -5"),
    5: Level("mix:5", "smallest without neural experts: 38 contexts with run information"),
    **{level: Level(None, "comes with the neural experts") for level in (6, 7, 8, 9)},
}


def spelling_of(level: int | None) -> str:
    """The spelling that ``level`` stands for; None is the default level.

    Raises :class:`ValueError` for what is no level, :class:`NzipError` for one that does not exist yet.
    """
    if level is None:
        level = DEFAULT_LEVEL
    if isinstance(level, bool) or not isinstance(level, int) or level not in LEVELS:
        raise ValueError(f"levels go from 1 to {max(LEVELS)}, and {level!r} is none")
    spelling = LEVELS[level].spelling
    if spelling is None:
        best = max(n for n, entry in LEVELS.items() if entry.spelling)
        raise NzipError(f"level -{level} comes with the neural experts, which this version has not: use -1 to -{best}")
    return spelling
