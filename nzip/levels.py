"""Levels -0 to -9: names for predictor spellings. What a level stands for is kept in every file's header,
so a level may change its meaning between versions and old files still decode.

No level ever means a download.

A short file is also coded as the level below would, and the smaller of both is kept: more contexts and more
networks want more text to learn from, and a longer spelling stands in the header. So no short file is larger
at such a level than at the one below.
"""

from __future__ import annotations

from typing import NamedTuple

from nzip.errors import NzipError


class Level(NamedTuple):
    """One level: the ``spelling`` it stands for (None until it exists) and one line for ``nzip levels``;
    ``size`` of the sample alice29.txt (152,089 bytes) as one block, and about how many KB of text it codes in
    a second of one core; ``brief``: files of so many bytes or fewer may turn out smaller at the level below,
    which is tried, too."""

    spelling: str | None
    summary: str
    size: int | None = None
    speed: float | None = None
    brief: int = 0


DEFAULT_LEVEL = 3

LEVELS: dict[int, Level] = {
    0: Level(
        "mix:0",
        "4 contexts of words whose meaning is looked up, one weight set, one match model; 12 MB of slots",
        33041,
        6600,
    ),
    1: Level("mix:1", "6 contexts of words, one weight set, one match model; 24 MB of slots", 31519, 2090),
    2: Level("mix:2", "10 contexts, 4 weight sets, a final mixer and three APMs; 64 MB of slots", 30162, 910),
    3: Level(
        "mix:3",
        "the default: 13 contexts of words, six with runs, 6 weight sets, two match models; 96 MB of slots",
        29800,
        710,
    ),
    4: Level("mix:4", "25 contexts of words with run information; 96 MB of slots", 29348, 237),
    5: Level(
        "mix:5",
        "40 contexts of words, runs and direct probabilities; 128 MB of slots and twice that beside",
        29048,
        137,
        4096,
    ),
    6: Level(
        "mix:5+ssm",
        "-5 and a pretrained network, of two that which reads what the mix codes",
        27083,
        33,
        65536,
    ),
    7: Level(
        "mix:5+online:ssm+ssm",
        "-6 and its network once more, which goes on learning from the file",
        26889,
        8.4,
        65536,
    ),
    8: Level(
        "mix:5+online:ssm+online+ssm",
        "-7 and a small network that knows nothing but the file, for what is not coded as English words",
        26889,
        7.6,
        65536,
    ),
    9: Level(None, "comes with a language model"),
}


def spelling_of(level: int | None) -> str:
    """The spelling that ``level`` stands for; None is the default level.

    Raises :class:`ValueError` for what is no level, :class:`NzipError` for one that does not exist yet.
    """
    if level is None:
        level = DEFAULT_LEVEL
    if isinstance(level, bool) or not isinstance(level, int) or level not in LEVELS:
        raise ValueError(f"levels go from 0 to {max(LEVELS)}, and {level!r} is none")
    spelling = LEVELS[level].spelling
    if spelling is None:
        best = max(n for n, entry in LEVELS.items() if entry.spelling)
        raise NzipError(
            f"level -{level} {LEVELS[level].summary}, which this version has not: use -0 to -{best}"
        )
    return spelling


def levels_below(level: int | None) -> list[tuple[int, int]]:
    """The levels that are tried on a short file beside ``level``, nearest first, each with the bytes that
    such a file has at most.

    >>> levels_below(5), levels_below(6), levels_below(None)
    ([(4, 4096)], [(5, 65536), (4, 4096)], [])
    """
    number = DEFAULT_LEVEL if level is None else level
    found, most = list[tuple[int, int]](), LEVELS[number].brief
    while most:
        number -= 1
        found.append((number, most))
        most = min(most, LEVELS[number].brief)
    return found
