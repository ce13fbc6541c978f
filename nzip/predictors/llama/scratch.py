"""Buffers that the layers work in, made once for batches up to a size.

Concession: made for the largest batch that was asked for, and kept at that.
"""

from __future__ import annotations

import numpy as np

from nzip.predictors.llama.attention import TILE
from nzip.predictors.llama.model import Shape
from nzip.predictors.llama.packed import aligned, padded_cols


class Scratch:
    """Buffers of one team, for batches of at most ``tokens`` tokens."""

    def __init__(self, shape: Shape, tokens: int, slots: int, members: int = 1):
        s = shape
        self.tokens, self.slots, self.members = tokens, slots, members
        attention_width = s.heads * s.head_size
        padded = [padded_cols(n) for n in (s.width, attention_width, s.hidden)]

        def floats(cols):
            return aligned((tokens, cols), np.float32)

        self.x = floats(s.width)
        self.normed = floats(-(-s.width // 16) * 16)
        self.a = tuple(aligned((tokens, n), np.int8) for n in padded)
        self.factors = tuple(aligned((tokens, n // 32), np.uint32) for n in padded)
        self.sums = tuple(aligned((tokens, n // 32), np.int16) for n in padded)
        self.scale = np.zeros(tokens, np.float32)
        qkv_rows = -(-(attention_width + 2 * s.kv_heads * s.head_size) // 16) * 16
        self.wide = (
            floats(qkv_rows),
            floats(attention_width),
            floats(-(-2 * s.hidden // 16) * 16),
            floats(s.hidden),
        )
        group = s.heads // s.kv_heads
        self.q = aligned((s.kv_heads, tokens, group, s.head_size), np.int16)
        self.q_sink = aligned((s.kv_heads, tokens, group, s.head_size), np.int16)
        self.q_scale = np.zeros((s.kv_heads, tokens, group), np.float32)
        self.q_sink_scale = np.zeros((s.kv_heads, tokens, group), np.float32)
        self.score = aligned((members, TILE * group, slots), np.int32)
        self.e = aligned((members, slots), np.float32)
        self.p = aligned((members, TILE * group, slots), np.int16)
        self.value_sums = aligned((members, TILE * group, s.head_size), np.int32)
        self.value_factors = aligned((members, TILE * group), np.float32)
        self.ranges, self.found = np.zeros((members, 2, 3), np.int64), np.zeros((members, 2), np.int32)
        self.angles = aligned((tokens, 4, s.head_size // 2), np.float32)
