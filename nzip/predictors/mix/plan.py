"""The plan of a level for a kind of content: all that the kernel is told, as data.

A plan is contexts (contexts.py), the weight sets' selectors, match models, table sizes and rates. A change of
any line here changes the bytes and raises the format's draft number.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

from nzip.predictors.content import AUDIO, DNA, IMAGE, TEXT
from nzip.predictors.mix.constants import (
    CODED,
    SET_ABOVE,
    SET_C1,
    SET_C2,
    SET_C3,
    SET_CLASS1,
    SET_COLUMN,
    SET_EDGE,
    SET_EXPECTED,
    SET_EXPERT,
    SET_FIELD,
    SET_FOLDED,
    SET_HITS,
    SET_MATCH,
    SET_MATCH_HITS,
    SET_PARTIAL,
    SET_PARTIAL_MATCH,
    SET_SHAPE,
    SET_SHAPES,
    SET_SIGNS,
    SET_WORD_POSITION,
)  # fmt: skip
from nzip.predictors.mix.contexts import Recipe, recipes

LEVELS = (0, 1, 2, 3, 4, 5)


@dataclass(frozen=True)
class Plan:
    """Everything the kernel is told about one level and kind; see constants.py's settings (S_...).

    ``recipes``: contexts; ``sets``: selectors (SET_...); ``finals``: those of the
    final mixer, beside its two own; ``matches``: the least lengths of match models;
    ``hits``: of which contexts (from, to) the known ones are counted; ``direct``, ``runs``: which have a
    probability of their own at every node, and runs; ``beside``: which have a byte's second half in the cache
    line of its first; ``sampled``: bits of its hash that must be 0 in a place that match models keep and look
    up; ``fixed``: what a bit history means is not learnt; ``apms``: whether there are maps that refine
    (apm.py), ``third_apm``: all three; ``rate``, ``warm_rate``: where the first layer's
    learning rate begins, after nothing and after a primer; the rest are settings by name."""

    recipes: tuple[Recipe, ...]
    sets: tuple[int, ...]
    matches: tuple[int, ...]
    slot_bytes: int
    hits: tuple[int, int] = (0, 0)
    apms: bool = True
    third_apm: bool = False
    direct: tuple[int, int] = (0, 0)
    runs: tuple[int, int] = (0, 0)
    coded: bool = False
    beside: tuple[int, int] = (0, 0)
    sampled: int = 0
    fixed: bool = False
    finals: tuple[int, ...] = ()
    rate: int = 300
    warm_rate: int = 300
    rate_min: int = 38
    final_rate: int = 16
    state_limit: int = 1023
    apm_rate: int = 6


# Under an expert that leads there is little to learn in each weight vector, so few and small sets learn best.
_LEADING_SETS = (SET_MATCH, SET_COLUMN)


def sets_with(plan: Plan, experts: int, leading: int) -> tuple[int, ...]:
    """The weight sets of a mix with experts, the experts' own last."""
    if not experts:
        return plan.sets
    return (*(_LEADING_SETS if leading else plan.sets), SET_EXPERT)


_SETS = {
    1: (SET_PARTIAL,),
    2: (SET_PARTIAL, SET_MATCH, SET_HITS, SET_SHAPE),
    3: (SET_PARTIAL, SET_HITS, SET_SHAPE, SET_COLUMN, SET_WORD_POSITION),
    4: (SET_PARTIAL, SET_C1, SET_MATCH, SET_C2, SET_HITS, SET_SHAPE, SET_COLUMN, SET_WORD_POSITION),
    5: (SET_PARTIAL, SET_C1, SET_MATCH, SET_C2, SET_HITS, SET_SHAPE, SET_COLUMN, SET_WORD_POSITION),
}
_TEXT_SETS = {
    **_SETS,
    1: (SET_PARTIAL_MATCH,),
    2: (SET_PARTIAL_MATCH, *_SETS[2][1:]),
    3: (SET_PARTIAL_MATCH, *_SETS[3][1:]),
}
_CODED_SETS = {
    1: (SET_PARTIAL_MATCH,),
    2: (SET_PARTIAL_MATCH, SET_HITS, SET_SHAPE, SET_EXPECTED),
    3: (SET_PARTIAL_MATCH, SET_MATCH_HITS, SET_SHAPE, SET_CLASS1, SET_EXPECTED, SET_SHAPES),
    4: (SET_PARTIAL, SET_C1, SET_MATCH, SET_FOLDED, SET_HITS, SET_SHAPE, SET_CLASS1, SET_EXPECTED),
    5: (
        SET_PARTIAL, SET_C1, SET_MATCH, SET_FOLDED, SET_HITS, SET_SHAPE, SET_CLASS1, SET_EXPECTED, SET_SIGNS,
        SET_C3,
    ),
}  # fmt: skip
_TEXT_FINALS = {
    2: (SET_MATCH_HITS, SET_EXPECTED),
    3: (SET_MATCH_HITS, SET_EXPECTED, SET_SHAPE),
}
_CODED_FINALS = {
    **_TEXT_FINALS,
    **dict.fromkeys((4, 5), (SET_EXPECTED, SET_SHAPE, SET_MATCH_HITS, SET_SHAPES, SET_FOLDED, SET_SIGNS)),
}
# The contexts with runs at -1 and -2: as many as fill the mixer's last vector.
_TEXT_RUNS = {1: (3, 4), 2: (0, 9)}
_BINARY_SETS = {
    1: (SET_PARTIAL_MATCH, SET_MATCH_HITS),
    2: _SETS[2],
    **dict.fromkeys((3, 4), (*_SETS[4][:6], SET_COLUMN, SET_C3)),
    5: (*_SETS[5], SET_ABOVE, SET_C3),
}
_PLANE_SETS = {
    1: (SET_PARTIAL,),
    2: (SET_PARTIAL, SET_MATCH, SET_HITS, SET_EDGE),
    **dict.fromkeys((3, 4, 5), (SET_PARTIAL, SET_C1, SET_MATCH, SET_ABOVE, SET_HITS, SET_EDGE, SET_C3)),
}
_SLOT_BYTES = {1: 16 << 20, 2: 32 << 20, 3: 64 << 20, 4: 96 << 20, 5: 104 << 20}
_CODED_SLOT_BYTES = {**_SLOT_BYTES, 1: 24 << 20, 2: 64 << 20, 3: 96 << 20, 5: 128 << 20}
_MATCHES = {1: (6,), 2: (6,), 3: (5, 12), 4: (5, 12), 5: (5, 12)}


_NONE = (0, 0)
_RATE_MIN = {1: 45, 2: 38, 3: 30, 4: 22, 5: 15}
_CODED_RATE_MIN = {1: 50, 2: 40, 3: 36, 4: 26, 5: 22}


def _fastest(kind: int, stride: int) -> Plan:
    """The plan of level 0: for text, binaries and programs one that fast_kernel.py has; for what has rows and
    for DNA that of level 1, for which such contexts would be no good."""
    if kind in (IMAGE, AUDIO, DNA) or stride:
        return plan(1, kind, stride)
    contexts = tuple(recipes(0, kind))
    return Plan(
        recipes=contexts,
        sets=(SET_PARTIAL_MATCH,),
        matches=(6,),
        slot_bytes=(12 if kind == CODED else 16) << 20,
        apms=False,
        coded=kind == CODED,
        beside=(2, len(contexts)),
        sampled=15 if kind == CODED else 3,  # where words are not codes, more is a copy
        fixed=True,
        warm_rate=150,
        rate_min=50,
    )


@functools.lru_cache(maxsize=256)
def plan(level: int, kind: int, stride: int = 0) -> Plan:
    """The plan of ``level`` (0..5) for ``kind`` (content.py); ``stride`` > 0: rows of a table have so many
    bytes."""
    if level == 0:
        return _fastest(kind, stride)
    contexts = recipes(level, kind, stride)
    sets, hits = _BINARY_SETS[level], (0, 6) if level == 1 else (2, 6)
    all_of_them = (0, len(contexts))
    direct, runs = all_of_them if level == 5 else _NONE, all_of_them if level >= 4 else _NONE
    third_apm = False
    if kind in (TEXT, CODED):
        sets, hits = _TEXT_SETS[level], {1: (0, 0), 2: (1, 6)}.get(level, (3, 8))
        runs, third_apm = _TEXT_RUNS.get(level, runs), level in (2, 3)
        if kind == CODED:
            sets, third_apm = _CODED_SETS[level], level in (2, 4, 5)
            if level == 3:
                hits, runs = (8, 13), (7, 13)
            elif level == 5:
                runs = (0, len(contexts) - 5)  # so that the inputs fill ten vectors
    elif kind in (IMAGE, AUDIO):
        sets = _PLANE_SETS[level]
    elif kind == DNA:
        hits = (len(contexts) // 2, len(contexts))
        if level == 1:
            sets = _SETS[1]
    elif stride and level > 1:
        sets = (*sets[:-1], SET_FIELD)
    return Plan(
        recipes=tuple(contexts),
        sets=sets,
        matches=(12, 20)[: len(_MATCHES[level])] if kind == DNA else _MATCHES[level],
        slot_bytes=(_CODED_SLOT_BYTES if kind == CODED else _SLOT_BYTES)[level],
        hits=hits,
        apms=level > 1 or kind not in (TEXT, CODED),
        third_apm=third_apm,
        direct=direct,
        runs=runs,
        coded=kind == CODED,
        finals={CODED: _CODED_FINALS, TEXT: _TEXT_FINALS}.get(kind, {}).get(level, ()),
        warm_rate={4: 100, 5: 80}.get(level, 150) if kind in (TEXT, CODED) else 300,
        rate_min=(_CODED_RATE_MIN if kind == CODED else _RATE_MIN)[level],
    )
