"""What all parts of the twin count with: the shared tables as lists, and whole numbers cut to size."""

from __future__ import annotations

from nzip.predictors.mix.constants import SQUASH_ZERO
from nzip.predictors.mix.tables import tables

MASK = (1 << 64) - 1  # a hash is modulo 2**64

_tables = tables()
NEXT_STATE = _tables.next_state.tolist()  # [2 * state + bit]: the bit history after one more bit
STRETCH = _tables.stretch.tolist()  # by the probability's upper 12 bits
SQUASH = _tables.squash.tolist()  # by stretch units + 4096
RECIPROCAL = _tables.reciprocal.tolist()  # by count: the share of an error that is learnt, in 1 / 65536
APM_ROW = _tables.apm_row.tolist()  # an APM's row before it has learnt: squash at its buckets
# What the maps start from: cells of 22 bits of probability and 10 of count.
STATE_START, RUN_START, MATCH_START = (
    t.tolist() for t in (_tables.state_start, _tables.run_start, _tables.match_start)
)


def clamp(x: int, bound: int) -> int:
    """``x`` within -bound .. bound."""
    return min(bound, max(-bound, x))


def squash(x: int) -> int:
    """The probability (22 bits) of a stretch."""
    return SQUASH[x + SQUASH_ZERO]


def byte(x: int) -> int:
    """Cut to what a byte can hold."""
    return min(255, max(0, x))
