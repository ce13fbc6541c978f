"""The recurrent expert in plain NumPy: the same integers and floats, one matrix at a time, slowly.

Read this to learn what :mod:`.kernel` computes. Matrix products are int64, everything else elementwise
float32, whose + − × ÷ sqrt and rint IEEE 754 defines to the last bit.

Concession: two milliseconds a byte.
"""

from __future__ import annotations

import numpy as np

from nzip.predictors import distribution
from nzip.predictors.ssm import counts
from nzip.predictors.ssm.weights import Weights

_MASK = (1 << 64) - 1
UNIT, GATED = np.float32(4096), np.float32(512)


class Twin:
    """One stream: ``step(byte)`` gives uint32 (256,)."""

    def __init__(self, weights: Weights):
        self.w = weights
        self.h = np.zeros((weights.shape.layers, weights.shape.width), np.float32)
        if weights.shape.fed:
            self.h[...] = weights.start
        self.counts = counts.Twin()
        self.last, self.word, self.before, self.earlier, self.column = 0, 0, 0, 0, 0

    def rows(self, byte: int) -> list[int]:
        """Rows of the seven tables after ``byte``."""
        self.last = (self.last << 8 | byte) & _MASK
        folded = byte + 32 if 65 <= byte <= 90 else byte
        if 97 <= folded <= 122 or folded >= 128:
            self.word = (self.word + folded + 1) * 0xA0761D6478BD642F & _MASK
        elif self.word and not (self.w.words and byte in (0x40, 7)):
            self.earlier, self.before, self.word = self.before, self.word, 0
        self.column = 0 if byte == 10 else self.column + 1
        bits = self.w.shape.bits

        def top(value: int, multiplier: int, table: int) -> int:
            return (value * multiplier & _MASK) >> 64 - bits[table]

        word = self.word * 0x9E3779B97F4A7C15 + byte & _MASK
        pair = word ^ (self.before * 0xE7037ED1A0B428DB & _MASK)
        earlier = self.earlier * 0xC2B2AE3D27D4EB4F & _MASK
        return [
            top(word ^ earlier if self.w.words else self.last & 0xFFFF, 0x9E3779B97F4A7C15, 0),
            top(self.last & 0xFFFFFF, 0xC2B2AE3D27D4EB4F, 1),
            top(self.last & 0xFFFFFFFF, 0x165667B19E3779F9, 2),
            top(pair ^ earlier if self.w.words else self.last & 0xFFFFFFFFFFFF, 0xD6E8FEB86659FD93, 3),
            top(word, 0xC2B2AE3D27D4EB4F, 4),
            top(pair, 0x165667B19E3779F9, 5),
            min(self.column, 255),
        ]

    def step(self, byte: int) -> np.ndarray:
        """The stream has seen ``byte``; the distribution of the next."""
        w, width = self.w, self.w.shape.width
        grams = np.concatenate([table[row] for table, row in zip(w.tables, self.rows(byte), strict=True)])
        x = w.bytes[byte].astype(np.float32) * w.bytes_scale + _product(w.project, grams) * w.project_scale
        if w.shape.fed:
            f = self.counts.take(byte)
            x = x + _product(w.feed, f) * w.feed_scale
        for layer in range(w.shape.layers):
            x, u = _normalised(x)
            a, c, o = (_product(w.mix[layer], u) * w.mix_scale[layer] + w.mix_bias[layer]).reshape(3, width)
            h = self.h[layer]
            self.h[layer] = h = h + _sigma(a) * (_s(c) - h)
            y = h * o * _sigma(o)
            x = x + _product(w.out[layer], _rounded(y * GATED)) * w.out_scale[layer]
        _, u = _normalised(x)
        logits = _product(w.head, u) * w.head_scale + w.head_bias
        return distribution.twin(logits + w.gain * f.astype(np.float32) if w.shape.fed else logits)


def _product(matrix: np.ndarray, vector: np.ndarray) -> np.ndarray:
    return (matrix.astype(np.int64) @ vector.astype(np.int64)).astype(np.float32)


def _rounded(x: np.ndarray) -> np.ndarray:
    return np.rint(np.clip(x, np.float32(-32767), np.float32(32767))).astype(np.int64)


def _s(x: np.ndarray) -> np.ndarray:
    return x / np.sqrt(np.float32(1) + x * x)


def _sigma(x: np.ndarray) -> np.ndarray:
    return np.float32(0.5) + np.float32(0.5) * _s(x)


def _normalised(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    x = np.clip(x, np.float32(-4096), np.float32(4096))
    fine = np.rint(x * np.float32(1024)).astype(np.int64)
    mean = np.float32(int((fine * fine).sum())) / np.float32(x.size << 20)
    return x, _rounded(x * (UNIT / np.sqrt(mean + np.float32(1e-4))))
