"""The binary decoder in plain Python: twin of coding/binary.py, as far as reading goes."""

from __future__ import annotations

from nzip.predictors.mix.twin.numbers import MASK


class BinaryDecoder:
    """An interval [low, high] of 64-bit numbers, cut at each bit in proportion to its probability."""

    def __init__(self, payload: bytes):
        self.rest = iter(payload)
        self.low, self.high, self.code = 0, MASK, 0
        for _ in range(8):
            self.code = self.code << 8 | next(self.rest, 0)  # zeros stand behind the end

    def decode(self, p: int) -> int:
        middle = self.low + ((self.high - self.low) >> 22) * p
        bit = int(self.code <= middle)
        if bit:
            self.high = middle
        else:
            self.low = middle + 1
        while self.low >> 56 == self.high >> 56:  # the top byte is settled
            self.low = self.low << 8 & MASK
            self.high = self.high << 8 & MASK | 255
            self.code = self.code << 8 & MASK | next(self.rest, 0)
        return bit
