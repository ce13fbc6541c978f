"""Bit histories and state maps in plain Python: twin of bit_history.py."""

from __future__ import annotations

from array import array

from nzip.predictors.mix.constants import NO_DIRECT
from nzip.predictors.mix.twin.numbers import RECIPROCAL


class StateMap:
    """A probability and how often it was corrected, for each of many keys; the more often, the slower it
    moves."""

    def __init__(self, start: list[int], limit: int = 1023):
        self.p = [cell >> 10 for cell in start]
        self.count = [cell & 1023 for cell in start]
        self.limit = limit

    def update(self, k: int, bit: int) -> None:
        self.p[k] += (((bit << 22) - self.p[k]) * RECIPROCAL[self.count[k]]) >> 16
        self.count[k] += self.count[k] < self.limit


class BitHistories:
    """The slot table: for each context, what bits it was followed by, as one-byte states.

    A slot serves one context for half a byte: a check byte, then 15 states, one for each of the 1 + 2 + 4 + 8
    ways the half's bits can begin (node 1 is the root, 2n and 2n + 1 follow node n). Runs and direct
    probabilities lie beside in tables of their own, cleared when a slot comes to a context that uses them,
    and only then: one that takes another's slot for its own, their check bytes being equal, finds what was
    there.
    """

    def __init__(self, size: int, direct: bool, runs: bool):
        self.groups = size // 64
        self.state = bytearray(size)
        self.direct = array("H", [NO_DIRECT]) * (size if direct else 0)
        self.runs = array("H", [0]) * (size // 16 if runs else 0)  # times seen, last byte

    def find(self, h: int, direct: bool, runs: bool) -> tuple[int, bool]:
        """Where the slot of context hash ``h`` begins, and whether it was there already. ``direct``,
        ``runs``: whether the context uses them."""
        check, first = h >> 56, ((h & 0xFFFFFFFF) * self.groups >> 32) << 6 | (h >> 32 & 3) << 4
        places = first, first ^ 16, first ^ 32
        for place in places:
            if self.state[place] == check and self.state[place + 1]:
                return place, True
        place = min(places, key=lambda place: self.state[place + 1])  # the youngest history makes room
        self.state[place : place + 16] = bytes([check]) + bytes(15)
        if direct:
            self.direct[place : place + 16] = array("H", [NO_DIRECT]) * 16
        if runs:
            self.runs[place >> 4] = 0
        return place, False
