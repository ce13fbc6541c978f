"""The attention cache: int8 keys and values of some lanes, the first four tokens for ever and the last ones
in a ring.

For one lane and layer: ``keys`` int8 (kv heads, slots/16, head/2, 16, 2), ``values`` int8 (kv heads, slots/2,
head, 2), ``key_scale``, ``value_scale`` float32 (kv heads, slots). Slots 0 to 3 hold the sinks (4 to 15 stay
empty), position p >= 4 lies in slot 16 + (p-4) % ring. Which slot holds what never shows in the result
(:mod:`.attention`).

Concession: keys and values keep 8 bits, one scale a token and head.
"""

from __future__ import annotations

import numpy as np

from nzip.exact.bits import bits_of, float_of
from nzip.exact.jit import lean, njit
from nzip.predictors.llama.kernels import tame
from nzip.predictors.llama.model import Shape

SINKS = 4
SINK_SLOTS = 16
BLOCK = 16
MAX_WINDOW = 1 << 15  # the softmax's denominator is below 2**15 times as much
_KEY_PEAK = np.float32(127.0)
_MIN_SCALE = np.float32(1e-25)


def ring_size(window: int, chunk: int) -> int:
    """Slots that let ``chunk`` tokens of one lane enter before the first of them attends."""
    return -(-(window - SINKS + chunk - 1) // BLOCK) * BLOCK


@njit(inline="always")
def slot_of(position, ring):
    """Where a position's key and value lie."""
    return position if position < SINKS else SINK_SLOTS + (position - SINKS) % ring


@lean
def quantise_row(x, peak_to, out):
    """``out`` = x scaled to integers of at most ``peak_to``; returns the scale that undoes it. x float32
    (n,)."""
    most = np.int32(0)
    for i in range(x.size):
        most = max(most, bits_of(abs(tame(x[i]))))
    peak = float_of(most)
    if peak < _MIN_SCALE:
        out[:] = 0
        return np.float32(0.0)
    inv = peak_to / peak
    for i in range(x.size):
        out[i] = np.int32(np.rint(np.float32(tame(x[i]) * inv)))
    return np.float32(peak / peak_to)


@lean
def store(keys, values, key_scale, value_scale, head, slot, k, v, row):
    """Write one token's rotated key and its value (float32 (head size,)) into the cache; ``row`` is scratch
    int32."""
    size = k.size
    key_scale[head, slot] = quantise_row(k, _KEY_PEAK, row)
    to_key, inside = keys[head, slot // BLOCK], slot % BLOCK
    for i in range(size // 2):
        to_key[i, inside, 0] = row[2 * i]
        to_key[i, inside, 1] = row[2 * i + 1]
    value_scale[head, slot] = quantise_row(v, _KEY_PEAK, row)
    to_value, inside = values[head, slot // 2], slot % 2
    for i in range(size):
        to_value[i, inside] = row[i]


class Cache:
    """Attention memory of ``lanes`` lanes: int8 keys and values of the last ``window`` positions, sinks
    included.

    ``chunk`` is the most tokens of one lane that one :meth:`Engine.forward` may bring. ``length`` int64
    (lanes,) counts the tokens seen. Bytes: about ``2 * lanes * layers * kv_heads * head_size * (window +
    chunk)``."""

    def __init__(self, shape: Shape, lanes: int, window: int, chunk: int = 1):
        if not 2 * SINKS <= window <= MAX_WINDOW:
            raise ValueError(f"a window has {2 * SINKS} to {MAX_WINDOW} tokens, not {window}")
        self.window, self.chunk, self.lanes = window, chunk, lanes
        self.ring = ring_size(window, chunk)
        slots = SINK_SLOTS + self.ring
        head, kv = shape.head_size, shape.kv_heads
        self.keys = np.zeros((lanes, shape.layers, kv, slots // 16, head // 2, 16, 2), np.int8)
        self.values = np.zeros((lanes, shape.layers, kv, slots // 2, head, 2), np.int8)
        self.key_scale = np.zeros((lanes, shape.layers, kv, slots), np.float32)
        self.value_scale = np.zeros((lanes, shape.layers, kv, slots), np.float32)
        self.length = np.zeros(lanes, np.int64)

    @staticmethod
    def bytes(shape: Shape, lanes: int, window: int, chunk: int = 1) -> int:
        """What such a cache takes."""
        slots = SINK_SLOTS + ring_size(window, chunk)
        return lanes * shape.layers * shape.kv_heads * slots * (2 * shape.head_size + 8)
