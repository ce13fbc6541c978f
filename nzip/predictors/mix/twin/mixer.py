"""Weight vectors in plain Python: twin of vector.py."""

from __future__ import annotations

from operator import mul


class WeightVectors:
    """Weight vectors by number, made when first used. 1.0 is 2**14 in the first layer."""

    def __init__(self, start: list[int]):
        self.start = start
        self.vectors: dict[int, list[int]] = {}

    def of(self, number: int) -> list[int]:
        return self.vectors.setdefault(number, self.start.copy())

    def dot(self, number: int, inputs: list[int]) -> int:
        """The weighted sum, as 32-bit machines see it."""
        return (sum(map(mul, self.of(number), inputs)) + (1 << 31)) % (1 << 32) - (1 << 31)

    def train(self, number: int, inputs: list[int], error: int) -> None:
        weights = self.of(number)
        weights[:] = [
            min(32767, max(-32768, w + ((x * error + (1 << 14)) >> 15)))
            for w, x in zip(weights, inputs, strict=True)
        ]
