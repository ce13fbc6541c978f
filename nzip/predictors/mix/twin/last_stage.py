"""The last stage in plain Python: twin of last_stage.py, with whole numbers and lists.

``LastStage.refine`` is given what the compiled one is, under the same names.
"""

from __future__ import annotations

from collections.abc import Sequence

from nzip.predictors.mix.twin.mixer import WeightVectors
from nzip.predictors.mix.twin.numbers import SQUASH, STRETCH, clamp, squash

INPUTS, UNITS = 64, 48
_ROWS = 256 + 256 + 257 + 64 + 256  # of the contexts: bits so far, byte before, likeliest byte, match, shape


def stretch_of(p: int) -> int:
    """The least stretch whose probability is ``p`` (22 bits) or more, from -4095 on."""
    p = min((1 << 22) - 2, max(2, p))
    return next(x for x in range(-4095, 4096) if x == 4095 or SQUASH[x + 4096] >= p)


class LastStage:
    """``weights``: the file's numbers, of which the last UNITS go on learning."""

    def __init__(self, weights: Sequence[int]):
        self.rows = [weights[UNITS * k : UNITS * (k + 1)] for k in range(_ROWS)]
        rest = iter(weights[UNITS * _ROWS :])
        self.first = [[next(rest) for _ in range(INPUTS)] for _ in range(UNITS)]
        self.second = [[next(rest) for _ in range(UNITS)] for _ in range(UNITS)]
        self.biases = [next(rest) for _ in range(UNITS)]
        # One vector for every bit, 0, and one for each of the byte's bits so far; 1.0 is 2**14.
        self.layer = WeightVectors([4 * next(rest) for _ in range(UNITS)])
        self.units, self.chosen = [0] * UNITS, [0]

    def refine(
        self,
        inputs: Sequence[int],
        outputs: Sequence[int],
        d: int,
        p1: int,
        p2: int,
        p3: int,
        p: int,
        opinion: int,
        away: int,
        others: Sequence[int],
        expected: int,
        match_level: int,
        hits: int,
        c0: int,
        c1: int,
        bit: int,
        best: int,
        sure: int,
        shape: int,
        age: int,
    ) -> int:
        """P(1) in 22 bits, corrected."""
        said = stretch_of(p)
        lean = 0
        if (best | 256) >> (8 - bit) == c0:  # the likeliest byte begins with the bits so far
            lean = 1 if best >> (7 - bit) & 1 else -1
        z = [*outputs, *[0] * (16 - len(outputs)), d, STRETCH[p1 >> 10], STRETCH[p2 >> 10], STRETCH[p3 >> 10]]
        z += [said, opinion, away, 256 * lean, lean * sure, sure if lean else 0]
        z += [32 * match_level, 256 * (2 * expected - 3)] if expected else [0, 0]
        z += [32 * hits, 32 * age, *others, *inputs[:64:2]]
        contexts = (
            self.rows[c0],
            self.rows[256 + c1],
            self.rows[512 + (best + 1 if lean else 0)],
            self.rows[769 + (2 * match_level + expected if expected else 0)],
            self.rows[833 + shape],
        )
        units = [
            min(32767, max(0, (_dot(row, z) + sum(context[k] for context in contexts) * 512) >> 10))
            for k, row in enumerate(self.first)
        ]
        self.units = [
            min(32767, max(0, (_dot(row, units) + bias * 2048) >> 12))
            for row, bias in zip(self.second, self.biases, strict=True)
        ]
        self.chosen = [0, c0]
        moved = sum(self.layer.dot(number, self.units) for number in self.chosen) >> 17
        return squash(clamp(said + moved, 4095))

    def learn(self, error: int) -> None:
        """``error``: by how much P(1) of the last bit was too low, in 22 bits."""
        for number in self.chosen:
            self.layer.train(number, self.units, clamp(error * 10 >> 14, 32767))


def _dot(a: Sequence[int], b: Sequence[int]) -> int:
    return sum(x * y for x, y in zip(a, b, strict=True))
