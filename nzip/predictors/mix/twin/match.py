"""Match models in plain Python: twin of match.py, for one lane."""

from __future__ import annotations

from nzip.predictors.mix.constants import K1, K3
from nzip.predictors.mix.twin.bit_history import StateMap
from nzip.predictors.mix.twin.numbers import MASK, MATCH_START


class MatchModel:
    """Finds the last place where the ``minimum`` bytes before were the same, and expects what came then."""

    def __init__(self, minimum: int, bits: int, sampled: int = 0):
        self.minimum, self.bits, self.sampled = minimum, bits, sampled
        self.last: dict[int, int] = {}  # hash of a context: the place behind its last occurrence
        self.map = StateMap(MATCH_START)
        self.restart()

    def restart(self) -> None:
        self.at = self.length = 0

    def find(self, data: bytearray, position: int, start: int) -> None:
        """Follow the match at hand by the byte that came, or look one up. A match stays on its side of
        ``start``, where the primer ends."""
        if self.length and data[self.at] == data[position - 1]:
            self.length = min(self.length + 1, 65535)
            self.at += 1
        elif self.sampled and self.length >= 16:  # it goes on behind the byte that differed
            self.length = 1
            self.at += 1
        else:
            self.length = 0
        h = self.hash(data, position)
        if position - start >= self.minimum and not h & self.sampled:
            if not self.length:
                self.at = self.last.get(h, 0)
                if self.at > 0:
                    origin = start if self.at >= start else 0
                    most = min(400, self.at - origin, position - start)
                    while (
                        self.length < most
                        and data[self.at - self.length - 1] == data[position - self.length - 1]
                    ):
                        self.length += 1
                    if self.length < self.minimum:
                        self.length = 0
            self.last[h] = position
        self.byte = data[self.at] | 256 if self.length else 0

    def hash(self, data: bytearray, position: int) -> int:
        recent = int.from_bytes(data[position - min(self.minimum, 8) : position], "big")
        before = int.from_bytes(data[max(0, position - self.minimum) : max(0, position - 8)], "little")
        return ((recent + before * K3) * K1 & MASK) >> (64 - self.bits)

    def expected(self, c0: int, bit: int) -> int | None:
        """The next bit, as long as the bits so far are those expected."""
        if self.byte >> (8 - bit) == c0:
            return self.byte >> (7 - bit) & 1
        self.byte = 0
        return None

    def level(self) -> int:
        """The match's length in 36 steps."""
        n = self.length
        return n if n < 16 else 16 + (n - 16 >> 2) if n < 32 else 20 + (n - 32 >> 5) if n < 512 else 35
