"""Readable twins of the fast paths: the range coder with whole numbers, the quantiser with plain loops.

They say what :mod:`nzip.coding.symbols` and :mod:`nzip.coding.cdf` compute, without buffers, carries or
wrap-around, and give the same bytes and integers. Quadratic in the length of the stream: for tests and
readers."""

from __future__ import annotations

import math

from nzip.coding.cdf import ROUNDS

TOP = 1 << 56


class TwinEncoder:
    """The interval [low, low + range) with ``low`` a whole number of any size, and one digit per byte."""

    def __init__(self):
        self.low, self.range, self.digits = 0, (1 << 64) - 1, 8

    def encode(self, cdf, symbol: int) -> None:
        """Narrow the interval to the symbol's part, then widen the scale until it is at least 2**56 units."""
        r = self.range // int(cdf[-1])
        self.low += r * int(cdf[symbol])
        self.range = r * int(cdf[symbol + 1] - cdf[symbol])
        while self.range < TOP:
            self.low, self.range, self.digits = self.low << 8, self.range << 8, self.digits + 1

    def finish(self) -> bytes:
        """The number in the interval with the most trailing zeros, as bytes without those zeros."""
        for unit in (1 << 64, TOP):
            number = -(-self.low // unit) * unit
            if number < self.low + self.range:
                return number.to_bytes(self.digits, "big").rstrip(b"\0")
        raise AssertionError("an interval of 2**56 holds a multiple of 2**56")


class TwinDecoder:
    """Reads the stream as one number, and keeps its distance from the interval's lower end."""

    def __init__(self, data: bytes):
        self.rest = iter(data)
        self.code, self.range = 0, (1 << 64) - 1
        for _ in range(8):
            self.code = self.code << 8 | next(self.rest, 0)

    def decode(self, cdf) -> int:
        """The symbol whose part of the interval holds the number."""
        r = self.range // int(cdf[-1])
        target = self.code // r
        symbol = next(s for s in range(len(cdf) - 1) if cdf[s] <= target < cdf[s + 1])
        self.code -= r * int(cdf[symbol])
        self.range = r * int(cdf[symbol + 1] - cdf[symbol])
        while self.range < TOP:
            self.code, self.range = self.code << 8 | next(self.rest, 0), self.range << 8
        return symbol


def quantise(weights: list[int], bits: int) -> list[int]:
    """The CDF for whole-number weights that sum to less than 2**52 (as :mod:`nzip.coding.cdf` scales
    them)."""
    n, total = len(weights), 1 << bits
    floor = 0
    for _ in range(ROUNDS):
        above = [w for w in weights if w > floor]
        if not above:
            return list(range(n + 1))
        # Symbols at or under the floor take 1 each; the others share what is left in proportion.
        raised = sum(above) // (total - (n - len(above)))
        if raised <= floor:
            break
        floor = raised
    excess = [max(0, w - floor) for w in weights]
    scale = (total - n) / sum(excess)
    running = [sum(excess[:i]) for i in range(n)]
    return [i + math.floor(running[i] * scale) for i in range(n)] + [total]
